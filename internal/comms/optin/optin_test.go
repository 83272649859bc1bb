package optin_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/optin"
	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"

	"github.com/emersion/go-message"
	"github.com/emersion/go-msgauth/dkim"
)

const portal = "https://uketori.hokuto-supply.example.jp"

var (
	bg       = context.Background()
	boss     = gatetest.Boss("sender")
	approver = gatetest.Boss("second")
	nobody   = gate.Nobody(netip.MustParseAddr("198.51.100.7"))
	key      = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
)

// txt answers for one domain, as a name server would.
func txt(_ context.Context, name string) ([]string, error) {
	if !strings.HasPrefix(name, "s1._domainkey.") {
		return nil, errors.New("no such host")
	}
	return []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))}, nil
}

type world struct {
	*gatetest.World
	t      *testing.T
	h      *optin.House
	worker *dispatch.Worker
	mails  string
	party  party.Party
}

func each(t *testing.T, f func(t *testing.T, w *world)) {
	d, err := dispatch.New(dispatch.Settings{From: dispatch.Sender{Address: "billing@hokuto-supply.example.jp"}})
	if err != nil {
		t.Fatal(err)
	}
	h := optin.New(txt)
	rights, err := os.ReadFile("../../app/matrix/optin.txt")
	if err != nil {
		t.Fatal(err)
	}
	own := "role nobody clearance=public\n"
	for _, l := range strings.Split(string(rights), "\n") {
		if strings.HasSuffix(l, "nobody=all") {
			own += l + "\n"
		}
	}
	o := gatetest.Options{Request: dispatch.Keep, Outside: portal, Matrix: own, Modules: []gate.Module{approval.Module, org.Module, party.Module, document.Module, d.Module, h.Module}}
	gatetest.Each(t, o, func(t *testing.T, g *gatetest.World) {
		w := &world{World: g, t: t, h: h, mails: t.TempDir()}
		tr, err := trap.Start(trap.Config{Listen: "127.0.0.1:0", Dir: w.mails, Now: g.Clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tr.Close() })
		w.worker = &dispatch.Worker{Gate: g.G, As: gate.System("dispatch"), Blobs: g.Blobs, Holder: "node1", From: dispatch.Sender{Name: "北斗サプライ", Address: "billing@hokuto-supply.example.jp"},
			Log: slog.New(slog.DiscardHandler), Relay: dispatch.Relay{Host: "localhost", Port: tr.Port(), Mode: dispatch.StartTLS, ExtraRoots: tr.PEM(), Hello: "localhost"}}
		w.party = must(w, boss, party.Create, party.CreateIn{Code: "000101", Name: "株式会社東北機械製作所",
			Terms: civil.Term{Close: civil.LastDay, Months: 1, PayDay: civil.LastDay, Shift: civil.ShiftNext}})
		f(t, w)
	})
}

func run[In, Out any](w *world, c gate.Credential, u *gate.UseCase[In, Out], in In) (Out, error) {
	return gate.Run(bg, w.G, c, u, in)
}

func must[In, Out any](w *world, c gate.Credential, u *gate.UseCase[In, Out], in In) Out {
	w.t.Helper()
	out, err := run(w, c, u, in)
	if err != nil {
		w.t.Fatalf("%s: %v", u.Name(), err)
	}
	return out
}

func fails[In, Out any](w *world, c gate.Credential, u *gate.UseCase[In, Out], in In, k fault.Kind, key string) {
	w.t.Helper()
	_, err := run(w, c, u, in)
	f := fault.Of(err)
	if err == nil || f.Kind != k || f.Key != key {
		w.t.Fatalf("%s: want %s %s, got %v", u.Name(), k, key, err)
	}
}

// proposes enters an address; verified has two persons confirm it.
func (w *world) proposes(address string) party.DeliveryPoint {
	w.t.Helper()
	return must(w, boss, party.PointPropose, party.ProposeIn{Party: w.party.ID, Address: address})
}

func (w *world) verified(address string) party.DeliveryPoint {
	w.t.Helper()
	d := w.proposes(address)
	_, err := run(w, boss, party.PointVerify, party.VerifyIn{ID: d.ID, Version: d.Version, How: "phone", Reason: "代表電話で確認"})
	w.approve(err)
	return d
}

