package dispatch

import (
	"testing"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// TestC27_WhatAnImportHidesStopsNothing: people of a run count from the moment it
// becomes visible and until it is undone.
func TestC27_WhatAnImportHidesStopsNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		must(w, plant, plantIn{What: "partner", ID: "run1", Doc: plantDoc{Number: "MN-3003", Name: "minato@minato-seishi.co.jp"}})
		s := w.prepare(func(in *PrepareIn) { in.Body = "> From: minato@minato-seishi.co.jp" })
		if c := w.check(s); c.State != Checked {
			t.Fatalf("stopped by what nobody sees: %+v", c.Findings)
		}
		must(w, plant, plantIn{What: "publish", ID: "run1"})
		w.finds(w.check(s), "foreign_mail", Halt)
		must(w, plant, plantIn{What: "undo", ID: "run1"})
		if c := w.check(s); c.State != Checked {
			t.Fatalf("stopped by what was undone: %+v", c.Findings)
		}
	})
}

// TestAConfirmedPackageHoldsTheImportOfItsPartner: the partner came with one run,
// the address with another; once a package to it is confirmed, neither is undone.
func TestAConfirmedPackageHoldsTheImportOfItsPartner(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := must(w, plant, plantIn{What: "partner", ID: "run1", Doc: plantDoc{Number: "MN-3003", Name: "minato@minato-seishi.co.jp"}}).ID
		must(w, plant, plantIn{What: "publish", ID: "run1"})
		d := must(w, plant, plantIn{What: "point", ID: "run2", Doc: plantDoc{Party: p, Name: "keiri@minato-seishi.co.jp"}}).ID
		must(w, plant, plantIn{What: "publish", ID: "run2"})
		agreed(w, party.PointVerify, party.VerifyIn{ID: d, Version: 1, How: "phone", Reason: "代表電話で確認"})
		w.confirm(w.prepare(func(in *PrepareIn) {
			in.Party, in.Body, in.Recipients = p, "お知らせします。", []Proposal{{To, "keiri@minato-seishi.co.jp"}}
		}))
		for _, run := range []string{"run1", "run2"} {
			_, err := gate.Run(bg, w.G, sender, plant, plantIn{What: "undo", ID: run})
			wants(t, err, fault.KindRefused, "party.run_held")
		}
	})
}
