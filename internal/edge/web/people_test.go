package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"sekisho/internal/edge/web/webtest"
)

// personID finds somebody by login in the register as a reader sees it.
func personID(t *testing.T, c *webtest.Client, login string) string {
	t.Helper()
	m := regexp.MustCompile(`/people/([A-Za-z0-9]+)">[^<]*</a><br><span class="mut">` + regexp.QuoteMeta(login) + `<`).FindStringSubmatch(c.Get("/people").Body)
	if m == nil {
		t.Fatal("nobody is called ", login)
	}
	return m[1]
}

// looks is what every page is looked at for.
func looks(b *webtest.Tab, name string) {
	b.Axe()
	b.Shot(name)
	b.Dark(true)
	b.Axe()
	b.Shot(name + "-dark")
	b.Dark(false)
	b.Phone()
}

// Granting a role is one person's wish and another's consent: in two windows.
func TestC02_GrantingARoleInTwoWindows(t *testing.T) {
	h := webtest.Open(t)
	admin := h.Client(t, "admin", 1)
	who := h.Person("hr", 2)
	at := "/people/" + personID(t, admin, who.Login)

	b := h.Tab(t).As("admin", 0)
	b.Go("/people")
	b.See("利用者を登録", "認証アプリ登録済み", "システム管理")
	b.Not("利用者一覧")
	looks(b, "people")
	b.Go(at)
	b.See(who.Name, "最後の利用", "利用者と部署の台帳を受け持ちます。")
	b.Click(".grant summary")
	b.Wait(".grant form button")
	b.Click(".grant input[value=security]")
	b.Fill("#why-grant", "担当者の交代のため")
	looks(b, "person")
	b.Click(".grant form button")
	b.Until("location.pathname.startsWith('/approvals/')")
	request := strings.TrimPrefix(b.JS("location.pathname"), "/approvals/")

	other := h.Tab(t).As("admin", 1)
	other.Go(at)
	if s := other.Text(".duties"); strings.Contains(s, "セキュリティ担当") {
		t.Error("it took effect before anybody agreed")
	}
	agree(t, h, "admin", 1, request)
	other.Go(at)
	other.Until("[...document.querySelectorAll('.duties b')].some(e=>e.innerText==='セキュリティ担当')")

	other.Click(".duties li:has(input[value=security]) summary")
	other.Fill("#why-revoke-security", "元の担当に戻すため")
	other.Click(".duties li:has(input[value=security]) form button")
	other.See("役割を取り消しました。")
	other.Until("![...document.querySelectorAll('.duties b')].some(e=>e.innerText==='セキュリティ担当')")
}

// agree lets the nth person of a role agree to a request on its page.
func agree(t *testing.T, h *webtest.House, role string, n int, request string) {
	t.Helper()
	c, at := h.Client(t, role, n), "/approvals/"+request
	says(t, c.Post(at+"/approve", "digest", digestOn(t, c.Get(at)), "_key", "agree-"+request,
		"_act", "approval.approve", "_code", code(t, h, role, n)), http.StatusOK, "承認しました")
}

// A new person's start password is shown once, and opens the door once.
func TestANewPersonGetsAStartPassword(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("hr", 0)
	b.Go("/people/new")
	b.Fill("[name=name]", "新田 千尋")
	b.Fill("[name=kana]", "ニッタ チヒロ")
	b.Fill("[name=login]", "nitta.chihiro")
	b.Fill("[name=number]", "E9001")
	looks(b, "person-new")
	b.Click("main form.card .pri") // without an address
	b.Wait(".note.blk")
	b.See("メールアドレス")
	if v := b.JS("document.querySelector('[name=name]').value"); v != "新田 千尋" {
		t.Error("what was typed is lost: ", v)
	}
	b.Fill("[name=mail]", "nitta.chihiro@hokuto-supply.example.jp")
	b.Click("main form.card .pri")
	b.See("この画面でしか表示しません")
	looks(b, "person-issued")
	password := strings.TrimSpace(b.Text(".secret"))
	b.Click("main .pri")
	b.See("新田 千尋", "役割がありません", "まだ使われていません")

	n := h.Tab(t)
	n.Go("/signin")
	n.Fill("[name=login]", "nitta.chihiro")
	n.Fill("[name=_password]", password)
	n.Click("form[action='/signin'] .pri")
	n.See("自分だけのものに変えてください")
}