func (w *world) approve(pending error) {
	w.t.Helper()
	a, id := fault.Of(pending).Args, ""
	for i := 0; i+1 < len(a); i += 2 {
		if a[i] == "request" {
			id = a[i+1].(string)
		}
	}
	if id == "" {
		w.t.Fatal("not pending: ", pending)
	}
	r := must(w, approver, approval.Show, approval.ByID{ID: id})
	must(w, approver, approval.Approve, approval.ApproveIn{ID: id, Digest: r.Digest})
}

func (w *world) point(id string) party.DeliveryPoint {
	w.t.Helper()
	for _, d := range must(w, boss, party.ShowOp, party.ByID{ID: w.party.ID}).Points {
		if d.ID == id {
			return d
		}
	}
	w.t.Fatal("no such point")
	return party.DeliveryPoint{}
}

// mail sends what is due and gives the last: to whom, and its text.
func (w *world) mail() (to, text string) {
	w.t.Helper()
	if n, _, err := w.worker.Notices(bg); err != nil || n != 1 {
		w.t.Fatal("machine mails sent: ", n, err)
	}
	names, err := filepath.Glob(filepath.Join(w.mails, "*.eml"))
	if err != nil || len(names) == 0 {
		w.t.Fatal("no mail", err)
	}
	slices.Sort(names)
	b, err := os.ReadFile(names[len(names)-1])
	if err != nil {
		w.t.Fatal(err)
	}
	e, err := message.Read(bytes.NewReader(b))
	if err != nil {
		w.t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(e.Body); err != nil {
		w.t.Fatal(err)
	}
	return e.Header.Get("To"), out.String()
}

var (
	linkIn  = regexp.MustCompile(regexp.QuoteMeta(portal) + `/c/([a-z2-7]{16})#([A-Za-z0-9_-]{43})`)
	tokenIn = regexp.MustCompile(`(?m)^([A-Za-z0-9_-]{43})\s*$`)
	cardIn  = regexp.MustCompile(`^` + regexp.QuoteMeta(portal) + `/k/([a-z2-7]{16})#([A-Za-z0-9_-]{43})$`)
)

func (w *world) link(to string) optin.LookIn {
	w.t.Helper()
	got, text := w.mail()
	m := linkIn.FindStringSubmatch(text)
	if !strings.Contains(got, to) || m == nil {
		w.t.Fatal(got, text)
	}
	return optin.LookIn{Locator: m[1], Secret: m[2]}
}

// On a domain that is confirmed already the addressee's own answer suffices; a
// first address waits for a second person all the same.
func TestSM32_OptInByLink(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.proposes("keiri@tohoku-kikai.example.jp")
		verify := party.VerifyIn{ID: first.ID, Version: first.Version, How: party.ByOptIn, Reason: "先方が答えたため"}
		fails(w, boss, party.PointVerify, verify, fault.KindRefused, "party.no_proof")
		must(w, boss, optin.Ask, optin.AskIn{Point: first.ID, Way: "link"})
		at := w.link("keiri@tohoku-kikai.example.jp")
		for _, bad := range []optin.LookIn{{Locator: at.Locator, Secret: strings.Repeat("A", 43)}, {Locator: strings.Repeat("a", 16), Secret: at.Secret}, {Locator: at.Locator, Secret: "x"}} {
			fails(w, nobody, optin.Look, bad, fault.KindRefused, "party.proof_gone")
			fails(w, nobody, optin.Answer, optin.AnswerIn{Locator: bad.Locator, Secret: bad.Secret, Ours: true}, fault.KindRefused, "party.proof_gone")
		}
		if l := must(w, nobody, optin.Look, at); l.Address != first.Address {
			t.Fatalf("%+v", l)
		}
		fails(w, boss, party.PointVerify, verify, fault.KindRefused, "party.no_proof") // looking is no answer
		answer := optin.AnswerIn{Locator: at.Locator, Secret: at.Secret, Ours: true}
		must(w, nobody, optin.Answer, answer)
		fails(w, nobody, optin.Answer, answer, fault.KindRefused, "party.proof_gone") // once
		_, err := run(w, boss, party.PointVerify, verify)
		if !fault.Is(err, fault.KindPending) {
			t.Fatal("a first address went without a second person: ", err)
		}
		w.approve(err)
		if d := w.point(first.ID); !d.Verified() || d.How != party.ByOptIn {
			t.Fatalf("%+v", d)
		}
		p := must(w, boss, party.Proofs, party.ProofsIn{Party: w.party.ID})
		if len(p.Rows) != 1 || p.Rows[0].State != party.ProofGiven || p.Rows[0].IP != "198.51.100.7" || p.Rows[0].Address != first.Address {
			t.Fatalf("%+v", p.Rows)
		}

		second := w.proposes("kaikei@tohoku-kikai.example.jp") // a domain that is confirmed
		must(w, boss, optin.Ask, optin.AskIn{Point: second.ID, Way: "link"})
		at = w.link(second.Address)
		must(w, nobody, optin.Answer, optin.AnswerIn{Locator: at.Locator, Secret: at.Secret, Ours: true})
		if d := must(w, boss, party.PointVerify, party.VerifyIn{ID: second.ID, Version: second.Version, How: party.ByOptIn, Reason: "先方が答えたため"}); !d.Verified() {
			t.Fatalf("%+v", d)
		}
		// What looks like it does not go without, and a change of address never does.
		for _, in := range []party.ProposeIn{{Party: w.party.ID, Address: "keiri@tohoku-kikal.example.jp"}, {Party: w.party.ID, Address: "shiharai@tohoku-kikai.example.jp", Replaces: second.ID}} {
			d := must(w, boss, party.PointPropose, in)
			must(w, boss, optin.Ask, optin.AskIn{Point: d.ID, Way: "link"})
			at = w.link(d.Address)
			must(w, nobody, optin.Answer, optin.AnswerIn{Locator: at.Locator, Secret: at.Secret, Ours: true})
			if _, err := run(w, boss, party.PointVerify, party.VerifyIn{ID: d.ID, Version: d.Version, How: party.ByOptIn, Reason: "先方が答えたため"}); !fault.Is(err, fault.KindPending) {
				t.Fatal(in.Address, err)
			}
		}
	})
}

