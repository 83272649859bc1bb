package org_test

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"testing"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/org"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/money"
)

// A test module that takes numbers.
//
//go:embed testdata/schema/*.sql
var files embed.FS

func sub() fs.FS { s, _ := fs.Sub(files, "testdata"); return s }

type Bill struct {
	gate.Row
	Number string `json:"number" col:"number" class:"internal"`
}

var bills = gate.NewTable[Bill]("bill", gate.Unscoped())

type Take struct {
	Series string     `json:"series"`
	Date   civil.Date `json:"date"`
	Void   string     `json:"void"`
	Fail   bool       `json:"fail"`
}

var take = gate.New(gate.Op[Take, Bill]{
	Name: "bill.take", Mode: gate.Write,
	Alone:  func(in Take) []string { return []string{org.SeriesLock(in.Series)} },
	Target: func(*gate.Tx, Take) (gate.Target, error) { return gate.Target{Kind: "bill", ID: "new"}, nil },
	Do: func(x *gate.Tx, in Take) (Bill, error) {
		if in.Void != "" {
			return Bill{}, org.Void(x, in.Series, in.Void, "取引先名の誤り")
		}
		b := Bill{}
		b.ID = x.NewID()
		var err error
		if b.Number, err = org.TakeNumber(x, in.Series, in.Date, "bill", b.ID); err != nil {
			return b, err
		}
		if in.Fail {
			return b, errors.New("boom")
		}
		return b, bills.Insert(x, &b)
	},
})

type Days struct {
	Open bool `json:"open" class:"public"`
}

var open = gate.New(gate.Op[Take, Days]{
	Name: "bill.open", Mode: gate.Read,
	Target: func(*gate.Tx, Take) (gate.Target, error) { return gate.Target{Kind: "bill", ID: "*"}, nil },
	Do: func(x *gate.Tx, in Take) (Days, error) {
		c, err := org.Calendar(x)
		if err != nil {
			return Days{}, err
		}
		d := Days{}
		d.Open, err = c.Open(in.Date)
		return d, err
	},
})

func each(t *testing.T, f func(t *testing.T, w *gatetest.World)) {
	gatetest.Each(t, gatetest.Options{Request: approval.Keep, Modules: []gate.Module{approval.Module, org.Module,
		{Name: "bill", Schema: sub(), Ops: []gate.Any{take, open}, Tables: []gate.AnyTable{bills}}}}, f)
}

var (
	bg   = context.Background()
	boss = gatetest.Boss("boss")
	day  = civil.MustParse
)

func wants(t *testing.T, err error, k fault.Kind, key string) *fault.Error {
	t.Helper()
	f := fault.Of(err)
	if f == nil || f.Kind != k || f.Key != key {
		t.Fatalf("want %s %s, got %v", k, key, err)
	}
	return f
}

func profile() org.Profile {
	return org.Profile{Name: "株式会社北斗サプライ", Kana: "ホクトサプライ", RegistrationNumber: "T7000012050002", PostalCode: "060-0001", Address: "札幌市中央区北一条西2-1",
		Phone: "011-200-1234", FiscalStart: 4, Rounding: money.Floor,
		BankAccounts: []org.BankAccount{{BankCode: "0501", BankName: "北洋銀行", BranchCode: "001", BranchName: "本店", Kind: "ordinary", Number: "0012345", Holder: "ホクトサプライ"}}}
}

func series(t *testing.T, w *gatetest.World, name, pattern string, first int64) {
	t.Helper()
	gatetest.Must[org.Series](t)(gate.Run(bg, w.G, boss, org.SeriesCreate, org.SeriesIn{Name: name, Pattern: pattern, First: first}))
}

func number(t *testing.T, w *gatetest.World, name, date string) string {
	t.Helper()
	return gatetest.Must[Bill](t)(gate.Run(bg, w.G, boss, take, Take{Series: name, Date: day(date)})).Number
}

