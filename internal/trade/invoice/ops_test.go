package invoice_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/money"
	"sekisho/internal/trade/invoice"
)

func TestC27_FromDraftToReady(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		d := w.draft("p1")
		d.Due = day("2026-12-31")
		seen := run(w, boss, invoice.Preview, d)
		if len(seen.Problems) != 0 || seen.Sums.Total != 39_487 || seen.Sums.Rates[1].Tax != 7 || !seen.Sums.Lines[2].Reduced {
			t.Fatalf("%+v", seen)
		}
		s := run(w, boss, invoice.Create, d)
		if s.State != invoice.Drafted || s.Number != "" || s.Amount != 39_487 || s.Base != 35_900 || s.Tax != 3_587 || s.Owner != "sato" || s.Department != "east" {
			t.Fatalf("%+v", s.Invoice)
		}
		s = run(w, boss, invoice.Issue, invoice.ByVersion{ID: s.ID, Version: s.Version})
		if s.State != invoice.Issued || s.Number != "INV-2026-000001" || s.IssuedBy != "b" || len(s.Snapshot) != 64 {
			t.Fatalf("%+v", s.Invoice)
		}
		_, err := gate.Run(bg, w.G, boss, invoice.PDF, invoice.ByID{ID: s.ID})
		wants(t, err, fault.KindRefused, "invoice.rendering")
		w.work()
		shown := run(w, boss, invoice.Show, invoice.ByID{ID: s.ID})
		if shown.State != invoice.Ready || shown.Sums.Total != 39_487 || len(shown.Problems) != 0 || shown.Content.Recipients[0] != "keiri@aoba.example" || shown.Content.Rounding != money.Floor {
			t.Fatalf("%+v", shown)
		}
		f := run(w, boss, invoice.PDF, invoice.ByID{ID: s.ID})
		doc := run(w, boss, document.Show, document.ByID{ID: f.Document})
		if f.Name != "請求書_INV-2026-000001.pdf" || doc.Digest != f.Digest || doc.Amount != 39_487 || doc.Party != w.ids["p1"] || doc.Number != s.Number || doc.RetainUntil.IsZero() {
			t.Fatalf("%+v %+v", f, doc)
		}
		got := words(t, f.Content)
		for _, want := range []string{"INV-2026-000001", "株式会社青葉商会御中", "北斗サプライ株式会社", "T7000012050002", "2026年11月22日", "2026年12月31日", "納品日", "2026/11/20",
			"D-0040231", "※は軽減税率対象", "10%対象35,8013,580", "※8%対象997", "¥39,487", "みずほ銀行", "1234567", "北洋銀行"} {
			if !strings.Contains(got, want) {
				t.Errorf("the PDF lacks %s: %s", want, got)
			}
		}
	})
}

