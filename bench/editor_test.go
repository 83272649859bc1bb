//go:build bench

package bench

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sekisho/internal/edge/web/webtest"
	"sekisho/internal/kernel/civil"
)

// TestEditor measures how soon the editor of an invoice with 500 lines shows its
// new totals: the whole form over HTTP, through the pages and the gate.
func TestEditor(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 0)
	today := civil.Of(h.Clock.Now()).String()
	v := url.Values{"partner": {"000101"}, "date": {today}, "pricing": {"exclusive"}, "delivery": {"1"}}
	for i := range 500 {
		for name, value := range map[string]string{"date": today, "slip": fmt.Sprintf("D-%05d", i), "description": fmt.Sprintf("業務用アルコール除菌液 %d", i),
			"quantity": "１２", "unit": "箱", "price": "1,280", "category": "standard", "note": ""} {
			v.Add("l_"+name, value)
		}
	}
	var lat []time.Duration
	for range 200 {
		began := time.Now()
		r := c.PostForm("/invoices/calc", v)
		lat = append(lat, time.Since(began))
		if r.Status != http.StatusOK || !strings.Contains(r.Body, `"total":"8,448,000"`) {
			t.Fatal(r.Status, r.Body[:min(len(r.Body), 500)])
		}
	}
	slices.Sort(lat)
	mark := "ok  "
	if at(lat, .95) > 60*time.Millisecond {
		mark = "MISS"
		t.Fail()
	}
	fmt.Printf("%-9s %s editor with 500 lines recalculates: p50 %v p95 %v (want p95 ≤ 60ms)\n", "sqlite", mark, at(lat, .5).Round(10*time.Microsecond), at(lat, .95).Round(10*time.Microsecond))
}
