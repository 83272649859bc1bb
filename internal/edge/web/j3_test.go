package web_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sekisho/internal/edge/web/webtest"
)

// named writes a file with a little text and gives where it is.
func named(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("納品の控え "+name+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// J3 3 and 4: twenty outside addresses are too many for one mail, and one that is
// like the registered one is named; six files, one of them as the scanner called
// it, ask for a look and a second person.
func TestJ3_ManyAddressesAndManyFiles(t *testing.T) {
	h := webtest.Open(t)
	mine, _, of := invoices(t, h)
	b := h.Tab(t).As("accounting", 0)
	b.Go("/sendings/new?invoice=" + mine.ID)
	var twenty []string
	for n := range 19 {
		twenty = append(twenty, fmt.Sprintf("buyer%02d@outside.example", n))
	}
	twenty = append(twenty, misspelt(of.Points[0].Address))
	b.Do(chromedp.SendKeys(chromedp.CSS("[name=typed]"), strings.Join(twenty, ", ")))
	b.Click("[value=preview]")
	b.See("下書きのチェック", "宛先の数が、1通に入れられる数", of.Points[0].Address, "送信停止")
	looked(b, "j3-addresses")
	b.JS("document.querySelector('[name=typed]').value = ''")
	dir := t.TempDir()
	for _, name := range []string{"納品明細4月.txt", "納品明細5月.txt", "納品明細6月.txt", "納品明細7月.txt", "scan001.txt"} {
		b.File("#f-files", named(t, dir, name))
		b.Click("[value=attach]")
		b.See(name)
	}
	b.Click("[value=preview]")
	b.See("添付が6個あります", "scan001.txt", "確認")
	looked(b, "j3-files")
	b.Click("form.cols .btn.pri")
	b.Wait("#confirm")
	b.See("添付が6個あります", "必要な理由を承認者に伝えてください", "別の人の承認が必要")
	tickAll(b)
	b.Click("[data-send]")
	b.See("添付が多い理由を、承認者に伝えることの欄に入力してください")
	if n := b.JS("String(document.querySelectorAll('[data-tick]:not(:checked)').length)"); n != "0" {
		t.Error(n, " ticks are lost")
	}
	looked(b, "j3-why")
	b.Do(chromedp.SendKeys(chromedp.CSS("#f-tell"), "納品の明細を月ごとに分けて求められたため"))
	b.Click("[data-send]")
	b.See("承認を依頼しました", "納品の明細を月ごとに分けて求められたため")
}

// J3 6: a partner that insists on encrypted files gets them by an exception that
// two people decide; the password is shown to one person once, and a mail that
// holds it is stopped.
func TestJ3_AnEncryptedFileAndItsPassword(t *testing.T) {
	h := webtest.Open(t)
	mine, _, of := invoices(t, h)
	b, second := h.Tab(t).As("accounting", 0), h.Tab(t).As("controller", 0)
	b.Go("/partners/" + of.Party.ID + "/protect")
	b.Do(chromedp.SendKeys(chromedp.CSS("[name=reason]"), "先方の規定で暗号化が必要なため"))
	b.Click("main form .btn.pri")
	b.Until("location.pathname.startsWith('/approvals/')")
	request := b.JS("location.pathname")
	second.Go(request)
	second.See("株式会社星野運輸", "先方の規定で暗号化が必要なため")
	second.Click("form[action='" + request + "/approve'] .btn.pri")
	second.See("承認しました")

	b.Go("/sendings/new?invoice=" + mine.ID)
	b.Do(chromedp.SetValue(chromedp.CSS("[name=channel]"), "zip"))
	b.Click("form.cols .btn.pri")
	b.Wait("#confirm")
	at := b.JS("location.pathname")
	tickAll(b)
	b.Click("[data-send]")
	b.See("承認を依頼しました")
	agreeTo(t, h, second, b.JS("location.pathname"))
	h.Clock.Skip(h.App.Config.Mail.Hold() + time.Second)
	if _, err := h.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	b = h.Tab(t).As("accounting", 0)
	b.Go(at)
	b.See("中継先へ引渡済")
	b.Click("form[action$='/password'] .btn")
	b.Wait("#password")
	password := b.Text("#password")
	looked(b, "j3-password")
	if strings.Count(password, "-") != 3 {
		t.Fatalf("no password: %q", password)
	}
	mails := h.Trap.List()
	_, raw, err := h.Trap.Get(mails[len(mails)-1].ID)
	if err != nil || strings.Contains(string(raw), password) || !strings.Contains(string(raw), ".zip") {
		t.Error("the mail holds no archive, or its password: ", err)
	}

	c := h.Client(t, "accounting", 0)
	r := c.Post("/sendings/new", "_key", "said", "party", mine.Party, "as-"+of.Points[0].ID, "to", "typed", "", "subject", "先ほどのファイルについて",
		"body", of.Party.Name+" 御中\n\nパスワードは "+strings.ToLower(strings.ReplaceAll(password, "-", " "))+" です。", "purpose", "notice")
	says(t, r, http.StatusOK, "送信停止", "送ったファイルのパスワードが書かれています")
}
