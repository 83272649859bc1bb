package share_test

import (
	"archive/zip"
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"sekisho/internal/base/document"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/share"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
)

// The whole way of a link: the mail has no file, the code goes to the registered
// mailbox, the bytes are those of the archive, and the sender sees it.
func TestSM34_SM44_LinkInsteadOfAttachment(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.sends(document.Invoice, "INV-1")
		if s.Channel != dispatch.Link || s.State != dispatch.Handed {
			t.Fatal(s.Channel, s.State, s.Reason)
		}
		text, files := w.mail()
		if files != 0 || !strings.Contains(text, "お送りします。") || !strings.Contains(text, "期限：2027-03-05まで") {
			t.Fatal(files, text)
		}
		locator, secret := w.link()
		o := must(w, nobody, share.Open, share.OpenIn{Locator: locator, Secret: secret})
		if o.Company != "北斗サプライ株式会社" || o.Subject != "ご請求書 INV-1" || o.Proven {
			t.Fatalf("%+v", o)
		}
		if _, err := run(w, nobody, share.Show, share.ByDevice{Locator: locator, Device: o.Ticket}); fault.Of(err).Key != "share.prove_first" {
			t.Fatal("shown before the code: ", err)
		}
		must(w, nobody, share.Code, share.CodeIn{Locator: locator, Ticket: o.Ticket})
		code := w.code()
		if s := must(w, boss, dispatch.Show, dispatch.ByID{ID: s.ID}); s.State != dispatch.Handed {
			t.Fatal("opened before the code: ", s.State)
		}
		device := must(w, nobody, share.Verify, share.VerifyIn{Locator: locator, Ticket: o.Ticket, Code: wide(code)}).Device
		_, err := run(w, nobody, share.Verify, share.VerifyIn{Locator: locator, Ticket: device, Code: code})
		wants(t, err, fault.KindRefused, "share.code_over")

		shown := must(w, nobody, share.Show, share.ByDevice{Locator: locator, Device: device})
		if len(shown.Papers) != 1 || shown.Left != -1 || shown.Papers[0].Amount != 118_800 {
			t.Fatalf("%+v", shown)
		}
		in := share.FileIn{Locator: locator, Device: device, Document: shown.Papers[0].ID, Save: true}
		for range 5 { // one's own invoices are without count
			if f := must(w, nobody, share.FileOp, in); !bytes.Equal(f.Content, w.pdf) {
				t.Fatal("other bytes than archived")
			}
		}
		in.Document = "nothing"
		_, err = run(w, nobody, share.FileOp, in)
		wants(t, err, fault.KindRefused, "dispatch.link_gone")

		got := must(w, boss, share.Of, share.OfIn{Package: s.ID})
		if len(got.Links) != 1 || got.Links[0].Downloads != 5 || got.Links[0].Opens != 1 || got.Links[0].OpenedAt.IsZero() {
			t.Fatalf("%+v", got.Links)
		}
		var kinds []share.Kind
		for _, e := range got.Events {
			kinds = append(kinds, e.Kind)
			if e.IP != "198.51.100.7" {
				t.Fatalf("%+v", e)
			}
		}
		slices.Reverse(kinds)
		if !slices.Equal(kinds[:4], []share.Kind{share.DidOpen, share.DidAskCode, share.DidProve, share.DidDownload}) {
			t.Fatal(kinds)
		}
		if s := must(w, boss, dispatch.Show, dispatch.ByID{ID: s.ID}); s.State != dispatch.Opened {
			t.Fatal(s.State)
		}
	})
}

func wide(code string) string {
	return strings.Map(func(r rune) rune { return r - '0' + '０' }, code[:3]) + " " + code[3:]
}

