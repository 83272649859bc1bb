package party_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/mailaddr"
	"sekisho/internal/kernel/policy"
)

// The tests' import module: what an importer does, in the fewest ops.

type stageRow struct {
	Code  string `json:"code"`
	Name  string `json:"name"`
	Mail  string `json:"mail"`
	Owner string `json:"owner"`
}

type stageIn struct {
	Run    string     `json:"run"`
	Rows   []stageRow `json:"rows"`
	Unsort bool       `json:"unsort"` // forgets to sort
	After  string     `json:"after"`
	Limit  int        `json:"limit"`
}

type stageOut struct {
	Codes  []string `json:"codes" class:"internal"`
	Mails  []string `json:"mails" class:"personal"`
	Quiet  int64    `json:"quiet" class:"internal"`
	Points []string `json:"points" class:"internal"`
}

func anyTarget(*gate.Tx, stageIn) (gate.Target, error) {
	return gate.Target{Kind: "stage", ID: "*"}, nil
}

var stagePut = gate.New(gate.Op[stageIn, stageOut]{Name: "stage.put", Mode: gate.Write, Target: anyTarget,
	Do: func(x *gate.Tx, in stageIn) (out stageOut, err error) {
		var ps []party.Party
		var cs []party.Contact
		var ds []party.DeliveryPoint
		for _, r := range in.Rows {
			p := party.Party{Code: r.Code, Name: r.Name, Terms: monthEnd, Owner: r.Owner, State: party.Left}
			p.ID = x.NewID()
			c := party.Contact{Party: p.ID, Name: "担当 " + r.Code}
			c.ID = x.NewID()
			ps, cs = append(ps, p), append(cs, c)
			if r.Mail != "" {
				ds = append(ds, party.DeliveryPoint{Party: p.ID, Contact: c.ID, Address: r.Mail, Label: r.Name, MaxClass: policy.Confidential, State: party.Verified, QuietNo: 99})
			}
		}
		if !in.Unsort {
			known, err := party.KnownAddresses(x)
			if err != nil {
				return out, err
			}
			party.SortPoints(known, ds)
		}
		return out, party.StageInsert(x, in.Run, ps, cs, ds)
	}})

var stagePublish = gate.New(gate.Op[stageIn, stageOut]{Name: "stage.publish", Mode: gate.Write, Target: anyTarget,
	Alone: func(stageIn) []string { return []string{party.PublishLock} },
	Do:    func(x *gate.Tx, in stageIn) (stageOut, error) { return stageOut{}, party.Publish(x, in.Run) }})

var stageUndo = gate.New(gate.Op[stageIn, stageOut]{Name: "stage.undo", Mode: gate.Write, Target: anyTarget,
	Do: func(x *gate.Tx, in stageIn) (stageOut, error) { return stageOut{}, party.UndoRun(x, in.Run) }})

var stageHold = gate.New(gate.Op[stageIn, stageOut]{Name: "stage.hold", Mode: gate.Write, Target: anyTarget,
	Do: func(x *gate.Tx, in stageIn) (stageOut, error) { return stageOut{}, party.Hold(x, in.After) }})

// stageAll is everything the read functions tell.
var stageAll = gate.New(gate.Op[stageIn, stageOut]{Name: "stage.all", Mode: gate.Read, Target: anyTarget,
	Do: func(x *gate.Tx, in stageIn) (out stageOut, err error) {
		names, err := party.AllNames(x, in.After, in.Limit)
		for _, n := range names {
			out.Codes = append(out.Codes, n.Code)
			out.Points = append(out.Points, n.ID)
			if _, err := party.ByCode(x, n.Code); err != nil {
				return out, err
			}
		}
		if err != nil {
			return out, err
		}
		ds, err := party.AllDeliveryPoints(x, "", 100_000)
		for _, d := range ds {
			s := d.Address
			if d.Verified() {
				s += "!"
			}
			one, err := party.DeliveryPointByID(x, d.ID)
			if err != nil || one.Verified() != d.Verified() {
				return out, fmt.Errorf("%+v: %w", one, err)
			}
			out.Mails = append(out.Mails, s)
		}
		slices.Sort(out.Mails)
		return out, err
	}})

