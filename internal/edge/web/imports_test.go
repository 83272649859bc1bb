package web_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/japanese"

	"sekisho/internal/edge/web/webtest"
)

func cp932(t *testing.T, s string) []byte {
	t.Helper()
	b, err := japanese.ShiftJIS.NewEncoder().Bytes([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A file of another program with errors in it: looked at, mapped by hand,
// its errors saved, written without the bad rows, published, taken back.
func TestAFileIsTakenOverAndBack(t *testing.T) {
	h := webtest.Open(t)
	path := filepath.Join(t.TempDir(), "得意先.csv")
	content := cp932(t, "得意先コード,得意先名,よみ,メールアドレス\r\n900001,株式会社取込一番,とりこみいちばん,keiri@torikomi-ichi.example\r\n"+
		"900002,,とりこみにばん,\r\n900003,取込三番商店,とりこみさんばん,torikomi@@example\r\n000101,株式会社青葉製作所,あおば,\r\n900005,取込五番株式会社,とりこみごばん,info@torikomi-go.example\r\n")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	b := h.Tab(t).As("accounting", 0)
	b.Go("/imports")
	look(b, "imports")
	b.File("#f-file", path)
	b.Click("form[enctype] .pri")
	b.See("列の対応", "Shift_JIS", "必須の値が空です", "株式会社取込一番")
	look(b, "import-mapping")
	run := b.JS("location.pathname")
	b.JS("document.querySelector('#c3').value='kana',''")
	b.Click("form[method=get][action^='/imports/'] .btn")
	b.Until("location.search.includes('c3=kana')")
	b.See("トリコミイチバン")
	b.Fill("[name=rows]", "5")
	b.Click("form[action$='/start'] .pri")
	b.See("取り込めない行が3行あるため")
	b.Click("#f-skip")
	b.Click("form[action$='/start'] .pri")
	b.See("確認用の合計が合わない")
	b.Fill("[name=rows]", "2")
	b.Click("form[action$='/start'] [name=dry]")
	b.See("何も書き込んでいません")
	b.Fill("[name=rows]", "2")
	b.Click("#f-skip")
	b.Click("form[action$='/start'] .pri")
	b.See("取り込み済み", "送付先を確かめる")
	look(b, "import-published")
	b.Go(run + "/errors")
	b.See("3行目", "すでに登録されています")
	look(b, "import-errors")
	b.Go(run + "/addresses")
	b.See("keiri@torikomi-ichi.example", "まとめて確認")
	look(b, "import-addresses")
	b.Go(run + "/addresses?kind=strange")
	b.Axe()
	b.Go("/search?q=" + url.QueryEscape("取込五番"))
	filled(t, h)
	b.Go("/partners?q=" + url.QueryEscape("とりこみごばん"))
	b.See("取込五番株式会社")
	b.Click("td a[href^='/partners/']")
	b.Click("a[href^='/imports/trace']")
	b.See("6行目", "得意先.csv")
	look(b, "import-trace")
	b.Go(run)
	b.Fill("[name=reason]", "別のファイルを取り込むところでした")
	b.Click("form[action$='/undo'] .danger")
	b.See("取り消し済み")
	b.Go("/partners?q=" + url.QueryEscape("取込"))
	b.See("見つかりませんでした")
}

// The quiet addresses of an import are verified in one act by two people.
func TestQuietAddressesAreVerifiedTogether(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 0)
	up := c.Upload("/imports", "file", "新しい得意先.csv", []byte("得意先コード,得意先名,メールアドレス\n910001,一括確認商事,keiri@ikkatsu.example\n"), "kind", "partners", "_key", "u1")
	if up.Status != http.StatusOK || !strings.HasPrefix(up.Path, "/imports/") {
		t.Fatal(up.Status, up.Path)
	}
	if r := c.Post(up.Path+"/start", "rows", "1", "_key", "u2"); r.Status != http.StatusOK {
		t.Fatal(r.Status, r.Body)
	}
	var shown webtest.Reply
	for range 200 {
		if shown = c.Get(up.Path); strings.Contains(shown.Body, "送付先を確かめる") {
			break
		}
		time.Sleep(50 * time.Millisecond) // the house's own worker takes it over
	}
	says(t, shown, http.StatusOK, "送付先を確かめる")
	r := c.Get(up.Path + "/addresses")
	_, rest, ok := strings.Cut(r.Body, `name="digest" value="`)
	if !ok {
		t.Fatal("no digest", shown.Body)
	}
	digest, _, _ := strings.Cut(rest, `"`)
	digest = html.UnescapeString(digest) // it may have a "+"
	stale := c.Post(up.Path+"/addresses", "digest", "x", "reason", "契約書と見比べました")
	for range 2 { // the act wants a fresh code
		if strings.Contains(stale.Body, `name="_act"`) {
			stale = c.Post(up.Path+"/addresses", "digest", "x", "reason", "契約書と見比べました", "_act", "party.first_verify_quiet", "_code", code(t, h, "accounting", 0))
		}
	}
	if stale.Status < 400 || !strings.Contains(stale.Body, "一覧を読み直してから") {
		t.Error(stale.Status)
	}
	asked := c.Post(up.Path+"/addresses", "digest", digest, "reason", "契約書と見比べました", "_key", "u3")
	if !strings.HasPrefix(asked.Path, "/approvals/") {
		t.Fatal(asked.Status, asked.Path)
	}
	agree(t, h, "controller", 0, strings.TrimPrefix(asked.Path, "/approvals/"))
	if r := c.Get(up.Path + "/addresses"); !strings.Contains(r.Body, "まとめて確認済みです") {
		t.Error("not verified")
	}
}

func code(t *testing.T, h *webtest.House, role string, n int) string {
	t.Helper()
	p := h.Person(role, n)
	c, err := h.Card.Code(p.Login, h.FreshCode(p.Login))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What is no table, too much or misnamed is refused with a sentence, and nothing is kept.
func TestBadFilesAreRefused(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 0)
	var bomb bytes.Buffer
	z := zip.NewWriter(&bomb)
	w, err := z.Create("xl/sheet.xml")
	if err == nil {
		_, err = io.CopyN(w, zeros{}, 64<<20)
	}
	if err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	good := []byte("得意先コード,得意先名\n920001,よい会社\n")
	for _, f := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"得意先\u202evsc.exe", good, "名"},
		{"../../etc/passwd", good, ""},
		{"得意先.csv", []byte("PK\x03\x04xlsx"), "Excelのブック形式"},
		{"得意先.csv", bomb.Bytes(), "Excelのブック形式"},
		{"得意先.csv", []byte("%PDF-1.7\nx"), "CSV"},
		{"得意先.csv", nil, "内容がありません"},
		{"得意先.csv", append([]byte("a,b\n"), bytes.Repeat([]byte(","), 8_100_000)...), "セルが多すぎます"},
	} {
		r := c.Upload("/imports", "file", f.name, f.content, "kind", "partners")
		if f.want == "" { // the browser's path is dropped, the name stays
			if strings.Contains(r.Body, "..") {
				t.Error(f.name, r.Status)
			}
			continue
		}
		if r.Status < 400 || !strings.Contains(r.Body, f.want) || !strings.Contains(r.Body, `type="file"`) {
			t.Error(f.name, r.Status, f.want)
		}
	}
	if r := c.Post("/imports", "kind", "partners"); r.Status < 400 || !strings.Contains(r.Body, "ファイルが選ばれていません") {
		t.Error(r.Status)
	}
	if r := c.Upload("/imports", "file", "x.csv", good, "kind", "everything"); r.Status < 400 {
		t.Error(r.Status)
	}
	first := c.Upload("/imports", "file", "よい会社.csv", good, "kind", "partners")
	second := c.Upload("/imports", "file", "よい会社.csv", good, "kind", "partners")
	if first.Status != http.StatusOK && second.Status == http.StatusOK || second.Status < 400 || !strings.Contains(second.Body, `name="again"`) {
		t.Error(first.Status, second.Status)
	}
	tooLarge(t, h, c)
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// tooLarge announces two gigabytes: the answer comes before they are sent.
func tooLarge(t *testing.T, h *webtest.House, c *webtest.Client) {
	t.Helper()
	u, _ := url.Parse(h.URL)
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var cookies []string
	for _, k := range c.Jar.Cookies(u) {
		cookies = append(cookies, k.Name+"="+k.Value)
	}
	fmt.Fprintf(conn, "POST /imports HTTP/1.1\r\nHost: %s\r\nSec-Fetch-Site: same-origin\r\nAccept-Language: ja\r\nCookie: %s\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n",
		u.Host, strings.Join(cookies, "; "), int64(2)<<30)
	b := make([]byte, 64<<10)
	n, err := io.ReadAtLeast(conn, b, 12)
	if err != nil || !strings.HasPrefix(string(b[:n]), "HTTP/1.1 4") {
		t.Errorf("two gigabytes: %q %v", b[:n], err)
	}
}
