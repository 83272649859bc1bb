package invoice_test

import (
	"fmt"
	"strings"
	"testing"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
	"sekisho/internal/trade/invoice"
)

type openIn struct {
	Run    string     `json:"run"`
	Party  string     `json:"party"`
	Number []string   `json:"numbers"`
	Date   civil.Date `json:"date"`
	Amount money.Yen  `json:"amount"`
}

// stage is what an import does.
var stage = gate.New(gate.Op[openIn, nothing]{Name: "stage.insert", Mode: gate.Write,
	Target: func(*gate.Tx, openIn) (gate.Target, error) { return gate.Target{Kind: "stage", ID: "new"}, nil },
	Do: func(x *gate.Tx, in openIn) (nothing, error) {
		p, err := party.Get(x, in.Party)
		if err != nil {
			return nothing{}, err
		}
		var rows []invoice.OpeningRow
		for _, n := range in.Number {
			rows = append(rows, invoice.OpeningRow{Party: p, Number: n, Date: in.Date, Amount: in.Amount})
		}
		return nothing{}, invoice.StageInsert(x, in.Run, rows)
	}})

type turnIn struct {
	Run  string `json:"run"`
	Undo bool   `json:"undo"`
}

var turn = gate.New(gate.Op[turnIn, nothing]{Name: "stage.turn", Mode: gate.Write,
	Alone:  func(turnIn) []string { return []string{invoice.PublishLock} },
	Target: func(*gate.Tx, turnIn) (gate.Target, error) { return gate.Target{Kind: "stage", ID: "new"}, nil },
	Do: func(x *gate.Tx, in turnIn) (nothing, error) {
		if in.Undo {
			return nothing{}, invoice.UndoRun(x, in.Run)
		}
		return nothing{}, invoice.Publish(x, in.Run)
	}})

var stageModule = gate.Module{Name: "stage", Ops: []gate.Any{stage, turn}}

func TestOpeningInvoicesShowWithTheirRun(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		in := openIn{Run: "r1", Party: w.ids["p1"], Number: []string{"S-001", "S-002"}, Date: day("2026-09-30"), Amount: 55_000}
		run(w, boss, stage, in)
		list := func() []invoice.Invoice { return run(w, boss, invoice.List, invoice.Filter{}).Invoices }
		if len(list()) != 0 {
			t.Fatal("a staged invoice is seen")
		}
		run(w, boss, turn, turnIn{Run: "r1"})
		got := list()
		if len(got) != 2 || got[0].State != invoice.Opening || got[0].Amount != 55_000 || got[0].PartyName != "株式会社青葉商会" || got[0].Run != "r1" {
			t.Fatalf("%+v", got)
		}
		one := invoice.ByVersion{ID: got[0].ID, Version: got[0].Version}
		if s := run(w, boss, invoice.Show, invoice.ByID{ID: one.ID}); s.Sums.Total != 55_000 {
			t.Fatalf("%+v", s)
		}
		_, err := gate.Run(bg, w.G, boss, invoice.Issue, one)
		wants(t, err, fault.KindRefused, "invoice.is_opening")
		_, err = gate.Run(bg, w.G, boss, invoice.Discard, one)
		wants(t, err, fault.KindRefused, "invoice.is_opening")
		_, err = gate.Run(bg, w.G, boss, invoice.Render, invoice.ByID{ID: one.ID})
		wants(t, err, fault.KindRefused, "invoice.is_opening")
		_, err = gate.Run(bg, w.G, boss, invoice.PDF, invoice.ByID{ID: one.ID})
		wants(t, err, fault.KindRefused, "invoice.no_pdf")
		// Our own numbers begin where they begin, whatever was taken over.
		if s := w.issued("p1"); s.Number != "INV-2026-000001" {
			t.Fatal(s.Number)
		}
		// The same file again is noticed, and after an undo it is not.
		in.Run = "r2"
		_, err = gate.Run(bg, w.G, boss, stage, in)
		wants(t, err, fault.KindInvalid, "fault.several")
		run(w, boss, turn, turnIn{Run: "r1", Undo: true})
		if got := list(); len(got) != 1 || got[0].State != invoice.Issued {
			t.Fatal("an undone run is seen")
		}
		_, err = gate.Run(bg, w.G, boss, invoice.Show, invoice.ByID{ID: one.ID})
		wants(t, err, fault.KindNotFound, "")
		run(w, boss, stage, in)
		run(w, boss, turn, turnIn{Run: "r2"})
		if got := list(); len(got) != 3 {
			t.Fatal(len(got))
		}
		// Two files staged side by side with the same number: the second to show is refused.
		for _, r := range []string{"r3", "r4"} {
			run(w, boss, stage, openIn{Run: r, Party: w.ids["p2"], Number: []string{"S-009"}, Date: in.Date, Amount: -300})
		}
		run(w, boss, turn, turnIn{Run: "r3"})
		_, err = gate.Run(bg, w.G, boss, turn, turnIn{Run: "r4"})
		wants(t, err, fault.KindRefused, "invoice.opening.taken")
		_, err = gate.Run(bg, w.G, boss, stage, openIn{Run: "r3", Party: w.ids["p2"], Number: []string{"S-010"}, Date: in.Date, Amount: 1})
		wants(t, err, fault.KindRefused, "invoice.run_closed")
	})
}

func TestOpeningRowsAreChecked(t *testing.T) {
	good := invoice.OpeningRow{Number: "S-1", Date: day("2026-09-30"), Due: day("2026-10-31"), Amount: 1}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(r *invoice.OpeningRow){
		"number": func(r *invoice.OpeningRow) { r.Number = "　" },
		"date":   func(r *invoice.OpeningRow) { r.Date = civil.Date{} },
		"due":    func(r *invoice.OpeningRow) { r.Due = day("2026-09-29") },
		"amount": func(r *invoice.OpeningRow) { r.Amount = 0 },
	} {
		r := good
		spoil(&r)
		if f := fault.Of(r.Check()); f == nil || f.Field != field || f.Kind != fault.KindInvalid {
			t.Errorf("%s: %v", field, f)
		}
	}
	for _, r := range []invoice.OpeningRow{{Number: strings.Repeat("9", 61)}, {Number: "a\u202eb"}, {Amount: money.MaxYen + 1}} {
		r.Date = good.Date
		if r.Check() == nil {
			t.Errorf("%+v", r)
		}
	}
	w := open(t, "")
	in := openIn{Run: "r1", Party: w.ids["p1"], Number: []string{"S-1", "S-2", "S-1"}, Date: good.Date, Amount: 5}
	_, err := gate.Run(bg, w.G, boss, stage, in)
	if f := fault.Of(err); f == nil || f.Key != "invoice.opening.taken" || f.Field != "rows[2].number" {
		t.Fatal(err)
	}
}

// A slice must not hold SQLite's writer for long.
func BenchmarkStageInsert(b *testing.B) {
	w := open(b, "")
	for n := range b.N {
		in := openIn{Run: fmt.Sprint("r", n), Party: w.ids["p1"], Date: day("2026-09-30"), Amount: 1}
		for i := range invoice.MaxSlice {
			in.Number = append(in.Number, fmt.Sprintf("S-%d-%d", n, i))
		}
		run(w, boss, stage, in)
	}
}