// A link that was handed on is of no use in another browser: the code went to
// the registered mailbox, and is good for the browser that asked only.
func TestSM34_ForwardedLink(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.sends(document.Invoice, "INV-1")
		locator, secret := w.link()
		device := w.enters(locator, secret)
		other := must(w, nobody, share.Open, share.OpenIn{Locator: locator, Secret: secret})
		if other.Proven || other.Ticket == "" {
			t.Fatalf("%+v", other)
		}
		for _, token := range []string{other.Ticket, strings.Repeat("A", 43)} {
			_, err := run(w, nobody, share.Show, share.ByDevice{Locator: locator, Device: token})
			wants(t, err, fault.KindRefused, "share.prove_first")
		}
		must(w, nobody, share.Code, share.CodeIn{Locator: locator, Ticket: other.Ticket})
		code := w.code()
		third := must(w, nobody, share.Open, share.OpenIn{Locator: locator, Secret: secret})
		must(w, nobody, share.Code, share.CodeIn{Locator: locator, Ticket: third.Ticket})
		w.code()
		_, err := run(w, nobody, share.Verify, share.VerifyIn{Locator: locator, Ticket: third.Ticket, Code: code})
		wants(t, err, fault.KindRefused, "share.code_wrong")
		if o := must(w, nobody, share.Open, share.OpenIn{Locator: locator, Secret: secret, Ticket: device}); !o.Proven || o.Ticket != "" {
			t.Fatalf("%+v", o)
		}
		w.Clock.Pass(12 * time.Hour)
		_, err = run(w, nobody, share.Show, share.ByDevice{Locator: locator, Device: device})
		wants(t, err, fault.KindRefused, "share.prove_first")
	})
}

func TestJ4_2_LockedAfterFiveWrongCodes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.sends(document.Invoice, "INV-1")
		locator, secret := w.link()
		o := must(w, nobody, share.Open, share.OpenIn{Locator: locator, Secret: secret})
		must(w, nobody, share.Code, share.CodeIn{Locator: locator, Ticket: o.Ticket})
		code := w.code()
		bad := "000000"
		if code == bad {
			bad = "000001"
		}
		for n := 1; n <= 5; n++ {
			_, err := run(w, nobody, share.Verify, share.VerifyIn{Locator: locator, Ticket: o.Ticket, Code: bad})
			wants(t, err, fault.KindRefused, map[bool]string{true: "share.locked", false: "share.code_wrong"}[n == 5])
		}
		_, err := run(w, nobody, share.Verify, share.VerifyIn{Locator: locator, Ticket: o.Ticket, Code: code})
		wants(t, err, fault.KindRefused, "share.locked")
		_, err = run(w, nobody, share.Code, share.CodeIn{Locator: locator, Ticket: o.Ticket})
		wants(t, err, fault.KindRefused, "share.locked")

		list := must(w, boss, share.WordList, share.WordsIn{})
		if len(list.Rows) != 1 || list.Rows[0].Kind != share.Locked || list.Rows[0].Package != s.ID {
			t.Fatalf("the sender was not told: %+v", list.Rows)
		}
		must(w, boss, share.Answer, share.AnswerIn{ID: list.Rows[0].ID, Reason: "先方に電話しました"})
		_, err = run(w, boss, share.Answer, share.AnswerIn{ID: list.Rows[0].ID, Reason: "もう一度"})
		wants(t, err, fault.KindRefused, "share.answered")

		w.Clock.Pass(time.Hour)
		_, err = run(w, nobody, share.Verify, share.VerifyIn{Locator: locator, Ticket: o.Ticket, Code: code})
		wants(t, err, fault.KindRefused, "share.code_over")
		for range 2 {
			must(w, nobody, share.Code, share.CodeIn{Locator: locator, Ticket: o.Ticket})
			w.code()
		}
		_, err = run(w, nobody, share.Code, share.CodeIn{Locator: locator, Ticket: o.Ticket})
		wants(t, err, fault.KindLimited, "share.codes_spent")
		w.Clock.Pass(24 * time.Hour)
		must(w, nobody, share.Code, share.CodeIn{Locator: locator, Ticket: o.Ticket})
		w.Clock.Pass(11 * time.Minute) // it was not sent in time: it never is
		if _, _, err := w.worker.Notices(bg); err != nil {
			t.Fatal(err)
		}
		if text, _ := w.mail(); codeIn.MatchString(text) && strings.Contains(text, "2026-11-25") {
			t.Fatal("a stale code was sent: ", text)
		}
	})
}