var stageModule = gate.Module{Name: "stage", Ops: []gate.Any{stagePut, stagePublish, stageUndo, stageAll, stageHold}}

func (w world) all() (codes, mails string) {
	w.t.Helper()
	o := do(w, "keiri", stageAll, stageIn{Limit: 1000})
	slices.Sort(o.Codes)
	return strings.Join(o.Codes, " "), strings.Join(o.Mails, " ")
}

func (w world) put(run string, rows ...stageRow) {
	w.t.Helper()
	do(w, "keiri", stagePut, stageIn{Run: run, Rows: rows})
}

func TestNothingOfAnImportIsSeenBeforeItIsPublished(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		w.partner("1", "株式会社青葉")
		w.put("r1", stageRow{"2", "株式会社若葉", "a@wakaba.co.jp", "sato"})
		w.put("r1", stageRow{"3", "株式会社紅葉", "a@momiji.co.jp", ""})
		codes, mails := w.all()
		if codes != "1" || mails != "" {
			t.Fatal(codes, mails)
		}
		if rows := do(w, "keiri", party.List, party.ListIn{}).Rows; len(rows) != 1 {
			t.Fatal(rows)
		}
		w.Reopen(t) // also across a restart
		do(w, "keiri", stagePublish, stageIn{Run: "r1"})
		codes, mails = w.all()
		if codes != "1 2 3" || mails != "a@momiji.co.jp a@wakaba.co.jp" {
			t.Fatal(codes, mails)
		}
		got := do(w, "sato", party.List, party.ListIn{Code: "2"}).Rows
		if len(got) != 1 || got[0].State != party.Active {
			t.Fatal("an imported partner is active and its owner's", got)
		}
		s := do(w, "sato", party.ShowOp, party.ByID{ID: got[0].ID})
		if len(s.Contacts) != 1 || len(s.Points) != 1 || s.Points[0].Verified() || s.Points[0].Origin != party.Import {
			t.Fatalf("%+v", s)
		}
		fails(w, "keiri", stagePut, stageIn{Run: "r1", Rows: []stageRow{{Code: "4", Name: "x"}}}, fault.KindRefused, "party.run_closed")
		fails(w, "keiri", stagePublish, stageIn{Run: "r1"}, fault.KindRefused, "party.run_closed")
		fails(w, "keiri", stagePublish, stageIn{Run: "none"}, fault.KindNotFound, "")
		// undone: gone, and the codes are free
		do(w, "keiri", stageUndo, stageIn{Run: "r1"})
		if codes, mails = w.all(); codes != "1" || mails != "" {
			t.Fatal(codes, mails)
		}
		fails(w, "keiri", party.ShowOp, party.ByID{ID: got[0].ID}, fault.KindNotFound, "fault.not_found")
		fails(w, "keiri", party.PointRetire, party.RetireIn{ID: s.Points[0].ID, Reason: "四文字以上"}, fault.KindNotFound, "fault.not_found")
		fails(w, "keiri", party.ContactLeave, party.ContactLeaveIn{ID: s.Contacts[0].ID}, fault.KindNotFound, "fault.not_found")
		fails(w, "keiri", party.FirstVerificationList, party.FirstListIn{Run: "r1", Kind: "quiet"}, fault.KindNotFound, "fault.not_found")
		fails(w, "keiri", stageUndo, stageIn{Run: "r1"}, fault.KindRefused, "party.run_closed")
		w.put("r2", stageRow{"2", "株式会社若葉", "a@wakaba.co.jp", ""})
		do(w, "keiri", stagePublish, stageIn{Run: "r2"})
		if codes, _ = w.all(); codes != "1 2" {
			t.Fatal(codes)
		}
	})
}

