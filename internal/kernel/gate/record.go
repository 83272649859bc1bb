package gate

import (
	"context"
	"fmt"
	"net/netip"
	"sort"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate/internal/db"
	"sekisho/internal/kernel/vault"
)

// pending is a record as it is stored until the sealer gives it its leaf.
type pending struct {
	n                    int64 // place in the table: rises with time, so that rows are appended
	id                   string
	at                   int64
	body, payload, marks []byte
	mac                  []byte // as read back: whoever has no key cannot add a record before it is sealed
}

func (p pending) sum(r *vault.Ring) []byte {
	return r.MAC("pending record", []byte(p.id), be(p.at), p.body, p.payload, p.marks)
}

// blank is the record of an op before anything is known.
func (g *Gate) blank(c Credential, op string) audit.Record {
	r := audit.Record{Format: 1, ID: g.NewID(), At: g.now().UnixMicro(), Via: c.kind, Op: op, Demo: g.cfg.Demo}
	if c.IP.IsValid() {
		r.From = c.IP.String()
	}
	return r
}

func outcomeOf(k fault.Kind) audit.Outcome {
	switch k {
	case fault.KindInvalid:
		return audit.Invalid
	case fault.KindNotFound:
		return audit.NotFound
	case fault.KindDenied:
		return audit.Denied
	case fault.KindRefused, fault.KindStepUp:
		return audit.Refused
	case fault.KindPending:
		return audit.Pending
	case fault.KindConflict:
		return audit.Conflict
	case fault.KindLimited:
		return audit.Limited
	}
	return audit.Failed
}

// leave records a way out that changed nothing, and gives the fault to show.
// Refusals of people who have not signed in are counted and written once a
// minute, so that a flood fills neither disk nor log.
func (g *Gate) leave(ctx context.Context, rec audit.Record, err error) error {
	f := fault.Of(err)
	rec.Outcome, rec.Reason = outcomeOf(f.Kind), f.Key
	// What was complete but not committed says nothing of rows.
	rec.Marks, rec.Written, rec.Seen, rec.Unmasked, rec.PayloadSHA = "", 0, nil, "", ""
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	if rec.Person == "" && rec.Via != CredSystem && !g.flood.first(rec) {
		return f
	}
	body, e := rec.Encode()
	if e == nil {
		e = g.access.put(ctx, pending{id: rec.ID, at: rec.At, body: body, payload: []byte{}, marks: []byte{}})
	}
	if e != nil {
		g.log.Error("a record could not be written", "op", rec.Op, "outcome", rec.Outcome, "err", e)
		return fault.Unavailable("gate.no_record").Because(fmt.Errorf("%w; after: %w", e, f))
	}
	if f.Kind == fault.KindFailed {
		g.log.Error("failed", "op", rec.Op, "record", rec.ID, "err", f.Cause)
	}
	return numbered(f, rec.ID)
}

// numbered adds the number that finds the fault in the log.
func numbered(f *fault.Error, record string) error {
	c := *f
	c.Args = append(append([]any(nil), f.Args...), "record", record)
	return &c
}

// Turned records what a way in refused before the gate was asked: a body too
// large, a token of no known form. op may be "" when it is not known.
func (g *Gate) Turned(ctx context.Context, c Credential, op string, why *fault.Error) error {
	if g.ops[op] == nil {
		op = "unknown"
	}
	return g.leave(ctx, g.blank(c, op), why)
}

// finish completes the record of x with what was written and seen.
func (g *Gate) finish(x *Tx, o audit.Outcome) (pending, error) {
	r := &x.rec
	r.Outcome = o
	var extra []byte
	tables := make([]string, 0, len(x.root.seen))
	for t := range x.root.seen {
		tables = append(tables, t)
	}
	sort.Strings(tables)
	for _, t := range tables {
		s, long := seenOf(t, x.root.seen[t])
		r.Seen = append(r.Seen, s)
		extra = append(extra, long...)
	}
	if x.mode == Write {
		r.Marks, r.Written = audit.MarksRoot(x.root.marks), len(x.root.marks)
		extra = audit.EncodeMarks(x.root.marks)
		r.Seen = nil // a write shows what it wrote; what it read on the way did not leave
		x.root.marks = nil
	}
	p := pending{id: r.ID, at: r.At, payload: []byte{}, marks: extra}
	if p.marks == nil {
		p.marks = []byte{}
	}
	if len(x.facts) > 0 {
		plain, err := json.Marshal(x.facts, json.Deterministic(true))
		if err != nil {
			return p, err
		}
		if p.payload, err = g.ring.Seal(vault.KindAudit, vault.AAD("record", r.ID), plain); err != nil {
			return p, err
		}
		r.PayloadSHA = audit.Hash(p.payload)
	}
	var err error
	p.body, err = r.Encode()
	return p, err
}

