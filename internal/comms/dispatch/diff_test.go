package dispatch

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sekisho/internal/base/approval"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/money"
)

// TestDiffGivesBothTextsBack: what is the same or removed makes the text before,
// what is the same or added the one after, and no shorter difference is missed.
func TestDiffGivesBothTextsBack(t *testing.T) {
	words := rapid.SliceOfN(rapid.SampledFrom([]string{"", "御中", "請求書", "金額", "以上"}), 0, 12)
	rapid.Check(t, func(t *rapid.T) {
		a, b := words.Draw(t, "before"), words.Draw(t, "after")
		ls := diff(strings.Join(a, "\n"), strings.Join(b, "\n"))
		side := func(other string) string {
			var out []string
			for _, l := range ls {
				if l.Change != other {
					out = append(out, l.Text)
				}
			}
			return strings.Join(out, "\n")
		}
		if side(Added) != strings.Join(a, "\n") || side(Removed) != strings.Join(b, "\n") {
			t.Fatalf("%q to %q: %+v", a, b, ls)
		}
		n := 0
		for _, l := range ls {
			if l.Change == Same {
				n++
			}
		}
		if want := inCommon(lines(strings.Join(a, "\n")), lines(strings.Join(b, "\n"))); n != want {
			t.Fatalf("%d lines in common, could be %d", n, want)
		}
	})
}

// inCommon is the length of the longest common sequence, straight from its definition.
func inCommon(a, b []string) int {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	t := make([]int, len(b)+1)
	for i := range a {
		prev := 0
		for j := range b {
			up := t[j+1]
			if a[i] == b[j] {
				t[j+1] = prev + 1
			} else {
				t[j+1] = max(t[j], up)
			}
			prev = up
		}
	}
	return t[len(b)]
}

func TestDiffOfLongTextsStaysWhole(t *testing.T) {
	a, b := strings.Repeat("\n", 4000), strings.Repeat("x\n", 4000)
	var removed, added int
	for _, l := range diff("頭\n"+a+"\n尾", "頭\n"+b+"\n尾") {
		switch l.Change {
		case Removed:
			removed++
		case Added:
			added++
		}
	}
	if removed < 3999 || added < 3999 {
		t.Fatal(removed, added)
	}
}

func TestPercent(t *testing.T) {
	for _, c := range []struct {
		before, after money.Yen
		want          string
	}{
		{100_000, 112_500, "+12.5%"}, {100_000, 100_000, "+0.0%"}, {100_000, 0, "-100.0%"}, {0, 5, ""}, {-5, 5, ""}, {3, 1, "-66.7%"},
		{3, 4, "+33.3%"}, {1, money.MaxYen, "+900719925474099000.0%"}, {money.MaxYen, money.MaxYen - 1, "-0.0%"}, {2000, 2001, "+0.1%"}, {money.MaxYen, -money.MaxYen, "-200.0%"},
	} {
		if got := percent(c.before, c.after); got != c.want {
			t.Errorf("%d to %d: %s, want %s", c.before, c.after, got, c.want)
		}
	}
}

