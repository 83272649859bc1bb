package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"sekisho/internal/edge/web/webtest"
)

// filled waits until the names can be searched.
func filled(t *testing.T, h *webtest.House) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !h.App.Names.Filled(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the names were never filled in")
		}
	}
}

// partnerAt is the path of the partner with a code.
func partnerAt(t *testing.T, c *webtest.Client, code string) string {
	t.Helper()
	r := c.Get("/search?q=" + code)
	m := regexp.MustCompile(`href="(/partners/[0-9a-z]{26})"`).FindStringSubmatch(r.Body)
	if m == nil {
		t.Fatal("no partner ", code, r.Status)
	}
	return m[1]
}

// A partner is found by its reading; a changed address stays a request until a
// second person agrees, and the history says who did.
func TestAnAddressChangesWithTwoPeople(t *testing.T) {
	h := webtest.Open(t)
	filled(t, h)
	b := h.Tab(t).As("accounting", 0)
	b.Go("/partners")
	look(b, "partners")
	b.Fill("#f-q", "せとうち")
	b.Click(".filters button")
	b.Until("location.search.includes('q=')")
	b.See("株式会社瀬戸内フーズ")
	b.Not("株式会社青葉製作所")
	b.Click("td a[href^='/partners/']")
	b.See("確認済み送付先", "基本情報と取引条件", "変更の履歴", "15日締め翌月15日払い")
	at := b.JS("location.pathname")
	look(b, "partner")
	b.Click("a[href$='/edit']")
	b.See("ほかの人が承認するまで有効になりません")
	look(b, "partner-edit")
	b.Fill("[name=address]", "広島県広島市中区基町9-99")
	b.JS("document.querySelector('[name=reason]').value='移転の案内状が届き、登録の電話で確かめました',''")
	b.Click(".formcard .pri")
	b.Until("location.pathname.startsWith('/approvals/')")
	request := strings.TrimPrefix(b.JS("location.pathname"), "/approvals/")
	b.Go(at)
	b.See("承認待ちの変更", "広島県広島市中区基町9-99")

	second := h.Tab(t).As("controller", 1)
	second.Go(at)
	second.See("承認待ちの変更")
	second.Axe()
	second.Shot("partner-waiting")
	if href := second.JS(`document.querySelector('.asked a[href^="/approvals/"]').getAttribute('href')`); href != "/approvals/"+request {
		t.Error(href)
	}
	agree(t, h, "controller", 1, request)
	said := "承認: " + h.Person("controller", 1).Name
	for range 50 { // the log is sealed within a second
		if second.Go(at); strings.Contains(second.Text("#history"), said) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	second.See("広島県広島市中区基町9-99", said)
	if n := second.JS("String(document.querySelectorAll('.asked a[href^=\"/approvals/\"]').length)"); n != "0" {
		t.Error("still waiting", n)
	}
	second.Shot("partner-history")
}

// Every form of a partner can be opened, works without a script, and says what
// is wrong beside its field with everything typed still there.
func TestFormsOfAPartner(t *testing.T) {
	h := webtest.Open(t)
	filled(t, h)
	c := h.Client(t, "controller", 0)
	at := partnerAt(t, c, "000108")
	for _, act := range []string{"edit", "suspend", "hand_over", "assign", "unassign", "contact_add", "point_propose", "account", "relation_add"} {
		if r := c.Get(at + "/" + act); r.Status != http.StatusOK || !strings.Contains(r.Body, `name="_key"`) {
			t.Error(act, r.Status)
		}
	}
	for _, bad := range []string{"/nothing", "/contact_update?item=nobody", "/point_verify?item=x", "/relation_end"} {
		if r := c.Get(at + bad); r.Status != http.StatusNotFound {
			t.Error(bad, r.Status)
		}
	}
	wrong := func(path string, want string, pairs ...string) {
		t.Helper()
		r := c.Post(path, pairs...)
		if r.Status < 400 || !strings.Contains(r.Body, want) {
			t.Errorf("%s %v: %d, want %q", path, pairs, r.Status, want)
		}
		if strings.Contains(r.Body, "fault.") || strings.Contains(r.Body, "gate.") {
			t.Errorf("%s shows a key", path)
		}
	}
	wrong("/partners/new", "すでに使われています", "code", "000108", "name", "別の会社", "terms", "末締め翌月末払い", "shift", "next")
	wrong("/partners/new", `value="別の会社"`, "code", "000108", "name", "別の会社", "terms", "末締め翌月末払い", "shift", "next")
	wrong("/partners/new", "h err", "code", "000999", "name", "別の会社", "terms", "そのうち払う", "shift", "next")
	wrong("/partners/new", "h err", "code", "000999", "name", "あ\u202eい", "terms", "末締め翌月末払い", "shift", "next")
	wrong(at+"/edit", "ほかの人が変更しました", "version", "1", "name", "新しい名前株式会社", "terms", "末締め翌月末払い", "shift", "next")
	wrong(at+"/edit", "新しい名前株式会社", "version", "1", "name", "新しい名前株式会社", "terms", "末締め翌月末払い", "shift", "next")
	wrong(at+"/point_propose", "h err", "address", "а@pаypal.com", "max_class", "confidential")
	wrong(at+"/point_propose", "h err", "address", "a@b.example\r\nBcc: x@y.example", "max_class", "confidential")
	wrong(at+"/suspend", "理由を4文字以上", "state", "suspended", "reason", "x")
	wrong(at+"/relation_add", "相手の取引先が見つかりません", "kind", "group", "other", "999999", "reason", "グループ会社です")
	wrong(at+"/contact_leave", "h err", "item", contactOf(t, c, at), "left_on", "2099/1/1")

	good := func(path, want string, pairs ...string) {
		t.Helper()
		r := c.Post(path, pairs...)
		if r.Status != http.StatusOK || r.Path != at || !strings.Contains(r.Body, want) {
			t.Errorf("%s: %d %s, want %q", path, r.Status, r.Path, want)
		}
	}
	good(at+"/contact_add", "試験 太郎", "name", "試験 太郎", "kana", "しけんたろう", "section", "経理部", "_key", "k1")
	good(at+"/point_propose", "フリーメール", "address", "setouchi.keiri@gmail.com", "label", "経理部", "max_class", "confidential", "_key", "k2")
	good(at+"/point_propose", "ほかの取引先が使っているドメイン", "address", "keiri@yamada-shoji.example", "max_class", "confidential", "_key", "k3")
	good(at+"/suspend", "取引を止めました", "state", "suspended", "reason", "お支払いが遅れているため止めます", "_key", "k4")
	if r := c.Get(at); !strings.Contains(r.Body, "取引停止中") || !strings.Contains(r.Body, at+"/resume") {
		t.Error("not suspended")
	}
	if r := c.Post(at+"/resume", "reason", "入金を確認できました", "_key", "k5"); !strings.HasPrefix(r.Path, "/approvals/") {
		t.Error(r.Status, r.Path)
	}
	made := c.Post("/partners/new", "code", "000999", "name", "試験商事株式会社", "kana", "しけんしょうじ", "terms", "20日締め翌々月10日払い", "shift", "previous", "_key", "k6")
	if made.Status != http.StatusOK || !strings.Contains(made.Body, "試験商事株式会社") || !strings.Contains(made.Body, "20日締め翌々月10日払い") {
		t.Error(made.Status, made.Path)
	}
}

func contactOf(t *testing.T, c *webtest.Client, at string) string {
	t.Helper()
	m := regexp.MustCompile(`contact_leave\?item=([0-9a-z]+)`).FindStringSubmatch(c.Get(at).Body)
	if m == nil {
		t.Fatal("no contact")
	}
	return m[1]
}

// Whoever sells sees no account form and no partner of others; whoever runs the
// system sees no partner at all.
func TestPartnersAreSeenWithinReach(t *testing.T) {
	h := webtest.Open(t)
	filled(t, h)
	books := h.Client(t, "accounting", 0)
	mine, other := partnerAt(t, books, "000101"), partnerAt(t, books, "000102")
	sales := h.Client(t, "sales", 0)
	if r := sales.Get(mine); r.Status != http.StatusOK || strings.Contains(r.Body, mine+"/account") || !strings.Contains(r.Body, mine+"/point_propose") {
		t.Error(r.Status)
	}
	for _, p := range []string{other, other + "/edit", mine + "/account"} {
		if r := sales.Get(p); r.Status != http.StatusNotFound {
			t.Error(p, r.Status)
		}
	}
	q := "/partners?q=" + url.QueryEscape("ヤマダ")
	if r := sales.Get(q); strings.Contains(r.Body, "山田商事株式会社") {
		t.Error("another's partner is found")
	}
	if r := books.Get(q); !strings.Contains(r.Body, "山田商事株式会社") || !strings.Contains(r.Body, "株式会社山田商会") {
		t.Error("not found")
	}
	admin := h.Client(t, "admin", 0)
	for _, p := range []string{"/partners", mine, "/imports"} {
		if r := admin.Get(p); r.Status == http.StatusOK || strings.Contains(r.Body, "青葉") {
			t.Error(p, r.Status)
		}
	}
	if r := admin.Get("/search?q=" + url.QueryEscape("青葉")); r.Status != http.StatusOK || strings.Contains(r.Body, "青葉製作所") {
		t.Error("the search shows partners to the administrator", r.Status)
	}
}

// The palette finds partners, invoices and pages, and opens what is chosen.
func TestThePaletteFindsAndOpens(t *testing.T) {
	h := webtest.Open(t)
	filled(t, h)
	b := h.Tab(t).As("accounting", 1)
	b.Go("/search?q=" + url.QueryEscape("山田"))
	b.See("山田商事株式会社", "株式会社山田商会")
	look(b, "search")
	var list struct{ Invoices []billed }
	act(t, h, h.Client(t, "accounting", 1), "invoice.list", map[string]any{"limit": 1}, &list)
	b.Go("/search?q=" + list.Invoices[0].Number)
	b.Wait("a[href='/invoices/" + list.Invoices[0].ID + "']")
	b.Go("/partners")
	b.JS(`document.dispatchEvent(new KeyboardEvent('keydown',{key:'k',ctrlKey:true,bubbles:true})),''`)
	b.Wait(".palette input")
	b.Fill(".palette input", "さくら")
	b.Until("document.querySelector('.palette #hits')?.innerText.includes('さくら会')")
	b.Shot("palette-now")
	b.Key("\r")
	b.See("医療法人さくら会", "変更の履歴")
}
