package web_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sekisho/internal/edge/web/webtest"
)

// scan is a text that somebody has received.
const scan = "領収書 令和8年11月1日 青葉製作所 様 ¥33,000"

// A document is taken in through the page, found again by any two conditions,
// opened, verified and corrected.
func TestArchiveKeepsAndFinds(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("accounting", 0)
	b.Go("/archive")
	b.See("直近3か月の書類です", "請求書 INV-", "有効")
	look(b, "archive")
	b.Go("/archive/upload")
	path := filepath.Join(t.TempDir(), "領収書.txt")
	if err := os.WriteFile(path, []byte(scan), 0o600); err != nil {
		t.Fatal(err)
	}
	look(b, "archive-upload")
	b.File("[name=content]", path)
	b.JS("document.querySelector('[name=kind]').value='receipt'")
	b.Fill("[name=partner]", "０００１０１")
	b.Fill("[name=date]", "R8.11.1")
	b.Fill("[name=amount]", "３３，０００")
	b.Fill("[name=number]", "R-77")
	b.Click("form[action='/archive/upload'] .pri")
	b.See("書類を保存しました", "領収書 R-77", "33,000円", "2026/11/01", "領収書.txt", "まだだれにも渡していません", "第1版")
	look(b, "archive-one")
	b.Click("form[action$='/verify'] button")
	b.See("改変はありません")

	c := h.Client(t, "accounting", 1)
	pairs := []string{"from=2026/11/1&to=2026/11/1", "amount_from=33000&amount_to=33000", "partner=000101", "number=R-77", "kind=receipt", "direction=received"}
	for i, one := range pairs {
		for _, two := range append([]string{""}, pairs[i+1:]...) {
			if r := c.Get("/archive?" + one + "&" + two); r.Status != http.StatusOK || !strings.Contains(r.Body, "領収書 R-77") {
				t.Error(one, two, r.Status)
			}
		}
		if r := c.Get("/archive?amount_from=34000&" + strings.ReplaceAll(one, "amount_from", "x")); i != 1 && strings.Contains(r.Body, "領収書 R-77") {
			t.Error("found against the amount", one)
		}
	}
	for _, bad := range []string{"from=2026/11/2&to=2026/11/1", "amount_from=2&amount_to=1", "from=abc", "amount_from=x", "partner=no-such", "no_amount=1&amount_from=1"} {
		if r := c.Get("/archive?" + bad); r.Status != http.StatusUnprocessableEntity || strings.Contains(r.Body, "goroutine") {
			t.Error(bad, r.Status)
		}
	}
}

// What is taken in never does anything: it is refused with a sentence, or kept
// and given out as a file.
func TestArchiveTakesNothingThatActs(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 0)
	script := scripted()
	for _, bad := range []struct {
		name, direction string
		content         []byte
		says            string
	}{
		{"空.txt", "received", nil, "中身がありません"},
		{"invoice\u202Efdp.exe", "received", []byte("x"), "並び順"},
		{"virus.exe", "received", []byte("MZ"), "取り込めません"},
		{"請求書.pdf", "received", []byte("<script>alert(1)</script>"), "一致しない"},
		{"scripted.pdf", "internal", script, "仕掛け"},
		{"../../etc/passwd.txt", "received", []byte("x"), ""},
	} {
		r := c.Upload("/archive/upload", "content", bad.name, bad.content, "kind", "other", "direction", bad.direction, "number", "打った番号", "_key", "k-"+url.QueryEscape(bad.name))
		if bad.says == "" { // a browser sends no folder, and a forged one counts for nothing
			if r.Status != http.StatusOK || strings.Contains(r.Body, "../") {
				t.Errorf("%q: %d", bad.name, r.Status)
			}
			continue
		}
		if r.Status != http.StatusUnprocessableEntity && r.Status != http.StatusConflict || !strings.Contains(r.Body, bad.says) || !strings.Contains(r.Body, `value="打った番号"`) {
			t.Errorf("%q: %d, says %q: %v", bad.name, r.Status, bad.says, strings.Contains(r.Body, bad.says))
		}
	}
	for name, content := range map[string][]byte{"scripted.pdf": script, "bomb.xlsx": bomb(t), "page.txt": []byte("<script>alert(1)</script>")} {
		r := c.Upload("/archive/upload", "content", name, content, "kind", "other", "direction", "received", "_key", "r-"+name)
		if r.Status != http.StatusOK {
			if r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Body, `role="alert"`) {
				t.Errorf("%s: %d", name, r.Status)
			}
			continue
		}
		f := c.Get(r.Path + "/file")
		if f.Status != http.StatusOK || f.Body != string(content) {
			t.Errorf("%s is not what was archived: %d", name, f.Status)
		}
		csp := f.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "script-src") || f.Header.Get("X-Content-Type-Options") != "nosniff" ||
			f.Header.Get("Content-Type") == "text/html" || (f.Header.Get("Content-Disposition") == "") != (name == "scripted.pdf") {
			t.Errorf("%s is given out as %v", name, f.Header)
		}
	}
	big := make([]byte, 21<<20)
	if r := c.Upload("/archive/upload", "content", "big.txt", big, "kind", "other", "direction", "received"); r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Body, "20MB") {
		t.Error("21 MB:", r.Status)
	}
}

// scripted is a PDF that would run a script when it is opened.
func scripted() []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var at []int
	for i, o := range []string{"<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert)>>>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"} {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj%s\nendobj\n", i+1, o)
	}
	x := b.Len()
	b.WriteString("xref\n0 4\n0000000000 65535 f \n")
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", x)
	return b.Bytes()
}

// bomb is a small zip that unfolds into hundreds of megabytes.
func bomb(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{"[Content_Types].xml", "xl/workbook.xml", "xl/sharedStrings.xml"} {
		w, err := z.Create(name)
		for range 100 {
			if err == nil {
				_, err = w.Write(make([]byte, 1<<20))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is outside of somebody's reach looks like what is not there.
func TestArchiveOutsideTheScopeIsNotThere(t *testing.T) {
	h := webtest.Open(t)
	up := h.Client(t, "accounting", 0).Upload("/archive/upload", "content", "x.txt", []byte("x"), "kind", "contract", "direction", "received", "number", "C-1")
	if up.Status != http.StatusOK {
		t.Fatal(up.Status, up.Body)
	}
	c := h.Client(t, "sales", 0)
	for _, path := range []string{up.Path, up.Path + "/file", "/archive/nonsense", "/archive/nonsense/file", "/archive/upload?former=" + strings.TrimPrefix(up.Path, "/archive/")} {
		if r := c.Get(path); r.Status != http.StatusNotFound || strings.Contains(r.Body, "C-1") {
			t.Error(path, r.Status)
		}
	}
	there, gone := c.Get(up.Path).Body, c.Get("/archive/06gdc4waxrrmgzkxdczbzmvm6r").Body
	if strings.Count(there, "見つかりません") != strings.Count(gone, "見つかりません") || strings.Contains(there, "権限") {
		t.Error("the two can be told apart")
	}
	if r := c.Get("/archive?number=C-1"); strings.Contains(r.Body, "契約書 C-1") {
		t.Error("found outside of the scope")
	}
	for _, role := range []string{"admin", "hr", "security"} {
		if r := h.Client(t, role, 0).Get(up.Path); r.Status != http.StatusForbidden && r.Status != http.StatusNotFound {
			t.Error(role, r.Status)
		}
	}
}
