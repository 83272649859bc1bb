package dispatch

import (
	"fmt"
	"testing"

	"sekisho/internal/base/document"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/money"
)

// TestSM29_WhatIsUsuallyBigIsNoWarning: it waits for a second person all the same.
func TestSM29_WhatIsUsuallyBigIsNoWarning(t *testing.T) {
	a := func(f *Facts) *FileFact { return &f.Files[0] }
	months := func(amounts ...money.Yen) []Billed {
		var out []Billed
		for i, y := range amounts {
			out = append(out, Billed{fmt.Sprint("INV-", i), y, civil.MustParse("2026-11-30").AddMonths(-1 - i)})
		}
		return out
	}
	for _, c := range []struct {
		name   string
		change func(*Facts)
		want   Level
	}{
		{"as every month", func(*Facts) {}, Match},
		{"half of the months are below", func(f *Facts) { f.History = months(1_300_000, 990_000, 980_000, 970_000) }, Caution},
		{"one month is below", func(f *Facts) { f.History = months(1_300_000, 990_000, 1_150_000, 1_200_000) }, Match},
		{"two are no habit", func(f *Facts) { f.History = months(1_200_000, 1_250_000) }, Caution},
		{"nothing known", func(f *Facts) { f.History = nil }, Caution},
		{"far above", func(f *Facts) { a(f).Amount, f.Total = 2_000_000, 2_000_000 }, Caution},
		{"last year's month", func(f *Facts) {
			f.History = []Billed{{"INV-0", 1_210_000, civil.MustParse("2025-11-05")}}
		}, Match},
		{"last year's month, another amount", func(f *Facts) {
			f.History = []Billed{{"INV-0", 1_100_000, civil.MustParse("2025-11-05")}}
		}, Caution},
		{"last year's next month", func(f *Facts) {
			f.History = []Billed{{"INV-0", 1_210_000, civil.MustParse("2025-12-05")}}
		}, Caution},
		{"not issued by us", func(f *Facts) { a(f).Issued = false }, Caution},
		{"a credit", func(f *Facts) { a(f).Kind = document.Credit }, Caution},
		{"with a quote over an amount", func(f *Facts) {
			f.Files = append(f.Files, FileFact{Item: "q", Name: "見積書.pdf", Kind: document.Quote, Amount: 5_000_000})
		}, Caution},
		{"with a paper over none", func(f *Facts) {
			f.Files = append(f.Files, FileFact{Item: "q", Name: "納品明細.csv", Kind: document.Attachment})
		}, Match},
	} {
		f := clean()
		f.Total, f.History = 1_210_000, months(1_180_000, 1_250_000, 1_100_000)
		a(&f).Kind, a(&f).Issued, a(&f).Amount, a(&f).Date = document.Invoice, true, 1_210_000, civil.MustParse("2026-11-30")
		c.change(&f)
		got := bigAmount(f)
		if len(got) != 1 || got[0].Level != c.want || !got[0].Second || (got[0].Key == "dispatch.found.big_usual") != (c.want == Match) {
			t.Errorf("%s: %+v", c.name, got)
		}
		if _, ask := judge(f.Rules, got); ask != Second {
			t.Errorf("%s: %s", c.name, ask)
		}
	}
}

// TestSM29_TheUsualAmountStillWaits goes the whole way: confirmed, approved, sent.
func TestSM29_TheUsualAmountStillWaits(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.known()
		for i, y := range []money.Yen{1_180_000, 1_250_000, 1_100_000} {
			w.bill(fmt.Sprint("INV-1", i), y)
		}
		w.sent(w.bill("INV-20", 1_190_000))
		s := w.of("INV-21", 1_210_000)
		c := w.check(s)
		if f := w.finds(c, "big_usual", Match); !f.Second || c.Friction != Second || f.Shown != "1,210,000" || found(c.Findings) != "" {
			t.Fatalf("%+v", c)
		}
		w.hold(s) // asks for the second person, or fails
		if w.send() != 2 {
			t.Fatal("approved, and not sent")
		}
	})
}