func TestSM32_OptInDeniedExpiredAndSpent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d := w.verified("keiri@tohoku-kikai.example.jp")
		must(w, boss, optin.Ask, optin.AskIn{Point: d.ID, Way: "link"})
		at := w.link(d.Address)
		must(w, nobody, optin.Answer, optin.AnswerIn{Locator: at.Locator, Secret: at.Secret})
		if d := w.point(d.ID); d.Review != party.ReviewDenied {
			t.Fatalf("%+v", d)
		}
		must(w, boss, optin.Ask, optin.AskIn{Point: d.ID, Way: "link"})
		at = w.link(d.Address)
		w.Clock.Pass(15 * 24 * time.Hour)
		fails(w, nobody, optin.Look, at, fault.KindRefused, "party.proof_gone")
		fails(w, nobody, optin.Answer, optin.AnswerIn{Locator: at.Locator, Secret: at.Secret, Ours: true}, fault.KindRefused, "party.proof_gone")
		for range 3 {
			must(w, boss, optin.Ask, optin.AskIn{Point: d.ID, Way: "link"})
		}
		fails(w, boss, optin.Ask, optin.AskIn{Point: d.ID, Way: "link"}, fault.KindLimited, "party.proofs_spent")
		must(w, boss, party.PointRetire, party.RetireIn{ID: d.ID, Reason: "使わなくなった"})
		fails(w, boss, optin.Ask, optin.AskIn{Point: d.ID, Way: "link"}, fault.KindRefused, "party.point_decided")
	})
}

