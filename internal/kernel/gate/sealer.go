package gate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/gate/internal/db"
	"sekisho/internal/kernel/vault"
)

// The sealer gives every pending record its leaf number and puts it into the
// tree. There is one at a time (lease and fencing number). The leaf number is
// the only order there is, and it is dense: nobody polls a sequence, which on
// PostgreSQL loses the older of two transactions that commits last.
type sealer struct {
	g      *Gate
	holder string
	bell   chan struct{}
	done   chan struct{}
	ended  chan struct{}
	paused atomic.Bool

	sealing  sync.Mutex // one batch at a time, so that what is missing is really missing
	current  openMonth  // after the last batch that was committed; under sealing
	next     openMonth  // after the one being written
	mu       sync.Mutex
	open     map[string]time.Time // ours, committed but not seen sealed: since when
	forged   []string             // found with a wrong MAC; told after the transaction
	lastOK   time.Time
	lastErr  error
	watchers []func(leaf int64)
}

const (
	sealEvery = 500 * time.Millisecond
	sealBatch = 1000
	leaseFor  = 10 * time.Second
)

func newSealer(ctx context.Context, g *Gate) (*sealer, error) {
	s := &sealer{g: g, holder: g.NewID(), bell: make(chan struct{}, 1), done: make(chan struct{}), ended: make(chan struct{}),
		open: map[string]time.Time{}, lastOK: time.Now()}
	go s.loop()
	return s, nil
}

// committed remembers what this node wrote until it is seen sealed, so that
// deleting a record in between does not go unnoticed.
func (g *Gate) committed(ps []pending) {
	s := g.sealer
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range ps {
		s.open[p.id] = time.Now()
	}
}

func (s *sealer) loop() {
	defer close(s.ended)
	tick := time.NewTicker(sealEvery)
	defer tick.Stop()
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-minute.C:
			s.g.flood.flush(context.Background(), s.g)
			s.sweep()
		case <-tick.C:
			if s.paused.Load() {
				continue
			}
		case <-s.bell:
		}
		ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
		err := s.drain(ctx)
		stop()
		if s.news(err) {
			s.g.log.Error("sealing failed", "err", err)
		}
	}
}

// sweep forgets answers to Idempotency-Keys after a day.
func (s *sealer) sweep() {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	t, err := s.g.db.Begin(ctx, db.Write)
	if err == nil {
		defer t.Rollback()
		if err = t.Later(ctx, `DELETE FROM gate_idem WHERE at < $1`, s.g.now().Add(-24*time.Hour).UnixMicro()); err == nil {
			err = t.Commit()
		}
	}
	if err != nil && !db.Retryable(err) {
		s.g.log.Error("sweeping idempotency keys failed", "err", err)
	}
}

func (s *sealer) close() error {
	close(s.done)
	<-s.ended
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	err := s.drain(ctx)
	if errors.Is(err, errNotLeader) {
		return nil
	}
	if err == nil {
		err = s.release(ctx)
	}
	return err
}

// Seal seals everything pending now; tests and commands call it instead of
// waiting for the next second.
func (g *Gate) Seal(ctx context.Context) error {
	for {
		err := g.sealer.drain(ctx)
		if !db.Retryable(err) {
			return err
		}
	}
}

func (s *sealer) drain(ctx context.Context) error {
	s.sealing.Lock()
	defer s.sealing.Unlock()
	for {
		began := time.Now()
		n, err := s.batch(ctx)
		switch {
		case errors.Is(err, errNotLeader):
			return errors.Join(err, s.missing(ctx, began))
		case err != nil:
			return err
		case n < sealBatch:
			return s.missing(ctx, began)
		}
	}
}

func (s *sealer) alarm(id, why string) {
	s.g.Raise(Alarm{Key: why, Kind: "record", Subject: id, Leaf: -1})
}

// alarmLater tells after the batch; what has no valid MAC is taken off the
// pending table and never becomes part of the log.
func (s *sealer) alarmLater(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forged = append(s.forged, id)
}

var errNotLeader = errors.New("gate: another node seals")

func (s *sealer) batch(ctx context.Context) (int, error) {
	s.mu.Lock()
	s.forged = nil // of a batch that did not come to its end
	s.mu.Unlock()
	var fromAccess []pending
	if err := s.g.db.EachAccess(ctx, func(t *db.Tx) error {
		ps, err := readPending(ctx, t, sealBatch-len(fromAccess))
		fromAccess = append(fromAccess, ps...)
		return err
	}); err != nil {
		return 0, err
	}
	t, err := s.g.db.Begin(ctx, db.Write)
	if err != nil {
		return 0, err
	}
	defer t.Rollback()
	if err := s.lead(ctx, t); err != nil {
		return 0, err
	}
	main, err := readPending(ctx, t, sealBatch-len(fromAccess))
	if err != nil {
		return 0, err
	}
	all := append(fromAccess, main...)
	if len(all) == 0 {
		return 0, t.Commit()
	}
	leaf, err := s.seal(ctx, t, all)
	if err != nil {
		return 0, err
	}
	if err := deletePending(ctx, t, main); err != nil {
		return 0, err
	}
	if err := t.Commit(); err != nil {
		return 0, err
	}
	s.current = s.next
	s.settle(all, leaf)
	return len(all), s.g.db.EachAccess(ctx, func(t *db.Tx) error { return deletePending(ctx, t, fromAccess) })
}