// commitPending writes records in one statement and commits.
func (g *Gate) commitPending(ctx context.Context, t *db.Tx, ps []pending) error {
	rows := make([][]any, len(ps))
	for i, p := range ps {
		rows[i] = []any{g.places.next(p.at), p.id, p.at, p.body, p.payload, p.marks, p.sum(g.ring)}
	}
	if err := t.LaterRows(ctx, "audit_pending(n, id, at, body, payload, marks, mac)", rows); err != nil {
		return err
	}
	return t.Commit()
}

// place numbers pending rows: time in µs with ten more bits, rising within a
// process. Two nodes may meet on one number; the transaction is then tried again.
type place struct {
	mu   sync.Mutex
	last int64
}

func (p *place) next(at int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = max(p.last+1, at<<10)
	return p.last
}

// accessWriter commits the records of reading in groups: as many as came in
// while the last group was being written share one fsync.
type accessWriter struct {
	g    *Gate
	in   chan waiting
	done chan struct{}
}

type waiting struct {
	p  pending
	ok chan error
}

const groupMax = 256

func newAccessWriter(g *Gate) *accessWriter {
	w := &accessWriter{g: g, in: make(chan waiting, groupMax), done: make(chan struct{})}
	for range g.db.Writers() {
		go w.loop()
	}
	return w
}

func (w *accessWriter) put(ctx context.Context, p pending) error {
	ok := make(chan error, 1)
	select {
	case w.in <- waiting{p, ok}:
	case <-w.done:
		return fault.Unavailable("gate.closing")
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-ok:
		return err
	case <-w.done:
		return fault.Unavailable("gate.closing")
	}
}

func (w *accessWriter) loop() {
	for {
		var group []waiting
		select {
		case first := <-w.in:
			group = append(group, first)
		case <-w.done:
			return
		}
	fill:
		for len(group) < groupMax {
			select {
			case next := <-w.in:
				group = append(group, next)
			default:
				break fill
			}
		}
		err := w.write(group)
		for _, k := range group {
			k.ok <- err
		}
	}
}

func (w *accessWriter) write(group []waiting) error {
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	ps := make([]pending, len(group))
	for i, k := range group {
		ps[i] = k.p
	}
	for {
		err := w.once(ctx, ps)
		if err == nil {
			w.g.committed(ps)
			return nil
		}
		if !(db.Retryable(err) || db.Unique(err)) || ctx.Err() != nil {
			return err
		}
	}
}

func (w *accessWriter) once(ctx context.Context, ps []pending) error {
	t, err := w.g.db.BeginAccess(ctx, time.UnixMicro(ps[0].at))
	if err != nil {
		return err
	}
	defer t.Rollback()
	return w.g.commitPending(ctx, t, ps)
}

// floodGuard counts refusals of people who have not signed in, per source
// prefix (/24, /48), op and outcome.
type floodGuard struct {
	mu   sync.Mutex
	held map[string]*audit.Record
}

const floodMax = 10_000

func (f *floodGuard) first(rec audit.Record) bool {
	key := prefix(rec.From) + "|" + rec.Op + "|" + string(rec.Outcome)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held[key] == nil && len(f.held) >= floodMax { // the guard itself is bounded: one bucket for the rest
		key = "rest"
	}
	if h := f.held[key]; h != nil {
		h.Samples++
		return false
	}
	f.held[key] = &rec
	return true
}

func prefix(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	bits := 48
	if a.Unmap().Is4() {
		a, bits = a.Unmap(), 24
	}
	p, _ := a.Prefix(bits)
	return p.String()
}

// flush writes what was counted; the gate calls it once a minute.
func (f *floodGuard) flush(ctx context.Context, g *Gate) {
	f.mu.Lock()
	held := f.held
	f.held = map[string]*audit.Record{}
	f.mu.Unlock()
	for _, r := range held {
		if r.Samples == 0 {
			continue
		}
		r.ID, r.At = g.NewID(), g.now().UnixMicro()
		if body, err := r.Encode(); err == nil {
			if err := g.access.put(ctx, pending{id: r.ID, at: r.At, body: body, payload: []byte{}, marks: []byte{}}); err != nil {
				g.log.Error("a record could not be written", "op", r.Op, "err", err)
			}
		}
	}
}