func gaps(t *testing.T, w *gatetest.World, name string) org.GapsOut {
	t.Helper()
	return gatetest.Must[org.GapsOut](t)(gate.Run(bg, w.G, boss, org.Gaps, org.GapsIn{Series: name}))
}

func TestSM09_NumbersAreDenseAmong32(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		series(t, w, "invoice", "INV-{yyyy}-{000000}", 0)
		const clients, each = 32, 4
		var mu sync.Mutex
		var got []string
		var wg sync.WaitGroup
		for i := range clients {
			wg.Go(func() {
				for n := range each {
					if (i+n)%5 == 0 { // what is rolled back has taken nothing
						if _, err := gate.Run(bg, w.G, boss, take, Take{Series: "invoice", Date: day("2026-11-22"), Fail: true}); err == nil {
							t.Error("it should have failed")
						}
					}
					b, err := gate.Run(bg, w.G, boss, take, Take{Series: "invoice", Date: day("2026-11-22")})
					if err != nil {
						t.Error("given up:", err)
						return
					}
					mu.Lock()
					got = append(got, b.Number)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		slices.Sort(got)
		for i, n := range got {
			if n != fmt.Sprintf("INV-2026-%06d", i+1) {
				t.Fatal("a hole or a double at", i, n)
			}
		}
		g := gaps(t, w, "invoice")
		if len(got) != clients*each || !g.Dense || len(g.Runs) != 1 || g.Runs[0].Taken != clients*each || g.Runs[0].Last != clients*each || len(g.Rows) != 0 {
			t.Fatalf("%d %+v", len(got), g)
		}
	})
}

func TestSM09_EveryPeriodHasItsRun(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		series(t, w, "invoice", "INV-{yyyy}-{000}", 120)
		series(t, w, "quote", "Q{000}", 0)
		for i, want := range []string{"INV-2026-120", "INV-2026-121", "INV-2027-001", "INV-2026-122", "INV-2027-002"} {
			date := []string{"2026-11-22", "2026-12-31", "2027-01-01", "2026-11-30", "2027-02-01"}[i]
			if got := number(t, w, "invoice", date); got != want {
				t.Fatal(got, want)
			}
		}
		if got := number(t, w, "quote", "2027-01-01"); got != "Q001" {
			t.Fatal(got)
		}
		if g := gaps(t, w, "invoice"); !g.Dense || len(g.Runs) != 2 || g.Runs[0].First != 120 || g.Runs[0].Last != 122 || g.Runs[1].Last != 2 {
			t.Fatalf("%+v", g)
		}
		// A business year needs the company's.
		series(t, w, "fy", "{fy}-{00}", 0)
		_, err := gate.Run(bg, w.G, boss, take, Take{Series: "fy", Date: day("2027-03-31")})
		wants(t, err, fault.KindRefused, "org.no_issuer")
		gatetest.Must[org.Shown](t)(gate.Run(bg, w.G, boss, org.IssuerUpdate, org.IssuerIn{Profile: profile()}))
		if a, b := number(t, w, "fy", "2027-03-31"), number(t, w, "fy", "2027-04-01"); a != "2026-01" || b != "2027-01" {
			t.Fatal(a, b)
		}
	})
}

func TestSM09_LedgerOfNumbersGivenUp(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		series(t, w, "invoice", "INV-{000}", 0)
		for range 5 {
			number(t, w, "invoice", "2026-11-22")
		}
		void := func(n string) error {
			_, err := gate.Run(bg, w.G, boss, take, Take{Series: "invoice", Void: n})
			return err
		}
		if err := void("INV-003"); err != nil {
			t.Fatal(err)
		}
		wants(t, void("INV-003"), fault.KindRefused, "org.void_already")
		wants(t, void("INV-006"), fault.KindRefused, "org.no_number")
		if got := number(t, w, "invoice", "2026-11-22"); got != "INV-006" {
			t.Fatal("a number given up is taken again", got)
		}
		g := gaps(t, w, "invoice")
		if !g.Dense || g.Runs[0].Taken != 6 || g.Runs[0].Voided != 1 || g.Runs[0].Entered != 1 {
			t.Fatalf("%+v", g)
		}
		r := g.Rows
		if len(r) != 1 || r[0].Number != "INV-003" || r[0].Reason != "取引先名の誤り" || r[0].By != "boss" || r[0].On != day("2026-11-22") {
			t.Fatalf("%+v", r)
		}
		_, err := gate.Run(bg, w.G, boss, org.Gaps, org.GapsIn{Series: "nothing"})
		wants(t, err, fault.KindRefused, "org.no_series")
	})
}

