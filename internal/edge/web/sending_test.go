package web_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"sekisho/internal/app/demo"
	"sekisho/internal/edge/web/webtest"
	"sekisho/internal/kernel/civil"
)

// act runs an op for who is signed in at a client, as the API does.
func act(t *testing.T, h *webtest.House, c *webtest.Client, op string, in, out any) {
	t.Helper()
	u, _ := url.Parse(h.URL)
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range c.Jar.Cookies(u) {
		if k.Name != "sid" {
			continue
		}
		res, err := demo.Inside{Gate: h.App.Gate}.Do(t.Context(), k.Value, op, raw)
		if err != nil {
			t.Fatal(op, err)
		}
		if err := json.Unmarshal(res, out); err != nil {
			t.Fatal(op, err)
		}
		return
	}
	t.Fatal("nobody is signed in")
}

type billed struct {
	ID       string `json:"id"`
	Party    string `json:"party"`
	Number   string `json:"number"`
	Document string `json:"document"`
	Amount   int64  `json:"amount"`
}

type partner struct {
	Party struct {
		ID, Name string
	} `json:"party"`
	Points []struct {
		ID      string `json:"id"`
		Address string `json:"address"`
		State   string `json:"state"`
	} `json:"points"`
}

// invoices are an issued one of a partner nobody has ever written to, so that a
// second person is asked, and one of somebody else.
func invoices(t *testing.T, h *webtest.House) (mine, other billed, of partner) {
	t.Helper()
	together, do := bookkeeper(t, h)
	do("party.create", map[string]any{"code": "000990", "name": "株式会社星野運輸", "kana": "ホシノウンユ", "phone": "011-900-0001", "postal_code": "060-0002",
		"address": "北海道見本市緑町1丁目1番1号", "terms": map[string]any{"close": 31, "months": 1, "pay_day": 31, "shift": "next"}}, &of.Party)
	var point struct {
		ID      string `json:"id"`
		Version int64  `json:"version"`
	}
	do("party.point_propose", map[string]string{"party": of.Party.ID, "address": "keiri@hoshino-unyu.example", "label": "経理部"}, &point)
	together("party.point_verify", map[string]any{"id": point.ID, "version": point.Version, "how": "phone", "reason": "登録の代表電話で確認しました"})
	do("party.show", map[string]string{"id": of.Party.ID}, &of)

	today := civil.Of(h.Clock.Now())
	var drawn demo.Invoice
	do("invoice.draft", demo.Draft{Party: of.Party.ID, Subject: "備品のご請求", Date: today, Delivery: true, Lines: []demo.Line{
		{Date: today.AddDays(-1), Slip: "D-90001", Description: "業務用中性洗剤 18L", Quantity: "4", Unit: "缶", UnitPrice: "6300", Category: "standard"}}}, &drawn)
	do("invoice.issue", map[string]any{"id": drawn.ID, "version": drawn.Version}, nil)
	for range 100 { // the house's own workers may be at it
		if _, err := h.Work(t.Context()); err != nil {
			t.Fatal(err)
		}
		if do("invoice.show", map[string]string{"id": drawn.ID}, &mine); mine.Document != "" {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	var list struct {
		Invoices []billed `json:"invoices"`
	}
	do("invoice.list", map[string]any{"state": "ready", "limit": 60}, &list)
	at := slices.IndexFunc(list.Invoices, func(i billed) bool { return i.Party != of.Party.ID && i.Document != "" })
	if mine.Document == "" || at < 0 {
		t.Fatal("no two invoices are ready: ", mine, len(list.Invoices))
	}
	return mine, list.Invoices[at], of
}

// bookkeeper is one of 経理 at work beside the pages: alone, and together with
// one of those who decide.
func bookkeeper(t *testing.T, h *webtest.House) (together func(op string, in any), do func(op string, in, out any)) {
	t.Helper()
	troupe := &demo.Troupe{Door: demo.Inside{Gate: h.App.Gate}, Clock: demo.Hasty(h.Clock)}
	as := func(role string) *demo.Person {
		p := h.Person(role, 2)
		return &demo.Person{Login: p.Login, Password: p.Password, TOTP: p.TOTP}
	}
	asks, agrees := as("accounting"), as("controller")
	do = func(op string, in, out any) {
		t.Helper()
		if err := troupe.Act(t.Context(), asks, op, in, out); err != nil {
			t.Fatal(op, err)
		}
	}
	return func(op string, in any) {
		t.Helper()
		if err := troupe.Together(t.Context(), asks, agrees, op, in); err != nil {
			t.Fatal(op, err)
		}
	}, do
}

// misspelt is an address with one letter of its domain changed.
func misspelt(a string) string {
	local, domain, _ := strings.Cut(a, "@")
	at := strings.Index(domain, "i")
	if at < 0 {
		at = 0
	}
	return local + "@" + domain[:at] + "e" + domain[at+1:]
}

// stoppedAt prepares, by the pages, a package with a misspelt address and the
// paper of another customer, and gives its address.
func stoppedAt(t *testing.T, h *webtest.House, b *webtest.Tab) (sending string, of partner) {
	t.Helper()
	mine, other, of := invoices(t, h)
	b.Go("/sendings/new?invoice=" + mine.ID + "&document=" + other.Document)
	b.See(of.Points[0].Address)
	b.Do(chromedp.SetValue(chromedp.CSS("[name=as-"+of.Points[0].ID+"]"), ""))
	b.Do(chromedp.SendKeys(chromedp.CSS("[name=typed]"), misspelt(of.Points[0].Address)))
	b.Click("[value=preview]")
	b.See("下書きのチェック", "送信停止")
	looked(b, "sending-new")
	b.Click("form.cols .btn.pri")
	b.See("送る前に、送る相手と中身を確かめます")
	return b.JS("location.pathname"), of
}

// looked holds a page to what every page must be, light and dark, wide and narrow.
func looked(b *webtest.Tab, name string) {
	b.Axe()
	b.Shot(name)
	b.Dark(true)
	b.Axe()
	b.Shot(name + "-dark")
	b.Dark(false)
	b.Phone()
}

// tickAll sets every tick on the page, one by one.
func tickAll(b *webtest.Tab) {
	n, _ := strconv.Atoi(b.JS("String(document.querySelectorAll('[data-tick]').length)"))
	for i := range n {
		b.JS(fmt.Sprintf("document.querySelectorAll('[data-tick]')[%d].click(), ''", i))
	}
}

// An address that differs by one letter and another customer's file are stopped,
// mended by the blue buttons, ticked, approved in a second window, held and sent.
func TestJ2_J3_ASendingIsStoppedMendedAndSent(t *testing.T) {
	h := webtest.Open(t)
	b, second := h.Tab(t).As("accounting", 0), h.Tab(t).As("controller", 0)
	at, of := stoppedAt(t, h, b)
	b.See("登録にないアドレスです", "別の取引先の文書として保管されています", "相手に届くもの")
	if got := b.Text(".cmp dd mark"); got != "e" {
		t.Errorf("lit: %q", got)
	}
	if got := b.Text(".cmp .reg mark"); len([]rune(got)) != 1 {
		t.Errorf("lit in the register: %q", got)
	}
	looked(b, "sending-stopped")
	b.Click("[value='dispatch.take_registered'] ~ .btn.pri")
	b.See("直して、照合し直しました")
	b.Click(".item.blk [value='dispatch.edit'] ~ .btn.pri")
	b.Wait("#confirm")
	b.See(of.Points[0].Address, "承認から")
	looked(b, "sending-check")
	b.Click("[data-send]")
	b.See("まだ確認していない項目があります")
	tickAll(b)
	b.Until("!document.querySelector('[data-send]').classList.contains('pale')")
	b.See("すべて確認しました")
	b.Shot("sending-ticked")
	b.Click("[data-send]")
	b.See("承認を依頼しました", "ほかの人の承認を待っています")
	request := b.JS("location.pathname")
	b.Not("承認する</button>")
	b.Go("/approvals")
	b.Not(request) // never one's own
	b.Go("/approvals?own=1")
	b.See("承認待ち")
	looked(b, "approvals-own")
	b.Go(at)
	b.See("別の人の承認を待っています")

	agreeTo(t, h, second, request)
	b.Go(at)
	b.See("送信待ち(取り消せます)", "取り消す")
	b.Until("/^4:\\d\\d$/.test(document.querySelector('[data-until]').textContent)") // of five minutes
	looked(b, "sending-held")
	before := len(h.Trap.List())
	h.Clock.Skip(h.App.Config.Mail.Hold() + time.Second)
	if _, err := h.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Go(at)
	b.See("中継先へ引渡済", "中継先まで暗号化", "中継先の返事")
	b.Not("送信済み", "{relay}", "{reply}")
	looked(b, "sending-result")
	if n := len(h.Trap.List()) - before; n != 1 {
		t.Fatalf("%d mails in the trap", n)
	}
	reportIt(b)
}

// The check page is worked by keys alone: every tick, the way to the next item
// and the act are reached by Tab and pressed by Space or Enter.
func TestTheCheckIsDoneByKeysAlone(t *testing.T) {
	h := webtest.Open(t)
	mine, _, of := invoices(t, h)
	b := h.Tab(t).As("accounting", 1)
	b.Go("/sendings/new?invoice=" + mine.ID)
	b.See(of.Points[0].Address)
	b.Click("form.cols .btn.pri")
	b.Wait("#confirm")
	ticked := 0
	for range 80 {
		b.Key(kb.Tab)
		switch b.JS("document.activeElement.matches('[data-tick]') ? 'tick' : document.activeElement.matches('[data-send]') ? 'send' : ''") {
		case "tick":
			b.Key(" ")
			ticked++
			continue
		case "":
			continue
		}
		break
	}
	if n := b.JS("String(document.querySelectorAll('[data-tick]').length)"); strconv.Itoa(ticked) != n || ticked == 0 {
		t.Fatalf("%d of %s ticks were reached", ticked, n)
	}
	b.Key(kb.Enter)
	b.See("承認を依頼しました")
}

// agreeTo lets the second window look at a request and approve it.
func agreeTo(t *testing.T, h *webtest.House, b *webtest.Tab, request string) {
	t.Helper()
	b.Go("/approvals")
	b.See("株式会社星野運輸") // which of the sendings it is
	looked(b, "approvals")
	b.Click("a[href='" + request + "']")
	b.See("ダブルチェック", "前回の送付との違い", "前の版との違い")
	if b.JS("String(document.querySelectorAll('[data-tick]').length)") != "0" {
		t.Error("the requester's ticks are shown")
	}
	looked(b, "approval")
	b.Wide(390, 844)
	b.Shot("approval-phone")
	h.Clock.Skip(20 * time.Minute) // both the sign-in and the check are old by now
	b.Click("form[action='" + request + "/approve'] .btn.pri")
	b.See("本人の再確認")
	b.Fill("[name=_code]", b.Code("controller", 0))
	b.Click("main .btn.pri")
	b.See("承認しました")
	b.Wide(1440, 1000)
}

// reportIt reports the mail that has left as a mis-send.
func reportIt(b *webtest.Tab) {
	b.Click("#report summary")
	b.Do(chromedp.SendKeys(chromedp.CSS("#report [name=reason]"), "金額の違う請求書を送ったため"))
	b.Click("#report .btn.danger")
	b.See("誤送信を報告しました", "速報の期限", "送られた")
	b.Do(chromedp.SendKeys(chromedp.CSS("[name=words]"), "先方に電話で削除を依頼した"))
	b.Click("form[action$='/note'] .btn")
	b.See("追記しました", "先方に電話で削除を依頼した")
	looked(b, "incident")
	b.Go("/incidents")
	b.See("対応中")
	looked(b, "incidents")
	b.Go("/sendings")
	b.See("取り戻し")
	looked(b, "sendings")
}
