package web_test

import (
	"bytes"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"sekisho/internal/edge/web/webtest"
	"sekisho/internal/kernel/blob"
)

var (
	linkInMail = regexp.MustCompile(`/s/[a-z2-7]{16}#[A-Za-z0-9_-]{43}`)
	codeInMail = regexp.MustCompile(`(?m)^\s+(\d{6})\s*$`)
)

// trapped waits for a mail whose text has what is looked for.
func trapped(t *testing.T, h *webtest.House, what *regexp.Regexp) string {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, err := h.Work(t.Context()); err != nil {
			t.Fatal(err)
		}
		list, err := h.Mails()
		if err != nil {
			t.Fatal(err)
		}
		if what == codeInMail {
			list = list[:1] // the latest, or it is an old one
		}
		for _, mail := range list {
			if m := what.FindStringSubmatch(mail.Text); m != nil {
				return m[len(m)-1]
			}
		}
	}
	t.Fatal("no such mail: ", what)
	return ""
}

// One person sends by link, another agrees, the hold passes; the recipient opens
// the link in another browser, gives the code, takes the document; the sender
// sees it and withdraws the link.
func TestJ4_LinkBothSides(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("accounting", 1)
	list := h.Client(t, "accounting", 2).Get("/partners?q=000112")
	partner := regexp.MustCompile(`/partners/([0-9a-z]{26})"`).FindStringSubmatch(list.Body)
	if partner == nil {
		t.Fatal("no partner on the list: ", list.Body)
	}
	b.Go("/sendings?state=opened")
	b.Click("main table a[href^='/sendings/']")
	b.See("受け取りリンク", "有効", "開封と受け取りの記録")
	id := strings.TrimPrefix(b.JS("location.pathname"), "/sendings/")
	b.Axe()
	b.Phone()
	b.Shot("link-sending")

	o := h.Tab(t)
	before := trapped(t, h, linkInMail)
	o.Visit(h.Portal + "/s/" + strings.Repeat("a", 16))
	o.See("書類が届いています")
	o.Axe()
	o.Dark(true)
	o.Axe()
	o.Dark(false)
	o.Phone()
	o.Visit(h.Portal + before)
	o.See("北斗サプライ株式会社", "確認コードを送る")
	o.Axe()
	o.Phone()
	o.Shot("portal-opened")
	o.Not("¥", "ダウンロード")
	o.Click("main .card .pri")
	o.See("確認コードを入れてください")
	o.Axe()
	o.Shot("portal-code")
	code := trapped(t, h, codeInMail)
	o.Fill("#code", map[bool]string{true: "111111", false: "000000"}[code == "000000"])
	o.Click("main form[action$='/verify'] button")
	o.See("あと4回")
	o.Fill("#code", code)
	o.Click("main form[action$='/verify'] button")
	o.See("ダウンロード", "お支払期限", "入金の記録はまだありません")
	o.Axe()
	o.Dark(true)
	o.Axe()
	o.Dark(false)
	o.Phone()
	o.Shot("portal-papers")
	o.Do()
	check := o.JS("document.querySelector('a[href^=\"/v/\"]').pathname")
	o.Visit(h.Portal + check)
	o.See("振込先の確認", "見本銀行", "0012345")
	o.Axe()
	o.Phone()
	o.Shot("portal-account")
	_ = id
}

