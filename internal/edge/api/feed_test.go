package api_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"sekisho/internal/edge/api"
)

func feedDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range []string{"hashes", "names", "checkpoint", "vkey", "secret"} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte("0123456789 of "+f), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A witness reads three files in parts, and nothing else stands there; where
// the configuration gives nothing out, there is nothing at all.
func TestTheFeedGivesThreeFilesInParts(t *testing.T) {
	w, closed := open(t, func(c *api.Config) { c.Feed = feedDir(t) }), open(t, nil)
	for path, want := range map[string]int{
		"/witness/hashes": 206, "/witness/names": 206, "/witness/checkpoint": 206,
		"/witness/vkey": 404, "/witness/secret": 404, "/witness/": 404, "/witness": 404, "/witness/..": 404, "/witness/hashes/": 404,
		"/witness/..%2fsecret": 404, "/witness/%2e%2e/secret": 404, "/witness/hashes%00": 404,
	} {
		req := httptest.NewRequest(http.MethodGet, "http://house"+path, nil)
		req.Header.Set("Range", "bytes=3-5")
		rec := w.do(req)
		if rec.Code != want || want == 206 && (rec.Body.String() != "345" || rec.Header().Get("Cache-Control") != "no-store") {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
		if rec := closed.do(req); rec.Code != 404 {
			t.Errorf("%s, not given out: %d", path, rec.Code)
		}
	}
	req := httptest.NewRequest(http.MethodGet, "/witness/hashes", nil)
	req.Header.Set("Range", "bytes=500-")
	if rec := w.do(req); rec.Code != 416 {
		t.Error("beyond the end:", rec.Code)
	}
	if rec := w.do(httptest.NewRequest(http.MethodPost, "/witness/hashes", nil)); rec.Code != 405 && rec.Code != 400 && rec.Code != 422 {
		t.Error("POST:", rec.Code)
	}
}
