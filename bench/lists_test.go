//go:build bench

package bench

import (
	"fmt"
	"slices"
	"time"

	"sekisho/internal/app/demo"
)

// lists measures the first page over a million invoices for each scope and
// filter.
func (h *house) lists() {
	began := time.Now()
	have := 100_000
	for ; have < rows(); have += 100_000 {
		h.bring("open_invoices", fmt.Sprintf("open%d.csv", have), "", invoicesCSV(have, 100_000))
	}
	h.say("     %d invoices are in (%.0f s)", have, time.Since(began).Seconds())
	dept, assigned, both := h.Of("clerk", 0), h.Of("sales", 0), h.Of("clerk", 1)
	h.place(dept, h.depts[3])
	h.place(both, h.depts[4])
	if err := h.Troupe.Together(bg, h.Of("admin", 0), h.Of("admin", 1), "identity.role_grant", m{"person": both.ID, "role": "sales", "reason": "計測のため"}); err != nil {
		h.t.Fatal(err)
	}
	some := h.parties(200)
	for _, p := range some {
		h.do(h.Of("controller", 0), "party.assign", m{"id": p, "person": assigned.ID}, nil)
		h.do(h.Of("controller", 0), "party.assign", m{"id": p, "person": both.ID}, nil)
	}
	worst := time.Duration(0)
	for _, who := range []struct {
		name string
		p    *demo.Person
	}{{"all", h.books}, {"department", dept}, {"assigned", assigned}, {"department+assigned", both}} {
		for _, f := range []struct {
			name string
			in   m
		}{{"no filter", m{}}, {"partner+date+amount", m{"party": some[7], "from": "2024-03-01", "to": "2024-12-31", "amount_from": "100000", "amount_to": "900000"}},
			{"an amount that does not exist", m{"amount": "77777777"}}} {
			var lat []time.Duration
			for range 40 {
				b := time.Now()
				h.do(who.p, "invoice.list", f.in, nil)
				lat = append(lat, time.Since(b))
			}
			slices.Sort(lat)
			worst = max(worst, at(lat, .95))
			h.say("     first page, scope %-20s %-30s p50 %-10v p95 %v", who.name, f.name, at(lat, .5).Round(10*time.Microsecond), at(lat, .95).Round(10*time.Microsecond))
		}
	}
	h.want(worst <= 80*time.Millisecond, "first page at %d invoices: worst p95 %v (want ≤ 80ms)", have, worst.Round(10*time.Microsecond))
}

func (h *house) place(p *demo.Person, dept string) {
	var v struct {
		Version int64  `json:"version"`
		Login   string `json:"login"`
		Number  string `json:"number"`
		Name    string `json:"name"`
		Kana    string `json:"kana"`
		Mail    string `json:"mail"`
		HiredOn string `json:"hired_on"`
	}
	h.do(p, "identity.person_show", m{"id": p.ID}, &v)
	if err := h.Troupe.Together(bg, h.Of("admin", 0), h.Of("admin", 1), "identity.person_update", m{"id": p.ID, "version": v.Version, "login": v.Login,
		"number": v.Number, "name": v.Name, "kana": v.Kana, "mail": p.Login + "@hokuto-supply.example.jp", "department": dept, "hired_on": v.HiredOn, "reason": "計測のため"}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) parties(n int) []string {
	var out []string
	after := ""
	for len(out) < n {
		var page struct {
			Rows []struct {
				ID string `json:"id"`
			} `json:"rows"`
			Next string `json:"next"`
		}
		h.do(h.books, "party.list", m{"code_prefix": "P", "after": after, "limit": 200}, &page)
		for _, r := range page.Rows {
			out = append(out, r.ID)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	return out[:min(n, len(out))]
}
