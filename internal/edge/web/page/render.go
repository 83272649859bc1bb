package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"sekisho/internal/kernel/text"
)

//go:embed *.html
var own embed.FS

// source is one page's template. It is read, in one language, when it is shown for
// the first time: all of them together take 36 MB, and nobody looks at all.
type source map[text.Lang]func() (*template.Template, error)

// View is what a template sees: Q who asks, D the page's own data.
type View struct {
	Q       *Req
	D       any
	Title   string
	Scripts []string
	Bare    bool
	Done    string // what was just done, in words
}

// policy of what a page may load: nothing but this house's own files, and no
// script may write HTML.
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Load finds all templates.
func (h *House) Load(sections []Section) error {
	h.templates = map[string]source{}
	err := h.find("page", own)
	for _, s := range sections {
		if err == nil {
			err = h.find(s.Name, s.Files)
		}
	}
	return err
}

func (h *House) find(section string, files fs.FS) error {
	names, err := fs.Glob(files, "*.html")
	if err != nil {
		return err
	}
	for _, n := range names {
		if n == "layout.html" || strings.HasPrefix(n, "_") {
			continue // parts, which every page of the section has
		}
		one := source{}
		for _, l := range text.Langs {
			one[l] = sync.OnceValues(func() (*template.Template, error) { return h.parse(section, files, n, l) })
		}
		h.templates[section+"/"+strings.TrimSuffix(n, ".html")] = one
	}
	return nil
}

func (h *House) parse(section string, files fs.FS, name string, l text.Lang) (*template.Template, error) {
	t, err := template.New(name).Option("missingkey=error").Funcs(h.funcs(l)).ParseFS(own, "layout.html", "_*.html")
	if err == nil && section != "page" {
		if parts, _ := fs.Glob(files, "_*.html"); len(parts) > 0 {
			t, err = t.ParseFS(files, "_*.html")
		}
	}
	if err == nil {
		t, err = t.ParseFS(files, name)
	}
	if err != nil {
		return nil, fmt.Errorf("template %s/%s: %w", section, name, err)
	}
	return t, nil
}

// ParseAll reads every template in every language, for the test that finds one
// that cannot be read.
func (h *House) ParseAll() (n int, err error) {
	for _, s := range h.templates {
		for _, read := range s {
			if _, err := read(); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// write renders into memory first: a page is whole, or it is the page of what
// went wrong.
func (q *Req) write(w http.ResponseWriter, a Answer) {
	for _, c := range q.cook {
		http.SetCookie(w, c)
	}
	switch {
	case a.To != "":
		http.Redirect(w, q.Request, a.To, http.StatusSeeOther)
	case a.Stream != nil:
		if err := a.Stream(w); err != nil {
			q.House.Log.Debug("a stream ended", "route", q.Pattern, "err", err)
		}
	case a.Template != "":
		var b bytes.Buffer
		if err := q.render(&b, a); err != nil {
			q.House.Log.Error("a page cannot be shown", "route", q.Pattern, "err", err)
			http.Error(w, q.T("fault.failed"), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Security-Policy", csp)
		q.send(w, a.Status, "text/html; charset=utf-8", b.Bytes())
	default:
		q.file(w, a)
	}
}

func (q *Req) render(b *bytes.Buffer, a Answer) error {
	s, ok := q.House.templates[a.Template]
	if !ok {
		return fmt.Errorf("there is no template %q", a.Template)
	}
	t, err := s[q.Lang]()
	if err != nil {
		return err
	}
	v := View{Q: q, D: a.Data, Title: a.Title, Scripts: a.Scripts, Bare: a.Bare}
	if key := q.Query("done"); strings.HasPrefix(key, "web.done.") && text.Has(key) && q.Err == nil {
		v.Done = q.T(key)
	}
	return t.ExecuteTemplate(b, "layout", v)
}

// file gives bytes as they are, and never as a page of this house.
func (q *Req) file(w http.ResponseWriter, a Answer) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'self'")
	if a.Media == "application/pdf" { // the browser's own viewer needs its own style
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'self'")
	}
	if a.Name != "" {
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(a.Name)}))
	}
	q.send(w, a.Status, a.Media, a.Bytes)
}

func (q *Req) send(w http.ResponseWriter, status int, media string, b []byte) {
	h := w.Header()
	h.Set("Content-Type", media)
	if strings.HasPrefix(media, "text/") || media == "application/json" {
		h.Set("Content-Language", string(q.Lang))
		h.Set("Vary", "Accept-Encoding, Accept-Language, Cookie")
		if strings.Contains(q.Header.Get("Accept-Encoding"), "gzip") && len(b) > 500 {
			h.Set("Content-Encoding", "gzip")
			b = Gzip(b)
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	if status == 0 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	if q.Method != http.MethodHead {
		_, _ = w.Write(b) // the reader may be gone; then there is nobody to tell
	}
}

// Gzip packs a page or a static file.
func Gzip(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b) // into memory
	_ = z.Close()
	return out.Bytes()
}

// Digest names a content in an address.
func Digest(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:8])
}