// TestM1_SharedOnPurpose: an address verified for two is asked about until
// something was sent there since; a contact of another partner always.
func TestM1_SharedOnPurpose(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.known()
		w.point(w.akat, "keiri@tohoku-kikai.co.jp")
		doc := w.bill("INV-2", 119_200)
		s := w.prepare(func(in *PrepareIn) { in.Documents = []string{doc} })
		w.finds(w.check(s), "shared", Caution) // used before, but not since another has it
		w.hold(s)
		w.send()
		if c := w.check(w.good("INV-3")); found(c.Findings) != "" {
			t.Fatal(found(c.Findings))
		}
		must(w, party.ContactAdd, party.ContactIn{Party: w.akat.ID, Name: "赤月 花子", Mail: "soumu@tohoku-kikai.co.jp"})
		for _, n := range []string{"INV-4", "INV-5"} {
			s := w.good(n)
			w.finds(w.check(s), "shared", Caution)
			w.hold(s)
			w.send()
		}
	})
}

// TestM5_TheColumnOfAListIsNoShipTo: only a paper of our own says where goods go.
func TestM5_TheColumnOfAListIsNoShipTo(t *testing.T) {
	r := market(t)
	text := "納品日,納品先,品名,数量\n2027/11/02,株式会社東北機械製作所,軸受,4\n2027/11/05,有限会社あかつき運輸,軸受,2\n"
	for ours, want := range map[bool]Level{false: Halt, true: Caution} {
		found := r.ScanFile(text, "p1")
		f := Facts{Files: []FileFact{{Item: "f", Ours: ours, HasName: found.Ours, Hits: found.Hits}}}
		f.explain(nil)
		if got := fileForeign(f); len(got) != 1 || got[0].Level != want {
			t.Errorf("ours %v: %+v", ours, got)
		}
	}
}

func TestTheFormInTheMiddleOfAName(t *testing.T) {
	const name = "みちのく食品株式会社 本社"
	r := NewRegister([]Partner{{ID: "m", Name: name}, {ID: "p1", Name: "株式会社東北機械製作所"}}, nil)
	for text, want := range map[string]bool{
		"みちのく食品株式会社 本社 御中": true, "みちのく食品㈱本社 御中": true, "みちのく食品\n株式会社 本社": true, "みちのく食品本社": true,
		"みちのく食品株式会社 支社 御中": false, "本社 みちのく食品": false,
	} {
		if Holds(text, name) != want || r.ScanFile(text, "m").Ours != want {
			t.Errorf("%q: %v, %v", text, Holds(text, name), r.ScanFile(text, "m").Ours)
		}
		if hits := r.Scan(text, "p1").Hits; len(hits) > 0 != want {
			t.Errorf("%q in another's letter: %+v", text, hits)
		}
	}
	if got := wholeNames("株式会社東北機械製作所"); got != nil {
		t.Error(got)
	}
}

// TestC32_ANameThatGoesOnInAWord never stops alone in a paper; what names a part
// of the company, or the company itself, does.
func TestC32_ANameThatGoesOnInAWord(t *testing.T) {
	r := NewRegister([]Partner{{ID: "p1", Name: "株式会社東北機械製作所"}, {ID: "c", Name: "中央印刷株式会社"}, {ID: "s", Name: "株式会社サンライズ"},
		{ID: "t", Name: "株式会社テクノサポート"}}, nil)
	for text, weak := range map[string]bool{
		"中央印刷機用ローラー": true, "壁紙 サンライズ柄": true, "テクノサポート契約（年間・プリンター）": true,
		"中央印刷 御中": false, "中央印刷御中": false, "中央印刷札幌支店": false, "中央印刷株式会社": false, "株式会社サンライズ柄": false, "中央印刷の請求書": false,
		"中央印刷様": false, "中央印刷請求書": false, "中央印刷社": false, "中央印刷分": false, "サンライズ経理部": false, "中央印刷札幌市": false,
	} {
		if h := r.ScanFile(text, "p1").Hits; len(h) != 1 || h[0].Weak != weak {
			t.Errorf("%q: %+v", text, h)
		}
		if h := r.Scan(text, "p1").Hits; len(h) != 1 || h[0].Weak {
			t.Errorf("%q in words that somebody wrote: %+v", text, h)
		}
	}
}