func TestSM08_NothingMissingIsIssued(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		refuse := func(d invoice.Draft, key, field string) {
			t.Helper()
			s := run(w, boss, invoice.Create, d)
			if !slices.ContainsFunc(s.Problems, func(p invoice.Problem) bool { return p.Key == key && p.Field == field && p.JA != key }) {
				t.Fatalf("the draft does not say %s at %s: %+v", key, field, s.Problems)
			}
			_, err := gate.Run(bg, w.G, boss, invoice.Issue, invoice.ByVersion{ID: s.ID, Version: s.Version})
			f := fault.Of(err)
			if f == nil || f.Kind != fault.KindRefused || f.Key != key || f.Field != field {
				t.Fatalf("want %s at %s, got %v", key, field, err)
			}
		}
		for _, c := range []struct {
			spoil      func(d *invoice.Draft)
			key, field string
		}{
			{func(d *invoice.Draft) { d.Lines[0].Date = day("2019-10-01").AddDays(-1); d.Lines = d.Lines[:1] }, "invoice.far_line", "lines[0].date"},
			{func(d *invoice.Draft) { d.Lines[1].Description = "" }, "invoice.missing.description", "lines[1].description"},
			{func(d *invoice.Draft) { d.Lines[2].Category = "" }, "invoice.missing.category", "lines[2].category"},
			{func(d *invoice.Draft) { d.Contact = w.contact("p2") }, "invoice.contact_gone", "contact"},
			{func(d *invoice.Draft) { d.Account = "9999-001-ordinary-0000000" }, "invoice.account_gone", "account"},
			{func(d *invoice.Draft) { d.Party = w.ids["p3"] }, "invoice.partner_inactive", "party"},
		} {
			d := w.draft("p1")
			c.spoil(&d)
			refuse(d, c.key, c.field)
		}
		s := run(w, boss, invoice.Create, invoice.Draft{Party: w.ids["p1"]})
		_, err := gate.Run(bg, w.G, boss, invoice.Issue, invoice.ByVersion{ID: s.ID, Version: s.Version})
		wants(t, err, fault.KindRefused, "fault.several")
		odd := w.draft("p1")
		odd.Subject = "\U00013000 の件"
		s = run(w, boss, invoice.Create, odd)
		_, err = gate.Run(bg, w.G, boss, invoice.Issue, invoice.ByVersion{ID: s.ID, Version: s.Version})
		wants(t, err, fault.KindInvalid, "sheet.no_glyph.subject")
		if n := w.issued("p1").Number; n != "INV-2026-000001" {
			t.Fatal("a refused issue spent a number", n)
		}
	})
}

func TestSM08_NoIssueWithoutRegistrationNumber(t *testing.T) {
	for number, key := range map[string]string{"": "invoice.missing.registration", "T7000012050003": "invoice.bad_registration"} {
		w := openAs(t, "", func(p *org.Profile) { p.RegistrationNumber = jp.RegistrationNumber(number) })
		d := run(w, boss, invoice.Create, w.draft("p1"))
		_, err := gate.Run(bg, w.G, boss, invoice.Issue, invoice.ByVersion{ID: d.ID, Version: d.Version})
		wants(t, err, fault.KindRefused, key)
	}
}

func TestSM09_IssuedCannotBeChanged(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		s := w.issued("p1")
		w.work()
		before := run(w, boss, invoice.PDF, invoice.ByID{ID: s.ID})
		now := run(w, boss, invoice.Show, invoice.ByID{ID: s.ID})
		for _, role := range []string{"boss", "sales", "clerk", "accounting", "controller", "manager", "admin", "hr", "auditor", "security", "custodian", "attendant", "system", "nobody"} {
			c := as("sato", "east", role)
			d := w.draft("p1")
			d.Lines[0].UnitPrice = dec(t, "1")
			for v := range now.Version + 1 {
				_, err1 := gate.Run(bg, w.G, c, invoice.Update, invoice.UpdateIn{ByVersion: invoice.ByVersion{ID: s.ID, Version: v + 1}, Draft: d})
				_, err2 := gate.Run(bg, w.G, c, invoice.Discard, invoice.ByVersion{ID: s.ID, Version: v + 1})
				_, err3 := gate.Run(bg, w.G, c, invoice.Issue, invoice.ByVersion{ID: s.ID, Version: v + 1})
				for _, err := range []error{err1, err2, err3} {
					switch role {
					case "boss", "sales", "clerk", "accounting", "controller", "manager":
						wants(t, err, fault.KindRefused, "invoice.is_issued")
					default:
						wants(t, err, fault.KindDenied, "")
					}
				}
			}
		}
		run(w, boss, invoice.Render, invoice.ByID{ID: s.ID}) // once more changes nothing
		after := run(w, boss, invoice.PDF, invoice.ByID{ID: s.ID})
		again := run(w, boss, invoice.Show, invoice.ByID{ID: s.ID})
		if before.Digest != after.Digest || before.Document != after.Document || string(before.Content) != string(after.Content) || again.Version != now.Version || again.Amount != 39_487 {
			t.Fatal("it changed")
		}
	})
}