func TestC35_AttachmentsArePairedWithWhatTheyReplace(t *testing.T) {
	day := civil.MustParse("2026-11-20")
	nov := askedFile{"11.pdf", "INV-11", 100_000, day, "a", "invoice"}
	dec := askedFile{"12.pdf", "INV-12", 150_000, day.AddDays(30), "b", "invoice"}
	list := askedFile{"明細.csv", "", 0, day, "c", "attachment"}
	for name, c := range map[string]struct {
		a, b []askedFile
		want []string
	}{
		"same":       {[]askedFile{nov, list}, []askedFile{list, nov}, []string{"same 明細.csv", "same 11.pdf"}},
		"next month": {[]askedFile{nov}, []askedFile{dec}, []string{"changed 12.pdf name number date amount content"}},
		"one more":   {[]askedFile{nov}, []askedFile{nov, dec}, []string{"same 11.pdf", "added 12.pdf"}},
		"one less":   {[]askedFile{nov, list}, []askedFile{nov}, []string{"removed 明細.csv", "same 11.pdf"}},
		"other kind": {[]askedFile{nov}, []askedFile{list}, []string{"removed 11.pdf", "added 明細.csv"}},
	} {
		var got []string
		for _, f := range attachments(c.a, c.b) {
			s := f.Change + " " + f.Name
			for _, x := range f.Claims {
				s += " " + x.Field
				if x.Field == "amount" && (x.Before != "100,000" || x.After != "150,000 (+50.0%)") {
					t.Errorf("%s: %+v", name, x)
				}
			}
			got = append(got, s)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func changedLines(ls []Line) (out []string) {
	for _, l := range ls {
		if l.Change != Same {
			out = append(out, l.Change+" "+l.Text)
		}
	}
	return out
}

// TestC35_WhoLooksSecondSeesWhatDiffers: from the last sending, and from what the
// requester asked for before it was turned down.
func TestC35_WhoLooksSecondSeesWhatDiffers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		see := func(s Shown) DifferenceOut {
			t.Helper()
			return gatetest.Must[DifferenceOut](t)(gate.Run(bg, w.G, approver, DifferenceOp, ByID{s.ID}))
		}
		first := w.of("INV-1", 1_000_000)
		if d := see(first); d.Last.Package != "" || d.Earlier.Package != "" {
			t.Fatalf("%+v", d)
		}
		w.hold(first)
		w.send()
		w.hold(w.prepare(func(in *PrepareIn) { in.Purpose, in.Body = ForNotice, "休業のお知らせです。" })) // of another purpose
		w.send()

		s := w.of("INV-2", 1_500_000)
		_, r := w.ask(s)
		if _, err := gate.Run(bg, w.G, approver, approval.Reject, approval.RejectIn{ID: r, Reason: "本文の日付が違うため"}); err != nil {
			t.Fatal(err)
		}
		got := w.show(s)
		doc := w.invoice(w.tohoku, "INV-3", 1_200_000, page(t, "請求書 INV-3", "株式会社東北機械製作所 御中", "1,200,000"))
		must(w, w.d.RemoveRecipient, RemoveIn{s.ID, got.Recipients[1].ID})
		must(w, w.d.Edit, EditIn{s.ID, w.show(s).Version, got.Subject, strings.Replace(got.Body, "添付します", "お送りします", 1), []string{doc}, ""})
		w.check(s) // a version nobody was asked about
		got = w.show(s)
		must(w, w.d.Edit, EditIn{s.ID, got.Version, got.Subject + "（12月分）", got.Body, []string{doc}, ""})
		_, r = w.ask(s)

		d := see(s)
		if d.Last.Package != first.ID || d.Last.Total.Before != 1_000_000 || d.Last.Total.After != 1_200_000 || d.Last.Total.Percent != "+20.0%" || d.Last.None {
			t.Fatalf("%+v", d.Last)
		}
		e := d.Earlier
		if e.Package != s.ID || e.Reached != string(approval.Rejected) || e.Total.Percent != "-20.0%" {
			t.Fatalf("%+v", e)
		}
		if got := changedLines(e.Body); !slices.Equal(got, []string{"removed 請求書を添付します。", "added 請求書をお送りします。"}) {
			t.Fatal(got)
		}
		if got := changedLines(e.Subject); !slices.Equal(got, []string{"removed ご請求書の送付", "added ご請求書の送付（12月分）"}) {
			t.Fatal(got)
		}
		if len(e.Recipients) != 2 || e.Recipients[0] != (RecipientChange{Removed, Cc, "soumu@tohoku-kikai.co.jp"}) || e.Recipients[1].Change != Same {
			t.Fatalf("%+v", e.Recipients)
		}
		if len(e.Attachments) != 1 || e.Attachments[0].Change != Changed || len(e.Attachments[0].Claims) != 4 {
			t.Fatalf("%+v", e.Attachments)
		}
		// The request shows the same, and nobody sees what the requester ticked.
		shown := gatetest.Must[approval.Shown](t)(gate.Run(bg, w.G, approver, approval.Show, approval.ByID{ID: r}))
		if !strings.Contains(shown.AfterIs, "請求書をお送りします。") || !strings.Contains(shown.AfterIs, `"earlier":{`) || strings.Contains(shown.AfterIs+shown.BeforeIs, "tick") {
			t.Fatal(shown.AfterIs)
		}
		if err := w.approve(r, approver); err != nil {
			t.Fatal(err)
		}
		if d := see(s); d.Earlier.Reached != string(approval.Rejected) { // the approved one is this one
			t.Fatalf("%+v", d.Earlier)
		}
		_, err := gate.Run(bg, w.G, sender, DifferenceOp, ByID{"nothing"})
		wants(t, err, fault.KindNotFound, "")
	})
}
