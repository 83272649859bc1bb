package web_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sekisho/internal/edge/web/webtest"
)

// The first link asks for a letter; the button beside it prepares one, which is a
// sending like any other. Those who were told by telephone are noted, and letters
// for many are one PDF.
func TestLettersFromTheCheckToTheList(t *testing.T) {
	h := webtest.Open(t)
	mine, _, of := invoices(t, h)
	h.Clock.Skip(2 * time.Minute) // a code is good once
	_, do := bookkeeper(t, h)
	var quiet partner
	do("party.create", map[string]any{"code": "000991", "name": "株式会社みなと商会", "kana": "ミナトショウカイ", "phone": "011-900-0002", "postal_code": "060-0003",
		"address": "北海道見本市港町2丁目2番2号", "terms": map[string]any{"close": 31, "months": 1, "pay_day": 31, "shift": "next"}}, &quiet.Party)
	b := h.Tab(t).As("accounting", 0)
	b.Go("/sendings/new?invoice=" + mine.ID)
	b.Click("form.cols .btn.pri")
	b.Wait("#confirm")
	b.See("受け取りリンクの案内がまだです", "案内状を送る")
	b.Axe()
	b.Shot("untold")
	b.JS("[...document.querySelectorAll('form[action$=\"/fix\"] button')].find(x => x.textContent.includes('案内状を送る')).click(), ''")
	b.See("案内状を準備しました", "お届け方法の変更について")
	b.Go("/introductions?state=telling")
	b.See("株式会社星野運輸", "案内中", "案内状を開く")
	b.Go("/introductions")
	b.Axe()
	b.Dark(true)
	b.Axe()
	b.Dark(false)
	b.Shot("introductions")
	b.Phone()

	c := h.Client(t, "accounting", 1)
	r := c.Post("/introductions", "party", of.Party.ID, "do", "print")
	if r.Status != http.StatusUnprocessableEntity && r.Status != http.StatusConflict && r.Status != http.StatusBadRequest || !strings.Contains(r.Body, "すでに案内済みか、案内の途中です") {
		t.Error("a letter on its way was printed: ", r.Status)
	}
	for _, bad := range [][]string{{"do", "print"}, {"party", of.Party.ID, "do", "note", "way", "phone", "told_on", ""}, {"party", of.Party.ID, "do", "note", "way", "mail", "reason", "送った"},
		{"party", of.Party.ID, "do", "note", "way", "phone", "told_on", "2099-01-01", "reason", "電話"}, {"party", "nobody", "do", "mail"}, {"party", of.Party.ID, "do", "pigeon"}} {
		if r := c.Post("/introductions", bad...); r.Status < 400 || r.Status >= 500 {
			t.Errorf("%v: %d", bad, r.Status)
		}
	}
	if r := c.Post("/introductions", "party", of.Party.ID, "do", "note", "way", "phone", "told_on", "", "reason", "経理の方に電話で説明"); r.Status != http.StatusOK || !strings.Contains(r.Body, "案内済みとして記録しました") {
		t.Error(r.Status, r.Body)
	}
	if r := c.Get("/introductions?state=told"); !strings.Contains(r.Body, "経理の方に電話で説明") {
		t.Error("the reason is not shown")
	}
	letterPrinted(t, h, c)
}

// letterPrinted prints the letter of a partner nobody told yet and looks at it.
func letterPrinted(t *testing.T, h *webtest.House, c *webtest.Client) {
	t.Helper()
	page := c.Get("/introductions?state=untold").Body
	_, rest, ok := strings.Cut(page, `name="party" value="`)
	if !ok {
		t.Fatal("everybody was told")
	}
	r := c.Post("/introductions", "party", rest[:26], "do", "print")
	if r.Status != http.StatusOK || !strings.HasPrefix(r.Body, "%PDF-") {
		t.Fatal(r.Status, r.Body)
	}
	dir := os.Getenv("SEKISHO_SHOTS")
	if dir == "" {
		dir = t.TempDir()
	}
	name := filepath.Join(dir, "letter.pdf")
	if err := os.WriteFile(name, []byte(r.Body), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("pdftotext", "-layout", name, "-").Output()
	if err != nil || !strings.Contains(string(out), "御中") || strings.Count(string(out), "\f") != 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	if r := h.Client(t, "auditor", 0).Post("/introductions", "party", rest[:26], "do", "print"); r.Status != http.StatusForbidden {
		t.Error("an auditor printed: ", r.Status)
	}
}
