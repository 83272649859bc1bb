package dispatch

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/text"
)

// TestStateMachine states every pair of states that may follow each other; all
// other pairs must not.
func TestStateMachine(t *testing.T) {
	want := map[State]string{
		Prepared:  "prepared stopped checked cancelled",
		Stopped:   "prepared stopped checked cancelled",
		Checked:   "prepared stopped checked confirmed cancelled",
		Confirmed: "prepared awaiting_approval held cancelled",
		Awaiting:  "prepared approved rejected cancelled",
		Approved:  "prepared held cancelled",
		Rejected:  "prepared cancelled",
		Held:      "prepared claimed refused cancelled",
		Claimed:   "held handed_over unknown refused",
		Unknown:   "held handed_over refused",
		Handed:    "delivered bounced opened recalled",
		Delivered: "bounced opened recalled",
		Opened:    "recalled",
	}
	for _, from := range States() {
		for _, to := range States() {
			can := false
			for _, e := range Events() {
				next, err := Next(from, e)
				can = can || err == nil && next == to
				if err != nil && (!fault.Is(err, fault.KindRefused) || next != from) {
					t.Errorf("%s on %s: %v, %s", e, from, err, next)
				}
			}
			if w := slices.Contains(strings.Fields(want[from]), string(to)); can != w {
				t.Errorf("%s → %s: possible is %v, want %v", from, to, can, w)
			}
		}
	}
	for _, s := range []State{Stopped, Rejected, Cancelled, Refused, Bounced, Recalled} {
		if s.Can(Claim) || s.Can(Hold) || s.Can(Confirm) {
			t.Errorf("%s leads to sending", s)
		}
	}
}

// TestNoWayPastTheGates walks at random: whatever happens, nothing is claimed
// without having been checked, confirmed and held since its last change.
func TestNoWayPastTheGates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, since := Prepared, map[State]bool{}
		for range 60 {
			e := rapid.SampledFrom(Events()).Draw(t, "event")
			next, err := Next(s, e)
			if err != nil {
				continue
			}
			if e == Change {
				since = map[State]bool{}
			}
			since[next] = true
			if next == Claimed && !(since[Checked] && since[Confirmed] && since[Held]) {
				t.Fatalf("claimed with only %v since the last change", since)
			}
			if next == Held && since[Awaiting] && !since[Approved] {
				t.Fatal("held while a second person was asked and did not agree")
			}
			s = next
		}
	})
}

func TestSummaryShowsWhatNeedsAttention(t *testing.T) {
	for _, c := range []struct {
		in   []State
		want State
	}{
		{[]State{Handed, Handed}, Handed}, {[]State{Handed, Unknown, Held}, Unknown}, {[]State{Handed, Held}, Held},
		{[]State{Claimed, Held}, Claimed}, {[]State{Handed, Refused}, Refused}, {[]State{Cancelled, Handed}, Cancelled},
		{[]State{Prepared, Prepared}, Prepared}, {nil, Prepared},
	} {
		if got := Summary(c.in); got != c.want {
			t.Errorf("%v: %s, want %s", c.in, got, c.want)
		}
	}
}

func sample() Package {
	return Package{Party: "p1", Channel: Mail, Purpose: ForInvoice, Class: "confidential", From: Sender{"北斗サプライ", "billing@hokuto.example"},
		Subject: "請求書", Body: "本文", Recipients: []Recipient{{To, "d1", "a@x.jp", 2}, {Cc, "d2", "b@x.jp", 1}},
		Attachments: []Attachment{{"doc1", strings.Repeat("a", 64), "請求書.pdf", "application/pdf", "invoice", "INV-1", 110, civil.MustParse("2026-11-20")}}}
}

