package web_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"sekisho/internal/edge/web/webtest"
)

// batchNow is what batch.show says about a plan.
type batchNow struct {
	State   string `json:"state"`
	Planned int64  `json:"planned"`
	Ready   int64  `json:"ready"`
	Amber   int64  `json:"amber"`
	Aside   int64  `json:"aside"`
	Request string `json:"request"`
}

// The month is sent in one release: rehearsal, ticks, one fresh code, a second
// person, and the stop button while it counts down (SM-38, C-40).
func TestC40_AMonthIsSentTogether(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("accounting", 0)
	b.Go("/invoices")
	b.Click("a[href='/batches/new']")
	b.See("まとめて送付", "発行済み・未送付")
	look(b, "batch-new")
	b.Fill("[name=subject]", "{社名}様 請求書")
	b.Click("form[action='/batches'] .pri")
	b.See("差し込みに使えない")
	b.Fill("[name=subject]", "ご請求書の送付（{請求書番号}）")
	b.Click("form[action='/batches'] .pri")
	b.Until("document.querySelector('h1').textContent.startsWith('まとめて送付 ') && document.body.textContent.includes('予行済み')")
	at := b.JS("location.pathname")
	look(b, "batch-rehearsed")
	b.Go(at + "?which=all")
	look(b, "batch-all")
	var now batchNow
	c := h.Client(t, "accounting", 0)
	act(t, h, c, "batch.show", map[string]string{"id": strings.TrimPrefix(at, "/batches/")}, &now)
	t.Logf("the rehearsal: %+v", now)
	if corrections := strings.Count(b.JS("document.querySelector('main').innerText"), "修正または返還する書類"); now.Planned == 0 || now.Ready == 0 || int(now.Amber) != corrections {
		t.Fatalf("besides %d corrections, others ask to be looked at: %+v", corrections, now)
	}
	b.Go(at)
	b.Click("form[action$='/review'] .pri")
	b.Wait("form[action$='/confirm']")
	look(b, "batch-confirm")
	n, err := strconv.Atoi(b.JS("String(document.querySelectorAll('[name=tick]').length)"))
	if err != nil || n == 0 {
		t.Fatal("nothing to tick", err)
	}
	b.JS("document.querySelectorAll('[name=tick]').forEach(x => x.checked = true), ''")
	b.Click("form[action$='/confirm'] .pri")
	b.See("承認待ち")
	look(b, "batch-awaiting")

	second := h.Tab(t).As("controller", 0)
	act(t, h, c, "batch.show", map[string]string{"id": strings.TrimPrefix(at, "/batches/")}, &now)
	second.Go("/approvals/" + now.Request)
	second.See("まとめて送付する", "無作為に選んだもの", "例外")
	look(second, "batch-approval")
	second.Click("form[action$='/approve'] .pri")
	second.See("承認しました")
	b.Go(at)
	b.See("送信待ち(取り消せます)")
	b.Fill("form[action$='/stop'] [name=reason]", "金額の問い合わせがあったため")
	b.Click("form[action$='/stop'] .danger")
	b.See("送信停止", "人の操作で送信停止しました")
	look(b, "batch-stopped")
	b.Go("/batches")
	look(b, "batches")
}

func TestC40_BatchPagesRefuseBadInput(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 1)
	for path, form := range map[string]url.Values{
		"/batches": {"from": {"2026/13/40"}, "subject": {"a"}, "body": {"b"}},
	} {
		if res := c.PostForm(path, form); res.Status != http.StatusUnprocessableEntity {
			t.Fatalf("%s: %d", path, res.Status)
		}
	}
	if res := c.Get("/batches/none"); res.Status != http.StatusNotFound {
		t.Fatal(res.Status)
	}
	if res := c.Post("/batches/none/explode"); res.Status != http.StatusNotFound {
		t.Fatal(res.Status)
	}
	if res := h.Client(t, "sales", 0).Get("/batches"); res.Status != http.StatusForbidden {
		t.Fatal(res.Status)
	}
}
