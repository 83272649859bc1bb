package web_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sekisho/internal/edge/web/webtest"
)

var sheetCode = regexp.MustCompile(`([2-9A-Z]{4}-[2-9A-Z]{4})\s+\d+/\d+`)

// posted adds a verified postal address to the partner of an invoice.
func posted(t *testing.T, h *webtest.House) (mine billed, of partner) {
	t.Helper()
	mine, _, of = invoices(t, h)
	h.Clock.Skip(2 * time.Minute) // a code is good once
	together, do := bookkeeper(t, h)
	var p struct {
		ID      string `json:"id"`
		Version int64  `json:"version"`
	}
	do("party.paper_propose", map[string]string{"party": of.Party.ID, "channel": "post", "postal_code": "060-0002", "address": "北海道見本市緑町1丁目1番1号", "section": "経理部"}, &p)
	together("party.paper_verify", map[string]any{"id": p.ID, "version": p.Version, "how": "contract", "reason": "契約書の住所と照合しました"})
	return mine, of
}

// A letter from the page to the post: its address is verified, it is checked and
// approved, printed, enclosed by its codes and posted by somebody else.
func TestA37_C42_ALetterFromThePageToThePost(t *testing.T) {
	h := webtest.Open(t)
	mine, of := posted(t, h)
	b, other := h.Tab(t).As("accounting", 0), h.Tab(t).As("controller", 0)
	b.Go("/partners/" + of.Party.ID)
	b.See("郵送先・FAX番号", "〒060-0002", "経理部 御中", "受け取りリンクで送ります")
	b.Axe()
	b.Go("/partners/" + of.Party.ID + "/paper_propose")
	b.Axe()
	b.Phone()
	b.Do(chromedp.Click(chromedp.CSS("[name=channel][value=fax]")))
	b.Fill("[name=number]", "011-900-0009")
	b.Click("form[method=post] .btn.pri")
	b.See("011-900-0009", "申請しました")
	b.Click("a[href*='paper_verify']")
	b.See("聞き取ったFAX番号", "011-900-0001")
	b.Axe()
	b.Phone()

	b.Go("/sendings/new?invoice=" + mine.ID)
	b.See("郵送", "060-0002")
	b.Do(chromedp.SetValue(chromedp.CSS("[name=as-"+of.Points[0].ID+"]"), ""))
	b.JS("[...document.querySelectorAll('tr')].find(r => r.textContent.includes('060-0002')).querySelector('select').value = 'to', ''")
	b.Axe()
	b.Phone()
	b.Click("form.cols .btn.pri")
	b.Wait("#confirm")
	b.Shot("paper-check")
	tickAll(b)
	b.Click("[data-send]")
	b.See("承認を依頼しました")
	request := b.JS("location.pathname")
	agreeTo(t, h, other, request)
	h.Clock.Skip(h.App.Config.Mail.Hold() + time.Second)
	if _, err := h.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	mails, err := h.Mails()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mails { // the house sends others meanwhile
		if strings.Contains(m.Subject, mine.Number) {
			t.Fatal("a letter went by mail: ", m.Subject)
		}
	}
	b.Go("/print-runs")
	b.See("郵送の印刷待ち", "〒060-0002", "印刷の束はまだありません")
	looked(b, "paper-list")
	b.Click("form[action='/print-runs'] .btn.pri")
	b.See("印刷の束を作りました")
	at := b.JS("location.pathname")
	codes := drawnCodes(t, h, at)
	b.Go(at)
	b.See("郵送の束", "1番", "封入前", "残り1通")
	looked(b, "paper-run")
	types(b, codes[0]+"\nAAAA-AAAA")
	b.Click("form[action*='/enclose'] .btn.pri")
	b.See("AAAA-AAAAという符号の紙はありません")
	b.Shot("paper-stopped")
	types(b, strings.Join(codes[1:], "\n"))
	b.Click("form[action*='/enclose'] .btn.pri")
	b.See("枚目がありません")
	types(b, strings.ToLower(strings.Join(codes, "\n")))
	b.Click("form[action*='/enclose'] .btn.pri")
	b.See("封入済みにしました")
	b.Click("form[action*='/post'] .btn.pri")
	b.See("封入した人は投函済みにできません")
	other.Go(at)
	other.Click("form[action*='/post'] .btn.pri")
	other.See("投函済み", "封入：", "投函：")
	looked(other, "paper-done")
	other.Click("a[href^='/sendings/']")
	other.See("投函されました", "投函済み")
	other.Not("中継先", "暗号化されていません")
	other.Shot("paper-result")

	b.Go("/print-runs/window")
	looked(b, "paper-window")
	b.Fill("[name=left_mm]", "999")
	b.Click("form[action='/print-runs/window'] .btn.pri")
	b.See("5から110までの数")
}

// types puts codes where a reader would type them.
func types(b *webtest.Tab, codes string) {
	b.JS("document.querySelector('[name=codes]').value = '', ''")
	b.Do(chromedp.SendKeys(chromedp.CSS("[name=codes]"), codes))
}

// drawnCodes waits for the PDF of a run and reads the codes of its sheets.
func drawnCodes(t *testing.T, h *webtest.House, at string) []string {
	t.Helper()
	c := h.Client(t, "accounting", 0)
	for range 100 {
		if _, err := h.Work(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r := c.Post(at+"/print", "_key", strings.Repeat("k", 20)+time.Now().Format("150405.000")); strings.HasPrefix(r.Body, "%PDF") {
			name := filepath.Join(t.TempDir(), "run.pdf")
			if err := os.WriteFile(name, []byte(r.Body), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command("pdftotext", "-layout", name, "-").Output()
			if err != nil {
				t.Fatal(err)
			}
			var codes []string
			for _, m := range sheetCode.FindAllStringSubmatch(string(out), -1) {
				codes = append(codes, m[1])
			}
			if len(codes) < 2 {
				t.Fatalf("no codes: %s", out)
			}
			return codes
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("no PDF")
	return nil
}

// Bad input by plain HTTP, and who has no business here.
func TestA37_PrintRunsRefuse(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 0)
	if r := c.Get("/print-runs/none"); r.Status != 404 {
		t.Error(r.Status)
	}
	if r := c.Post("/print-runs", "_key", "0123456789abcdef", "channel", "post"); !strings.Contains(r.Body, "印刷待ちの送付はありません") {
		t.Error(r.Status, r.Body)
	}
	if r := c.Post("/print-runs", "_key", "0123456789abcdeg", "channel", "pigeon"); r.Status != 422 && r.Status != 400 {
		t.Error(r.Status)
	}
	if r := c.Get("/print-runs/window/test"); !strings.HasPrefix(r.Body, "%PDF") {
		t.Error(r.Status)
	}
	if r := h.Client(t, "sales", 0).Get("/print-runs"); r.Status == 200 {
		t.Error("sales see everybody's letters")
	}
}