// Whatever is dead, unknown or guessed answers alike.
func TestSM34_OS51_DeadLinksLookAlike(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.sends(document.Invoice, "INV-1")
		locator, secret := w.link()
		gone := func(what, locator, secret string) {
			t.Helper()
			_, err := run(w, nobody, share.Open, share.OpenIn{Locator: locator, Secret: secret})
			wants(t, err, fault.KindRefused, "dispatch.link_gone")
			if a := fault.Of(err).Args; len(a) != 2 || a[0] != "record" {
				t.Errorf("%s says more: %v", what, fault.Of(err).Args)
			}
			c, err := run(w, nobody, share.Code, share.CodeIn{Locator: locator})
			if err != nil || len(c.Ticket) != 43 {
				t.Errorf("%s: asking for a code tells: %v %v", what, c, err)
			}
		}
		gone("guessed", "abcdefghijklmnop", secret)
		_, err := run(w, nobody, share.Open, share.OpenIn{Locator: locator, Secret: strings.Repeat("A", 43)})
		wants(t, err, fault.KindRefused, "dispatch.link_gone")

		device := w.enters(locator, secret)
		l := must(w, boss, share.Of, share.OfIn{Package: s.ID}).Links[0]
		_, err = run(w, boss, share.Withdraw, share.WithdrawIn{ID: l.ID})
		wants(t, err, fault.KindInvalid, "")
		must(w, boss, share.Withdraw, share.WithdrawIn{ID: l.ID, Reason: "金額の誤り"})
		gone("withdrawn", locator, secret)
		_, err = run(w, nobody, share.Show, share.ByDevice{Locator: locator, Device: device})
		wants(t, err, fault.KindRefused, "dispatch.link_gone")
		_, err = run(w, boss, share.Withdraw, share.WithdrawIn{ID: l.ID, Reason: "もう一度"})
		wants(t, err, fault.KindRefused, "share.withdrawn")
		must(w, nobody, share.Renew, share.RenewIn{Locator: locator})
		if n, _, err := w.worker.Notices(bg); err != nil || n != 0 {
			t.Fatal("a withdrawn link was renewed", n, err)
		}

		recalled := w.sends(document.Invoice, "INV-2")
		locator, secret = w.link()
		must(w, boss, dispatch.RecallOp, dispatch.RecallIn{ID: recalled.ID, Cause: "wrong_recipient", Reason: "宛先違い"})
		gone("recalled", locator, secret)

		w.sends(document.Invoice, "INV-3")
		locator, secret = w.link()
		p := must(w, boss, party.ShowOp, party.ByID{ID: w.party.ID}).Points[0]
		must(w, boss, party.PointRetire, party.RetireIn{ID: p.ID, Reason: "使われなくなった"})
		gone("retired", locator, secret)
	})
}

func TestOS51_OtherPapersForDaysAndTimes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.sends(document.Quote, "Q-1")
		locator, secret := w.link()
		device := w.enters(locator, secret)
		p := must(w, nobody, share.Show, share.ByDevice{Locator: locator, Device: device})
		if p.Left != 3 || p.Ends != civil.Of(w.Clock.Now()).AddDays(14) {
			t.Fatalf("%+v", p)
		}
		in := share.FileIn{Locator: locator, Device: device, Document: p.Papers[0].ID}
		for range 3 {
			must(w, nobody, share.FileOp, in)
		}
		_, err := run(w, nobody, share.FileOp, in)
		wants(t, err, fault.KindRefused, "share.downloads_spent")
		w.Clock.Pass(15 * 24 * time.Hour)
		_, err = run(w, nobody, share.Open, share.OpenIn{Locator: locator, Secret: secret})
		wants(t, err, fault.KindRefused, "dispatch.link_gone")
		must(w, nobody, share.Renew, share.RenewIn{Locator: locator})
		if n, _, err := w.worker.Notices(bg); err != nil || n != 0 {
			t.Fatal("what is not one's own invoice was renewed", n, err)
		}
	})
}

