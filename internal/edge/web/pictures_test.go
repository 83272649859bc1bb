package web_test

import (
	"fmt"
	"testing"

	"sekisho/internal/edge/web/webtest"
)

// What the README shows can be seen in the demo by whoever starts it: a stopped
// sending with the letter that differs, what an approver sees, the editor.
func TestThePicturesOfTheReadme(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("accounting", 0)
	b.Go("/")
	b.Until("document.documentElement.dataset.filled")
	b.Shot("home")
	b.Go("/sendings?state=stopped")
	first(b, "/sendings/")
	if b.See("送信停止"); b.JS("String(!document.querySelector('mark'))") == "true" { // this one has another's file
		b.Go("/sendings?state=stopped")
		nth(b, "/sendings/", 1)
	}
	b.Until("document.querySelector('mark')")
	b.Shot("stopped")
	b.Go("/invoices?state=draft")
	first(b, "/invoices/")
	first(b, "/edit")
	b.See("明細")
	b.Shot("editor")
	c := h.Tab(t).As("controller", 0)
	c.Go("/approvals")
	first(c, "/approvals/06")
	c.See("承認する")
	c.Shot("approval")
	d := h.Tab(t)
	d.Go("/demo")
	d.See("見本の会社に入る")
	d.Shot("demo")
}

// first opens the first link in the page's own part whose address has this in it.
func first(b *webtest.Tab, part string) { nth(b, part, 0) }

func nth(b *webtest.Tab, part string, n int) {
	b.Until("document.querySelector(\"main a[href*='" + part + "']\")")
	b.Go(b.JS(fmt.Sprintf("[...new Set([...document.querySelectorAll(\"main a[href*='%s']\")].filter(a => !a.pathname.endsWith('/new') && !a.pathname.endsWith('/unknown')).map(a => a.getAttribute('href')))][%d]", part, n)))
}
