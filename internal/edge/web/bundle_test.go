package web_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sekisho/internal/edge/web/webtest"
	"sekisho/internal/kernel/pdf"
)

// bundlePDF makes a PDF as another program does, one text per page.
func bundlePDF(t *testing.T, texts ...string) []byte {
	t.Helper()
	d := pdf.New(pdf.Meta{Title: "請求書"})
	for _, s := range texts {
		p := d.AddPage()
		for i, line := range strings.Split(s, "\n") {
			p.Text(20*pdf.MM, (20+8*pdf.Length(i))*pdf.MM, line, pdf.Style{Size: pdf.Pt(10)})
		}
	}
	b, err := d.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func billText(code, name, number, amount, mark string) string {
	return "得意先コード " + code + "\n請求番号 " + number + "\n" + name + " 御中\n請求日 2026年10月31日\nご請求金額 ¥" + amount + "\n" + mark
}

// A bundle with a swapped page and an unknown code is looked at, mended,
// confirmed with its totals and archived.
func TestSM38_ABundleOfAnotherProgram(t *testing.T) {
	h := webtest.Open(t)
	raw := bundlePDF(t, billText("000101", "株式会社青葉製作所", "Y-1", "110,000", "1/2"),
		"得意先コード 999999\n請求番号 Y-2\n2/2",
		billText("999999", "知らない商店", "Y-2", "5,500", "1/2"),
		"得意先コード 000101\n請求番号 Y-1\n2/2")
	path := filepath.Join(t.TempDir(), "弥生10月.pdf")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	b := h.Tab(t).As("accounting", 0)
	b.Go("/bundles")
	look(b, "bundles")
	b.File("#f-files", path)
	b.Click("form[enctype] .pri")
	b.See("4ページから2件の書類")
	for range 100 {
		if b.JS("document.body.innerText.includes('確認待ち')") == "true" {
			break
		}
		time.Sleep(100 * time.Millisecond)
		b.Go(b.JS("location.pathname"))
	}
	run := b.JS("location.pathname")
	b.See("残り", "別の書類のページの間にあります", "ページが足りません", "知らない商店")
	look(b, "bundle")
	b.Fill("[name=count]", "2")
	b.Fill("[name=total]", "115,500")
	b.Click("form[action$='/publish'] .pri")
	b.See("判断していない書類が2件")
	b.Go(run)
	b.Click("td a[href*='/items/']")
	b.See("食い違い", "書類に戻す")
	look(b, "bundle-item")
	b.Click("form[action$='/place'] .btn")
	b.See("ページを書類に戻しました", "食い違いはありません")
	b.Go(run + "?state=open")
	b.Click("td a[href*='/items/']")
	b.See("登録されていません", "999999")
	b.Fill("#f-why", "取引先の登録がまだのため")
	b.Click("form[action$='/reject'] .danger")
	b.See("書類を除外しました")
	b.Go(run)
	b.Click("td details summary")
	b.Fill("td details[open] [name=reason]", "除外した書類の2ページ目のため")
	b.Click("td details[open] .btn")
	b.See("残りを除外しました")
	b.Fill("[name=count]", "2")
	b.Fill("[name=total]", "115,400")
	b.Click("form[action$='/publish'] .pri")
	b.See("件数と合計が合いません")
	b.Fill("[name=count]", "2")
	b.Fill("[name=total]", "115,500")
	b.Click("form[action$='/publish'] .pri")
	b.See("合計が合いました")
	for range 100 {
		if b.JS("document.body.innerText.includes('保管しました')") == "true" {
			break
		}
		time.Sleep(100 * time.Millisecond)
		b.Go(run)
	}
	b.See("保管しました", "保管済み")
	look(b, "bundle-published")
}

func TestSM38_BundlesRefuseBadInput(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 0)
	says(t, c.Post("/bundles", "_key", "b1"), http.StatusUnprocessableEntity, "ファイル")
	says(t, c.Upload("/bundles", "files", "a.pdf", []byte("hello"), "_key", "b2"), http.StatusUnprocessableEntity, "PDFではありません")
	says(t, c.Get("/bundles/nothing"), http.StatusNotFound)
	good := c.Upload("/bundles", "files", "a.pdf", bundlePDF(t, billText("000101", "株式会社青葉製作所", "Z-1", "1,000", "")), "_key", "b3")
	if good.Status != http.StatusOK || !strings.HasPrefix(good.Path, "/bundles/") {
		t.Fatal(good.Status, good.Path)
	}
	says(t, c.Get(good.Path+"/items/nothing"), http.StatusNotFound)
	says(t, c.Post(good.Path+"/items/nothing/decide", "_key", "b4"), http.StatusNotFound)
	says(t, c.Post(good.Path+"/rest/nothing", "reason", "理由です", "version", "1", "_key", "b5"), http.StatusNotFound)
	says(t, c.Post(good.Path+"/undo", "reason", "", "_key", "b6"), http.StatusUnprocessableEntity)
	if r := h.Client(t, "sales", 0).Get(good.Path); r.Status != http.StatusForbidden {
		t.Error("sales sees a bundle:", r.Status)
	}
}
