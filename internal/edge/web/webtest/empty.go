package webtest

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
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
	h := &House{House: &demo.House{Clock: demo.RealTime(time.Now)}}
	h.open(t, home)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*h.pages.Load()).ServeHTTP(w, r) }))
	t.Cleanup(func() {
		s.Close()
		h.leave(t)
	})
	h.URL = s.URL
	code, err := h.App.SetupCode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.SetupCode = code
	return h
}

// open opens the house and serves its pages.
func (h *House) open(t testing.TB, home string) {
	t.Helper()
	a, err := app.Open(t.Context(), app.Options{Home: home, Clock: h.Clock.Now, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.Handler(a, nil)
	if err != nil {
		t.Fatal(err)
	}
	h.App = a
	h.pages.Store(&pages)
	h.leave = func(t testing.TB) {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Restart ends an empty house and starts it again at the same address after
// somebody wrote its settings, as the service does: jobs and mail run from then on.
func (h *House) Restart(t testing.TB, settings string) {
	t.Helper()
	home := h.App.Home
	h.leave(t)
	if err := os.WriteFile(filepath.Join(home, app.ConfigFile), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	h.open(t, home)
	done, err := h.App.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	closes := h.leave
	h.leave = func(t testing.TB) { done(); closes(t) }
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
