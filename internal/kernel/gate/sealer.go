package gate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate/internal/db"
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

	mu       sync.Mutex
	open     map[string]committedRecord // ours, committed but not seen sealed
	lastOK   time.Time
	lastErr  error
	watchers []func(leaf int64)
}

type committedRecord struct {
	hash [32]byte
	at   time.Time
}

const (
	sealEvery = 500 * time.Millisecond
	sealBatch = 1000
	leaseFor  = 10 * time.Second
	tileWidth = 256
)

func newSealer(ctx context.Context, g *Gate) (*sealer, error) {
	s := &sealer{g: g, holder: g.NewID(), bell: make(chan struct{}, 1), done: make(chan struct{}), ended: make(chan struct{}),
		open: map[string]committedRecord{}, lastOK: time.Now()}
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
		s.open[p.id] = committedRecord{sha256.Sum256(p.body), time.Now()}
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
	for {
		began := time.Now()
		n, err := s.batch(ctx)
		if err != nil {
			return err
		}
		if n < sealBatch {
			return s.missing(began)
		}
	}
}

// missing looks for records of ours that are neither pending nor sealed.
func (s *sealer) missing(before time.Time) error {
	s.mu.Lock()
	var gone []string
	for id, c := range s.open {
		if c.at.Before(before) {
			gone = append(gone, id)
			delete(s.open, id)
		}
	}
	s.mu.Unlock()
	for _, id := range gone {
		s.alarm(id, "audit.vanished")
	}
	return nil
}

func (s *sealer) alarm(id, why string) {
	s.g.log.Error("the log was tampered with before sealing", "record", id, "why", why)
	rec := s.g.blank(System("sealer"), "audit.alarm")
	rec.Kind, rec.Target = "record", id
	_ = s.g.leave(context.Background(), rec, &fault.Error{Kind: fault.KindFailed, Key: why})
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
	for _, p := range all {
		c, ours := s.open[p.id]
		if ours && c.hash != sha256.Sum256(p.body) {
			altered = append(altered, p.id)
		}
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
	rows, err := t.Query(ctx, `SELECT n, id, at, body, payload, marks FROM audit_pending ORDER BY n LIMIT $1`, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []pending
	for rows.Next() {
		var p pending
		if err := rows.Scan(&p.n, &p.id, &p.at, &p.body, &p.payload, &p.marks); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, rows.Err()
}

func deletePending(ctx context.Context, t *db.Tx, ps []pending) error {
	for _, p := range ps {
		if _, err := t.Exec(ctx, `DELETE FROM audit_pending WHERE n = $1`, p.n); err != nil {
			return err
		}
	}
	return nil
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
	for _, p := range all {
		dup, err := exists(ctx, t, `SELECT 1 FROM audit_log WHERE id = $1`, p.id)
		if err != nil {
			return 0, err
		}
		if dup {
			continue // moved before a crash, not yet deleted from its access file
		}
		r, err := audit.Parse(p.body)
		if err != nil {
			return 0, fmt.Errorf("gate: pending record %s: %w", p.id, err)
		}
		if _, err := t.Exec(ctx, `INSERT INTO audit_log(leaf, id, at, person, op, outcome, kind, target, body, payload, marks)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			tr.size(), p.id, p.at, r.Person, r.Op, string(r.Outcome), r.Kind, r.Target, p.body, p.payload, p.marks); err != nil {
			return 0, err
		}
		tr.add(tlog.RecordHash(p.body))
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

func exists(ctx context.Context, t *db.Tx, q string, args ...any) (bool, error) {
	rows, err := t.Query(ctx, q, args...)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	return rows.Next(), rows.Err()
}

// tree is the log's tree as tiles of 256 hashes: level 0 holds leaf hashes,
// each further level the roots of full tiles below. Only the right edge is
// loaded to append.
type tree struct {
	edge  []tile // by level: the unfinished tile
	dirty []tile // finished while appending
}

type tile struct {
	level, n int64
	hashes   []tlog.Hash
}

func loadTree(ctx context.Context, t *db.Tx) (*tree, error) {
	tr := &tree{}
	for level := int64(0); ; level++ {
		rows, err := t.Query(ctx, `SELECT n, hashes FROM audit_tile WHERE level = $1 ORDER BY n DESC LIMIT 1`, level)
		if err != nil {
			return nil, err
		}
		last := tile{level: level, n: -1}
		var raw []byte
		if rows.Next() {
			err = rows.Scan(&last.n, &raw)
		}
		if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
		if last.n < 0 {
			return tr, nil
		}
		last.hashes = splitHashes(raw)
		if len(last.hashes) == tileWidth {
			last = tile{level: level, n: last.n + 1}
		}
		tr.edge = append(tr.edge, last)
	}
}

func splitHashes(raw []byte) []tlog.Hash {
	hs := make([]tlog.Hash, len(raw)/tlog.HashSize)
	for i := range hs {
		copy(hs[i][:], raw[i*tlog.HashSize:])
	}
	return hs
}

func (tr *tree) size() int64 {
	if len(tr.edge) == 0 {
		return 0
	}
	return tr.edge[0].n*tileWidth + int64(len(tr.edge[0].hashes))
}

func (tr *tree) add(h tlog.Hash) {
	for level := 0; ; level++ {
		if level == len(tr.edge) {
			tr.edge = append(tr.edge, tile{level: int64(level)})
		}
		e := &tr.edge[level]
		e.hashes = append(e.hashes, h)
		if len(e.hashes) < tileWidth {
			return
		}
		tr.dirty = append(tr.dirty, *e)
		h = audit.Root(e.hashes)
		*e = tile{level: e.level, n: e.n + 1}
	}
}

func (tr *tree) store(ctx context.Context, t *db.Tx) error {
	for _, e := range append(tr.dirty, tr.edge...) {
		if len(e.hashes) == 0 {
			continue
		}
		var b bytes.Buffer
		for _, h := range e.hashes {
			b.Write(h[:])
		}
		if _, err := t.Exec(ctx, `INSERT INTO audit_tile(level, n, hashes) VALUES ($1, $2, $3)
			ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes`, e.level, e.n, b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// root of the whole tree: the unfinished tiles, smallest level last.
func (tr *tree) root() (tlog.Hash, error) {
	var h tlog.Hash
	have := false
	for _, e := range tr.edge { // level 0 is the rightmost part of the tree
		for k := len(e.hashes); k > 0; {
			// The rightmost complete subtree of this tile's remaining hashes.
			w := k & -k
			part := audit.Root(e.hashes[k-w : k])
			if have {
				h = tlog.NodeHash(part, h)
			} else {
				h, have = part, true
			}
			k -= w
		}
	}
	if !have {
		return h, errors.New("gate: the tree is empty")
	}
	return h, nil
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
