package api_test

import (
	"net/http/httptest"
	"testing"

	"sekisho/internal/edge/api"
)

// CD-20: a form is taken only from a page of its own origin, by the browser's word.
func TestCD20_FormsOfOtherPages(t *testing.T) {
	for _, c := range []struct {
		site, origin string
		ok           bool
	}{
		{"same-origin", "", true},
		{"same-origin", "https://sekisho.test", true},
		{"none", "", true}, // typed by the person
		{"", "https://sekisho.test", true},
		{"", "", false},
		{"same-site", "https://other.sekisho.test", false},
		{"cross-site", "https://evil.example", false},
		{"cross-site", "", false},
		{"", "https://evil.example", false},
		{"", "null", false},
	} {
		r := httptest.NewRequest("POST", "https://sekisho.test/s/x", nil)
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if err := api.OwnPage(r); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