func TestCodesAreUniqueAcrossImports(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		w.partner("1", "株式会社青葉")
		fails(w, "keiri", stagePut, stageIn{Run: "r1", Rows: []stageRow{{Code: "１", Name: "x"}}}, fault.KindRefused, "party.code_taken")
		fails(w, "keiri", stagePut, stageIn{Run: "r1", Rows: []stageRow{{Code: "5", Name: "x"}, {Code: "５", Name: "y"}}}, fault.KindConflict, "gate.taken")
		bad := fails(w, "keiri", stagePut, stageIn{Run: "r1", Rows: []stageRow{{Code: "5", Name: "x"}, {Code: "6", Name: "y", Mail: "a b@c.jp"}}}, fault.KindInvalid, "mailaddr.space")
		if bad.Field != "points[0].address" {
			t.Fatal(bad.Field)
		}
		w.put("r1", stageRow{Code: "5", Name: "x"})
		w.put("r2", stageRow{Code: "5", Name: "y"})
		w.partner("6", "株式会社黒松")
		w.put("r3", stageRow{Code: "7", Name: "z"})
		w.partner("7", "株式会社赤松")
		do(w, "keiri", stagePublish, stageIn{Run: "r1"})
		fails(w, "keiri", stagePublish, stageIn{Run: "r2"}, fault.KindRefused, "party.code_taken")
		fails(w, "keiri", stagePublish, stageIn{Run: "r3"}, fault.KindRefused, "party.code_taken")
		fails(w, "keiri", party.Create, party.CreateIn{Code: "5", Name: "w", Terms: monthEnd}, fault.KindRefused, "party.code_taken")
		if codes, _ := w.all(); codes != "1 5 6 7" {
			t.Fatal(codes)
		}
		do(w, "keiri", stageUndo, stageIn{Run: "r1"})
		do(w, "keiri", stagePublish, stageIn{Run: "r2"})
	})
}

func TestImportThatWasBuiltOnCannotBeUndone(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		for i, build := range map[string]func(id string, d party.DeliveryPoint){
			"1": func(id string, _ party.DeliveryPoint) { do(w, "keiri", stageHold, stageIn{After: id}) },
			"2": func(id string, _ party.DeliveryPoint) {
				do(w, "keiri", party.ContactAdd, party.ContactIn{Party: id, Name: "山田"})
			},
			"3": func(id string, _ party.DeliveryPoint) {
				do(w, "keiri", party.Update, party.UpdateIn{ID: id, Version: 1, Kana: "カナ"})
			},
			"4": func(_ string, d party.DeliveryPoint) {
				agreed(w, "keiri", "chief", party.PointVerify, verify(d))
			},
			"5": func(_ string, d party.DeliveryPoint) {
				l := do(w, "keiri", party.FirstVerificationList, party.FirstListIn{Run: "r5", Kind: "quiet"})
				agreed(w, "keiri", "chief", party.FirstVerifyQuiet, party.FirstVerifyIn{Run: "r5", Digest: l.Digest, Reason: "初回の確認"})
			},
		} {
			w.put("r"+i, stageRow{"C" + i, "株式会社" + i, "a@company-" + strings.Repeat(i, 5) + ".co.jp", ""})
			do(w, "keiri", stagePublish, stageIn{Run: "r" + i})
			id := do(w, "keiri", party.List, party.ListIn{Code: "C" + i}).Rows[0].ID
			build(id, w.shown(id).Points[0])
			fails(w, "keiri", stageUndo, stageIn{Run: "r" + i}, fault.KindRefused, "party.run_held")
			w.shown(id)
		}
	})
}

// strange are imported addresses each of which is to be looked at singly, and why.
var strange = []struct {
	row  stageRow
	kind string
}{
	{stageRow{"S1", "フリー商会", "free@gmail.com", ""}, party.FindFreeMail},
	{stageRow{"S2", "似た商会", "keiri@kitahachl.co.jp", ""}, string(mailaddr.Homoglyph)},
	{stageRow{"S3", "共有一", "both@kyouyuu.co.jp", ""}, party.FindShared},
	{stageRow{"S4", "共有二", "both@kyouyuu.co.jp", ""}, party.FindShared},
	{stageRow{"S5", "他社商会", "someone@kitahachi.co.jp", ""}, party.FindOtherDomain},
}