// mutations changes every field of a package, lists by content, order and length.
func mutations() map[string]func(*Package) {
	return map[string]func(*Package){
		"party": func(p *Package) { p.Party = "p2" }, "channel": func(p *Package) { p.Channel = "fax" },
		"purpose": func(p *Package) { p.Purpose = ForNotice }, "class": func(p *Package) { p.Class = "personal" },
		"from name": func(p *Package) { p.From.Name += "x" }, "from": func(p *Package) { p.From.Address += "x" },
		"subject": func(p *Package) { p.Subject += " " }, "body": func(p *Package) { p.Body += "\n" },
		"shift":     func(p *Package) { p.Subject, p.Body = p.Subject+"本", "文" },
		"kind":      func(p *Package) { p.Recipients[0].Kind = Cc },
		"point":     func(p *Package) { p.Recipients[0].Point = "d9" },
		"address":   func(p *Package) { p.Recipients[0].Address = "a@y.jp" },
		"version":   func(p *Package) { p.Recipients[0].Version++ },
		"order":     func(p *Package) { slices.Reverse(p.Recipients) },
		"recipient": func(p *Package) { p.Recipients = p.Recipients[:1] },
		"document":  func(p *Package) { p.Attachments[0].Document = "doc2" },
		"digest":    func(p *Package) { p.Attachments[0].Digest = strings.Repeat("b", 64) },
		"name":      func(p *Package) { p.Attachments[0].Name = "x.pdf" },
		"media":     func(p *Package) { p.Attachments[0].Media = "text/csv" },
		"dockind":   func(p *Package) { p.Attachments[0].Kind = "quote" },
		"number":    func(p *Package) { p.Attachments[0].Number = "INV-2" },
		"amount":    func(p *Package) { p.Attachments[0].Amount++ },
		"date":      func(p *Package) { p.Attachments[0].Date = civil.MustParse("2026-11-21") },
		"files":     func(p *Package) { p.Attachments = nil },
		"twice":     func(p *Package) { p.Attachments = append(p.Attachments, p.Attachments[0]) },
	}
}