// One press on a dead link sends a new one, to the registered mailbox only.
func TestSM34_Renew(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.sends(document.Invoice, "INV-1")
		old, secret := w.link()
		must(w, nobody, share.Renew, share.RenewIn{Locator: old})
		if n, _, err := w.worker.Notices(bg); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		locator, fresh := w.link()
		if locator == old || fresh == secret {
			t.Fatal("the same link again")
		}
		_, err := run(w, nobody, share.Open, share.OpenIn{Locator: old, Secret: secret})
		wants(t, err, fault.KindRefused, "dispatch.link_gone")
		w.enters(locator, fresh)
		for range 5 { // three mails a day about one link
			must(w, nobody, share.Renew, share.RenewIn{Locator: old})
		}
		if n, _, err := w.worker.Notices(bg); err != nil || n > 3 {
			t.Fatal(n, err)
		}
		must(w, nobody, share.Renew, share.RenewIn{Locator: "abcdefghijklmnop"})
	})
}

// While all sending is stopped the portal hands out nothing either.
func TestSM31_StopStopsThePortal(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.sends(document.Invoice, "INV-1")
		locator, secret := w.link()
		device := w.enters(locator, secret)
		p := must(w, nobody, share.Show, share.ByDevice{Locator: locator, Device: device})
		o := must(w, nobody, share.Open, share.OpenIn{Locator: locator, Secret: secret})
		must(w, nobody, share.Code, share.CodeIn{Locator: locator, Ticket: o.Ticket})
		must(w, boss, dispatch.StopAll, dispatch.StopIn{Reason: "調べるため"})
		_, err := run(w, nobody, share.FileOp, share.FileIn{Locator: locator, Device: device, Document: p.Papers[0].ID})
		wants(t, err, fault.KindRefused, "dispatch.stopped_all")
		_, err = run(w, nobody, share.Code, share.CodeIn{Locator: locator, Ticket: o.Ticket})
		wants(t, err, fault.KindRefused, "dispatch.stopped_all")
		before, _ := w.mail()
		if _, _, err := w.worker.Notices(bg); err != nil {
			t.Fatal(err)
		}
		if after, _ := w.mail(); after != before {
			t.Fatal("a code left while all sending was stopped")
		}
	})
}

func TestC37_WordsAndMonth(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one := w.sends(document.Invoice, "INV-1")
		first := w.pdf
		w.Clock.Pass(time.Hour)
		two := w.sends(document.Invoice, "INV-2")
		locator, secret := w.link()
		_, err := run(w, nobody, share.Write, share.WriteIn{Locator: locator, Ticket: "x", Kind: share.Question, Words: "誰ですか"})
		wants(t, err, fault.KindRefused, "share.prove_first")
		o := must(w, nobody, share.Open, share.OpenIn{Locator: locator, Secret: secret})
		for range 5 {
			must(w, nobody, share.Write, share.WriteIn{Locator: locator, Ticket: o.Ticket, Kind: share.CannotOpen, Words: "開けません"})
		}
		_, err = run(w, nobody, share.Write, share.WriteIn{Locator: locator, Ticket: o.Ticket, Kind: share.Question, Words: "まだ？"})
		wants(t, err, fault.KindLimited, "share.too_many_words")
		if got := must(w, boss, share.WordList, share.WordsIn{}); len(got.Rows) != 5 || got.Rows[0].Words != "開けません" {
			t.Fatalf("%+v", got.Rows)
		}

		device := w.enters(locator, secret)
		got := must(w, nobody, share.Month, share.MonthIn{Locator: locator, Device: device, Month: "2026-11"})
		z, err := zip.NewReader(bytes.NewReader(got.Content), int64(len(got.Content)))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range z.File {
			names = append(names, f.Name)
		}
		if !slices.Equal(names, []string{"20261120_118800_北斗サプライ株式会社.pdf", "20261120_118800_北斗サプライ株式会社_2.pdf", "index.csv"}) {
			t.Fatal(names)
		}
		r, err := z.File[0].Open()
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, first) && !bytes.Equal(b, w.pdf) {
			t.Fatal("other bytes than archived", err)
		}
		// Each link counts what was taken through it, and so does its sending.
		of := func(id string) share.OfOut { return must(w, boss, share.Of, share.OfIn{Package: id}) }
		for id, opens := range map[string]int64{one.ID: 0, two.ID: 1} {
			l := of(id).Links[0]
			if l.Downloads != 1 || l.Opens != opens || l.OpenedAt.IsZero() {
				t.Errorf("%+v", l)
			}
			s := must(w, boss, dispatch.Show, dispatch.ByID{ID: id})
			if e := of(id).Events[0]; e.Kind != share.DidDownload || e.Document != s.Attachments[0].Document || e.IP != "198.51.100.7" || s.State != dispatch.Opened {
				t.Errorf("%+v %s", e, s.State)
			}
		}
		r, err = z.File[2].Open()
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(r); err != nil || !bytes.HasPrefix(b, []byte("\ufeff取引年月日,金額,取引先,書類番号,ファイル名,SHA-256\r\n2026-11-20,118800,北斗サプライ株式会社,INV-")) {
			t.Fatal(string(b), err)
		}
		_, err = run(w, nobody, share.Month, share.MonthIn{Locator: locator, Device: device, Month: "2026-10"})
		wants(t, err, fault.KindRefused, "dispatch.link_gone")
	})
}

