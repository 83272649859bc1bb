package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"sekisho/internal/edge/web/webtest"
)

// SM-44: a sending that left has a certificate at one press, and its number and
// code can be checked on a page; another code is told apart.
func TestSM44_TheCertificateOfASendingInTheBrowser(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 0)
	id := ""
	for _, m := range regexp.MustCompile(`href="/sendings/([0-9a-z]{26})"`).FindAllStringSubmatch(c.Get("/sendings").Body, -1) {
		if strings.Contains(c.Get("/sendings/"+m[1]).Body, "/certificate\"") {
			id = m[1]
			break
		}
	}
	if id == "" {
		t.Fatal("the demo has no sending that left")
	}
	if r := c.Get("/sendings/" + id + "/certificate"); r.Status != http.StatusOK || r.Header.Get("Content-Type") != "application/pdf" || !strings.HasPrefix(r.Body, "%PDF-") {
		t.Fatal(r.Status, r.Header)
	}
	b := h.Tab(t).As("accounting", 0)
	b.Go("/certificates?id=" + id)
	b.Fill("#f-code", "AAAAA-BBBBB-CCCCC-DDDDD")
	b.Click("main form .btn.pri")
	b.Wait(`[role="status"]`)
	b.See("記録と一致しません")
	b.Axe()
	b.Dark(true)
	b.Axe()
	b.Dark(false)
	b.Phone()
	b.Shot("certificate-check")
	if r := c.Post("/certificates", "id", "nothing", "code", "x"); r.Status != http.StatusNotFound {
		t.Error(r.Status)
	}
}
