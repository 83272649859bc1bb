package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/edge/web/webtest"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
)

var (
	tickOf   = regexp.MustCompile(`name="tick" value="([^"]+)"`)
	digestOf = regexp.MustCompile(`name="digest" value="([^"]+)"`)
)

func ticksOn(r webtest.Reply) (out []string) {
	for _, m := range tickOf.FindAllStringSubmatch(r.Body, -1) {
		out = append(out, m[1])
	}
	return out
}

func digestOn(t *testing.T, r webtest.Reply) string {
	t.Helper()
	m := digestOf.FindStringSubmatch(r.Body)
	if m == nil {
		t.Fatal("no digest on ", r.Path, r.Status, r.Body)
	}
	return m[1]
}

// says fails unless a reply has this status and these words.
func says(t *testing.T, r webtest.Reply, status int, words ...string) {
	t.Helper()
	if r.Status != status {
		t.Errorf("%s: %d, want %d", r.Path, r.Status, status)
	}
	for _, w := range words {
		if !strings.Contains(r.Body, w) {
			t.Errorf("%s does not say %q", r.Path, w)
		}
	}
	if t.Failed() {
		t.Log(r.Body)
		t.FailNow()
	}
}

// ready prepares a package by plain forms, without a script, that nothing stops.
func ready(t *testing.T, c *webtest.Client, i billed, of partner) webtest.Reply {
	t.Helper()
	r := c.Post("/sendings/new", "_key", "prepare-"+i.ID, "party", i.Party, "as-"+of.Points[0].ID, "to", "typed", "", "subject", "ご請求書("+i.Number+")の送付",
		"body", of.Party.Name+" 御中\n\n請求書を添付いたします。", "purpose", "invoice", "document", i.Document)
	says(t, r, http.StatusOK, "送る前に、送る相手と中身を確かめます", `action="`+r.Path+`/confirm"`)
	return r
}

func tickForm(digest, key string, ticks ...string) url.Values {
	return url.Values{"digest": {digest}, "_key": {key}, "tick": ticks}
}

// Ticks that are forged, missing, stale or another's are refused; a doubled post
// happens once; what was sent cannot be sent again by going back.
func TestJ3_TicksAreNotForged(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 0)
	mine, _, of := invoices(t, h)
	page := ready(t, c, mine, of)
	at, ticks, digest := page.Path, ticksOn(page), digestOn(t, page)
	if len(ticks) < 2 {
		t.Fatal("too few ticks: ", ticks)
	}
	says(t, c.PostForm(at+"/confirm", tickForm(digest, "k1")), http.StatusUnprocessableEntity, "まだ確認していない項目が")
	r := c.PostForm(at+"/confirm", tickForm(digest, "k2", ticks[0]))
	says(t, r, http.StatusUnprocessableEntity, `value="`+ticks[0]+`" form="confirm" checked`)
	forged := append([]string{strings.Repeat("A", len(ticks[0]))}, ticks[1:]...)
	says(t, c.PostForm(at+"/confirm", tickForm(digest, "k3", forged...)), http.StatusConflict, "確認の印が")
	says(t, c.PostForm(at+"/confirm", tickForm(strings.Repeat("0", 64), "k4", ticks...)), http.StatusConflict, "確認の印が")
	other := h.Client(t, "accounting", 1)
	if r := other.Get(at); r.Status != http.StatusOK || len(ticksOn(r)) != 0 {
		t.Error("another person gets ticks", r.Status)
	}
	says(t, other.PostForm(at+"/confirm", tickForm(digest, "k5", ticks...)), http.StatusConflict, "確認の印が")
	stale := ticks
	page = c.Post(at+"/check", "_key", "again")
	ticks = ticksOn(page)
	says(t, c.PostForm(at+"/confirm", tickForm(digest, "k6", stale...)), http.StatusConflict, "確認の印が")
	asked := c.PostForm(at+"/confirm", tickForm(digest, "k7", ticks...))
	says(t, asked, http.StatusOK, "ほかの人の承認を待っています")
	if twice := c.PostForm(at+"/confirm", tickForm(digest, "k7", ticks...)); twice.Path != asked.Path {
		t.Error("a doubled post went elsewhere: ", twice.Status, twice.Path)
	}
	says(t, c.PostForm(at+"/confirm", tickForm(digest, "k8", ticks...)), http.StatusConflict, "段階")
	says(t, c.Post(at+"/fix", "op", "dispatch.send_anyway"), http.StatusUnprocessableEntity, "その直し方は")
	own := c.Get(asked.Path)
	if strings.Contains(own.Body, asked.Path+"/approve") {
		t.Error("one's own request can be approved")
	}
	changedAfterAsking(t, h, c, at, asked.Path)
}

