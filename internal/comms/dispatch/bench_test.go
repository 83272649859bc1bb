package dispatch

import (
	"fmt"
	"testing"

	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

// BenchmarkCheck is one dispatch.check of a mail without attachment against
// 10,000 partners: with the register in memory, and after a change of it.
func BenchmarkCheck(b *testing.B) {
	d, err := New(Settings{From: Sender{"", "billing@hokuto-supply.co.jp"}})
	if err != nil {
		b.Fatal(err)
	}
	w := gatetest.Open(b, options(d), "")
	run := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	_, err = gate.Run(bg, w.G, sender, org.IssuerUpdate, org.IssuerIn{Profile: org.Profile{Name: "北斗サプライ株式会社", PostalCode: "060-0001", Address: "札幌市", FiscalStart: 4, Rounding: "floor"}})
	run(err)
	var p party.Party
	create := func(n int) {
		p, err = gate.Run(bg, w.G, sender, party.Create, party.CreateIn{Code: fmt.Sprintf("C%06d", n), Name: fmt.Sprintf("株式会社%c%c商事%d", rune('東'+n%97), rune('山'+n%89), n),
			Phone: fmt.Sprintf("03-%04d-%04d", 1000+n/10000, n%10000), Terms: civil.Term{Close: 31, Months: 1, PayDay: 31, Shift: civil.ShiftNext}})
		run(err)
	}
	for n := range 10_000 {
		create(n)
	}
	s, err := gate.Run(bg, w.G, sender, d.Prepare, PrepareIn{Party: p.ID, Recipients: []Proposal{{To, "a@example.com"}}, Subject: "ご連絡", Body: "いつもお世話になっております。", Purpose: ForNotice})
	run(err)
	_, err = gate.Run(bg, w.G, sender, d.Check, ByID{s.ID})
	run(err)
	b.Run("in memory", func(b *testing.B) {
		for b.Loop() {
			_, err := gate.Run(bg, w.G, sender, d.Check, ByID{s.ID})
			run(err)
		}
	})
	b.Run("after a change", func(b *testing.B) {
		for n := 20_000; b.Loop(); n++ {
			create(n)
			_, err := gate.Run(bg, w.G, sender, d.Check, ByID{s.ID})
			run(err)
		}
	})
}