func TestH07_DigestCoversEveryField(t *testing.T) {
	const golden = "cc546063287b99cc7db15ad962b17a7a1350b3d00a3b6654390a582f501be9bc" // computed by another program from the description of Canonical
	seen := map[string]string{sample().Digest(): "unchanged"}
	for name, change := range mutations() {
		p := sample()
		change(&p)
		if other := seen[p.Digest()]; other != "" {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[p.Digest()] = name
	}
	// A field added later must be added to the encoding and to this list.
	fields := reflect.TypeFor[Package]().NumField() + reflect.TypeFor[Sender]().NumField() + reflect.TypeFor[Recipient]().NumField() + reflect.TypeFor[Attachment]().NumField()
	if fields != 9+2+4+8 {
		t.Errorf("the package has %d fields", fields)
	}
	if got := sample().Digest(); got != golden {
		t.Errorf("the canonical encoding has changed: %s", got)
	}
	if a, b := MessageID("d", "p1", "x.jp"), MessageID("d", "p2", "x.jp"); a == b || a != MessageID("d", "p1", "x.jp") || !strings.HasSuffix(a, "@x.jp") {
		t.Errorf("%s %s", a, b)
	}
}

// clean are the facts of a package about which nothing is strange.
func clean() Facts {
	return Facts{Party: PartyFact{"p1", "株式会社東北機械", true}, Class: policy.Confidential, BigFrom: 1_000_000, Total: 1100, SaysFile: true,
		Recipients: []RecipientFact{{Item: "r1", Kind: To, Proposed: "a@x.jp", Point: "d1", Label: "経理", Max: policy.Confidential}},
		Files:      []FileFact{{Item: "f1", Name: "請求書.pdf", Invoice: true, HasName: true, HasNumber: true, HasAmount: true, Number: "INV-1"}}}
}

func TestC27_Findings(t *testing.T) {
	r := func(f *Facts) *RecipientFact { return &f.Recipients[0] }
	a := func(f *Facts) *FileFact { return &f.Files[0] }
	off := func(f *Facts) { r(f).Point, r(f).Near = "", Beside{"a@x.jp", "d1", ""} }
	for _, c := range []struct {
		name   string
		change func(*Facts)
		key    string
		level  Level
		second bool
	}{
		{"one letter", func(f *Facts) { off(f); r(f).Near.Reason = "mailaddr.near.typo" }, "near_registered", Halt, false},
		{"unknown", off, "not_registered", Halt, false},
		{"not verified", func(f *Facts) { off(f); r(f).Pending = true }, "not_verified", Halt, false},
		{"another's", func(f *Facts) { off(f); r(f).Elsewhere = true }, "two_partners", Halt, false},
		{"like another's", func(f *Facts) { off(f); r(f).Alike = "mailaddr.near.typo" }, "near_other", Halt, false},
		{"no address", func(f *Facts) { off(f); r(f).Bad = "mailaddr.one_at" }, "no_address", Halt, false},
		{"nobody", func(f *Facts) { f.Recipients = nil }, "no_recipient", Halt, false},
		{"cc only", func(f *Facts) { r(f).Kind = Cc }, "no_recipient", Halt, false},
		{"doubled", func(f *Facts) { r(f).Doubled = true }, "doubled", Halt, false},
		{"left", func(f *Facts) { r(f).Left = true }, "contact_left", Halt, false},
		{"free", func(f *Facts) { r(f).FreeMail, r(f).FirstTime = true, true }, "free_mail", Caution, true},
		{"first", func(f *Facts) { r(f).FirstTime = true }, "first_time", Caution, true},
		{"suspended", func(f *Facts) { f.Party.Active = false }, "partner_inactive", Halt, false},
		{"secret", func(f *Facts) { f.Class = policy.Secret }, "class_channel", Halt, false},
		{"above point", func(f *Facts) { r(f).Max = policy.Internal }, "class_point", Halt, false},
		{"other's document", func(f *Facts) { a(f).Foreign = true }, "file_of_other", Halt, false},
		{"unreadable", func(f *Facts) { a(f).Unreadable = "extract.no_text" }, "unreadable", Caution, true},
		{"picture", func(f *Facts) { a(f).Pictures = true }, "pictures", Caution, true},
		{"disguised", func(f *Facts) { a(f).Disguised = true }, "disguised", Halt, false},
		{"active", func(f *Facts) { a(f).Active = true }, "active", Caution, true},
		{"name in file", func(f *Facts) { a(f).Hits = []Hit{{Kind: HitName, Value: "x"}} }, "foreign_name", Halt, false},
		{"T number in file", func(f *Facts) { a(f).Hits = []Hit{{Kind: HitRegistration}} }, "foreign_registration", Halt, false},
		{"code in subject", func(f *Facts) { f.Subject = []Hit{{Kind: HitCode}} }, "foreign_code", Halt, false},
		{"mail in body", func(f *Facts) { f.Body = []Hit{{Kind: HitMail}} }, "foreign_mail", Halt, false},
		{"domain in body", func(f *Facts) { f.Body = []Hit{{Kind: HitDomain}} }, "foreign_domain", Halt, false},
		{"phone in file", func(f *Facts) { a(f).Hits = []Hit{{Kind: HitPhone}} }, "foreign_phone", Halt, false},
		{"account in file", func(f *Facts) { a(f).Hits = []Hit{{Kind: HitAccount}} }, "foreign_account", Halt, false},
		{"number in file", func(f *Facts) { a(f).Hits = []Hit{{Kind: HitNumber}} }, "foreign_number", Halt, false},
		{"short name", func(f *Facts) { f.Body = []Hit{{Kind: HitName, Weak: true}} }, "foreign_weak", Caution, false},
		{"relation", func(f *Facts) { f.Body = []Hit{{Kind: HitName, Related: true}} }, "related", Caution, false},
		{"no name", func(f *Facts) { a(f).HasName = false }, "claims_name", Caution, true},
		{"no number, amount", func(f *Facts) { a(f).HasNumber, a(f).HasAmount = false, false }, "claims_number_amount", Caution, true},
		{"nothing of it", func(f *Facts) { a(f).HasName, a(f).HasNumber, a(f).HasAmount = false, false, false }, "claims_name_number_amount", Caution, true},
		{"sent", func(f *Facts) { a(f).SentTo = []string{"a@x.jp"} }, "sent_before", Caution, true},
		{"underway", func(f *Facts) { a(f).UnderwayTo = []string{"a@x.jp"} }, "underway", Halt, false},
		{"no file", func(f *Facts) { f.Files = nil }, "no_attachment", Halt, false},
		{"big", func(f *Facts) { f.Total = 1_000_000 }, "big_amount", Caution, true},
		{"class", func(f *Facts) { f.Class, r(f).Max, f.Channel = policy.Personal, policy.Personal, Link }, "class_second", Caution, true},
		{"point changed", func(f *Facts) { f.Changed.Point = "a@x.jp" }, "changed_point", Caution, true},
		{"account changed", func(f *Facts) { f.Changed.Account = true }, "changed_account", Caution, true},
		{"many", func(f *Facts) { f.Recipients = slices.Repeat(f.Recipients, 11) }, "many_recipients", Halt, false},
	} {
		f := clean()
		c.change(&f)
		got := Examine(f)
		i := slices.IndexFunc(got, func(x Finding) bool { return x.Key == "dispatch.found."+c.key })
		if i < 0 || got[i].Level != c.level || got[i].Second != c.second {
			t.Errorf("%s: %+v", c.name, got)
		}
		if Stops(got) != (c.level == Halt) || NeedsSecond(got) != c.second {
			t.Errorf("%s: stops %v, second %v", c.name, Stops(got), NeedsSecond(got))
		}
		for _, x := range got {
			for _, l := range text.Langs {
				s := text.T(l, x.Key, "shown", x.Shown, "registered", x.Registered)
				if !text.Has(x.Key) || strings.ContainsAny(s, "{}") {
					t.Errorf("%s: no whole sentence in %s: %s", x.Key, l, s)
				}
			}
		}
	}
	if got := Examine(clean()); len(got) != 2 || got[0].Level != Match || got[1].Level != Match {
		t.Errorf("nothing is strange, but: %+v", got)
	}
}

// By attachment goes what is at most confidential, personal data by link; a company
// may set it otherwise.
func TestC42_ClassesByAttachmentAndByLink(t *testing.T) {
	for _, c := range []struct {
		class   policy.Class
		channel string
		rules   Rules
		stops   bool
	}{
		{policy.Internal, Mail, Rules{}, false}, {policy.Confidential, Mail, Rules{}, false}, {policy.Personal, Mail, Rules{}, true}, {policy.Personal, Link, Rules{}, false},
		{policy.Personal, Mail, Rules{values: map[string]int64{RuleClassMail: int64(policy.Personal)}}, false},
		{policy.Confidential, Mail, Rules{values: map[string]int64{RuleClassMail: int64(policy.Internal)}}, true},
	} {
		f := clean()
		f.Class, f.Recipients[0].Max, f.Channel, f.Rules = c.class, policy.Personal, c.channel, c.rules
		stopped := slices.ContainsFunc(Examine(f), func(x Finding) bool { return x.Key == "dispatch.found.class_transport" && x.Level == Halt })
		if stopped != c.stops || Stops(Examine(f)) != c.stops {
			t.Errorf("%s by %s: stopped %v", c.class, c.channel, stopped)
		}
	}
}

func TestC27_AllCombinationsOfClaimsHaveSentences(t *testing.T) {
	for n := range 8 {
		f := clean()
		f.Files[0].HasName, f.Files[0].HasNumber, f.Files[0].HasAmount = n&1 > 0, n&2 > 0, n&4 > 0
		for _, x := range Examine(f) {
			if !text.Has(x.Key) {
				t.Errorf("no sentence %s", x.Key)
			}
		}
	}
}