// changedAfterAsking: what was asked for is void once anything of it has changed.
func changedAfterAsking(t *testing.T, h *webtest.House, c *webtest.Client, at, request string) {
	t.Helper()
	second := h.Client(t, "controller", 0)
	r := second.Get(request)
	digest := digestOn(t, r)
	says(t, second.Post(request+"/approve", "_key", "a1", "digest", strings.Repeat("0", 64)), http.StatusConflict, "一致しません")
	e := c.Get(at + "/edit")
	version := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(e.Body)[1]
	document := regexp.MustCompile(`name="document" value="([^"]+)"`).FindStringSubmatch(e.Body)[1]
	says(t, c.Post(at+"/edit", "_key", "e1", "version", version, "subject", "変えた件名", "body", "変えた本文", "document", document), http.StatusOK, "変えた件名")
	says(t, second.Post(request+"/approve", "_key", "a2", "digest", digest), http.StatusConflict, "無効")
	says(t, c.Post(at+"/edit", "_key", "e2", "version", version, "subject", "古い画面から", "body", "本文"), http.StatusConflict, "古い画面から")
	if len(h.Trap.List()) != 0 && strings.Contains(c.Get(at).Body, "中継先へ引渡済") {
		t.Error("something was sent")
	}
}

// morning lets the clock run to the next working day at ten.
func morning(h *webtest.House) {
	for {
		now := h.Clock.Now().In(civil.JST())
		next := time.Date(now.Year(), now.Month(), now.Day()+1, 10, 0, 0, 0, civil.JST())
		h.Clock.Skip(next.Sub(now))
		if d := next.Weekday(); d != time.Saturday && d != time.Sunday {
			return
		}
	}
}

// A quiet sending takes one act, can be taken back while it is held, and then
// nothing leaves; what is lost in a restoring is found out by a person.
func TestJ2_AHeldSendingIsTakenBack(t *testing.T) {
	h := webtest.Open(t)
	morning(h)
	c := h.Client(t, "accounting", 0)
	var sent struct {
		Rows []struct {
			Party string `json:"party"`
		} `json:"rows"`
	}
	act(t, h, c, "dispatch.list", map[string]string{"state": "handed_over"}, &sent)
	var of partner
	act(t, h, c, "party.show", map[string]string{"id": sent.Rows[0].Party}, &of)
	prepare := func(key string) webtest.Reply {
		r := c.Post("/sendings/new", "_key", key, "party", of.Party.ID, "as-"+of.Points[0].ID, "to", "typed", "", "subject", "年末年始の休業のお知らせ",
			"body", of.Party.Name+" 御中\n\n12月29日から1月4日まで休業いたします。", "purpose", "notice")
		says(t, r, http.StatusOK, "登録とすべて一致しました", `action="`+r.Path+`/release"`)
		return r
	}
	page := prepare("p1")
	before := len(h.Trap.List())
	held := c.PostForm(page.Path+"/release", tickForm(digestOn(t, page), "r1", ticksOn(page)...))
	says(t, held, http.StatusOK, "送信待ち(取り消せます)", "data-until")
	says(t, c.PostForm(page.Path+"/release", tickForm(digestOn(t, page), "r1", ticksOn(page)...)), http.StatusOK, "送信待ち(取り消せます)")
	says(t, c.Post(page.Path+"/cancel", "_key", "c1", "reason", "日付を直すため"), http.StatusOK, "取り消しました", "取消")
	says(t, c.Post(page.Path+"/cancel", "_key", "c2"), http.StatusConflict)
	h.Clock.Skip(h.App.Config.Mail.Hold() + time.Second)
	if _, err := h.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(h.Trap.List()) - before; n != 0 {
		t.Fatal(n, " mails left")
	}
	page = prepare("p2")
	c.PostForm(page.Path+"/release", tickForm(digestOn(t, page), "r2", ticksOn(page)...))
	if _, err := gate.Run(t.Context(), h.App.Gate, gate.System("backup"), dispatch.RestoredOp, dispatch.RestoredIn{Restoring: "test"}); err != nil {
		t.Fatal(err)
	}
	lost(t, h, page.Path)
}

// lost looks at a sending nobody knows the outcome of, and enters it.
func lost(t *testing.T, h *webtest.House, at string) {
	t.Helper()
	b := h.Tab(t).As("controller", 1)
	b.Go(at)
	b.See("送信結果を確認中", "すべての送信を止めています")
	b.Go("/sendings/unknown")
	b.See("送信結果を確認中", "Message-ID", "すべての送信を止めています")
	b.Not("この家")
	looked(b, "sending-unknown")
	b.Click("[name=as][value=refused]")
	b.JS("document.querySelector('[name=evidence]').value = '中継サーバーの記録に無いことを管理者に確かめた', ''")
	b.JS("document.querySelector('[name=reason]').value = '復元のあとの確認', ''")
	b.Click("form[action$='/resolve'] .btn.pri")
	b.Until("/結果を登録しました|本人の再確認/.test(document.body.innerText)")
	if strings.Contains(b.Text("main"), "本人の再確認") {
		b.Fill("[name=_code]", b.Code("controller", 1))
		b.Click("main .btn.pri")
	}
	b.See("結果を登録しました", "送られていません")
	looked(b, "sending-attention")
	b.Go("/near-misses")
	b.See("待機中に取り消し", "月ごとの件数")
	looked(b, "near-misses")
	b.Go("/approvals/delegations")
	looked(b, "delegations")
}

