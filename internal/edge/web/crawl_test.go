package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sekisho/internal/edge/web/page"
	"sekisho/internal/edge/web/webtest"
)

// roles in the order in which pages are looked at: the first that has a page
// shows it with the most rows.
var roles = []string{"accounting", "controller", "manager", "sales", "clerk", "auditor", "security", "admin", "hr", "custodian", "attendant"}

var (
	href   = regexp.MustCompile(`href="(/[^"#]*)"`)
	id     = regexp.MustCompile(`/[0-9a-hj-km-np-tv-z]{26}`)
	leaf   = regexp.MustCompile(`/[0-9]+`)
	key    = regexp.MustCompile(`>[^<]*\b(web|op|dispatch|invoice|party|approval|intake|record)\.[a-z_]+[.a-z_0-9]*\b[^<]*<`)
	stored = regexp.MustCompile(`(?s)<(pre|code|td|dd|kbd|span|p) class="[^"]*(mono|cmd|pre)[^"]*">.*?</(pre|code|td|dd|kbd|span|p)>`) // shown as it is stored, or to be typed
	link   = regexp.MustCompile(`(?:src|href)="(/static/[^"]+)"`)
	from   = regexp.MustCompile(`from '\./([a-z_]+\.js)'`)
)

// pattern is what two pages of the same kind have in common.
func pattern(path string) string {
	path, _, _ = strings.Cut(path, "?")
	if strings.HasPrefix(path, "/settings/rules/") {
		return "/settings/rules/{rule}"
	}
	return leaf.ReplaceAllString(id.ReplaceAllString(path, "/{id}"), "/{n}")
}

// crawl walks from the first page over every link, one page of each kind.
func crawl(c *webtest.Client, visit func(path, linkedFrom string, r webtest.Reply)) {
	seen := map[string]bool{}
	queue := []string{"/"}
	linked := map[string]string{}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if kind := pattern(at); seen[kind] || strings.HasPrefix(at, "/static/") {
			continue
		} else {
			seen[kind] = true
		}
		r := c.Get(at)
		visit(at, linked[at], r)
		if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
			continue
		}
		for _, m := range href.FindAllStringSubmatch(r.Body, -1) {
			to := strings.ReplaceAll(m[1], "&amp;", "&")
			if _, known := linked[to]; !known {
				linked[to] = at
			}
			queue = append(queue, to)
		}
	}
}

// Whatever a role's pages link to is there, light, translated and whole, in both
// languages.
func TestEveryPageOfEveryRole(t *testing.T) {
	h := webtest.Open(t)
	total := map[string]bool{}
	for _, role := range roles {
		c := h.Client(t, role, 0)
		for _, lang := range []string{"ja", "en"} {
			c.Post("/preferences", "lang", lang, "next", "/")
			n := 0
			crawl(c, func(path, linkedFrom string, r webtest.Reply) {
				n++
				total[pattern(path)] = true
				if r.Status != http.StatusOK {
					t.Errorf("%s as %s in %s, to which %s links: %d", path, role, lang, linkedFrom, r.Status)
					return
				}
				if strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
					whole(t, c, fmt.Sprintf("%s as %s in %s", path, role, lang), lang, r.Body)
				}
			})
			if n < 5 {
				t.Errorf("%s sees %d pages only", role, n)
			}
		}
	}
	t.Logf("%d kinds of pages", len(total))
}

// fetched remembers the static files of a test: every page has the same.
var fetched = map[string]webtest.Reply{}

