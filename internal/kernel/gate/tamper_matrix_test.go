package gate_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

// The tamper matrix of the threat model: nine attacks on data and log, each at
// random places, by whoever has the database, and the last three by whoever has
// the keys as well. SEKISHO_TORTURE=1 makes it 20 places each; SEKISHO_SEED
// repeats a run.

var drop = gate.New(gate.Op[ByID, Card]{Name: "card.drop", Mode: gate.Write, Target: target("card"),
	Do: func(x *gate.Tx, in ByID) (Card, error) { return Card{}, cards.Delete(x, in.ID) }})

// stage is a house to be attacked: cards of several versions, some deleted, and
// whole states of the past.
type stage struct {
	t     *testing.T
	w     *gatetest.World
	rnd   *rand.Rand
	live  []string // ids of cards there are
	many  []string // of those, with more than one version
	gone  []string // deleted in the ordinary way, and there in state 0
	moves int      // states kept
	dir   string   // the witness's
}

// attack does one thing and says which rows, or which record, must be named.
type attack struct {
	name    string
	do      func(s *stage) (rows []string, records []string)
	witness bool // only the witness can tell
}

func attacks() []attack {
	return []attack{
		{"edit a field", (*stage).edit, false},
		{"copy ciphertext and MAC to another row", (*stage).copyOver, false},
		{"roll one row back", (*stage).rollBack, false},
		{"delete a row", (*stage).remove, false},
		{"insert a forged row", (*stage).forge, false},
		{"edit or delete a record of the log", (*stage).record, false},
		{"delete a row and its records, rebuild the log", (*stage).rebuild, true},
		{"with the keys: edit a row, MAC it, sign the log anew", (*stage).resign, true},
		{"put the whole database back", (*stage).restore, true},
	}
}

