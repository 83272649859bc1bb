package web_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sekisho/internal/edge/web/webtest"
)

// where an unregistered address is stopped, one may ask for one sending; the
// second person sees the address plainly, and the check goes on warning.
func TestA31_AOneOffRecipientIsAskedForAndAgreedTo(t *testing.T) {
	h := webtest.Open(t)
	_, _, of := invoices(t, h)
	h.Clock.Skip(2 * time.Minute) // a code is good once
	_, do := bookkeeper(t, h)
	var s struct {
		ID         string `json:"id"`
		Recipients []struct {
			ID string `json:"id"`
		} `json:"recipients"`
	}
	do("dispatch.prepare", map[string]any{"party": of.Party.ID, "recipients": []map[string]string{{"kind": "to", "address": "yamada@visitor.example"}},
		"subject": "展示会のお礼", "body": "株式会社星野運輸 御中\n展示会にお越しいただき、ありがとうございました。", "purpose": "notice"}, &s)
	do("dispatch.check", map[string]string{"id": s.ID}, nil)

	c := h.Client(t, "accounting", 1)
	for _, reason := range []string{"", "x"} {
		if r := c.Post("/sendings/"+s.ID+"/fix", "op", "dispatch.once_ask", "item", s.Recipients[0].ID, "reason", reason); r.Status < 400 || r.Status >= 500 {
			t.Error("without a reason: ", r.Status)
		}
	}
	if r := c.Post("/sendings/"+s.ID+"/fix", "op", "dispatch.once_ask", "item", "none", "reason", "来場者に一度だけ送る"); r.Status < 400 || r.Status >= 500 {
		t.Error("of no recipient: ", r.Status)
	}
	if r := h.Client(t, "auditor", 0).Post("/sendings/"+s.ID+"/fix", "op", "dispatch.once_ask", "item", s.Recipients[0].ID, "reason", "来場者に一度だけ送る"); r.Status != http.StatusForbidden {
		t.Error("an auditor asked: ", r.Status)
	}

	b := h.Tab(t).As("accounting", 0)
	b.Go("/sendings/" + s.ID)
	b.See("送付先として登録されていません", "登録せずに1回だけ送る")
	b.JS("document.querySelectorAll('details.more-ways').forEach(d => d.open = true), ''")
	b.Axe()
	b.Shot("once")
	b.Phone()
	b.Do(chromedp.SendKeys(chromedp.CSS("form:has([value='dispatch.once_ask']) [name=reason]"), "展示会の来場者に一度だけ送る"))
	b.Click("form:has([value='dispatch.once_ask']) .btn")
	b.See("承認を依頼しました")
	request := b.JS("location.pathname")

	d := h.Tab(t).As("controller", 0)
	d.Go(request)
	d.See("登録のない宛先に1回だけ送る", "yamada@visitor.example", "1文字ずつ見比べて", "展示会の来場者に一度だけ送る")
	d.Axe()
	d.Dark(true)
	d.Axe()
	d.Dark(false)
	d.Shot("once-approval")
	d.Click("form[action='" + request + "/approve'] .btn.pri")
	d.See("承認しました")

	do("dispatch.check", map[string]string{"id": s.ID}, nil)
	b.Go("/sendings/" + s.ID)
	b.See("登録のない宛先です。この送付1回だけ")
	b.Shot("once-check")
}