// A register that is kept by people who may not see addresses keeps them.
func TestChangingAPersonKeepsTheAddress(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("hr", 0)
	who := h.Person("sales", 1)
	at := "/people/" + personID(t, h.Client(t, "hr", 1), who.Login)
	b.Go(at + "/edit")
	b.Fill("[name=name]", "鈴木 健太郎")
	b.Fill("[name=kana]", "スズキ ケンタロウ")
	b.Fill("[name=reason]", "登録の誤りのため")
	looks(b, "person-edit")
	b.Click("main form.card .pri")
	b.See("保存しました。", "鈴木 健太郎")

	c := h.Client(t, "hr", 2)
	r := c.Get(at + "/edit")
	if !strings.Contains(r.Body, `name="version" value="`) {
		t.Fatal(r.Status)
	}
	// Two tabs: the older one does not win.
	v := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(r.Body)[1]
	typed := []string{"_key", "k1", "version", "1", "name", "鈴木 太郎", "kana", "スズキ タロウ", "login", who.Login, "number", "E0002", "hired_on", "2026/4/1", "reason", "別の変更のため"}
	if r := c.Post(at+"/edit", typed...); r.Status != http.StatusConflict || !strings.Contains(r.Body, "鈴木 太郎") {
		t.Error("version ", v, ": ", r.Status)
	}
	typed[1], typed[3], typed[13] = "k2", v, "きのうの次"
	if r := c.Post(at+"/edit", typed...); r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Body, "きのうの次") {
		t.Error("a date that is none: ", r.Status)
	}
}

// Shutting somebody out works at once; opening again takes two.
func TestShuttingSomebodyOut(t *testing.T) {
	h := webtest.Open(t)
	victim := h.Client(t, "sales", 2)
	c := h.Client(t, "security", 0)
	at := "/people/" + personID(t, c, h.Person("sales", 2).Login)
	if r := c.Post(at+"/disable", "reason", "短"); r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Body, `value="短"`) {
		t.Error("without a reason: ", r.Status)
	}
	if r := c.Post(at+"/disable", "_key", "once", "reason", "端末の盗難のため"); r.Status != http.StatusOK || !strings.Contains(r.Body, "利用を停止しました") {
		t.Error(r.Status)
	}
	if r := victim.Get("/me"); r.Status != http.StatusUnauthorized {
		t.Error("still in: ", r.Status)
	}
	if r := c.Post(at+"/enable", "reason", "端末が見つかったため"); r.Status != http.StatusForbidden {
		t.Error("セキュリティ担当 may not open again: ", r.Status)
	}
}

// What a role may not do is refused, whatever address is typed.
func TestPeoplePagesAreRefused(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "sales", 0)
	for _, at := range []string{"/people", "/people/new", "/clients", "/clients/new"} {
		r := c.Get(at)
		if at != "/people/new" && r.Status != http.StatusForbidden {
			t.Error(at, r.Status)
		}
	}
	for _, at := range []string{"/people/new", "/people/x/disable", "/people/x/grant", "/people/x/issue", "/clients/new", "/clients/x/disable"} {
		if r := c.Post(at, "reason", "試しのため", "name", "x", "hired_on", "2026/4/1", "ops", "party.list", "public_key", "AAAA"); r.Status == http.StatusOK || r.Status >= 500 {
			t.Error(at, r.Status)
		}
	}
	self := h.Client(t, "admin", 0)
	at := "/people/" + personID(t, self, h.Person("admin", 0).Login)
	if r := self.Get(at); strings.Contains(r.Body, at+"/disable") || !strings.Contains(r.Body, "自分の権限やサインイン方法は、ここでは変えられません") {
		t.Error("one's own page offers what the gate refuses")
	}
	if r := self.Post(at+"/disable", "reason", "自分を止めるため"); r.Status == http.StatusOK {
		t.Error("shut themselves out")
	}
	if r := self.Get("/people/nobody"); r.Status != http.StatusNotFound {
		t.Error(r.Status)
	}
}

func TestRolesInWords(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("auditor", 0)
	b.Go("/roles")
	b.See("兼ねられない役割", "自分の役割", "すべてを見て確かめます。")
	looks(b, "roles")
	b.Go("/roles?role=manager")
	b.See("できること", "承認できること", "自分の部署")
	looks(b, "role")
	all := b.JS("document.body.innerText")
	if strings.Contains(all, "op.") || strings.Contains(all, "web.") {
		t.Error("a key instead of words: ", all)
	}
}

func TestClients(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("admin", 0)
	b.Go("/clients")
	b.See("販売管理連携（見本）", "持ち主", "無効にする")
	looks(b, "clients")
	b.Go("/clients/new")
	b.Click("main .btn.pri")
	b.Wait("[name=public_key]")
	b.Fill("[name=name]", "在庫システム")
	b.Fill("[name=public_key]", "短い")
	b.Click("form[method=post][action='/clients/new'] .pri")
	b.Wait(".note.blk")
	looks(b, "client-new")
	if v := b.JS("document.querySelector('[name=name]').value"); v != "在庫システム" {
		t.Error("what was typed is lost: ", v)
	}
}
