package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sekisho/internal/edge/web/webtest"
	"sekisho/internal/kernel/blob"
)

// sentByLink makes a sending by link with every press of a button: prepared,
// checked, ticked, approved in a second window; the hold passes.
func sentByLink(t *testing.T, h *webtest.House, b, second *webtest.Tab) (sending string, paper billed) {
	t.Helper()
	mine, _, of := invoices(t, h)
	b.Go("/sendings/new?invoice=" + mine.ID)
	b.See(of.Points[0].Address, "この取引先の受け取り方に従う")
	if words := b.JS("document.querySelector('[name=body]').value"); !strings.Contains(words, "下のリンクからお受け取りのうえ") || strings.Contains(words, "添付") {
		t.Error("the body of a sending by link says: ", words)
	}
	b.Click("form.cols .btn.pri")
	b.Wait("#confirm")
	b.See("受け取りリンク")
	sending = b.JS("location.pathname")
	tickAll(b)
	b.Until("!document.querySelector('[data-send]').classList.contains('pale')")
	b.Click("[data-send]")
	b.See("承認を依頼しました")
	agreeTo(t, h, second, b.JS("location.pathname"))
	b.Go(sending)
	b.See("送信待ち(取り消せます)", "取り消す")
	h.Clock.Skip(h.App.Config.Mail.Hold() + time.Second)
	if _, err := h.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Go(sending)
	b.See("中継先へ引渡済", "まだ誰も開いていません")
	return sending, mine
}

// proves gives the code that was mailed.
func proves(t *testing.T, h *webtest.House, o *webtest.Tab) {
	t.Helper()
	o.See("確認コードを送る")
	o.Click("main .card .pri")
	o.See("確認コードを入れてください")
	o.Fill("#code", trapped(t, h, codeInMail))
	o.Click("main form[action$='/verify'] button")
	o.See("ダウンロード", "お支払期限")
}

// J4 1–4, 9, C-37: everything by clicking, on both sides of the link.
func TestJ4_ALinkIsSentOpenedForwardedAndWithdrawnByClicking(t *testing.T) {
	h := webtest.Open(t)
	b, second := h.Tab(t).As("accounting", 0), h.Tab(t).As("controller", 0)
	at, paper := sentByLink(t, h, b, second)
	link := trapped(t, h, linkInMail)
	o := h.Tab(t)
	o.Visit(h.Portal + link)
	o.See("北斗サプライ株式会社", "ご請求書")
	o.Not("¥", "ダウンロード", "キロ")
	proves(t, h, o)
	saved := blob.Sum(o.Saved("main .row form:last-child button"))
	var kept struct {
		Digest string `json:"digest"`
	}
	program(t, h.Client(t, "accounting", 2), "document.show", map[string]string{"id": paper.Document}, &kept)
	if saved.String() != kept.Digest {
		t.Errorf("what the recipient got is %s, the archive has %s", saved, kept.Digest)
	}
	b.Go(at)
	b.See("開封と受け取りの記録")
	b.Click("#links details.pad summary")
	b.See("本人確認が済んだ", "ダウンロードした", "127.0.0.1")
	b.Shot("link-seen")

	// A colleague, to whom the mail was forwarded, has not the mailbox.
	c := h.Tab(t)
	c.Visit(h.Portal + link)
	c.See("北斗サプライ株式会社")
	c.Not("ダウンロード")
	c.Click("main .card .pri")
	c.See("確認コードを入れてください")
	right := trapped(t, h, codeInMail)
	for i := range 5 {
		c.Fill("#code", map[bool]string{true: "111111", false: "00000" + strconv.Itoa(i)}[right == "00000"+strconv.Itoa(i)])
		c.Click("main form[action$='/verify'] button")
		if i < 4 {
			c.See("あと" + strconv.Itoa(4-i) + "回")
		}
	}
	c.See("間違ったコードが続いたため")
	c.Not("ダウンロード")
	c.Visit(h.Portal + link)
	c.Click("main .card .pri")
	c.Not("ダウンロード")

	// The sender is told, and closes the task.
	b.Go("/")
	b.See("受取人からの連絡", "確認コードの誤りで停止したリンク")
	b.Click(".tasks a[href='/sendings/words']")
	b.See("確認コードの誤りが続いた", "ご請求書")
	looked(b, "sending-words")
	b.Click("main article .btn.pri")
	b.See("確認コードの誤りが続いた")
	b.Do(chromedp.SendKeys(chromedp.CSS("form[action$='/answer'] [name=reason]"), "先方に電話し、転送先の方による誤入力と確かめた"))
	b.Click("form[action$='/answer'] .btn")
	b.See("対応済みにしました")
	b.Go("/sendings/words")
	b.See("対応が必要な連絡はありません")

	// The sender makes it dead; the recipient's next request is the neutral page.
	b.Go(at)
	b.Click("#links tr.noprint summary")
	b.Do(chromedp.SendKeys(chromedp.CSS("#links [name=reason]"), "金額の誤りのため、出し直します"))
	b.Click("#links .btn.danger")
	b.See("リンクを無効にしました", "無効")
	path, _, _ := strings.Cut(link, "#")
	o.Visit(h.Portal + path)
	o.Not("ダウンロード", "ご請求書", "北斗サプライ")
	dead := o.Text("main")
	u := h.Tab(t)
	u.Visit(h.Portal + link)
	if got := u.Text("main"); got != dead {
		t.Errorf("a dead link reads differently:\n%s\n%s", got, dead)
	}
}

// J4 8: whoever says that it is not for them starts the recall.
func TestJ4_NotForUsStartsARecall(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("accounting", 1)
	link := trapped(t, h, linkInMail)
	o := h.Tab(t)
	o.Visit(h.Portal + link)
	o.See("北斗サプライ株式会社")
	o.Click("main details summary")
	o.Click("main form[action$='/not-ours'] button")
	o.See("差出人に伝えました")
	o.Visit(h.Portal + link)
	o.Not("北斗サプライ")
	b.Go("/")
	b.See("受取人からの連絡")
	b.Go("/sendings/words")
	b.See("宛先が違う")
	b.Go("/incidents")
	b.See("対応中")
}

// J4 7: two hundred guesses get nothing, are slowed, and somebody hears of it.
func TestJ4_GuessedLocatorsAreLimitedWithAnAlarm(t *testing.T) {
	h := webtest.Open(t)
	letters := "abcdefghijklmnopqrstuvwxyz"
	limited := 0
	for i := range 200 {
		at := "/s/" + strings.Repeat("a", 13) + string(letters[i/26]) + string(letters[i%26]) + "a"
		req, err := http.NewRequest(http.MethodPost, h.Portal+at, strings.NewReader(url.Values{"secret": {"x"}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		switch res.StatusCode {
		case http.StatusGone:
		case http.StatusTooManyRequests:
			limited++
		default:
			t.Fatal("a guess gives ", res.Status)
		}
	}
	if limited < 150 {
		t.Errorf("only %d of 200 guesses were limited", limited)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if r := h.Client(t, "security", 2).Get("/alarms"); regexp.MustCompile(`当て推量|推測|総当たり|当てずっぽう`).MatchString(r.Body) {
			break
		} else if time.Now().After(end) {
			t.Fatal("no alarm: ", r.Body)
		}
	}
}
