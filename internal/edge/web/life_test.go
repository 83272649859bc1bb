package web_test

import (
	"regexp"
	"strings"
	"testing"

	"sekisho/internal/edge/web/webtest"
)

// An address that resembles one in force puts both before people's eyes; the
// QR code is shown; what is wrong comes back with its sentence.
func TestM11_AddressesForLife(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 2)
	list := c.Get("/partners?q=000112")
	m := regexp.MustCompile(`/partners/([0-9a-z]{26})"`).FindStringSubmatch(list.Body)
	if m == nil {
		t.Fatal("no partner")
	}
	at := "/partners/" + m[1]
	addr := regexp.MustCompile(`mono addr">([^<@]+@[^<]+)<`).FindStringSubmatch(c.Get(at).Body)
	if addr == nil {
		t.Fatal("no address")
	}
	b := h.Tab(t).As("accounting", 0)
	b.Go("/partners/review")
	b.See("見直す送付先", "共用アドレス")
	b.Go(at + "/point_propose")
	b.Fill("#f-address", strings.Replace(addr[1], "@", "1@", 1))
	b.Click(".formcard button.pri")
	b.Wait("a[href*='point_verify']")
	b.Go("/partners/review")
	b.See(addr[1], "似たアドレスが登録された")
	b.Axe()
	b.Phone()
	b.Shot("partner-review")
	b.Go("/partners/twins")
	b.See("二重登録")
	b.Axe()
	b.Phone()
	b.Go(at + "/merge")
	b.See("統合してなくす取引先のコード")
	b.Axe()
	b.Fill("#f-gone_code", "999999")
	b.JS("document.querySelector('#f-reason').value='二重登録のため'")
	b.Click(".formcard button.danger")
	b.See("相手の取引先が見つかりません")
	b.Shot("partner-merge")
	for _, bad := range []string{at + "/unmerge?item=x", at + "/point_ask?item=x", at + "/point_renew?item=x"} {
		if r := c.Get(bad); r.Status >= 500 {
			t.Error(bad, r.Status)
		}
	}
}
