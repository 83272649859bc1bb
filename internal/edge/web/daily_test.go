package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"sekisho/internal/edge/web/page"
	"sekisho/internal/edge/web/webtest"
	"sekisho/internal/kernel/civil"
)

// What people choose they choose by name: a deputy, a partner of the archive. And
// everybody finds the records of what they did themselves.
func TestThingsAreChosenByName(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 0)
	says(t, c.Get("/me"), http.StatusOK, `href="/records/mine"`)
	says(t, c.Get("/records/mine"), http.StatusOK)

	r := c.Get("/approvals/delegations")
	other := h.Person("accounting", 1)
	option := regexp.MustCompile(`<option value="([0-9a-z]{26})">` + regexp.QuoteMeta(other.Name) + `<`).FindStringSubmatch(r.Body)
	if option == nil || strings.Contains(r.Body, `<option value="`+h.Person("accounting", 0).Login) {
		t.Fatal("no deputy to choose: ", r.Body)
	}
	today := page.Date(civil.Of(h.Clock.Now()))
	form := []string{"_key", "dep1", "to", option[1], "from_date", today, "until_date", today, "reason", "出張で不在のため"}
	says(t, c.Post("/approvals/delegations", form...), http.StatusOK, other.Name, "出張で不在のため")
	says(t, c.Post("/approvals/delegations", "_key", "dep2", "to", "", "from_date", today, "until_date", today, "reason", "出張で不在のため"), http.StatusUnprocessableEntity, "出張で不在のため")

	found := regexp.MustCompile(`<td>([^<]+) <small class="mut">([0-9]+)</small></td>`).FindStringSubmatch(c.Get("/archive").Body)
	if found == nil {
		t.Fatal("no document of a partner")
	}
	r = c.Get("/archive?partner=" + strings.ReplaceAll(found[1], " ", "+"))
	says(t, r, http.StatusOK, found[1])
	for _, m := range regexp.MustCompile(`<td>([^<]+) <small class="mut">[0-9]+</small></td>`).FindAllStringSubmatch(r.Body, -1) {
		if m[1] != found[1] {
			t.Errorf("asked for %s, got %s", found[1], m[1])
		}
	}
	says(t, c.Get("/archive?partner=株式会社"), http.StatusUnprocessableEntity, "複数あります")
	says(t, c.Get("/archive?partner=そんな会社はない"), http.StatusUnprocessableEntity, "見つかりません")
}

// An invoice tells how far its sending got and who had it in hand; a recipient is
// added to what is prepared, and compared at once.
func TestAnInvoiceFollowsItsSending(t *testing.T) {
	h := webtest.Open(t)
	mine, _, of := invoices(t, h)
	c := h.Client(t, "accounting", 1)
	here := func() string {
		m := regexp.MustCompile(`aria-current="step">([^<]+)<`).FindStringSubmatch(c.Get("/invoices/" + mine.ID).Body)
		if m == nil {
			return ""
		}
		return m[1]
	}
	if got := here(); got != "送信前の確認" {
		t.Error("before a sending:", got)
	}
	says(t, c.Get("/invoices/"+mine.ID), http.StatusOK, h.Person("accounting", 2).Name)
	r := c.Post("/sendings/new", "_key", "p1", "party", of.Party.ID, "as-"+of.Points[0].ID, "to", "subject", "請求書の送付", "body", "請求書をお送りします。", "purpose", "invoice", "document", mine.Document)
	says(t, r, http.StatusOK, of.Points[0].Address)
	at := r.Path
	says(t, c.Get("/invoices/"+mine.ID), http.StatusOK, `href="`+at+`"`, h.Person("accounting", 1).Name)

	says(t, c.Post(at+"/recipients", "_key", "a0", "kind", "cc", "address", ""), http.StatusUnprocessableEntity, "宛先の追加")
	says(t, c.Post(at+"/recipients", "_key", "a1", "kind", "bcc", "address", "x@example.jp"), http.StatusUnprocessableEntity, "x@example.jp")
	says(t, h.Client(t, "hr", 0).Post(at+"/recipients", "_key", "a2", "kind", "cc", "address", "x@example.jp"), http.StatusForbidden)
	r = c.Post(at+"/recipients", "_key", "a3", "kind", "cc", "address", "経理 <keiri@hoshino-unyo.example>")
	says(t, r, http.StatusOK, "送信停止", "keiri@hoshino-unyo.example")
	b := h.Tab(t).As("accounting", 1)
	b.Go(at + "/edit")
	b.See("宛先の追加", "keiri@hoshino-unyo.example")
	looked(b, "sending-edit")
	b.Go("/")
	b.See("締めまでに:", "送信停止")
	b.Go("/invoices/" + mine.ID)
	looked(b, "invoice-followed")
}

// Conditions of a list are kept under a name, for oneself only.
func TestASearchIsKept(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("accounting", 0)
	b.Go("/invoices?state=draft&partner=")
	b.Click(".searches summary")
	b.Fill("#f-search-name", "下書きだけ")
	b.Click(".savesearch button")
	b.See("この条件を保存しました", "下書きだけ")
	b.Until("document.querySelector('.saved [aria-current]')?.getAttribute('href') === '/invoices?state=draft'")
	looked(b, "search-kept")
	c := h.Client(t, "accounting", 1)
	if r := c.Get("/invoices"); strings.Contains(r.Body, "下書きだけ") {
		t.Error("somebody else's search is shown")
	}
	says(t, c.Post("/searches", "_key", "k1", "page", "/invoices", "query", "state=draft", "name", ""), http.StatusUnprocessableEntity, `value="state=draft"`)
	says(t, c.Post("/searches", "_key", "k2", "page", "https://evil.example/", "query", "a=b", "name", "x"), http.StatusUnprocessableEntity)
	b.Click(".saved button")
	b.See("保存した条件を消しました")
	b.Gone(".saved")
	for _, at := range []string{"/partners?q=青葉", "/sendings?state=held", "/archive?kind=invoice"} {
		says(t, c.Get(at), http.StatusOK, "この条件を保存")
	}
}