// imported publishes run r1: 60 quiet addresses and the strange ones, beside a
// register with one verified address; it gives the request to verify the quiet.
func (w world) imported() party.FirstVerifyIn {
	w.t.Helper()
	w.point(w.partner("K", "株式会社北八"), "keiri@kitahachi.co.jp")
	var rows []stageRow
	for i := range 60 {
		domain := words[i%len(words)] + "-" + words[(i/len(words)+7)%len(words)] + ".co.jp"
		rows = append(rows, stageRow{fmt.Sprintf("Q%02d", i), "株式会社 " + domain, "keiri@" + domain, ""})
	}
	for _, s := range strange {
		rows = append(rows, s.row)
	}
	w.put("r1", rows...)
	do(w, "keiri", stagePublish, stageIn{Run: "r1"})
	list := do(w, "keiri", party.FirstVerificationList, party.FirstListIn{Run: "r1", Kind: "quiet"})
	if list.Points != 65 || list.Quiet != 60 || list.Verified {
		w.t.Fatalf("%+v", list)
	}
	return party.FirstVerifyIn{Run: "r1", Digest: list.Digest, Reason: "取込の初回確認"}
}

func TestFirstVerificationSortsImportedAddresses(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		w.imported()
		list := do(w, "keiri", party.FirstVerificationList, party.FirstListIn{Run: "r1", Kind: "strange"})
		if len(list.Rows) != len(strange) {
			t.Fatalf("%+v", list)
		}
		for i, s := range strange {
			if r := list.Rows[i]; r.Code != s.row.Code || r.Findings[0].Kind != s.kind {
				t.Errorf("%s: %+v, want %s", s.row.Code, r, s.kind)
			}
		}
		n, after := 0, ""
		for {
			page := do(w, "keiri", party.FirstVerificationList, party.FirstListIn{Run: "r1", Kind: "quiet", After: after, Limit: 25})
			for _, r := range page.Rows {
				if r.State != party.Proposed || len(r.Findings) != 0 {
					t.Fatalf("%+v", r)
				}
				n++
			}
			if after = page.Next; after == "" {
				break
			}
		}
		if n != 60 {
			t.Fatal(n)
		}
	})
}

func TestFirstVerificationByTwoAndASample(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		in := w.imported()
		fails(w, "sato", party.FirstVerifyQuiet, in, fault.KindDenied, "")
		fails(w, "tired", party.FirstVerifyQuiet, in, fault.KindStepUp, "")
		fails(w, "keiri", party.FirstVerifyQuiet, party.FirstVerifyIn{Run: "r1", Digest: "other", Reason: "取込の初回確認"}, fault.KindConflict, "party.list_changed")
		req := ask(w, "keiri", party.FirstVerifyQuiet, in)
		if _, mails := w.all(); strings.Count(mails, "!") != 1 {
			t.Fatal("verified before anybody agreed", mails)
		}
		s := do(w, "witness", approval.Show, approval.ByID{ID: req})
		if k := strings.Count(s.AfterIs, `"address":"`); k != party.SampleSize {
			t.Fatalf("the sample shown has %d addresses: %s", k, s.AfterIs)
		}
		if again := do(w, "chief", approval.Show, approval.ByID{ID: req}); again.AfterIs != s.AfterIs {
			t.Fatal("the sample is another for another person")
		}
		w.refuses("keiri", req, "approval.own")
		w.approve("witness", req)
		_, mails := w.all()
		if strings.Count(mails, "!") != 61 {
			t.Fatal(mails)
		}
		for _, r := range strange {
			if strings.Contains(s.AfterIs, r.row.Mail) || strings.Contains(mails, r.row.Mail+"!") {
				t.Fatal("a strange address was shown or verified along", r.row.Mail)
			}
		}
		fails(w, "keiri", party.FirstVerifyQuiet, in, fault.KindRefused, "party.run_verified")
	})
}