// What changes afterwards in the register or the company changes nothing of
// what was issued.
func TestC28_IssueFreezes(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		s := w.issued("p1")
		c := run(w, boss, org.IssuerShow, org.Nothing{})
		c.Profile.Phone, c.Profile.Rounding = "03-9999-9999", money.Ceil
		run(w, boss, org.IssuerUpdate, org.IssuerIn{Profile: c.Profile, Version: c.Version})
		w.work()
		f := run(w, boss, invoice.PDF, invoice.ByID{ID: s.ID})
		if got := words(t, f.Content); !strings.Contains(got, "03-0000-1234") || !strings.Contains(got, "¥39,487") || strings.Contains(got, "9999-9999") {
			t.Fatal(got)
		}
		if next := run(w, boss, invoice.Create, w.draft("p1")); next.Amount != 39_489 {
			t.Fatal("the next draft rounds as the company does now", next.Amount)
		}
	})
}

func TestDraftsAreEditedAndDiscarded(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		empty := run(w, boss, invoice.Create, invoice.Draft{Party: w.ids["p1"]})
		if empty.Date != day("2026-11-22") || len(empty.Problems) == 0 || !empty.Due.IsZero() {
			t.Fatalf("%+v", empty)
		}
		d := w.draft("p1")
		d.Due, d.Discount = day("2027-01-31"), invoice.Discount{Amount: 1000, Description: "出精値引き"}
		at := invoice.ByVersion{ID: empty.ID, Version: empty.Version}
		s := run(w, boss, invoice.Update, invoice.UpdateIn{ByVersion: at, Draft: d})
		if s.Version != 2 || s.Base != 34_900 || len(s.Sums.Lines) != 5 || s.Sums.Lines[4].Amount != -3 || len(s.Problems) != 0 {
			t.Fatalf("%+v", s)
		}
		_, err := gate.Run(bg, w.G, boss, invoice.Update, invoice.UpdateIn{ByVersion: at, Draft: d})
		wants(t, err, fault.KindConflict, "gate.conflict")
		at.Version = s.Version
		d.Party = w.ids["p2"]
		_, err = gate.Run(bg, w.G, boss, invoice.Update, invoice.UpdateIn{ByVersion: at, Draft: d})
		wants(t, err, fault.KindInvalid, "invoice.other_party")
		_, err = gate.Run(bg, w.G, boss, invoice.Render, invoice.ByID{ID: s.ID})
		wants(t, err, fault.KindRefused, "invoice.not_issued")
		_, err = gate.Run(bg, w.G, boss, invoice.PDF, invoice.ByID{ID: s.ID})
		wants(t, err, fault.KindRefused, "invoice.no_pdf")
		_, err = gate.Run(bg, w.G, boss, invoice.Discard, invoice.ByVersion{ID: s.ID, Version: 1})
		wants(t, err, fault.KindConflict, "gate.conflict")
		run(w, boss, invoice.Discard, at)
		_, err = gate.Run(bg, w.G, boss, invoice.Show, invoice.ByID{ID: s.ID})
		wants(t, err, fault.KindNotFound, "")
		terms := w.draft("p1")
		terms.Due = civil.Date{}
		if got := run(w, boss, invoice.Create, terms); got.Due != day("2026-12-31") {
			t.Fatal("末締め翌月末", got.Due)
		}
	})
}

func TestIssueTwice(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		d := run(w, boss, invoice.Create, w.draft("p1"))
		c := boss
		c.Idem = "key-1"
		in := invoice.ByVersion{ID: d.ID, Version: d.Version}
		one, two := run(w, c, invoice.Issue, in), run(w, c, invoice.Issue, in)
		if one.Number != two.Number || one.Version != two.Version {
			t.Fatal("the repeated request was issued anew", one.Number, two.Number)
		}
		_, err := gate.Run(bg, w.G, boss, invoice.Issue, in)
		wants(t, err, fault.KindRefused, "invoice.is_issued")
		if next := w.issued("p1"); next.Number != "INV-2026-000002" {
			t.Fatal(next.Number)
		}
	})
}

