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
)

// Somebody who has never seen Sekisho opens the address that was printed.
func TestJ9_TheFirstPageOfTheDemo(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t)
	b.Go("/")
	b.See("見本の会社に入る", "はじめての2分", "山本 葵", "sasaki.hiroshi")
	inspect(b, "demo-guide")
	b.Click("form[action='/demo/enter'] input[value='yamamoto.aoi'] + button")
	b.See("こんにちは、山本 葵さん")
	b.Go("/demo")
	b.See("山本 葵さんのホームへ")
}

// inspect checks a page as it stands: WCAG in light and dark, a phone, a picture.
func inspect(b *webtest.Tab, name string) {
	b.Axe()
	b.Phone()
	b.Shot(name)
	b.Dark(true)
	b.Axe()
	b.Shot(name + "-dark")
	b.Dark(false)
	b.Wide(390, 844)
	b.Shot(name + "-phone")
	b.Wide(1440, 1000)
}

// Two people are signed in at once, each under a name of their own: a browser
// keeps cookies per host.
func TestTwoPeopleInTwoWindows(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t)
	b.Go("/demo")
	for _, login := range []string{"yamamoto.aoi", "kato.naomi"} {
		b.Go("/demo")
		to := b.JS("document.querySelector('a[href$=\"who=" + login + "\"]').href")
		if !regexp.MustCompile(`^http://[a-z]+\.localhost:\d+/demo\?who=`).MatchString(to) {
			t.Fatal(to)
		}
		b.Visit(to)
		b.See("の窓")
		if login == "yamamoto.aoi" {
			inspect(b, "demo-window")
		}
		b.Click("form[action='/demo/enter'] button")
		b.See("こんにちは")
	}
	port := h.URL[strings.LastIndex(h.URL, ":"):]
	b.Visit("http://yamamoto.localhost" + port + "/")
	b.See("こんにちは、山本 葵さん")
	b.Visit("http://kato.localhost" + port + "/")
	b.See("こんにちは、加藤 直美さん")
	b.Go("/")
	b.See("見本の会社に入る")
}

// In a demo the sign-in page shows the code of who is signing in.
func TestTheCodeStandsBesideItsField(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t)
	b.Go("/signin")
	b.Fill("[name=login]", "kato.naomi")
	b.See("見本の確認コード: " + h.Code("kato.naomi"))
}

// All five attempts are really made, and stopped.
func TestTheTourOfFiveAttempts(t *testing.T) {
	h := webtest.Open(t)
	before := len(h.Trap.List())
	b := h.Tab(t)
	b.Go("/demo/tour")
	b.Axe()
	for n, name := range demo.Attempts() {
		b.Click("#" + name + " form button")
		b.See("試した" + string(rune('1'+n)) + "件は、すべて止まりました")
	}
	b.See("よく似た確認済みの送付先", "別の取引先の文書として保管されています", "自社の口座として登録されていない口座番号", "別の送付が", "承認は無効")
	if n := len(h.Trap.List()) - before; n > 1 { // the one that was counting down may leave meanwhile
		t.Error("mail left:", n)
	}
	inspect(b, "demo-tour")
	if r := h.Client(t, "accounting", 0).Post("/demo/tour", "name", "all"); r.Status != http.StatusOK || strings.Count(r.Body, "demo-why") != 5 {
		t.Error("a second tour: ", r.Status, r.Body)
	}
}

// What was sent is found in the inbox, as text only; the clock can be moved.
func TestTheTrappedInbox(t *testing.T) {
	h := webtest.Open(t)
	evil := "Return-Path: <a@x.example>\r\nDelivered-To: b@y.example\r\nReceived: from x by trap.localhost id 9 (TLS 1.3);\r\n Mon, 01 Jan 2035 10:00:00 +0900\r\n" +
		"From: a@x.example\r\nSubject: <script>alert(1)</script>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n" +
		"--q\r\nContent-Type: text/plain\r\n\r\n<img src=x onerror=alert(2)>\r\n--q\r\nContent-Type: text/html\r\n\r\n<b>hidden words</b>\r\n" +
		"--q\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename=\"../evil.html\"\r\n\r\n<script>alert(3)</script>\r\n--q--\r\n"
	if err := os.WriteFile(filepath.Join(h.Card.Mail, "999999.eml"), []byte(evil), 0o600); err != nil {
		t.Fatal(err)
	}
	b := h.Tab(t)
	b.Go("/demo/inbox")
	b.See("ご請求書（INV-", "<script>alert(1)</script>")
	inspect(b, "demo-inbox")
	b.Click(".list a[href='/demo/inbox/999999']")
	b.See("<img src=x onerror=alert(2)>", "HTMLの部分があります", "2035/01/01 10:00")
	b.Not("hidden words")
	c := h.Client(t, "accounting", 0)
	r := c.Get("/demo/inbox/999999/0")
	if d := r.Header.Get("Content-Disposition"); r.Header.Get("Content-Type") != "application/octet-stream" || !strings.Contains(d, "attachment") || strings.Contains(d, "..") {
		t.Error(r.Header)
	}
	for _, bad := range []string{"/demo/inbox/../demo", "/demo/inbox/0", "/demo/inbox/x", "/demo/inbox/999999/9", "/demo/inbox/999999/-1"} {
		if r := c.Get(bad); r.Status != http.StatusNotFound {
			t.Error(bad, r.Status)
		}
	}
	b.Go("/demo/inbox")
	b.Click(".list tr:nth-child(2) a")
	b.See("御中", "SHA-256")
	inspect(b, "demo-mail")
	was := h.Clock.Now()
	b.Click("form[action='/demo/forward'] button")
	b.See("見本の時計を5分すすめました")
	if d := h.Clock.Now().Sub(was); d < demo.Step || d > 2*demo.Step {
		t.Error("the clock moved", d)
	}
}

// One press asks, the second erases: the house tells whoever serves it.
func TestErasingTheDemo(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t)
	b.Go("/demo/erase")
	b.See("元に戻せません")
	inspect(b, "demo-erase")
	select {
	case <-h.Erased():
		t.Fatal("looking at the page erases")
	default:
	}
	b.Click("form[action='/demo/erase'] button")
	b.See("見本を消しています")
	<-h.Erased()
}

// In a real house there is nothing of it.
func TestARealHouseHasNoDemoPages(t *testing.T) {
	h := webtest.Empty(t)
	c := h.Nobody(t)
	for _, p := range []string{"/demo", "/demo/codes", "/demo/inbox", "/demo/inbox/1", "/demo/inbox/1/0", "/demo/tour", "/demo/erase"} {
		if r := c.Get(p); r.Status != http.StatusNotFound || strings.Contains(r.Body, "見本") {
			t.Error(p, r.Status)
		}
	}
	for _, p := range []string{"/demo/enter", "/demo/forward", "/demo/tour", "/demo/erase"} {
		if r := c.Post(p, "login", "x", "name", "all"); r.Status != http.StatusNotFound {
			t.Error(p, r.Status)
		}
	}
	if r := c.Get("/signin"); strings.Contains(r.Body, "democode") || strings.Contains(r.Body, "signin.js") {
		t.Error("the sign-in page of a real house looks for a demo")
	}
}