func TestC59_C60_TamperMatrix(t *testing.T) {
	places := 3
	if os.Getenv("SEKISHO_TORTURE") != "" {
		places = 20
	}
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("SEKISHO_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("seed %d (SEKISHO_SEED)", seed)
	mods := []gate.Module{{Name: "card", Schema: sub(), Ops: append(slices.Clone(module.Ops), drop), Tables: module.Tables, Queries: module.Queries}}
	gatetest.Each(t, gatetest.Options{Modules: mods}, func(t *testing.T, w *gatetest.World) {
		s := &stage{t: t, w: w, rnd: rand.New(rand.NewPCG(seed, 1)), dir: t.TempDir()}
		s.build(places)
		var table strings.Builder
		fmt.Fprintf(&table, "\n%-52s %9s %9s %9s", "attack", "places", "detected", "named")
		for _, a := range attacks() {
			detected, named := 0, 0
			for range places {
				d, n := s.trial(a)
				detected, named = detected+d, named+n
			}
			fmt.Fprintf(&table, "\n%-52s %9d %9d %9d", a.name, places, detected, named)
		}
		t.Log(table.String())
		if r := against(t, w, s.dir); len(r.Damages) != 0 {
			t.Fatalf("the stage was not put back: %+v", r.Damages)
		}
	})
}

// trial runs one attack, looks, and puts everything back.
func (s *stage) trial(a attack) (detected, named int) {
	s.t.Helper()
	rows, records := a.do(s)
	alone := verify(s.t, s.w).Damages
	found := against(s.t, s.w, s.dir).Damages
	all := true
	for _, id := range rows {
		all = all && slices.ContainsFunc(found, func(d gate.Damage) bool { return d.Table == "card" && d.ID == id })
	}
	for _, id := range records {
		all = all && slices.ContainsFunc(found, func(d gate.Damage) bool {
			return d.Table == "" && (d.ID == id || strconv.FormatInt(d.Leaf, 10) == id)
		})
	}
	for _, d := range found { // and nobody else is accused; a record that is gone takes its rows with it
		if d.Table != "" && len(rows) > 0 && !slices.Contains(rows, d.ID) {
			s.t.Errorf("%s on %v: %+v was not touched", a.name, rows, d)
		}
	}
	if len(rows)+len(records) == 0 {
		s.t.Fatalf("%s: nothing was attacked", a.name)
	}
	if len(found) > 0 {
		detected = 1
	}
	if all && detected == 1 {
		named = 1
	}
	switch {
	case !a.witness && len(alone) == 0:
		s.t.Errorf("%s: not detected without a witness: rows %v, records %v", a.name, rows, records)
	case named == 0:
		s.t.Errorf("%s: rows %v, records %v not all named: %+v", a.name, rows, records, found)
	}
	putBack(s.t, s.w, "whole")
	return detected, named
}

func (s *stage) build(states int) {
	s.w.G.PauseSealing()
	boss := gatetest.Boss("b")
	var doomed []string
	for i := range 40 {
		c := gatetest.Must[Card](s.t)(gate.Run(bg, s.w.G, boss, put, Put{Owner: "o", Dept: "d", Name: fmt.Sprint("n", i), Mail: fmt.Sprintf("m%d@x.jp", i), Yen: int64(100 + i)}))
		if i%8 == 7 {
			doomed = append(doomed, c.ID)
		} else {
			s.live = append(s.live, c.ID)
		}
		if i%6 == 5 {
			size(s.t, s.w)
		}
	}
	size(s.t, s.w)
	for n := range states {
		keepState(s.t, s.w, fmt.Sprint("s", n))
		s.moves++
		for range 4 {
			id := s.pick(s.live)
			gatetest.Must[Card](s.t)(gate.Run(bg, s.w.G, boss, raise, Raise{ID: id, By: 1, Reason: "値上げのため"}))
			s.many = append(s.many, id)
		}
		if n < len(doomed) {
			gatetest.Must[Card](s.t)(gate.Run(bg, s.w.G, boss, drop, ByID{doomed[n]}))
			s.gone = append(s.gone, doomed[n])
		}
		_, _ = gate.Run(bg, s.w.G, boss, show, ByID{"nothing"})
		size(s.t, s.w)
	}
	slices.Sort(s.many)
	s.many = slices.Compact(s.many)
	keepState(s.t, s.w, "whole")
	mirror(s.t, s.w, s.dir)
	if r := against(s.t, s.w, s.dir); len(r.Damages) != 0 || r.Witnessed < 50 {
		s.t.Fatalf("%+v", r)
	}
}

func (s *stage) pick(list []string) string { return list[s.rnd.IntN(len(list))] }

// other is another card than id.
func (s *stage) other(id string) string {
	for {
		if o := s.pick(s.live); o != id {
			return o
		}
	}
}

func (s *stage) sql(want int64, q string, args ...any) {
	s.t.Helper()
	if n := gate.Tamper(s.t, s.w.G, q, args...); n != want {
		s.t.Fatalf("%s changed %d rows, not %d", q, n, want)
	}
}

func (s *stage) edit() (rows, records []string) {
	id := s.pick(s.live)
	how := []string{"yen = yen + 1", "is_open = NOT is_open", "owner_id = 'thief'", "version = version + 1", "updated_at = updated_at + 1",
		"record = 'x' || record", "name = lines", "lines = name", "mail_x = mac", "party_id = 'p'"}
	s.sql(1, "UPDATE card SET "+s.pick(how)+" WHERE id = $1", id)
	return []string{id}, nil
}

func (s *stage) copyOver() (rows, records []string) {
	id := s.pick(s.live)
	from := s.other(id)
	cols := []string{"name", "mac"}
	if s.rnd.IntN(2) == 0 {
		cols = []string{"version", "created_at", "updated_at", "record", "mac", "owner_id", "department_id", "party_id", "yen", "name", "mail", "mail_x", "lines", "is_open"}
	}
	var set []string
	for _, c := range cols {
		set = append(set, fmt.Sprintf("%s = (SELECT c.%s FROM card c WHERE c.id = $2)", c, c))
	}
	s.sql(1, "UPDATE card SET "+strings.Join(set, ", ")+" WHERE id = $1", id, from)
	return []string{id}, nil
}

func (s *stage) rollBack() (rows, records []string) {
	id := s.pick(s.many)
	for {
		old := fmt.Sprintf("keep_s%d_card", s.rnd.IntN(s.moves))
		if len(gate.Peek(s.t, s.w.G, "SELECT o.id FROM "+old+" o, card c WHERE o.id = c.id AND o.version < c.version AND c.id = $1", id)) == 0 {
			continue
		}
		s.sql(1, "DELETE FROM card WHERE id = $1", id)
		s.sql(1, "INSERT INTO card SELECT * FROM "+old+" WHERE id = $1", id)
		return []string{id}, nil
	}
}

func (s *stage) remove() (rows, records []string) {
	id := s.pick(s.live)
	s.sql(1, "DELETE FROM card WHERE id = $1", id)
	return []string{id}, nil
}

func (s *stage) forge() (rows, records []string) {
	const cols = "version, created_at, updated_at, record, mac, owner_id, department_id, party_id, yen, name, mail, mail_x, lines, is_open"
	if s.rnd.IntN(2) == 0 { // one that was deleted, as it was
		id := s.pick(s.gone)
		s.sql(1, "INSERT INTO card SELECT * FROM keep_s0_card WHERE id = $1", id)
		return []string{id}, nil
	}
	id := fmt.Sprint("forged", s.rnd.Uint32())
	if s.rnd.IntN(2) == 0 { // with a valid MAC: by the holder of the keys, but not through the gate
		s.sql(1, "INSERT INTO card(id, "+cols+") SELECT $2, "+cols+" FROM card WHERE id = $1", s.pick(s.live), id)
		gate.Remac(s.t, s.w.G, "card", id)
		return []string{id}, nil
	}
	s.sql(1, "INSERT INTO card(id, "+cols+") SELECT $2, "+cols+" FROM card WHERE id = $1", s.pick(s.live), id)
	return []string{id}, nil
}

func (s *stage) record() (rows, records []string) {
	leaf := gate.Peek(s.t, s.w.G, "SELECT CAST(leaf AS TEXT) FROM audit_log ORDER BY leaf")
	at := s.pick(leaf)
	n, _ := strconv.ParseInt(at, 10, 64)
	how := []string{"UPDATE audit_log SET person = 'someone' WHERE leaf = $1", "UPDATE audit_log SET at = at + 1 WHERE leaf = $1", "UPDATE audit_log SET op = 'x.y' WHERE leaf = $1",
		"UPDATE audit_log SET outcome = 'denied' WHERE leaf = $1 AND outcome = 'ok'", "UPDATE audit_log SET payload = body WHERE leaf = $1", "UPDATE audit_log SET marks = body WHERE leaf = $1",
		"UPDATE audit_log SET body = marks WHERE leaf = $1", "DELETE FROM audit_log WHERE leaf = $1"}
	for gate.Tamper(s.t, s.w.G, s.pick(how), n) != 1 { // that record has no such outcome
	}
	return nil, []string{at}
}

// rebuild hides a row with all its records: half of the times without the key,
// so that the old signatures stay.
func (s *stage) rebuild() (rows, records []string) {
	id, sign := s.pick(s.live), s.rnd.IntN(2) == 0
	s.sql(1, "DELETE FROM card WHERE id = $1", id)
	gate.Relog(s.t, s.w.G, sign, func(list []gate.Logged) []gate.Logged {
		return slices.DeleteFunc(list, func(l gate.Logged) bool {
			ms, _ := audit.DecodeMarks(l.Marks)
			hit := l.Record.Written > 0 && slices.ContainsFunc(ms, func(m audit.Mark) bool { return m.ID == id })
			if hit {
				records = append(records, l.ID)
			}
			return hit
		})
	})
	s.hidden(sign)
	return []string{id}, records
}

// resign rewrites a row and the record of its last version.
func (s *stage) resign() (rows, records []string) {
	id := s.pick(s.live)
	s.sql(1, "UPDATE card SET yen = yen + 1000000 WHERE id = $1", id)
	m := gate.Remac(s.t, s.w.G, "card", id)
	record := gate.Peek(s.t, s.w.G, "SELECT record FROM card WHERE id = $1", id)[0]
	gate.Relog(s.t, s.w.G, true, func(list []gate.Logged) []gate.Logged {
		for i := range list {
			if list[i].ID == record {
				list[i].Marks = audit.EncodeMarks([]audit.Mark{m})
			}
		}
		return list
	})
	s.hidden(true)
	return []string{id}, []string{record}
}

// restore puts everything back to a state of the past: every row changed since,
// and every record since, is lost.
func (s *stage) restore() (rows, records []string) {
	state := fmt.Sprint("s", s.rnd.IntN(s.moves))
	rows = gate.Peek(s.t, s.w.G, "SELECT c.id FROM card c, keep_"+state+"_card o WHERE o.id = c.id AND o.version < c.version")
	rows = append(rows, gate.Peek(s.t, s.w.G, "SELECT id FROM keep_"+state+"_card WHERE id NOT IN (SELECT id FROM card)")...)
	records = gate.Peek(s.t, s.w.G, "SELECT CAST(MAX(leaf) + 1 AS TEXT) FROM keep_"+state+"_audit_log")
	putBack(s.t, s.w, state)
	s.hidden(true)
	return rows, records
}

// hidden makes sure that the attack is one that only a witness sees.
func (s *stage) hidden(really bool) {
	s.t.Helper()
	if d := verify(s.t, s.w).Damages; (len(d) == 0) != really {
		s.t.Errorf("alone, verify should find nothing: %v; it found %+v", really, d)
	}
}