func TestC28_ConcurrentIssuesNumberDensely(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		const n = 16
		var drafts []invoice.ByVersion
		for range n {
			d := run(w, boss, invoice.Create, w.draft("p1"))
			drafts = append(drafts, invoice.ByVersion{ID: d.ID, Version: d.Version})
		}
		var mu sync.Mutex
		var numbers []string
		var wg sync.WaitGroup
		for _, d := range append(drafts, drafts[:4]...) { // four of them twice at once
			wg.Go(func() {
				s, err := gate.Run(bg, w.G, boss, invoice.Issue, d)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					numbers = append(numbers, s.Number)
				} else if !fault.Is(err, fault.KindRefused) && !fault.Is(err, fault.KindConflict) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		slices.Sort(numbers)
		for i, got := range numbers {
			if want := fmt.Sprintf("INV-2026-%06d", i+1); got != want {
				t.Fatalf("%d: %s, want %s", i, got, want)
			}
		}
		if gaps := run(w, boss, org.Gaps, org.GapsIn{Series: "invoice"}); len(numbers) != n || !gaps.Dense {
			t.Fatalf("%d numbers, %+v", len(numbers), gaps)
		}
	})
}

// The server dies between issue and render; the job runs after the restart.
// One that died in the middle runs again and finds the same bytes.
func TestC28_RenderSurvivesACrash(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		s := w.issued("p2")
		w.Reopen(t)
		first := run(w, boss, invoice.DyingRender, invoice.ByID{ID: s.ID}).Digest // its bytes were stored, its binding was not
		w.work()
		f := run(w, boss, invoice.PDF, invoice.ByID{ID: s.ID})
		if f.Digest != first {
			t.Fatal("the same snapshot gave other bytes", f.Digest, first)
		}
		if got := run(w, boss, document.Search, document.SearchIn{Number: s.Number}); len(got.Rows) != 1 {
			t.Fatalf("%d documents", len(got.Rows))
		}
	})
}

func TestLostRendersAreAskedForAgain(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		lost := w.issued("p1")
		if got := run(w, boss, invoice.StaleRenders, struct{}{}); got.Count != 0 {
			t.Fatal("one that was issued just now is not lost")
		}
		w.Clock.Pass(2 * time.Hour)
		young := w.issued("p1")
		if got := run(w, boss, invoice.StaleRenders, struct{}{}); got.Count != 1 {
			t.Fatal(got)
		}
		if got := run(w, boss, invoice.StaleRenders, struct{}{}); got.Count != 0 {
			t.Fatal("asked for twice", got)
		}
		w.work()
		for _, s := range []invoice.Shown{lost, young} {
			if got := run(w, boss, invoice.Show, invoice.ByID{ID: s.ID}); got.State != invoice.Ready {
				t.Fatal(got.State)
			}
			if got := run(w, boss, document.Search, document.SearchIn{Number: s.Number}); len(got.Rows) != 1 {
				t.Fatalf("%s was archived %d times", s.Number, len(got.Rows))
			}
		}
	})
}

