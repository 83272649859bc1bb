package web_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sekisho/internal/edge/web/webtest"
)

func picture(t *testing.T) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 120, 120))
	for x := range 120 {
		for y := range 120 {
			if x < 8 || y < 8 || x > 111 || y > 111 || x%30 < 4 {
				m.Set(x, y, color.RGBA{190, 30, 45, 255})
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The seal is one person's to put in; an account of one's own takes two.
func TestC24_TheCompanyIsChangedByTwo(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("accounting", 0)
	b.Go("/settings")
	b.See("会社情報", "送付のルール", "役割と権限")
	looks(b, "settings")
	b.Go("/settings/company")
	b.See("振込先", "別の人が承認するまで")
	looks(b, "company")
	file := filepath.Join(t.TempDir(), "seal.png")
	if err := os.WriteFile(file, picture(t), 0o600); err != nil {
		t.Fatal(err)
	}
	b.File("[name=seal]", file)
	b.Click("main form button.pri")
	b.Until("location.search.includes('web.done.saved')")
	b.Wait("img[src='/settings/company/seal']")
	b.Until("document.querySelector('.paper img').naturalWidth===120")

	b.Fill("[name='bank_accounts[0].number']", "7654321")
	b.Click("main form button.pri")
	b.Until("location.pathname.startsWith('/approvals/')")
	request := strings.TrimPrefix(b.JS("location.pathname"), "/approvals/")
	b.Go("/settings/company")
	if v := b.JS("document.querySelector(\"[name='bank_accounts[0].number']\").value"); v != "0012345" {
		t.Error("the account was changed by one person: ", v)
	}
	agree(t, h, "controller", 1, request)
	b.Go("/settings/company")
	b.Until("document.querySelector(\"[name='bank_accounts[0].number']\").value==='7654321'")
}

func TestBadCompanies(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 1)
	form := func(changes ...string) []string {
		v := []string{"version", "1", "name", "北斗サプライ株式会社", "postal_code", "060-0001", "address", "札幌市中央区", "rounding", "floor", "fiscal_start", "4"}
		return append(v, changes...)
	}
	for what, in := range map[string][]string{
		"registration_number": form("registration_number", "T12"), "postal_code": form()[:4],
		"bank_accounts[0].number": form("bank_accounts[0].number", "x", "bank_accounts[0].kind", "ordinary"),
	} {
		r := c.Upload("/settings/company", "ignored", "x.txt", nil, in...)
		if r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Body, `id="h-`+what+`"`) || !strings.Contains(r.Body, "aria-invalid") {
			t.Error(what, r.Status)
		}
	}
	for name, content := range map[string][]byte{"logo.png": []byte("%PDF-1.7 /JS"), "large.png": bytes.Repeat([]byte{7}, 2<<20)} {
		r := c.Upload("/settings/company", "logo", name, content, form()...)
		if r.Status != http.StatusUnprocessableEntity {
			t.Error(name, r.Status)
		}
	}
	if r := c.Get("/settings/company/other"); r.Status != http.StatusNotFound {
		t.Error(r.Status)
	}
	if r := h.Client(t, "sales", 0).Get("/settings/company"); r.Status != http.StatusOK || strings.Contains(r.Body, `name="bank_accounts`) {
		t.Error("営業 gets a form", r.Status)
	}
	if r := h.Client(t, "hr", 0).Get("/settings/company"); strings.Contains(r.Body, "0012345") || !strings.Contains(r.Body, "機密区分により表示しません") {
		t.Error("人事 sees an account")
	}
	if r := h.Client(t, "sales", 1).Upload("/settings/company", "x", "x", nil, form()...); r.Status != http.StatusForbidden {
		t.Error("営業 changes the company", r.Status)
	}
}

func TestDepartmentsNumbersHolidays(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("hr", 0)
	b.Go("/settings/departments")
	b.See("営業一課", "使用中")
	looks(b, "departments")
	b.Fill("[name=code]", "０９０")
	b.Fill("#name-new", "物流課")
	b.Click("form[action='/settings/departments'] .pri")
	b.See("保存しました。", "物流課")
	b.Click("tr:has(b):last-child details:has(form[action$='/close']) summary")
	b.Fill("tr:last-child [name=reason]", "統合のため")
	b.Click("tr:last-child form[action$='/close'] button")
	b.See("部署を廃止しました。", "に廃止")

	b.Go("/settings/holidays")
	b.See("この年の会社休日はありません")
	b.Fill("[name=date]", "12/29")
	b.Fill("[name=name]", "年末休業")
	b.Click("form.stackacts .pri")
	b.See("保存しました。", "年末休業", "12/29(")
	looks(b, "holidays")
	b.Click("tbody form button")
	b.See("この年の会社休日はありません")

	n := h.Tab(t).As("controller", 0)
	n.Go("/settings/numbers")
	n.See("INV-{yyyy}-{0000}", "次は")
	n.Fill("[name=name]", "quote")
	n.Fill("[name=pattern]", "Q-{yyyy}")
	n.Click("form.stackacts .pri")
	n.Wait(".note.blk")
	looks(n, "numbers")
	n.Fill("[name=pattern]", "Q-{yyyy}-{000}")
	n.Click("form.stackacts .pri")
	n.See("保存しました。", "Q-{yyyy}-{000}", "まだ使われていません")

	c := h.Client(t, "sales", 0)
	for at, in := range map[string][]string{"/settings/departments": {"code", "1", "name", "x"}, "/settings/numbers": {"name", "x", "pattern", "{0}"}, "/settings/holidays": {"date", "2026/12/29", "name", "x"}} {
		if r := c.Post(at, in...); r.Status != http.StatusForbidden {
			t.Error(at, r.Status)
		}
	}
	if r := h.Client(t, "hr", 1).Post("/settings/holidays", "date", "2/30", "name", "ない日"); r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Body, `value="2/30"`) {
		t.Error("a day that is none", r.Status)
	}
}