func TestC24_WhoIsPaidNeedsTwo(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		_, err := gate.Run(bg, w.G, boss, org.IssuerShow, org.Nothing{})
		wants(t, err, fault.KindRefused, "org.no_issuer")
		c := gatetest.Must[org.Shown](t)(gate.Run(bg, w.G, boss, org.IssuerUpdate, org.IssuerIn{Profile: profile()}))
		if c.Version != 1 || !c.CheckDigitOK || c.BankAccounts[0].Holder != "ﾎｸﾄｻﾌﾟﾗｲ" {
			t.Fatalf("%+v", c)
		}
		in := org.IssuerIn{Profile: c.Profile, Version: c.Version}
		in.Phone = "011-200-9999"
		c = gatetest.Must[org.Shown](t)(gate.Run(bg, w.G, boss, org.IssuerUpdate, in))
		if c.Version != 2 || c.Phone != "011-200-9999" {
			t.Fatal("a phone number needs nobody else", c)
		}
		_, err = gate.Run(bg, w.G, boss, org.IssuerUpdate, in)
		wants(t, err, fault.KindConflict, "gate.conflict")

		in = org.IssuerIn{Profile: c.Profile, Version: c.Version}
		in.BankAccounts = []org.BankAccount{in.BankAccounts[0]}
		in.BankAccounts[0].Number = "7654321"
		_, err = gate.Run(bg, w.G, boss, org.IssuerUpdate, in)
		id := wants(t, err, fault.KindPending, "gate.pending").Args[1].(string)
		if got := issuer(t, w); got.BankAccounts[0].Number != "0012345" {
			t.Fatal("paid to the new account before anybody agreed")
		}
		second := gatetest.Boss("second")
		req := gatetest.Must[approval.Shown](t)(gate.Run(bg, w.G, second, approval.Show, approval.ByID{ID: id}))
		if len(req.Changes) != 1 || req.Changes[0] != (approval.Change{Field: "bank_accounts[0].number", Before: "0012345", After: "7654321"}) {
			t.Fatal(req.Changes)
		}
		gatetest.Must[approval.Request](t)(gate.Run(bg, w.G, second, approval.Approve, approval.ApproveIn{ID: id, Digest: req.Digest}))
		if got := issuer(t, w); got.BankAccounts[0].Number != "7654321" || got.Version != 3 {
			t.Fatalf("%+v", got)
		}
	})
}

func issuer(t *testing.T, w *gatetest.World) org.Shown {
	t.Helper()
	return gatetest.Must[org.Shown](t)(gate.Run(bg, w.G, boss, org.IssuerShow, org.Nothing{}))
}

// A check digit that does not fit is a warning: sole proprietors' need not.
func TestC24_CheckDigitIsAWarning(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		p := profile()
		p.RegistrationNumber = "T1000012050002"
		c := gatetest.Must[org.Shown](t)(gate.Run(bg, w.G, boss, org.IssuerUpdate, org.IssuerIn{Profile: p}))
		if c.CheckDigitOK {
			t.Fatal("not noticed")
		}
	})
}