func TestWhoReachesWhat(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		one, two := w.issued("p1"), w.issued("p2") // sato in east, kato in west
		d := w.draft("p2")
		d.Contact = w.contact("p2")
		three := run(w, boss, invoice.Create, d)
		three = run(w, boss, invoice.Issue, invoice.ByVersion{ID: three.ID, Version: three.Version})
		w.work()
		for _, c := range []struct {
			who  gate.Credential
			sees []string
		}{
			{as("sato", "east", "sales"), []string{one.ID}}, {as("kato", "west", "sales"), []string{three.ID, two.ID}}, {as("x", "east", "sales"), nil},
			{as("x", "east", "clerk"), []string{one.ID}}, {as("x", "west", "manager"), []string{three.ID, two.ID}}, {as("x", "", "accounting"), []string{three.ID, two.ID, one.ID}},
			{as("x", "", "auditor"), []string{three.ID, two.ID, one.ID}}, {as("sato", "west", "sales", "clerk"), []string{three.ID, two.ID, one.ID}},
		} {
			var ids []string
			for _, r := range run(w, c.who, invoice.List, invoice.Filter{}).Invoices {
				ids = append(ids, r.ID)
			}
			if !slices.Equal(ids, c.sees) {
				t.Errorf("%s sees %v, want %v", c.who.Secret(), ids, c.sees)
			}
			for _, s := range []invoice.Shown{one, two, three} {
				_, err := gate.Run(bg, w.G, c.who, invoice.Show, invoice.ByID{ID: s.ID})
				if reach := slices.Contains(c.sees, s.ID); reach != (err == nil) || err != nil && !fault.Is(err, fault.KindNotFound) {
					t.Errorf("%s, %s: %v", c.who.Secret(), s.PartyName, err)
				}
			}
		}
		run(w, boss, party.HandOver, party.HandOverIn{ID: w.ids["p1"], Owner: "mori", Department: "west"})
		for who, n := range map[string]int{"sato": 0, "mori": 1} { // a partner that is handed over takes its invoices along
			if got := run(w, as(who, "", "sales"), invoice.List, invoice.Filter{}); len(got.Invoices) != n {
				t.Errorf("%s sees %d", who, len(got.Invoices))
			}
		}
		_, err := gate.Run(bg, w.G, as("x", "east", "sales"), invoice.Create, w.draft("p1"))
		wants(t, err, fault.KindNotFound, "")
		_, err = gate.Run(bg, w.G, as("x", "east", "auditor"), invoice.Create, w.draft("p1"))
		wants(t, err, fault.KindDenied, "")
		_, err = gate.Run(bg, w.G, as("x", "east", "admin"), invoice.List, invoice.Filter{})
		wants(t, err, fault.KindDenied, "")
		aud := as("x", "", "auditor") // cleared for confidential, not for personal
		if got := run(w, aud, invoice.Show, invoice.ByID{ID: two.ID}); got.Content.Recipients != nil || got.PartyName == "" {
			t.Errorf("%+v", got)
		}
		run(w, aud, invoice.PDF, invoice.ByID{ID: two.ID})
		_, err = gate.Run(bg, w.G, aud, invoice.PDF, invoice.ByID{ID: three.ID})
		wants(t, err, fault.KindDenied, "invoice.pdf_class")
		f := run(w, as("kato", "west", "sales"), invoice.PDF, invoice.ByID{ID: three.ID})
		if got := words(t, f.Content); !strings.Contains(got, "髙𠮷水産株式会社") || !strings.Contains(got, "購買部") || !strings.Contains(got, "山﨑邉太郎様") || strings.Contains(got, "御中") {
			t.Error(got)
		}
	})
}

func TestListFilters(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		var all []invoice.Shown
		for i := range 12 {
			d := w.draft([]string{"p1", "p2"}[i%2])
			d.Date = day("2026-11-01").AddDays(i / 2)
			d.Lines = d.Lines[:1]
			d.Lines[0].UnitPrice = dec(t, fmt.Sprint(1000*(i+1)))
			all = append(all, run(w, boss, invoice.Create, d))
		}
		run(w, boss, invoice.Issue, invoice.ByVersion{ID: all[3].ID, Version: 1})
		for _, c := range []struct {
			name string
			f    invoice.Filter
			want string
		}{
			{"all, latest first", invoice.Filter{}, "11 10 9 8 7 6 5 4 3 2 1 0"},
			{"party", invoice.Filter{Party: w.ids["p2"]}, "11 9 7 5 3 1"},
			{"dates, both ends", invoice.Filter{From: day("2026-11-02"), To: day("2026-11-03")}, "5 4 3 2"},
			{"amount", invoice.Filter{Amount: "5,500"}, "4"},
			{"amount in full width", invoice.Filter{Amount: "￥５，５００"}, "4"},
			{"an amount nobody has", invoice.Filter{Amount: "5501"}, ""},
			{"range, largest first", invoice.Filter{AmountFrom: "5500", AmountTo: "7700"}, "6 5 4"},
			{"range and dates", invoice.Filter{AmountFrom: "5500", From: day("2026-11-03"), To: day("2026-11-03")}, "5 4"},
			{"range and party", invoice.Filter{AmountTo: "5500", Party: w.ids["p1"]}, "4 2 0"},
			{"number", invoice.Filter{Number: "INV-2026-000001"}, "3"},
			{"state", invoice.Filter{State: invoice.Issued}, "3"},
			{"owner", invoice.Filter{Owner: "kato", From: day("2026-11-05")}, "11 9"},
			{"department", invoice.Filter{Department: "east", To: day("2026-11-02")}, "2 0"},
			{"all three", invoice.Filter{Party: w.ids["p1"], From: day("2026-11-01"), To: day("2026-11-30"), Amount: "3300"}, "2"},
		} {
			var got []string
			for limit, after := 5, ""; ; {
				c.f.After, c.f.Limit = after, limit
				p := run(w, boss, invoice.List, c.f)
				for _, r := range p.Invoices {
					i := slices.IndexFunc(all, func(s invoice.Shown) bool { return s.ID == r.ID })
					got = append(got, fmt.Sprint(i))
				}
				if after = p.Next; after == "" {
					break
				}
			}
			if g := strings.Join(got, " "); g != c.want {
				t.Errorf("%s: %s, want %s", c.name, g, c.want)
			}
		}
		_, err := gate.Run(bg, w.G, boss, invoice.List, invoice.Filter{AmountFrom: "1.5"})
		wants(t, err, fault.KindInvalid, "money.unread_yen")
	})
}

func TestBadInputIsRefusedAndLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		for name, c := range map[string]struct{ op, in, key string }{
			"unknown key":   {"invoice.draft", `{"party":"P1","amount":5}`, "gate.json_unknown"},
			"doubled key":   {"invoice.draft", `{"party":"P1","party":"p2"}`, "gate.json_doubled"},
			"other case":    {"invoice.draft", `{"Party":"p1"}`, "gate.json_unknown"},
			"no party":      {"invoice.draft", `{}`, "gate.required"},
			"number":        {"invoice.draft", `{"party":"P1","lines":[{"quantity":1}]}`, "gate.json_type"},
			"exponent":      {"invoice.draft", `{"party":"P1","lines":[{"quantity":"1e5"}]}`, "gate.json_type"},
			"no date":       {"invoice.draft", `{"party":"P1","date":"2026-02-30"}`, "gate.json_type"},
			"enum":          {"invoice.draft", `{"party":"P1","lines":[{"category":"luxury"}]}`, "gate.enum"},
			"line break":    {"invoice.draft", `{"party":"P1","subject":"a\r\nBcc: b@c.jp"}`, ""},
			"bidi":          {"invoice.draft", `{"party":"P1","lines":[{"description":"a\u202eb"}]}`, ""},
			"too long":      {"invoice.draft", `{"party":"P1","subject":"` + strings.Repeat("長", 101) + `"}`, "gate.too_long"},
			"too many":      {"invoice.draft", `{"party":"P1","recipients":[` + strings.Repeat(`"a",`, 20) + `"a"]}`, "gate.too_many"},
			"masked":        {"invoice.draft", `{"party":"P1","subject":{"masked":"confidential"}}`, "gate.json_type"},
			"half an issue": {"invoice.issue", `{"id":"x"}`, "gate.required"},
			"state":         {"invoice.list", `{"state":"void"}`, "gate.enum"},
			"cursor":        {"invoice.list", `{"after":"###"}`, "gate.cursor"},
		} {
			_, err := w.G.JSON(bg, boss, c.op, []byte(strings.ReplaceAll(c.in, "P1", w.ids["p1"])))
			if f := fault.Of(err); f == nil || f.Kind != fault.KindInvalid || c.key != "" && f.Key != c.key {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := run(w, boss, invoice.List, invoice.Filter{}); len(got.Invoices) != 0 {
			t.Fatal("something was kept")
		}
		_, err := gate.Run(bg, w.G, boss, invoice.Create, invoice.Draft{Party: "nobody"})
		wants(t, err, fault.KindNotFound, "")
	})
}