// settle takes sealed records off the list, wakes the followers, and compares.
func (s *sealer) settle(all []pending, leaf int64) {
	var altered []string
	foreign := false
	s.mu.Lock()
	altered, s.forged = s.forged, nil
	for _, p := range all {
		_, ours := s.open[p.id]
		foreign = foreign || !ours
		delete(s.open, p.id)
	}
	watchers := s.watchers
	s.mu.Unlock()
	if foreign { // another node or a command wrote something: it may have left jobs
		s.g.bells.ring("jobs")
	}
	for _, id := range altered {
		s.alarm(id, "audit.altered")
	}
	for _, w := range watchers {
		w(leaf)
	}
}

// OnSealed registers a bell that rings, with the log's size, after each batch.
func (g *Gate) OnSealed(f func(size int64)) {
	g.sealer.mu.Lock()
	defer g.sealer.mu.Unlock()
	g.sealer.watchers = append(g.sealer.watchers, f)
}

func readPending(ctx context.Context, t *db.Tx, limit int) ([]pending, error) {
	if limit <= 0 {
		return nil, nil
	}
	rows, err := t.Query(ctx, `SELECT n, id, at, body, payload, marks, mac FROM audit_pending ORDER BY n LIMIT $1`, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []pending
	for rows.Next() {
		var p pending
		if err := rows.Scan(&p.n, &p.id, &p.at, &p.body, &p.payload, &p.marks, &p.mac); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, rows.Err()
}

func deletePending(ctx context.Context, t *db.Tx, ps []pending) error {
	list := make([]any, len(ps))
	for i, p := range ps {
		list[i] = p.n
	}
	for _, some := range t.Among("n", list) {
		if err := t.Later(ctx, "DELETE FROM audit_pending WHERE "+some.Text, some.Args...); err != nil {
			return err
		}
	}
	return nil
}

// seal appends records to the log and the tree and signs a checkpoint.
func (s *sealer) seal(ctx context.Context, t *db.Tx, all []pending) (int64, error) {
	tr, err := s.trusted(ctx, t)
	if err != nil {
		return 0, err
	}
	was := tr.size()
	month, err := s.month(ctx, t, was)
	if err != nil {
		return 0, err
	}
	if err := s.append(ctx, t, tr, &month, all); err != nil || tr.size() == was {
		return was, err
	}
	if err := tr.store(ctx, t); err != nil {
		return 0, err
	}
	month.size = tr.size()
	s.next = month
	return tr.size(), s.checkpoint(ctx, t, tr)
}

func (s *sealer) append(ctx context.Context, t *db.Tx, tr *tree, month *openMonth, all []pending) error {
	// What is in the log already: a crash left it in an access file after it had
	// been moved, or somebody put a copy back. (A copy of a pending row has a
	// valid MAC, and would stop the sealing for good.)
	there, own := map[string]bool{}, make([]any, len(all))
	for i, p := range all {
		own[i] = p.id
	}
	if err := inLog(ctx, t, own, there); err != nil {
		return err
	}
	var rows [][]any
	for _, p := range all {
		if !vault.Equal(p.mac, p.sum(s.g.ring)) {
			s.alarmLater(p.id)
			continue
		}
		if there[p.id] {
			continue
		}
		there[p.id] = true
		r, err := audit.Parse(p.body)
		if err != nil {
			return fmt.Errorf("gate: pending record %s: %w", p.id, err)
		}
		if err := s.turn(ctx, t, month, tr, p.at); err != nil {
			return err
		}
		rows = append(rows, []any{tr.size(), p.id, p.at, r.Person, r.Op, string(r.Outcome), r.Kind, r.Target, p.body, p.payload, p.marks})
		tr.add(tlog.RecordHash(p.body))
	}
	return t.LaterRows(ctx, "audit_log(leaf, id, at, person, op, outcome, kind, target, body, payload, marks)", rows)
}

// PauseSealing stops the sealer's own rhythm; Seal still works. For tests of
// what happens between commit and sealing.
func (g *Gate) PauseSealing() { g.sealer.paused.Store(true) }

// SealOwn is Seal for a command beside a running server: when the server has
// the lease, it seals, and there is nothing to do here.
func (g *Gate) SealOwn(ctx context.Context) error {
	if err := g.Seal(ctx); err != nil && !errors.Is(err, errNotLeader) {
		return err
	}
	return nil
}
