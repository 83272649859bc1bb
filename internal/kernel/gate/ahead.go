package gate

import (
	"fmt"
	"reflect"
	"slices"
	"sync"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate/internal/db"
)

// On PostgreSQL every question is a round trip, and an op asks for the same
// rows each time: those its input names, and those that these name. So the gate
// remembers per op which rows were asked for one by one, and asks for them
// together with the first question. What is answered is always the database's,
// in the op's own transaction; a wrong guess only costs a lookup.

// guess is a row an op will ask for: its id stands in a field of the input, or
// in a column of an earlier guess's row.
type guess struct {
	t     *table
	field int    // of the input that the chain begins with
	given bool   // the field is the id itself
	id    string // the id in SQL; every chain begins with $1
	ask   string // the whole question
}

const guessMax = 4

// outlook is what is known of an op. calm counts its reads in a row that one
// question was enough for.
type outlook struct {
	guesses []guess
	calm    int
}

// calmFrom is how many such reads make the next one go without BEGIN and
// ROLLBACK; one that then asks more begins again, and the op is not trusted
// with it for stormFor reads.
const (
	calmFrom = 3
	stormFor = 200
)

type foresight struct {
	mu  sync.RWMutex
	ops map[string]outlook
}

func (f *foresight) of(op string) outlook {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.ops[op]
}

func (f *foresight) change(op string, how func(*outlook)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ops == nil {
		f.ops = map[string]outlook{}
	}
	o := f.ops[op]
	how(&o)
	f.ops[op] = o
}

// settled counts a read that went well in trips questions.
func (f *foresight) settled(op string, trips int) {
	o := f.of(op)
	if trips <= 1 && o.calm >= calmFrom || trips > 1 && o.calm == 0 {
		return
	}
	f.change(op, func(o *outlook) {
		switch {
		case trips <= 1:
			o.calm++
		case o.calm > 0:
			o.calm = 0
		}
	})
}

func (f *foresight) missed(op string) { f.change(op, func(o *outlook) { o.calm = -stormFor }) }

// foreseen is what a transaction knows beforehand.
type foreseen struct {
	op      string
	in      reflect.Value
	guesses []guess
	found   []*stored          // by guess, nil if there is none
	rows    map[string]*stored // by table/id; nil: there is no such row
}

// foresee lets the transaction use and teach the outlook of op.
func (x *Tx) foresee(op string, in any) {
	if !x.root.g.db.Lite {
		x.root.ahead = &foreseen{op: op, in: reflect.ValueOf(in).Elem(), guesses: x.root.g.foresight.of(op).guesses, rows: map[string]*stored{}}
	}
}

// askAhead reads what is sure to be asked for: the MACs of the rows that belong
// to the credential, and the rows foreseen.
func (x *Tx) askAhead() error {
	x.root.macs = map[string][]byte{}
	list := x.root.g.usual.of(x.cred)
	var qs []db.Question
	if len(list) >= 2 {
		qs = append(qs, usualQuestion(list))
	}
	macs := len(qs)
	if a := x.root.ahead; a != nil {
		qs = append(qs, a.questions()...)
	}
	if len(qs) == 0 {
		return nil
	}
	return x.root.t.Ask(x.root.ctx, qs, func(i int, rows db.Rows) error {
		if i < macs {
			return x.usualAnswer(list, rows)
		}
		return x.root.ahead.answer(i-macs, rows)
	})
}

func usualQuestion(list []usualRow) db.Question {
	args := make([]any, len(list))
	for i, r := range list {
		args[i] = r.id
	}
	return db.Question{Text: list[len(list)-1].ask, Args: args}
}

// usualAnswer is one row: the MACs, nil where there is no such row.
func (x *Tx) usualAnswer(list []usualRow, rows db.Rows) error {
	macs, dest := make([][]byte, len(list)), make([]any, len(list))
	for i := range dest {
		dest[i] = &macs[i]
	}
	if rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
	}
	for i, r := range list {
		x.root.macs[r.t.name+"/"+r.id] = macs[i]
	}
	return nil
}

func (a *foreseen) questions() []db.Question {
	qs := make([]db.Question, len(a.guesses))
	for i, g := range a.guesses {
		qs[i] = db.Question{Text: g.ask, Args: []any{a.in.Field(g.field).String()}}
	}
	a.found = make([]*stored, len(qs))
	return qs
}

func (a *foreseen) answer(i int, rows db.Rows) error {
	g := a.guesses[i]
	if g.given {
		a.rows[g.t.name+"/"+a.in.Field(g.field).String()] = nil
	}
	for rows.Next() {
		s, err := g.t.scanOpen(rows)
		if err != nil {
			return err
		}
		a.found[i] = s
		a.rows[g.t.name+"/"+s.head.ID] = s
	}
	return nil
}

// take gives a row that was foreseen, once: afterwards it is loaded.
func (t *Table[T]) take(x *Tx, id string) (row T, known bool, err error) {
	a := x.root.ahead
	if a == nil {
		return row, false, nil
	}
	if x.root.macs == nil { // the first question of all
		if err := x.askAhead(); err != nil {
			return row, true, err
		}
	}
	s, known := a.rows[t.name+"/"+id]
	if !known {
		a.learn(x.root.g, &t.table, id)
		return row, false, nil
	}
	if s == nil {
		return row, true, fault.NotFound()
	}
	delete(a.rows, t.name+"/"+id)
	err = t.load(x, s, &row)
	return row, true, err
}

// learn remembers for the next time where the id of a row that was not foreseen
// came from.
func (a *foreseen) learn(g *Gate, t *table, id string) {
	if len(a.guesses) >= guessMax || id == "" {
		return
	}
	n, ok := a.origin(id)
	if !ok {
		return
	}
	n.t, n.ask = t, t.selectOpen+" WHERE id = "+n.id
	g.foresight.change(a.op, func(o *outlook) {
		if len(o.guesses) == len(a.guesses) { // nobody else learned meanwhile
			o.guesses = append(slices.Clip(o.guesses), n)
		}
	})
}

func (a *foreseen) origin(id string) (guess, bool) {
	for i := range a.in.NumField() {
		if f := a.in.Field(i); f.Kind() == reflect.String && f.String() == id {
			return guess{field: i, given: true, id: "$1"}, true
		}
	}
	for i, s := range a.found {
		of := a.guesses[i]
		for k, c := range of.t.cols {
			if s != nil && !c.sealed && c.kind == kText && s.vals[k] == any(id) {
				return guess{field: of.field, id: fmt.Sprintf("(SELECT %s FROM %s WHERE id = %s)", c.name, of.t.name, of.id)}, true
			}
		}
	}
	return guess{}, false
}
