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
	"sekisho/internal/kernel/fault"
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
		s.mu.Lock()
		if s.lastErr = err; err == nil {
			s.lastOK = time.Now()
		}
		s.mu.Unlock()
		if err != nil && !errors.Is(err, errNotLeader) && !db.Retryable(err) {
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
		err = t.CommitAfter(ctx, `DELETE FROM gate_idem WHERE at < $1`, s.g.now().Add(-24*time.Hour).UnixMicro())
	}
	if err != nil && !db.Retryable(err) {
		s.g.log.Error("sweeping idempotency keys failed", "err", err)
	}
}

func (s *sealer) late() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lastErr != nil && !errors.Is(s.lastErr, errNotLeader) && time.Since(s.lastOK) > 30*time.Second {
		return fault.Unavailable("gate.sealer_late").Because(s.lastErr)
	}
	return nil
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
		if err != nil {
			return err
		}
		if n < sealBatch {
			return s.missing(ctx, began)
		}
	}
}

// missing looks for records of ours that are neither pending nor sealed.
func (s *sealer) missing(ctx context.Context, before time.Time) error {
	s.mu.Lock()
	var gone []string
	for id, at := range s.open {
		if at.Before(before) {
			gone = append(gone, id)
		}
	}
	s.mu.Unlock()
	for _, id := range gone {
		sealed := false
		if err := s.g.readOnly(ctx, func(t *db.Tx) (err error) {
			sealed, err = exists(ctx, t, `SELECT 1 FROM audit_log WHERE id = $1`, id)
			return err
		}); err != nil {
			return err
		}
		s.mu.Lock()
		delete(s.open, id)
		s.mu.Unlock()
		if !sealed { // else another node sealed it
			s.alarm(id, "audit.vanished")
		}
	}
	return nil
}

func (s *sealer) alarm(id, why string) {
	s.g.log.Error("the log was tampered with before sealing", "record", id, "why", why)
	rec := s.g.blank(System("sealer"), "audit.alarm")
	rec.Kind, rec.Target = "record", id
	_ = s.g.leave(context.Background(), rec, &fault.Error{Kind: fault.KindFailed, Key: why})
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
	for len(ps) > 0 {
		n := chunk(len(ps))
		args := make([]any, n)
		for i, p := range ps[:n] {
			args[i] = p.n
		}
		if err := t.Later(ctx, values(`DELETE FROM audit_pending WHERE n IN `, n, 1), args...); err != nil {
			return err
		}
		ps = ps[n:]
	}
	return nil
}

// chunk is how many of n rows go into one statement: few different texts, so
// that each stays prepared.
func chunk(n int) int {
	for _, k := range []int{64, 16, 4} {
		if n >= k {
			return k
		}
	}
	return 1
}

// lead takes or keeps the lease; the fencing number rises with every change of
// holder, and a stale holder's transaction conflicts with the row.
func (s *sealer) lead(ctx context.Context, t *db.Tx) error {
	rows, err := t.Query(ctx, `SELECT holder, fence, until FROM audit_sealer WHERE name = 'log'`)
	if err != nil {
		return err
	}
	var holder string
	var fence, until int64
	found := rows.Next()
	if found {
		err = rows.Scan(&holder, &fence, &until)
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return err
	}
	// A lease is between machines: it runs on the real clock, not on a demo's.
	now := time.Now()
	switch {
	case !found:
		_, err = t.Exec(ctx, `INSERT INTO audit_sealer(name, holder, fence, until) VALUES ('log', $1, 1, $2)`, s.holder, now.Add(leaseFor).UnixMicro())
	case holder != s.holder && until > now.UnixMicro():
		return errNotLeader
	case holder != s.holder:
		_, err = t.Exec(ctx, `UPDATE audit_sealer SET holder = $1, fence = $2, until = $3 WHERE name = 'log'`, s.holder, fence+1, now.Add(leaseFor).UnixMicro())
	case time.UnixMicro(until).Sub(now) < leaseFor/2:
		_, err = t.Exec(ctx, `UPDATE audit_sealer SET until = $1 WHERE name = 'log'`, now.Add(leaseFor).UnixMicro())
	}
	return err
}

func (s *sealer) release(ctx context.Context) error {
	t, err := s.g.db.Begin(ctx, db.Write)
	if err != nil {
		return err
	}
	defer t.Rollback()
	if _, err := t.Exec(ctx, `UPDATE audit_sealer SET until = 0 WHERE name = 'log' AND holder = $1`, s.holder); err != nil {
		return err
	}
	return t.Commit()
}

// seal appends records to the log and the tree and signs a checkpoint.
func (s *sealer) seal(ctx context.Context, t *db.Tx, all []pending) (int64, error) {
	tr, err := loadTree(ctx, t)
	if err != nil {
		return 0, err
	}
	dup, err := s.sealedAlready(ctx, t, all)
	if err != nil {
		return 0, err
	}
	var args []any
	rows := 0
	flush := func() error {
		for rows > 0 {
			n := chunk(rows)
			if err := t.Later(ctx, values(`INSERT INTO audit_log(leaf, id, at, person, op, outcome, kind, target, body, payload, marks) VALUES `, 11, n), args[:11*n]...); err != nil {
				return err
			}
			args, rows = args[11*n:], rows-n
		}
		return nil
	}
	for _, p := range all {
		if !vault.Equal(p.mac, p.sum(s.g.ring)) {
			s.alarmLater(p.id)
			continue
		}
		if dup[p.id] {
			continue // moved before a crash, not yet deleted from its access file
		}
		r, err := audit.Parse(p.body)
		if err != nil {
			return 0, fmt.Errorf("gate: pending record %s: %w", p.id, err)
		}
		args = append(args, tr.size(), p.id, p.at, r.Person, r.Op, string(r.Outcome), r.Kind, r.Target, p.body, p.payload, p.marks)
		tr.add(tlog.RecordHash(p.body))
		if rows++; rows == 64 {
			if err := flush(); err != nil {
				return 0, err
			}
		}
	}
	if err := flush(); err != nil {
		return 0, err
	}
	if err := tr.store(ctx, t); err != nil {
		return 0, err
	}
	root, err := tr.root()
	if err != nil {
		return 0, err
	}
	cp := audit.Checkpoint{Origin: s.g.cfg.Origin, Size: tr.size(), Root: root}
	note, err := cp.Sign(s.g.ring.LogSigner())
	if err != nil {
		return 0, err
	}
	_, err = t.Exec(ctx, `INSERT INTO audit_checkpoint(size, at, note) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, cp.Size, s.g.now().UnixMicro(), note)
	return cp.Size, err
}

// sealedAlready finds the records that a crash left in an access file after
// they had been moved to the log.
func (s *sealer) sealedAlready(ctx context.Context, t *db.Tx, all []pending) (map[string]bool, error) {
	dup := map[string]bool{}
	if !s.g.db.Lite {
		return dup, nil // one transaction moves and deletes
	}
	for len(all) > 0 {
		n := chunk(len(all))
		args := make([]any, n)
		for i, p := range all[:n] {
			args[i] = p.id
		}
		rows, err := t.Query(ctx, values(`SELECT id FROM audit_log WHERE id IN `, n, 1), args...)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return nil, errors.Join(err, rows.Close())
			}
			dup[id] = true
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
		all = all[n:]
	}
	return dup, nil
}

func exists(ctx context.Context, t *db.Tx, q string, args ...any) (bool, error) {
	rows, err := t.Query(ctx, q, args...)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	return rows.Next(), rows.Err()
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
