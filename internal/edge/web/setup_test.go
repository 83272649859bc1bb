package web_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sekisho/internal/app/demo"
	"sekisho/internal/edge/web/webtest"
	"sekisho/internal/kernel/vault"
)

// otp is a code of a secret that a page has shown, one that was not used yet.
func otp(t *testing.T, h *webtest.House, login, secret string) string {
	t.Helper()
	code, err := vault.TOTPCode(vault.NewSecret(secret), h.FreshCode(login))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// enrols registers an authenticator and gives its secret.
func enrols(t *testing.T, h *webtest.House, b *webtest.Tab, login string) string {
	t.Helper()
	b.See("認証アプリの登録")
	secret := b.Text("b.mono")
	b.Fill("[name=code]", otp(t, h, login, secret))
	b.Click("form[action='/enrol'] .pri")
	b.See("リカバリーコード")
	return secret
}

// signsUp comes with a start password and leaves with an own one and an authenticator.
func signsUp(t *testing.T, h *webtest.House, login, start, chosen string) (*webtest.Tab, string) {
	t.Helper()
	b := h.Tab(t)
	b.Go("/signin")
	b.Fill("[name=login]", login)
	b.Fill("[name=_password]", start)
	b.Click("form[action='/signin'] .pri")
	b.See("パスワードの変更")
	b.Fill("[name=_old]", start)
	b.Fill("[name=_new]", chosen)
	b.Fill("[name=_again]", chosen)
	b.Click("form[action='/password'] .pri")
	return b, enrols(t, h, b, login)
}

// own is the password the nth person of the first run has chosen.
func own(n int) string { return demo.Secrets(7)(n) }

func fillPerson(b *webtest.Tab, at, login, number, name, kana string) {
	for field, v := range map[string]string{"login": login, "number": number, "name": name, "kana": kana, "mail": login + "@example.co.jp"} {
		b.Fill("[name='"+at+field+"']", v)
	}
}

// From the set-up code on the console to a house that can bill: six steps by
// those whose steps they are.
func TestTheFirstRun(t *testing.T) {
	h := webtest.Empty(t)
	b := h.Tab(t)
	b.Go("/")
	b.Go("/signin")
	b.See("初期設定", "設定コード")
	inspect(b, "setup-first")

	b.Fill("[name=_code]", "WRONG-CODE")
	fillPerson(b, "first.", "kimura.jun", "E0001", "木村 純", "キムラ ジュン")
	fillPerson(b, "second.", "hayashi.nao", "E0002", "林 直", "ハヤシ ナオ")
	b.Fill("[name='_first.password']", own(0))
	b.Fill("[name=_again]", own(0))
	b.Click("form[action='/setup'] .pri")
	b.Wait("[role=alert]")
	if v := b.JS("document.querySelector(\"[name='second.name']\").value"); v != "林 直" {
		t.Error("what was typed is lost:", v)
	}
	b.Fill("[name=_code]", h.SetupCode)
	b.Fill("[name='_first.password']", own(0))
	b.Fill("[name=_again]", own(0))
	b.Click("form[action='/setup'] .pri")
	b.See("二人を登録しました", "林 直さんに")
	b.Axe()
	b.Shot("setup-made")
	start := b.Text("#start")
	b.Click("a[href^='/enrol']")
	first := enrols(t, h, b, "kimura.jun")
	b.Click("a[href='/setup']")
	b.See("初期設定", "約10分", "未完了")
	_, second := signsUp(t, h, "hayashi.nao", start, own(1))
	b.Go("/setup")
	b.Until("document.querySelector('.setup-steps li').innerText.includes('完了')")
	inspect(b, "setup-steps")

	b.Go("/setup/keys")
	b.See("鍵のフォルダ", filepath.Join(h.App.Home, "keys"), "決まっていません")
	inspect(b, "setup-keys")
	b.Fill("[name=until]", "2020/1/1")
	b.Fill("[name=reason]", "NASの到着を待つため")
	b.Click("form[action='/setup/keys'] .btn")
	b.See("延ばせるのは今日から60日先まで")
	b.Fill("[name=until]", h.Clock.Now().AddDate(0, 0, 20).Format("2006/01/02"))
	b.Click("form[action='/setup/keys'] .btn")
	b.See("延ばしたことを記録しました", "延期中")

	b.Go("/setup/relay")
	b.See("中継サーバーは決まっていません")
	b.Fill("[name=address]", "jun@example.co.jp")
	b.Fill("[name=label]", "情報システム課")
	b.Click("form.pad[action='/setup/relay'] .btn")
	b.See("承認が必要", "jun@example.co.jp")
	inspect(b, "setup-relay")
	b.Not("見本")
	b.Go("/setup/company")
	b.Not("振込先")

	controller, start := hireBySetup(t, h, first, second)
	c, _ := signsUp(t, h, controller, start, own(2))
	c.Go("/setup")
	c.See("経理責任者")
	c.Click(".ph .pri")
	c.See("会社名")
	company(t, c)
	c.See("保存しました")
	c.Until("[...document.querySelectorAll('.setup-steps li')].find(l => l.innerText.includes('端数')).innerText.includes('完了')")
	c.Go("/setup/company")
	c.See("検査数字8は番号と合っています")
	inspect(c, "setup-company")
	if r := h.Nobody(t).Get("/setup"); r.Status != http.StatusUnauthorized || !strings.Contains(r.Body, `name="_password"`) {
		t.Error("/setup is open to nobody: ", r.Status)
	}
	if r := h.Nobody(t).Post("/setup", "_code", h.SetupCode); r.Status == http.StatusOK {
		t.Error("the set-up code is good twice")
	}
}

// company fills the form of the own company, first with a picture that is none.
func company(t *testing.T, c *webtest.Tab) {
	t.Helper()
	for field, v := range map[string]string{"name": "北斗サプライ株式会社", "registration_number": "Ｔ８９９９９０１０９００００", "postal_code": "０６０-０００１",
		"address": "北海道札幌市中央区北一条西９丁目", "phone": "011-001-0001", "bank_accounts[0].bank_code": "9999", "bank_accounts[0].bank_name": "ミホンギンコウ",
		"bank_accounts[0].branch_code": "001", "bank_accounts[0].branch_name": "ホンテン", "bank_accounts[0].number": "12345", "bank_accounts[0].holder": "ホクトサプライ(カ"} {
		c.Fill("[name='"+field+"']", v)
	}
	file := filepath.Join(t.TempDir(), "logo.png")
	if err := os.WriteFile(file, []byte("no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.File("[name=logo]", file)
	c.Click("form[action='/setup/company'] .pri")
	c.See("この画像は印刷できません")
	c.Click("form[action='/setup/company'] .pri")
}

// hireBySetup lets the two administrators take a controller in, by the ops that
// the pages of people use, and gives login and start password.
func hireBySetup(t *testing.T, h *webtest.House, first, second string) (login, start string) {
	t.Helper()
	h.Clock.Skip(31e9)
	troupe := &demo.Troupe{Door: demo.Inside{Gate: h.App.Gate}, Clock: demo.Hasty(h.Clock)}
	asks := &demo.Person{Login: "kimura.jun", Password: own(0), TOTP: first}
	agrees := &demo.Person{Login: "hayashi.nao", Password: own(1), TOTP: second}
	var made struct {
		ID       string `json:"id"`
		Password string `json:"start_password"`
	}
	err := troupe.Act(t.Context(), asks, "identity.person_create", map[string]string{"login": "kato.naomi", "number": "E0003", "name": "加藤 直美", "kana": "カトウ ナオミ",
		"mail": "kato@example.co.jp", "hired_on": h.Clock.Now().AddDate(0, 0, -1).Format("2006-01-02")}, &made)
	if err == nil {
		err = troupe.Together(t.Context(), asks, agrees, "identity.role_grant", map[string]string{"person": made.ID, "role": "controller", "reason": "経理責任者のため"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return "kato.naomi", made.Password
}

// Bad input on the way in: nothing is made, and nothing is told.
func TestBadInputAtTheFirstRun(t *testing.T) {
	h := webtest.Empty(t)
	c := h.Nobody(t)
	good := []string{"_code", h.SetupCode, "first.login", "a.one", "first.number", "1", "first.name", "一", "first.kana", "イチ", "first.mail", "a@example.jp",
		"_first.password", own(0), "_again", own(0), "second.login", "b.two", "second.number", "2", "second.name", "二", "second.kana", "ニ", "second.mail", "b@example.jp", "second.role", "admin"}
	with := func(name, value string) []string {
		out := append([]string{}, good...)
		for i := 0; i < len(out); i += 2 {
			if out[i] == name {
				out[i+1] = value
			}
		}
		return out
	}
	for _, bad := range [][]string{with("_code", "AAAA"), with("_first.password", "short"), with("_again", "other"), with("second.login", "a.one"),
		with("second.role", "controller"), with("first.mail", "no address"), {"_code", h.SetupCode}} {
		r := c.Post("/setup", bad...)
		if r.Status < 400 || strings.Contains(r.Body, own(0)) || !strings.Contains(r.Body, `role="alert"`) {
			t.Error(bad, r.Status)
		}
	}
	for _, p := range []string{"/setup/keys", "/setup/relay", "/setup/company"} {
		if r := c.Get(p); r.Status != http.StatusUnauthorized {
			t.Error(p, r.Status)
		}
	}
	r := c.Post("/setup", good...)
	if r.Status != http.StatusOK || !regexp.MustCompile(`id="start">[^<]{8,}<`).MatchString(r.Body) {
		t.Fatal(r.Status, r.Body)
	}
}