func TestDepartments(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		make := func(code, name, parent string) (org.Department, error) {
			return gate.Run(bg, w.G, boss, org.DepartmentCreate, org.DepartmentIn{Code: code, Name: name, Parent: parent})
		}
		must := gatetest.Must[org.Department](t)
		head := must(make("010", "営業部", ""))
		sub := must(make("０１１", " 営業一課 ", head.ID))
		if sub.Code != "011" || sub.Name != "営業一課" {
			t.Fatal(sub)
		}
		_, err := make("011", "別", "")
		wants(t, err, fault.KindConflict, "org.code_taken")
		_, err = make("012", "別", "nothing")
		wants(t, err, fault.KindInvalid, "org.no_parent")
		update := func(d org.Department, version int64, name, parent string) (org.Department, error) {
			return gate.Run(bg, w.G, boss, org.DepartmentUpdate, org.DepartmentUpdateIn{ID: d.ID, Version: version, Name: name, Parent: parent})
		}
		_, err = update(head, 1, "営業部", sub.ID)
		wants(t, err, fault.KindInvalid, "org.parent_ring")
		_, err = update(head, 1, "営業部", head.ID)
		wants(t, err, fault.KindInvalid, "org.parent_ring")
		_, err = update(sub, 9, "営業二課", head.ID)
		wants(t, err, fault.KindConflict, "gate.conflict")
		if sub = must(update(sub, 1, "営業二課", head.ID)); sub.Name != "営業二課" || sub.Version != 2 {
			t.Fatal(sub)
		}
		end := func(d org.Department) (org.Department, error) {
			return gate.Run(bg, w.G, boss, org.DepartmentClose, org.DepartmentCloseIn{ID: d.ID, Reason: "組織改編のため"})
		}
		_, err = end(head)
		wants(t, err, fault.KindRefused, "org.department_parent")
		must(end(sub))
		if head = must(end(head)); head.ClosedOn != day("2026-11-22") {
			t.Fatal(head)
		}
		_, err = end(head)
		wants(t, err, fault.KindRefused, "org.department_closed")
		_, err = make("013", "新", head.ID)
		wants(t, err, fault.KindInvalid, "org.no_parent")
		all := gatetest.Must[org.DepartmentsOut](t)(gate.Run(bg, w.G, boss, org.DepartmentList, org.Nothing{})).Rows
		if len(all) != 2 || all[0].Code != "010" || all[1].Code != "011" {
			t.Fatal(all)
		}
	})
}

func TestCalendar(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		set := func(date, name string, remove bool) (org.HolidayOut, error) {
			return gate.Run(bg, w.G, boss, org.HolidaySet, org.HolidayIn{Date: day(date), Name: name, Remove: remove})
		}
		isOpen := func(date string) bool {
			t.Helper()
			return gatetest.Must[Days](t)(gate.Run(bg, w.G, boss, open, Take{Date: day(date)})).Open
		}
		if !isOpen("2026-12-29") || isOpen("2026-11-23") {
			t.Fatal("the banks' calendar")
		}
		gatetest.Must[org.HolidayOut](t)(set("2026-12-29", "年末休業", false))
		gatetest.Must[org.HolidayOut](t)(set("2026-12-29", "年末年始休業", false))
		if h := gatetest.Must[org.HolidayOut](t)(set("2026-11-23", "創立記念日", false)); h.National != "勤労感謝の日" {
			t.Fatal(h)
		}
		if isOpen("2026-12-29") || !isOpen("2026-12-28") {
			t.Fatal("the company's own day off")
		}
		rows := func(year int) []org.Holiday {
			t.Helper()
			return gatetest.Must[org.HolidaysOut](t)(gate.Run(bg, w.G, boss, org.HolidayList, org.HolidaysIn{Year: year})).Rows
		}
		if r := rows(2026); len(r) != 2 || r[0].Name != "創立記念日" || r[1].Name != "年末年始休業" || len(rows(2027)) != 0 {
			t.Fatal(r)
		}
		gatetest.Must[org.HolidayOut](t)(set("2026-12-29", "", true))
		if !isOpen("2026-12-29") {
			t.Fatal("taken back")
		}
		_, err := set("2026-12-29", "", true)
		wants(t, err, fault.KindRefused, "org.no_holiday")
		_, err = set("2026-12-30", " ", false)
		wants(t, err, fault.KindInvalid, "gate.required")
		_, err = set("2200-01-01", "遠い未来", false)
		wants(t, err, fault.KindInvalid, "civil.no_calendar")
		_, err = gate.Run(bg, w.G, boss, org.HolidayList, org.HolidaysIn{Year: 10000})
		wants(t, err, fault.KindInvalid, "civil.no_such_day")
	})
}