// With a portal files go inside a mail only to who has chosen so, which two of
// ours have recorded.
func TestC37_ChoiceOfTheAddressee(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		doc := w.paper(document.Invoice, "INV-1")
		in := dispatch.PrepareIn{Party: w.party.ID, Subject: "ご請求書", Body: "お送りします。", Purpose: dispatch.ForInvoice, Channel: dispatch.Mail,
			Recipients: []dispatch.Proposal{{Kind: dispatch.To, Address: w.point.Address}}, Documents: []string{doc}}
		_, err := run(w, boss, w.d.Prepare, in)
		wants(t, err, fault.KindRefused, "dispatch.attachment_not_chosen")
		choice := party.ChoiceIn{Party: w.party.ID, Way: party.ByAttachment, SaidBy: "経理課 三好様", Proof: "2026-11-20 の書面"}
		agreed(w, party.ChoiceSet, choice)
		_, err = run(w, boss, party.ChoiceSet, choice)
		wants(t, err, fault.KindRefused, "party.no_change")
		in.Channel = ""
		s := must(w, boss, w.d.Prepare, in)
		if s.Channel != dispatch.Mail {
			t.Fatal(s.Channel)
		}
		w.released(s)
		if text, files := w.mail(); files != 1 || strings.Contains(text, "/s/") {
			t.Fatal(files, text)
		}
		choice.Way = party.ByLink
		must(w, boss, party.ChoiceSet, choice) // stronger: one person suffices
		list := must(w, boss, party.Choices, party.ChoicesIn{Party: w.party.ID})
		if len(list.Rows) != 2 || list.Rows[0].Way != party.ByLink || list.Rows[1].Approver != "second" {
			t.Fatalf("%+v", list.Rows)
		}
		for _, bad := range []party.ChoiceIn{
			{Party: w.party.ID, Way: party.ByService, SaidBy: "x", Proof: "x"},
			{Party: w.party.ID, Way: party.ByPaper, Address: "a@b.example", SaidBy: "x", Proof: "x"},
			{Party: w.party.ID, Way: party.ByPaper, SaidBy: "x", Proof: "x", SaidOn: civil.Of(w.Clock.Now()).AddDays(1)},
			{Party: w.party.ID, Way: "fax", SaidBy: "x", Proof: "x"},
		} {
			_, err := run(w, boss, party.ChoiceSet, bad)
			wants(t, err, fault.KindInvalid, "")
		}
		in.Documents, in.Channel, in.Purpose = nil, dispatch.Link, dispatch.ForNotice
		_, err = run(w, boss, w.d.Prepare, in)
		wants(t, err, fault.KindRefused, "dispatch.link_of_nothing")
	})
}

func TestOS51_LinkTerm(t *testing.T) {
	d := civil.MustParse
	for _, c := range []struct {
		own             bool
		due, sent, ends string
		most            int64
	}{
		{true, "2026-12-31", "2026-11-24", "2027-03-01", 0},
		{true, "2026-11-30", "2026-11-24", "2027-02-22", 0},
		{true, "2026-12-24", "2026-11-24", "2027-02-22", 0}, // both end on one day
		{true, "2026-12-25", "2026-11-24", "2027-02-23", 0},
		{false, "2026-12-31", "2026-11-24", "2026-12-08", 3},
	} {
		if ends, most := dispatch.LinkTerm(c.own, d(c.due), d(c.sent)); ends.String() != c.ends || most != c.most {
			t.Errorf("%+v: %s %d", c, ends, most)
		}
	}
}