// Whoever sends can stop all sending; starting it again takes a second person,
// who may refuse, and the request can be taken back. What is wrong with a form
// is said on it, with what was typed.
func TestAllSendingIsStoppedAndStarted(t *testing.T) {
	h := webtest.Open(t)
	c, second := h.Client(t, "accounting", 0), h.Client(t, "controller", 0)
	says(t, c.Post("/sendings/stop", "_key", "s0", "reason", ""), http.StatusUnprocessableEntity, "すべての送信を緊急停止する")
	says(t, c.Post("/sendings/stop", "_key", "s1", "reason", "誤送信の疑いがあるため"), http.StatusOK, "すべての送信を止めました", "誤送信の疑いがあるため")
	for _, at := range []string{"/sendings", "/sendings/unknown"} {
		says(t, second.Get(at), http.StatusOK, "すべての送信を止めています")
	}
	asked := c.Post("/sendings/start", "_key", "s2", "reason", "原因の宛先を登録から外したため")
	says(t, asked, http.StatusOK, "承認を依頼しました", "緊急停止を解いて送信を再開する", "申請を取り下げる")
	r := second.Get(asked.Path)
	says(t, r, http.StatusOK, "承認する", "緊急停止")
	says(t, second.Post(asked.Path+"/reject", "_key", "x0", "reason", ""), http.StatusUnprocessableEntity, "却下する")
	says(t, second.Post(asked.Path+"/withdraw", "_key", "x1"), http.StatusNotFound)
	says(t, second.Post(asked.Path+"/reject", "_key", "x2", "reason", "まだ確かめていないため"), http.StatusOK, "却下しました", "まだ確かめていないため")
	asked = c.Post("/sendings/start", "_key", "s3", "reason", "確かめ終わったため")
	says(t, c.Post(asked.Path+"/withdraw", "_key", "x3"), http.StatusOK, "申請を取り下げました")
	asked = c.Post("/sendings/start", "_key", "s4", "reason", "確かめ終わったため、再開します")
	r = second.Get(asked.Path)
	says(t, second.Post(asked.Path+"/approve", "_key", "x4", "digest", digestOn(t, r)), http.StatusOK, "承認しました")
	if r := c.Get("/sendings"); strings.Contains(r.Body, "すべての送信を止めています") {
		t.Error("it is still stopped")
	}
	says(t, c.Post("/approvals/delegations", "_key", "d0", "to", "nobody", "from_date", "2026/2/30", "until_date", "", "reason", "休み"), http.StatusUnprocessableEntity, `value="2026/2/30"`)
}

// No page shows the key of a sentence instead of the sentence, in either language.
func TestThePagesOfTheGateSpeakBothLanguages(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "controller", 0)
	mine, _, _ := invoices(t, h)
	key := regexp.MustCompile(`\b(web|op|dispatch|approval|incident|smtp)\.[a-z_]+(\.[a-z_]+)*\b|\{[a-z]+\}`)
	tags := regexp.MustCompile(`<[^>]*>`)
	for _, lang := range []string{"ja", "en"} {
		c.Post("/preferences", "lang", lang, "next", "/sendings")
		for _, at := range []string{"/sendings", "/sendings?state=held", "/sendings/unknown", "/sendings/new?invoice=" + mine.ID, "/approvals", "/approvals?own=1",
			"/approvals/delegations", "/near-misses", "/incidents", "/near-misses?from=2026/13/45"} {
			r := c.Get(at)
			if strings.Contains(at, "/13/") != (r.Status == http.StatusUnprocessableEntity) {
				t.Errorf("%s: %d", at, r.Status)
			}
			if m := key.FindAllString(tags.ReplaceAllString(r.Body, " "), -1); len(m) > 0 {
				t.Errorf("%s in %s shows %q", at, lang, m)
			}
		}
		r := c.Get("/sendings")
		sending := regexp.MustCompile(`href="(/sendings/[0-9a-z]{26})"`).FindStringSubmatch(r.Body)
		if m := key.FindAllString(tags.ReplaceAllString(c.Get(sending[1]).Body, " "), -1); len(m) > 0 {
			t.Errorf("%s in %s shows %q", sending[1], lang, m)
		}
	}
	for _, at := range []string{"/sendings/nothing", "/approvals/nothing", "/incidents/nothing", "/sendings/new", "/sendings/new?invoice=nothing", "/sendings/nothing/edit"} {
		if r := c.Get(at); r.Status != http.StatusNotFound {
			t.Errorf("%s: %d", at, r.Status)
		}
	}
}
