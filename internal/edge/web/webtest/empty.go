package webtest

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/app/demo"
	"sekisho/internal/edge/web"
)

// Empty serves a real house in which there is nobody yet. Code is that of its
// first start, as the console shows it.
func Empty(t testing.TB) *House {
	t.Helper()
	home := filepath.Join(t.TempDir(), "house")
	if err := app.Init(home, "sekisho.test", false, time.Now()); err != nil {
		t.Fatal(err)
	}
	clock := demo.RealTime(time.Now)
	a, err := app.Open(t.Context(), app.Options{Home: home, Clock: clock.Now, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	code, err := a.SetupCode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.Handler(a, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(pages)
	t.Cleanup(func() {
		s.Close()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return &House{House: &demo.House{App: a, Clock: clock}, URL: s.URL, SetupCode: code}
}

// Nobody is somebody who has not signed in, at a browser without scripts.
func (h *House) Nobody(t testing.TB) *Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Client{&http.Client{Jar: jar, Timeout: time.Minute}, t, h.URL}
}