func TestC24_BadInput(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		series(t, w, "taken", "{000}", 0)
		for _, c := range []struct{ op, in, key string }{
			{"org.series_create", `{"name":"taken","pattern":"{0}"}`, "org.series_taken"},
			{"org.series_create", `{"name":"Invoice","pattern":"{0}"}`, "org.series_name"},
			{"org.series_create", `{"name":"a/b","pattern":"{0}"}`, "org.series_name"},
			{"org.series_create", `{"name":"a","pattern":"{yyyy}"}`, "org.pattern"},
			{"org.series_create", `{"name":"a","pattern":"{0}","first":-1}`, "org.series_first"},
			{"org.series_create", `{"name":"a","pattern":"{0}","first":1000000000000}`, "org.series_first"},
			{"org.series_create", `{"name":"a","pattern":"{0}","first":"1"}`, "gate.json_type"},
			{"org.issuer_update", `{}`, "fault.several"},
			{"org.issuer_update", `{"name":"x","name":"y"}`, "gate.json_doubled"},
			{"org.issuer_update", `{"Name":"x"}`, "gate.json_unknown"},
			{"org.issuer_update", `{"name":"x\u202ey","postal_code":"060-0001","address":"a","rounding":"floor","fiscal_start":4}`, ""},
			{"org.issuer_update", `{"name":"x","postal_code":"060-0001","address":"a","rounding":"up","fiscal_start":4}`, "gate.enum"},
			{"org.issuer_update", `{"name":"x","postal_code":"060-0001","address":"a","rounding":"floor"}`, "org.fiscal_start"},
			{"org.issuer_update", `{"name":"x","postal_code":"060-0001","address":"a","rounding":"floor","fiscal_start":4,"bank_accounts":[{"bank_code":"0501"}]}`, "fault.several"},
			{"org.department_create", `{"code":"営業","name":"x"}`, "jp.bad_code"},
			{"org.department_create", `{"code":"1","name":"　"}`, "gate.required"},
			{"org.department_close", `{"id":"x","reason":"短い"}`, "gate.reason"},
			{"org.gaps", `{}`, "gate.required"},
		} {
			_, err := w.G.JSON(bg, boss, c.op, []byte(c.in))
			f := fault.Of(err)
			if f == nil || (f.Kind != fault.KindInvalid && f.Kind != fault.KindConflict) || c.key != "" && f.Key != c.key {
				t.Errorf("%s %s: %v", c.op, c.in, err)
			}
		}
		weak := gatetest.Person{ID: "boss", Roles: []string{"boss"}}.As()
		_, err := gate.Run(bg, w.G, weak, org.IssuerUpdate, org.IssuerIn{Profile: profile()})
		wants(t, err, fault.KindStepUp, "gate.step_up")
		_, err = gate.Run(bg, w.G, boss, take, Take{Series: "nothing", Date: day("2026-11-22")})
		wants(t, err, fault.KindRefused, "org.no_series")
		_, err = gate.Run(bg, w.G, boss, take, Take{Series: "taken"})
		wants(t, err, fault.KindInvalid, "civil.bad_date")
		if l := gatetest.Must[org.SeriesOut](t)(gate.Run(bg, w.G, boss, org.SeriesList, org.Nothing{})); len(l.Rows) != 1 || len(l.Runs) != 0 {
			t.Fatal("bad input left something", l)
		}
	})
}