// Stronger works at once; weaker is a request.
func TestC34_RulesInWords(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("controller", 0)
	b.Go("/settings/rules")
	b.See("1,000,000円以上の送付は、別の人が承認します。")
	looks(b, "rules")
	b.Go("/settings/rules/second_amount")
	b.Fill("[name=value]", "５００，０００")
	b.Fill("[name=reason]", "年末の確認強化のため")
	b.Click("form.stackacts .pri")
	b.See("送付のルールを変えました。", "500,000円以上の送付")
	b.Go("/settings/rules/second_amount")
	b.See("厳しく", "年末の確認強化のため", "加藤 直美")
	looks(b, "rule")
	b.Fill("[name=value]", "900000")
	b.Fill("[name=reason]", "戻すため")
	b.Click("form.stackacts .pri")
	b.See("承認を依頼しました。", "戻すため")
	b.Until("location.pathname.startsWith('/approvals/')")
	request := strings.TrimPrefix(b.JS("location.pathname"), "/approvals/")
	b.Go("/settings/rules")
	b.See("500,000円以上の送付")
	agree(t, h, "security", 0, request)
	b.Go("/settings/rules")
	b.See("900,000円以上の送付")

	c := h.Client(t, "controller", 1)
	if r := c.Post("/settings/rules/hold_minutes", "value", "0", "from", "", "reason", "速く送るため"); r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Body, "速く送るため") {
		t.Error(r.Status)
	}
	if r := c.Get("/settings/rules/none"); r.Status != http.StatusNotFound {
		t.Error(r.Status)
	}
	if r := h.Client(t, "sales", 0).Post("/settings/rules/hold_minutes", "value", "60", "reason", "長くするため"); r.Status != http.StatusForbidden {
		t.Error(r.Status)
	}
}

func TestStoppingAllSending(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("security", 0)
	b.Go("/settings/relays")
	b.See("送信できます", "すべての送信を停止")
	b.Fill("[name=reason]", "不審な送信のため")
	b.Click("form[action$='/stop'] button")
	b.See("すべての送信を停止しています", "石川 玲")
	looks(b, "relays")
	b.Go("/settings")
	b.See("すべての送信を停止しています")
	if r := h.Client(t, "hr", 0).Post("/settings/relays/stop", "reason", "試しのため"); r.Status != http.StatusForbidden {
		t.Error(r.Status)
	}
}

func TestNotices(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("admin", 0)
	b.Go("/settings/notices")
	b.See("通知先はまだありません")
	b.Fill("[name=address]", "alarm@hokuto-supply.example.jp")
	b.Fill("[name=label]", "情報システム室")
	b.Click("form[action='/settings/notices'] .pri")
	b.See("提案しました。", "確認待ち", "情報システム室")
	b.Click("details:has(form[action$='/confirm']) summary")
	b.Fill("form[action$='/confirm'] [name=reason]", "当番に電話で確認したため")
	looks(b, "notices")
	b.Click("form[action$='/confirm'] button")
	b.Until("location.pathname.startsWith('/approvals/')")
	request := strings.TrimPrefix(b.JS("location.pathname"), "/approvals/")
	agree(t, h, "security", 1, request)
	b.Go("/settings/notices")
	b.See("確認済み", "試しに送る")
	b.Click("form[action$='/test'] button")
	b.See("試しのメールを送信待ちにしました。")

	c := h.Client(t, "admin", 1)
	if r := c.Post("/settings/notices", "address", "だめ@", "label", "x", "purpose", "alarm"); r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Body, "だめ@") {
		t.Error(r.Status)
	}
	id := regexp.MustCompile(`/settings/notices/([^/]+)/`).FindStringSubmatch(c.Get("/settings/notices").Body)[1]
	if r := c.Post("/settings/notices/"+id+"/retire", "reason", "短"); r.Status != http.StatusUnprocessableEntity {
		t.Error(r.Status)
	}
	if r := h.Client(t, "sales", 0).Get("/settings/notices"); r.Status != http.StatusForbidden {
		t.Error(r.Status)
	}
}
