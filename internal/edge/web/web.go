// Package web are the pages. It holds no rule of business: a page runs ops and
// shows what they give. Each noun has a folder under pages with its templates
// beside it; this file is the one list of them.
package web

import (
	"embed"
	"io/fs"
	"net/http"
	"strings"

	"sekisho/internal/edge/api"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/edge/web/pages/alarm"
	"sekisho/internal/edge/web/pages/approval"
	"sekisho/internal/edge/web/pages/archive"
	"sekisho/internal/edge/web/pages/backup"
	"sekisho/internal/edge/web/pages/batch"
	"sekisho/internal/edge/web/pages/bundle"
	"sekisho/internal/edge/web/pages/demo"
	"sekisho/internal/edge/web/pages/door"
	"sekisho/internal/edge/web/pages/drill"
	"sekisho/internal/edge/web/pages/evidence"
	"sekisho/internal/edge/web/pages/home"
	"sekisho/internal/edge/web/pages/imports"
	"sekisho/internal/edge/web/pages/incident"
	"sekisho/internal/edge/web/pages/intro"
	"sekisho/internal/edge/web/pages/invoice"
	"sekisho/internal/edge/web/pages/job"
	"sekisho/internal/edge/web/pages/paper"
	"sekisho/internal/edge/web/pages/party"
	"sekisho/internal/edge/web/pages/people"
	"sekisho/internal/edge/web/pages/record"
	"sekisho/internal/edge/web/pages/search"
	"sekisho/internal/edge/web/pages/sending"
	"sekisho/internal/edge/web/pages/setting"
	"sekisho/internal/edge/web/pages/setup"
)

// Sections are all pages.
func Sections() []page.Section {
	return []page.Section{
		door.Pages,
		home.Pages,
		sending.Pages,
		batch.Pages,
		paper.Pages,
		intro.Pages,
		invoice.Pages,
		imports.Pages,
		bundle.Pages,
		party.Pages,
		search.Pages,
		record.Pages,
		archive.Pages,
		job.Pages,
		people.Pages,
		setting.Pages,
		backup.Pages,
		alarm.Pages,
		demo.Pages,
		setup.Pages,
		approval.Pages,
		incident.Pages,
		evidence.Pages,
		drill.Pages,
	}
}

// New makes the handler of all pages.
func New(h *page.House, front api.Front) (http.Handler, error) {
	files, err := static()
	if err != nil {
		return nil, err
	}
	h.Front, h.Static = front, files.address
	sections := Sections()
	if err := h.Load(sections); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, s := range sections {
		for _, rt := range s.Routes {
			mux.Handle(rt.At, h.Handler(rt))
		}
	}
	mux.Handle("GET /static/", files)
	mux.HandleFunc("/", h.Nothing)
	return mux, nil
}

//go:embed static
var assets embed.FS

// staticFiles are the style, the scripts and the icon, packed once. Their
// address names their content, so a browser may keep them for good.
type staticFiles struct {
	root  string // /static/<digest>/
	files map[string]packed
}

type packed struct {
	media       string
	plain, gzip []byte
}

func static() (*staticFiles, error) {
	out := &staticFiles{files: map[string]packed{}}
	names, err := fs.ReadDir(assets, "static")
	if err != nil {
		return nil, err
	}
	var all []byte
	for _, n := range names {
		b, err := assets.ReadFile("static/" + n.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, b...)
		out.files[n.Name()] = packed{media(n.Name()), b, page.Gzip(b)}
	}
	out.root = "/static/" + page.Digest(all) + "/"
	return out, nil
}

func media(name string) string {
	switch {
	case strings.HasSuffix(name, ".css"):
		return "text/css; charset=utf-8"
	case strings.HasSuffix(name, ".js"):
		return "text/javascript; charset=utf-8"
	case strings.HasSuffix(name, ".png"):
		return "image/png"
	}
	return "image/svg+xml"
}

func (s *staticFiles) address(name string) string { return s.root + name }

func (s *staticFiles) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(r.URL.Path, s.root)
	f, there := s.files[name]
	if !ok || !there {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", f.media)
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		w.Write(f.gzip) //nolint:errcheck // the reader may be gone
		return
	}
	w.Write(f.plain) //nolint:errcheck // the reader may be gone
}