// A recipient without scripts: a scanner's GET and HEAD change nothing, the bytes
// are the archive's, a withdrawn link is like one that never was.
func TestJ4_LinkByPlainHTTP(t *testing.T) {
	h := webtest.Open(t)
	link := trapped(t, h, linkInMail)
	at, secret, _ := strings.Cut(link, "#")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	ask := func(method, path string, form ...string) (int, []byte) {
		t.Helper()
		v := url.Values{}
		for i := 0; i+1 < len(form); i += 2 {
			v.Set(form[i], form[i+1])
		}
		req, err := http.NewRequest(method, h.Portal+path, strings.NewReader(v.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		if method == http.MethodPost {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Sec-Fetch-Site", "same-origin")
		}
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(res.Body); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, b.Bytes()
	}
	other := "/s/" + strings.Repeat("b", 16)
	_, real := ask(http.MethodGet, at)
	_, none := ask(http.MethodGet, other)
	if !bytes.Equal(bytes.ReplaceAll(real, []byte(at), nil), bytes.ReplaceAll(none, []byte(other), nil)) {
		t.Error("a fetched page tells whether there is such a link")
	}
	for range 20 {
		ask(http.MethodHead, at)
		ask(http.MethodGet, at)
	}
	sent := h.Client(t, "accounting", 1)
	page := sent.Get("/sendings?state=handed_over")
	ids := regexp.MustCompile(`/sendings/([0-9a-z]{26})"`).FindAllStringSubmatch(page.Body, -1)
	var sending webtest.Reply
	for _, id := range ids {
		if r := sent.Get("/sendings/" + id[1]); strings.Contains(r.Body, "まだ誰も開いていません") {
			sending = r
			break
		}
	}
	if sending.Status != http.StatusOK || strings.Contains(sending.Body, "開封と受け取りの記録") {
		t.Fatal("no untouched link on the sender's side, or fetching left a trace")
	}
	for _, bad := range [][]string{{"secret", "x"}, {"secret", ""}, {}} {
		if status, _ := ask(http.MethodPost, at, bad...); status != http.StatusGone {
			t.Error("a wrong secret gives ", status)
		}
	}
	status, gone := ask(http.MethodPost, other, "secret", secret)
	if status != http.StatusGone {
		t.Error("an unknown link gives ", status)
	}
	if status, _ := ask(http.MethodPost, at+"/file", "document", "x"); status == http.StatusOK {
		t.Error("a document without a code")
	}
	if status, body := ask(http.MethodPost, at, "secret", secret); status != http.StatusOK || !bytes.Contains(body, []byte("北斗サプライ")) {
		t.Fatal(status, string(body))
	}
	ask(http.MethodPost, at+"/code")
	if status, body := ask(http.MethodPost, at+"/verify", "code", trapped(t, h, codeInMail)); status != http.StatusOK || !bytes.Contains(body, []byte("ダウンロード")) {
		t.Fatal(status, string(body))
	}
	_, body := ask(http.MethodGet, at)
	doc := regexp.MustCompile(`name="document" value="([^"]+)"`).FindSubmatch(body)
	status, pdf := ask(http.MethodPost, at+"/file", "document", string(doc[1]), "save", "1")
	digest := blob.Sum(pdf).String()
	if seen := sent.Get(sending.Path); status != http.StatusOK || !strings.Contains(seen.Body, digest[:16]) || !strings.Contains(seen.Body, "ダウンロードした") {
		t.Fatal("the bytes are not the archive's, or the sender does not see it: ", status, digest)
	}
	if status, zip := ask(http.MethodPost, at+"/month", "month", regexp.MustCompile(`name="month" value="([^"]+)"`).FindStringSubmatch(string(body))[1]); status != http.StatusOK || !bytes.HasPrefix(zip, []byte("PK")) {
		t.Error("no ZIP of the month: ", status)
	}
	ask(http.MethodPost, at+"/write", "kind", "question", "words", "支払日を教えてください")
	if seen := sent.Get(sending.Path); !strings.Contains(seen.Body, "支払日を教えてください") {
		t.Error("the sender does not see what the recipient wrote")
	}
	linkID := regexp.MustCompile(`name="link" value="([^"]+)"`).FindStringSubmatch(sending.Body)[1]
	if r := sent.Post(sending.Path+"/withdraw", "link", linkID); r.Status == http.StatusOK && strings.Contains(r.Body, "無効にしました") {
		t.Error("withdrawn without a reason")
	}
	if r := sent.Post(sending.Path+"/withdraw", "link", linkID, "reason", "金額の誤り"); !strings.Contains(r.Body, "リンクを無効にしました") {
		t.Error(r.Status, r.Body)
	}
	if status, now := ask(http.MethodPost, at, "secret", secret); status != http.StatusGone || !bytes.Equal(bytes.ReplaceAll(now, []byte(at), nil), bytes.ReplaceAll(gone, []byte(other), nil)) {
		t.Error("a withdrawn link looks different from none: ", status)
	}
	if status, body := ask(http.MethodGet, "/v/"+strings.Repeat("0", 26)); status != http.StatusGone || !bytes.Contains(body, []byte("この確認コードの請求書はありません")) {
		t.Error(status, string(body))
	}
	for _, path := range []string{"/", "/api/v1/openapi.json", "/signin", "/witness/checkpoint", "/s/short", "/metrics"} {
		if status, _ := ask(http.MethodGet, path); status != http.StatusGone {
			t.Errorf("%s gives %d", path, status)
		}
	}
	last := 0
	for range 60 {
		last, _ = ask(http.MethodPost, other, "secret", secret)
	}
	if last != http.StatusTooManyRequests {
		t.Error("guessing is not slowed: ", last)
	}
}
