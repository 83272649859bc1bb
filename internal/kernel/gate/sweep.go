package gate

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"sekisho/internal/kernel/gate/internal/db"
)

// Sweep is one round over the whole house.
type Sweep struct {
	Began, Ended time.Time
	Report
}

// sweepRows is how many rows a round keeps in memory at once (about 150 bytes
// each). A larger house is walked in several parts, the log each time.
const sweepRows = 300_000

// sweeping is what a verifier needs that has no snapshot for long.
type sweeping struct {
	share       float64 // of the time that it may work
	began       time.Time
	odd         map[string]bool // rows that did not fit when they were read
	part, parts uint32
	most        int  // rows in memory
	settled     bool // the rest happens in one snapshot
}

var errCrowded = errors.New("gate: more rows than fit into one part")

// Sweep verifies log and rows as Verify does, but gently: in short transactions,
// working no more than a share of the time (0.05 is 5 %), beside the running
// server. Rows that changed meanwhile are looked at again at the end, in one
// snapshot. Every damage is an alarm.
func (g *Gate) Sweep(ctx context.Context, share float64) (Sweep, error) {
	return g.sweep(ctx, share, sweepRows)
}

func (g *Gate) sweep(ctx context.Context, share float64, most int) (Sweep, error) {
	s := Sweep{Began: g.now()}
	parts, found := max(g.parts.Load(), 1), map[Damage]bool{}
	for part := uint32(0); part < parts; {
		v := newVerifier(ctx, g, nil, nil)
		v.sweeping = &sweeping{share: share, odd: map[string]bool{}, part: part, parts: parts, most: most}
		err := v.sweep()
		if errors.Is(err, errCrowded) {
			parts, part, s.Report = 2*parts, 0, Report{}
			g.parts.Store(parts)
			clear(found)
			continue
		} else if err != nil {
			return s, trouble(err)
		}
		rows, list := s.Rows+v.rep.Rows, s.Damages
		for _, d := range v.rep.Damages {
			if !found[d] { // those of the log are met in every part
				found[d] = true
				list = append(list, d)
			}
		}
		s.Report = v.rep
		s.Rows, s.Damages = rows, list
		part++
	}
	s.Ended = g.now()
	for i, d := range s.Damages {
		if i == alarmsMax {
			g.Raise(Alarm{Key: "verify.many", Kind: "log", Subject: fmt.Sprint(len(s.Damages) + s.More), Leaf: -1})
			break
		}
		g.Raise(alarmOf(d))
	}
	return s, nil
}

// alarmsMax is how many damages of a round are alarms of their own.
const alarmsMax = 50

func alarmOf(d Damage) Alarm {
	a := Alarm{Key: d.Key, Kind: d.Table, Subject: d.ID, Leaf: d.Leaf}
	if a.Kind == "" {
		a.Kind = "log"
	}
	return a
}

// sweep is one part of a round: the log up to the last checkpoint, the tables,
// and then, in one snapshot, what was written meanwhile.
func (v *verifier) sweep() (err error) {
	defer func() {
		if v.t != nil {
			v.t.Rollback()
		}
	}()
	if err := v.turnPage(); err != nil {
		return err
	}
	if v.until, err = v.signedSize(); err != nil {
		return err
	}
	for _, step := range []func() error{v.meta, v.walk, v.turnPage, v.tables, v.turnPage, v.catchUp, v.lookAgain} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// turnPage ends a short transaction, rests, and begins the next; a verifier
// with one snapshot for everything goes on.
func (v *verifier) turnPage() (err error) {
	s := v.sweeping
	if s == nil || s.settled {
		return nil
	}
	if len(v.last)+len(s.odd) > s.most {
		return errCrowded
	}
	if v.t != nil {
		v.t.Rollback()
		worked := time.Since(s.began)
		if err := rest(v.ctx, time.Duration(float64(worked)*(1/s.share-1))); err != nil {
			return err
		}
	}
	s.began = time.Now()
	v.t, err = v.g.db.Begin(v.ctx, db.ReadOnly)
	return err
}

func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// catchUp walks the rest of the log: first gently, then what is new in the
// snapshot that lookAgain works in.
func (v *verifier) catchUp() error {
	const little = 2000
	for {
		size, err := v.signedSize()
		if err != nil {
			return err
		}
		if size-v.replay.Size() < little {
			break
		}
		v.until = size
		if err := errors.Join(v.walk(), v.turnPage()); err != nil {
			return err
		}
	}
	v.until, v.sweeping.settled = math.MaxInt64, true
	return errors.Join(v.walk(), v.logEnd(), v.pending())
}

// lookAgain settles, in one snapshot with the end of the log, the rows that did
// not fit when they were read, and those written since or not met.
func (v *verifier) lookAgain() error {
	keys := v.sweeping.odd
	for k := range v.last {
		keys[k] = true
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		name, id, _ := strings.Cut(k, "/")
		m, known := v.last[k]
		s, err := v.stored(name, id)
		if err != nil {
			return err
		}
		switch {
		case s == nil && known && m.version >= 0:
			v.damage(Damage{Key: "verify.row_removed", Table: name, ID: id, Leaf: m.leaf})
		case s != nil:
			if d := v.row(v.g.tables[name], s); d != nil {
				v.damage(*d)
			}
		}
	}
	return nil
}

// stored reads a row as it lies there; nil if there is none.
func (v *verifier) stored(name, id string) (*stored, error) {
	t := v.g.tables[name]
	if t == nil {
		return nil, nil
	}
	rows, err := v.t.Query(v.ctx, t.selectAll+" WHERE id = $1", id)
	if err != nil {
		return nil, err
	}
	var s *stored
	if rows.Next() {
		s, err = t.scan(rows)
	}
	return s, errors.Join(err, rows.Err(), rows.Close())
}

// elsewhere tells that a row belongs to another part of the round.
func (v *verifier) elsewhere(key string) bool {
	if v.sweeping == nil || v.sweeping.parts == 1 {
		return false
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return h.Sum32()%v.sweeping.parts != v.sweeping.part
}
