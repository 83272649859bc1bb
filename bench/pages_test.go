//go:build bench

package bench

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"time"

	"sekisho/internal/app/demo"
	"sekisho/internal/edge/web"
)

// pages measures how long the server works on a page that an office looks at
// all day, with the lists as long as they are now: the whole handler, its ops
// with their durable records, and the page's text.
func (h *house) pages() {
	handler, err := web.Handler(h.App, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	var one struct {
		Invoices []struct {
			ID string `json:"id"`
		} `json:"invoices"`
	}
	h.do(h.books, "invoice.list", m{"limit": 1}, &one)
	books, admin, audit := h.books, h.Of("admin", 0), h.Of("auditor", 0)
	worst := time.Duration(0)
	for _, p := range []struct {
		path string
		who  *demo.Person
	}{{"/", books}, {"/figures", books}, {"/invoices", books}, {"/invoices?owed=1&due_to=2026-11-30", books}, {"/invoices/" + one.Invoices[0].ID, books}, {"/invoices/new", books},
		{"/gaps", books}, {"/partners", books}, {"/partners/" + h.read, books}, {"/sendings", books}, {"/approvals", books}, {"/archive", books}, {"/imports", books},
		{"/search?q=取引先05", books}, {"/jobs", admin}, {"/people", admin}, {"/roles", admin}, {"/alarms", admin}, {"/settings", admin}, {"/records", audit}} {
		token := h.token(p.who)
		var lat []time.Duration
		for range 40 {
			r := httptest.NewRequest(http.MethodGet, p.path, nil)
			r.AddCookie(&http.Cookie{Name: "sid", Value: token})
			w := httptest.NewRecorder()
			time.Sleep(12 * time.Millisecond) // one session may not ask more often than a person can
			b := time.Now()
			handler.ServeHTTP(w, r)
			lat = append(lat, time.Since(b))
			if w.Code != http.StatusOK {
				h.t.Error(p.path, w.Code)
				break
			}
		}
		slices.Sort(lat)
		if p.path != "/figures" { // sums over all that is owed: the first page does not wait for it
			worst = max(worst, at(lat, .95))
		}
		h.say("     page %-36s p50 %-10v p95 %v", p.path, at(lat, .5).Round(10*time.Microsecond), at(lat, .95).Round(10*time.Microsecond))
	}
	h.want(worst <= 30*time.Millisecond, "server time per page: worst p95 %v (want ≤ 30ms)", worst.Round(10*time.Microsecond))
}