func whole(t *testing.T, c *webtest.Client, what, lang, body string) {
	t.Helper()
	if strings.Count(body, "<h1") != 1 || !strings.Contains(body, `<html lang="`+lang+`"`) || !strings.HasSuffix(strings.TrimSpace(body), "</html>") {
		t.Errorf("%s is not a whole page with one heading", what)
	}
	if k := key.FindString(stored.ReplaceAllString(body, "")); k != "" {
		t.Errorf("%s shows a key: %s", what, k)
	}
	if strings.Contains(body, "ZgotmplZ") || strings.Contains(body, "&lt;no value&gt;") || strings.Contains(body, ` style="`) {
		t.Errorf("%s has something a template refused", what)
	}
	weight, requests := len(page.Gzip([]byte(body))), 1
	var files []string
	for _, m := range link.FindAllStringSubmatch(body, -1) {
		files = append(files, m[1])
	}
	for i := 0; i < len(files); i++ {
		if slices.Contains(files[:i], files[i]) {
			continue
		}
		r, ok := fetched[c.Base+files[i]]
		if !ok {
			r = c.Get(files[i])
			fetched[c.Base+files[i]] = r
		}
		weight, requests = weight+len(page.Gzip([]byte(r.Body))), requests+1
		for _, m := range from.FindAllStringSubmatch(r.Body, -1) {
			files = append(files, files[i][:strings.LastIndex(files[i], "/")+1]+m[1])
		}
	}
	if weight > 40<<10 || requests > 6 {
		t.Errorf("%s weighs %d bytes in %d requests", what, weight, requests)
	}
}

// axe finds nothing on any page with the demo's rows, light and dark, and no page
// scrolls sideways on a phone. With SEKISHO_PAGES (make pictures) docs/pages.md is
// written: every page with its picture and who it was shown to.
func TestEveryPageIsAccessible(t *testing.T) {
	h := webtest.Open(t)
	book := os.Getenv("SEKISHO_PAGES")
	var lines []string
	seen := map[string]bool{}
	for _, role := range roles {
		b := h.Tab(t).As(role, 1)
		crawl(h.Client(t, role, 2), func(path, _ string, r webtest.Reply) {
			kind := pattern(path)
			if seen[kind] || r.Status != http.StatusOK || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
				return
			}
			seen[kind] = true
			b.Go(path)
			b.Axe()
			b.Phone()
			name := "page-" + strings.Trim(strings.NewReplacer("/", "-", "{", "", "}", "").Replace(kind), "-")
			b.Shot(name)
			if book != "" {
				b.Small(filepath.Join(book, name+".jpg"))
				lines = append(lines, fmt.Sprintf("## %s\n\n`%s` · %s\n\n![%s](pages/%s.jpg)\n", b.Text("h1"), kind, role, kind, name))
			}
			b.Dark(true)
			b.Axe()
			b.Dark(false)
		})
	}
	t.Logf("%d kinds of pages", len(seen))
	if len(seen) < 10 {
		t.Error("too few pages were looked at", len(seen))
	}
	if book != "" {
		slices.Sort(lines)
		text := "# 画面の一覧 / Every page\n\n`make pictures` が見本の会社から作ります。見出し・アドレス・だれで開いたか。\n\n" + strings.Join(lines, "\n")
		if err := os.WriteFile(filepath.Join(filepath.Dir(book), "pages.md"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// No script writes markup from strings, and all of ours together stay small.
func TestScriptsAreTame(t *testing.T) {
	files, err := filepath.Glob("static/*.js")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	total := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		total += len(page.Gzip(b))
		for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", ".cssText", "setAttribute('style'", "DOMParser"} {
			if strings.Contains(string(b), bad) {
				t.Errorf("%s uses %s", f, bad)
			}
		}
		if m := regexp.MustCompile(`[ぁ-んァ-ヶ一-龠]`).FindString(string(b)); m != "" {
			t.Errorf("%s holds words of a language: %s", f, m)
		}
	}
	if total > 15<<10 {
		t.Errorf("the scripts weigh %d bytes packed", total)
	}
}

// A page that is not there, an address that is no address, a method that is none.
func TestStrangeRequests(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 1)
	for _, path := range []string{"/nothing", "/invoices/06aaaaaaaaaaaaaaaaaaaaaaaa", "/me/../etc/passwd", "/static/x/app.js", "/%2e%2e/x", "/signin/extra"} {
		if r := c.Get(path); r.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.Status)
		}
	}
	if r := c.PostForm("/password", url.Values{"_old": {strings.Repeat("あ", 3<<20)}}); r.Status != http.StatusBadRequest && r.Status != http.StatusRequestEntityTooLarge || !strings.Contains(r.Body, "大きすぎ") {
		t.Error(r.Status, r.Body)
	}
}
