package portal

import (
	"bytes"
	"html/template"
	"net/http"

	"sekisho/internal/kernel/text"
)

// Away are the two pages that need no house: those of a host outside that only
// carries requests to it.
type Away struct {
	pages map[text.Lang]*template.Template
}

// NewAway reads them.
func NewAway() (Away, error) {
	a := Away{map[text.Lang]*template.Template{}}
	for _, l := range text.Langs {
		t, err := read(l, "said")
		if err != nil {
			return a, err
		}
		a.pages[l] = t
	}
	return a, nil
}

// Show says that nothing can be opened now (ただいま利用できません), whatever was asked for.
func (a Away) Show(w http.ResponseWriter, r *http.Request, l text.Lang) {
	w.Header().Set("Retry-After", "60")
	a.page(w, r, l, http.StatusServiceUnavailable, "portal.away")
}

// Nothing says that there is no such page.
func (a Away) Nothing(w http.ResponseWriter, r *http.Request, l text.Lang) {
	a.page(w, r, l, http.StatusNotFound, "portal.nothing")
}

func (a Away) page(w http.ResponseWriter, r *http.Request, l text.Lang, status int, key string) {
	var b bytes.Buffer
	if err := a.pages[l].ExecuteTemplate(&b, "layout", view{Title: text.T(l, key), D: key + "_text"}); err != nil {
		http.Error(w, text.T(l, key), status)
		return
	}
	answer(w, r, l, status, b.Bytes())
}

// answer writes a page of the portal.
func answer(w http.ResponseWriter, r *http.Request, l text.Lang, status int, page []byte) {
	h := w.Header()
	h.Set("Content-Security-Policy", csp)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(l))
	h.Set("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(page) // the reader may be gone; then there is nobody to tell
	}
}
