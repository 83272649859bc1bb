package web_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"sekisho/internal/app/demo"
	"sekisho/internal/edge/web/webtest"
)

// act runs an op for who is signed in at a client, as the API does.
func act(t *testing.T, h *webtest.House, c *webtest.Client, op string, in, out any) {
	t.Helper()
	u, _ := url.Parse(h.URL)
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range c.Jar.Cookies(u) {
		if k.Name != "sid" {
			continue
		}
		res, err := demo.Inside{Gate: h.App.Gate}.Do(t.Context(), k.Value, op, raw)
		if err != nil {
			t.Fatal(op, err)
		}
		if err := json.Unmarshal(res, out); err != nil {
			t.Fatal(op, err)
		}
		return
	}
	t.Fatal("nobody is signed in")
}

type billed struct {
	ID       string `json:"id"`
	Party    string `json:"party"`
	Number   string `json:"number"`
	Document string `json:"document"`
	Amount   int64  `json:"amount"`
}

type partner struct {
	Party struct {
		ID, Name string
	} `json:"party"`
	Points []struct {
		ID      string `json:"id"`
		Address string `json:"address"`
		State   string `json:"state"`
	} `json:"points"`
}

// invoices are issued ones of two partners that have a verified address each.
func invoices(t *testing.T, h *webtest.House, c *webtest.Client) (mine, other billed, of partner) {
	t.Helper()
	var list struct {
		Invoices []billed `json:"invoices"`
	}
	act(t, h, c, "invoice.list", map[string]any{"state": "ready", "limit": 60}, &list)
	for _, i := range list.Invoices {
		var p partner
		act(t, h, c, "party.show", map[string]string{"id": i.Party}, &p)
		if len(p.Points) == 0 || p.Points[0].State != "verified" {
			continue
		}
		if mine.ID == "" {
			mine, of = i, p
		} else if i.Party != mine.Party {
			return mine, i, of
		}
	}
	t.Fatal("the demo has no two such invoices")
	return
}

// misspelt is an address with one letter of its domain changed.
func misspelt(a string) string {
	local, domain, _ := strings.Cut(a, "@")
	at := strings.Index(domain, "i")
	if at < 0 {
		at = 0
	}
	return local + "@" + domain[:at] + "e" + domain[at+1:]
}

// An address that differs by one letter and another customer's file are stopped,
// mended by the blue buttons, ticked, approved in a second window, held and sent.
func TestJ2_J3_ASendingIsStoppedMendedAndSent(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 2)
	mine, other, of := invoices(t, h, c)
	b := h.Tab(t).As("accounting", 0)
	b.Go("/sendings/new?invoice=" + mine.ID + "&document=" + other.Document)
	b.See(of.Points[0].Address)
	b.Shot("sending-new")
	b.Axe()
	b.Phone()
	first := "[name=as-" + of.Points[0].ID + "]"
	b.Do(chromedp.SetValue(chromedp.CSS(first), ""))
	b.Do(chromedp.SendKeys(chromedp.CSS("[name=typed]"), misspelt(of.Points[0].Address)))
	b.Click("[value=preview]")
	b.See("下書きのチェック", "送信停止")
	b.Shot("sending-preview")
	b.Click("form.cols .btn.pri")
	b.See("送る前に、送る相手と中身を確かめます", "登録とよく似ています")
	b.Shot("sending-stopped")
	b.Axe()
	b.Phone()
}
