//go:build bench

package bench

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sekisho/internal/edge/api"
	"sekisho/internal/edge/portal"
	"sekisho/internal/edge/web/webtest"
)

// TestPortalOpens measures how many links can be opened in a second: whole
// requests, with the record of each.
func TestPortalOpens(t *testing.T) {
	h := webtest.Open(t)
	list, err := h.Mails()
	if err != nil {
		t.Fatal(err)
	}
	at, secret := "", ""
	for _, m := range list {
		if _, rest, ok := strings.Cut(m.Text, "/s/"); ok {
			line, _, _ := strings.Cut(rest, "\n")
			at, secret, _ = strings.Cut(strings.TrimSpace(line), "#")
			break
		}
	}
	if at == "" {
		t.Fatal("no link was mailed")
	}
	l := portal.Limits()
	l.Anybody, l.Source = api.Rate{PerSecond: 1e6, Burst: 1e6}, api.Rate{PerSecond: 1e6, Burst: 1e6}
	p, err := portal.New(portal.Config{Gate: h.App.Gate, Log: h.App.Log, Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	const n = 300
	began := time.Now()
	for range n {
		r := httptest.NewRequest(http.MethodPost, "/s/"+at, strings.NewReader(url.Values{"secret": {secret}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Fatal(w.Code, w.Body.String())
		}
	}
	t.Logf("portal: %.0f opens/s, one after the other", n/time.Since(began).Seconds())
}