func TestSM32_CardTypedByTheAddressee(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		m := cardIn.FindStringSubmatch(must(w, boss, optin.Card, optin.CardIn{Party: w.party.ID}).URL)
		if m == nil {
			t.Fatal("no address of a page")
		}
		if l := must(w, nobody, optin.Look, optin.LookIn{Locator: m[1], Secret: m[2]}); l.Address != "" {
			t.Fatalf("%+v", l)
		}
		fails(w, nobody, optin.Answer, optin.AnswerIn{Locator: m[1], Secret: m[2], Ours: true}, fault.KindRefused, "party.proof_gone")
		in := optin.TypeIn{Locator: m[1], Secret: m[2], Address: "no address"}
		if _, err := run(w, nobody, optin.Type, in); !fault.Is(err, fault.KindInvalid) {
			t.Fatal(err)
		}
		in.Address = "Hanako@tohoku-kikai.example.jp"
		must(w, nobody, optin.Type, in)
		fails(w, nobody, optin.Type, in, fault.KindRefused, "party.proof_gone") // one address for one code
		at := w.link("tohoku-kikai.example.jp")
		must(w, nobody, optin.Answer, optin.AnswerIn{Locator: at.Locator, Secret: at.Secret, Ours: true})
		d := must(w, boss, party.ShowOp, party.ByID{ID: w.party.ID}).Points[0]
		if d.Origin != party.Card || d.State != party.Proposed {
			t.Fatalf("%+v", d)
		}
		_, err := run(w, boss, party.PointVerify, party.VerifyIn{ID: d.ID, Version: d.Version, How: party.ByCard, Reason: "展示会で名刺交換"})
		w.approve(err)
		old := cardIn.FindStringSubmatch(must(w, boss, optin.Card, optin.CardIn{Party: w.party.ID}).URL)
		w.Clock.Pass(31 * time.Minute)
		fails(w, nobody, optin.Look, optin.LookIn{Locator: old[1], Secret: old[2]}, fault.KindRefused, "party.proof_gone")
	})
}

// signed is an answer, with the signature of a domain.
func signed(t *testing.T, from, domain, text string) []byte {
	t.Helper()
	raw := "From: " + from + "\r\nTo: billing@hokuto-supply.example.jp\r\nSubject: Re: x\r\nMessage-ID: <1@x>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text + "\r\n"
	if domain == "" {
		return []byte(raw)
	}
	var b bytes.Buffer
	if err := dkim.Sign(&b, strings.NewReader(raw), &dkim.SignOptions{Domain: domain, Selector: "s1", Signer: key}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSM32_AnswerWithAlignedSignature(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.verified("keiri@tohoku-kikai.example.jp")
		d := w.proposes("kaikei@tohoku-kikai.example.jp")
		p := must(w, boss, optin.Ask, optin.AskIn{Point: d.ID, Way: "reply"})
		_, text := w.mail()
		m := tokenIn.FindStringSubmatch(text)
		if m == nil {
			t.Fatal("no number in: ", text)
		}
		body, from, domain := "承知しました。\r\n> "+m[1], "経理 <kaikei@tohoku-kikai.example.jp>", "tohoku-kikai.example.jp"
		changed := bytes.Replace(signed(t, from, domain, body), []byte("> "), []byte(">  "), 1)
		for _, c := range []struct {
			raw []byte
			key string
		}{
			{signed(t, from, "", body), "optin.not_signed"},
			{changed, "optin.not_signed"},
			{signed(t, from, "other.example.jp", body), "optin.not_aligned"},
			{signed(t, "x@tohoku-kikai.example.jp", domain, body), "optin.other_sender"},
			{signed(t, from, domain, "承知しました。"), "optin.no_token"},
			{append([]byte("From: a@b.example.jp\r\n"), signed(t, from, domain, body)...), "optin.no_from"},
		} {
			fails(w, boss, w.h.Reply, optin.ReplyIn{Proof: p.ID, Content: c.raw}, fault.KindRefused, c.key)
		}
		got := must(w, boss, w.h.Reply, optin.ReplyIn{Proof: p.ID, Content: signed(t, from, domain, body)})
		if got.State != party.ProofGiven || got.Bytes == "" || !strings.Contains(got.Detail, "d="+domain) {
			t.Fatalf("%+v", got)
		}
		fails(w, boss, w.h.Reply, optin.ReplyIn{Proof: p.ID, Content: signed(t, from, domain, body)}, fault.KindRefused, "optin.not_asked")
		if d := must(w, boss, party.PointVerify, party.VerifyIn{ID: d.ID, Version: d.Version, How: party.ByReply, Reason: "署名つきの返信のため"}); !d.Verified() {
			t.Fatalf("%+v", d)
		}
	})
}