func TestFirstVerificationAndSinglePoints(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		agreed(w, "keiri", "chief", party.FirstVerifyQuiet, w.imported())
		imported := func(code string) party.DeliveryPoint {
			return w.shown(do(w, "keiri", party.List, party.ListIn{Code: code}).Rows[0].ID).Points[0]
		}
		d := imported("Q07")
		if !d.Verified() || d.VerifiedBy != "keiri" || d.How != party.WayBatch || d.Version != 1 {
			t.Fatalf("%+v", d)
		}
		fails(w, "keiri", party.PointVerify, verify(d), fault.KindRefused, "party.point_decided")
		// a quiet one can be retired, and stays so
		do(w, "keiri", party.PointRetire, party.RetireIn{ID: d.ID, Reason: "宛先不明で戻った"})
		if e := imported("Q07"); e.State != party.Retired || e.VerifiedBy != "keiri" {
			t.Fatalf("%+v", e)
		}
		// the strange are verified singly
		odd := imported("S1")
		agreed(w, "keiri", "chief", party.PointVerify, verify(odd))
		if !imported("S1").Verified() || imported("S2").Verified() {
			t.Fatal("not as asked for")
		}
	})
}

func TestAddressSharedAfterTheImportIsNoLongerQuiet(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		w.put("r1", stageRow{"1", "株式会社青葉", "a@aoba.co.jp", ""}, stageRow{"2", "株式会社若葉", "a@wakaba.co.jp", ""})
		do(w, "keiri", stagePublish, stageIn{Run: "r1"})
		l := do(w, "keiri", party.FirstVerificationList, party.FirstListIn{Run: "r1", Kind: "quiet"})
		do(w, "keiri", party.PointPropose, party.ProposeIn{Party: w.partner("3", "株式会社紅葉").ID, Address: "a@aoba.co.jp"})
		agreed(w, "keiri", "chief", party.FirstVerifyQuiet, party.FirstVerifyIn{Run: "r1", Digest: l.Digest, Reason: "取込の初回確認"})
		if _, mails := w.all(); mails != "a@aoba.co.jp a@aoba.co.jp a@wakaba.co.jp!" {
			t.Fatal(mails)
		}
		s := do(w, "keiri", party.FirstVerificationList, party.FirstListIn{Run: "r1", Kind: "strange"})
		if len(s.Rows) != 1 || s.Rows[0].Code != "1" || s.Rows[0].Findings[0].Kind != party.FindShared {
			t.Fatalf("%+v", s.Rows)
		}
	})
}

func TestUnsortedAddressesAreStrange(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		do(w, "keiri", stagePut, stageIn{Run: "r1", Unsort: true, Rows: []stageRow{{"1", "株式会社青葉", "a@aoba.co.jp", ""}}})
		do(w, "keiri", stagePublish, stageIn{Run: "r1"})
		l := do(w, "keiri", party.FirstVerificationList, party.FirstListIn{Run: "r1", Kind: "strange"})
		if len(l.Rows) != 1 || l.Rows[0].Findings[0].Kind != party.FindUnsorted || l.Quiet != 0 {
			t.Fatalf("%+v", l)
		}
		fails(w, "keiri", party.FirstVerifyQuiet, party.FirstVerifyIn{Run: "r1", Digest: "x", Reason: "取込の初回確認"}, fault.KindRefused, "party.none_quiet")
	})
}

func TestWalkGivesEveryPartnerOnce(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		var rows []stageRow
		for i := range 450 {
			rows = append(rows, stageRow{Code: fmt.Sprint(i), Name: "n"})
		}
		w.put("r1", rows...)
		w.put("r2", stageRow{Code: "hidden", Name: "n"})
		do(w, "keiri", stagePublish, stageIn{Run: "r1"})
		for _, limit := range []int{1000, 450, 201, 97} {
			seen, after := map[string]bool{}, ""
			for {
				o := do(w, "keiri", stageAll, stageIn{After: after, Limit: limit})
				for _, c := range o.Codes {
					if seen[c] || c == "hidden" {
						t.Fatal("twice or hidden", c)
					}
					seen[c] = true
				}
				if len(o.Codes) < limit {
					break
				}
				after = o.Points[len(o.Points)-1]
			}
			if len(seen) != 450 {
				t.Fatal(limit, len(seen))
			}
		}
	})
}

var words = []string{"hokuto", "midori", "sakura", "tsubame", "kurogane", "fujimi", "asahi", "yamabuki", "kaede", "hinode"}
