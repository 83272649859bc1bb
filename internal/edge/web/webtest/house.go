// Package webtest opens the demo's house behind a real server and looks at it
// with a real browser. A page that says anything on the browser's console has
// failed.
package webtest

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sekisho/internal/app/demo"
	"sekisho/internal/edge/web"
)

// House is a demo that is being served.
type House struct {
	*demo.House
	URL    string
	Portal string // where recipients open links
	Card   demo.Card

	SetupCode string // of an empty house

	pages atomic.Pointer[http.Handler] // of an empty house, which may be started again
	leave func(testing.TB)
}

// made is one demo, made once for all tests of a package; each test works in a
// copy of its own.
var made = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sekisho-webtest")
	if err != nil {
		return "", err
	}
	home := filepath.Join(dir, "demo")
	h, err := demo.Open(context.Background(), demo.Options{Home: home, Seed: 1, Log: quiet(), Now: time.Now})
	if err != nil {
		return "", err
	}
	return home, h.Close()
})

func quiet() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
}

// Open serves a fresh copy of the demo until the test ends.
func Open(t testing.TB) *House {
	t.Helper()
	from, err := made()
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(t.TempDir(), "demo")
	if err := os.CopyFS(home, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	private(t, home)
	d, err := demo.Open(t.Context(), demo.Options{Home: home, Seed: 1, Log: quiet(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	d.Clock.CatchUp()
	pages, err := web.Handler(d.App, d)
	if err != nil {
		t.Fatal(err)
	}
	stop, err := d.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	outside, err := web.Portal(d.App)
	if err != nil {
		t.Fatal(err)
	}
	s, o := httptest.NewServer(pages), httptest.NewServer(outside)
	t.Cleanup(func() {
		s.Close()
		o.Close()
		stop()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return &House{House: d, URL: s.URL, Portal: o.URL, Card: d.Card}
}

// private gives the copy the rights of the original: keys are readable by their owner only.
func private(t testing.TB, home string) {
	err := filepath.WalkDir(home, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chmod(p, map[bool]fs.FileMode{true: 0o700, false: 0o600}[e.IsDir()])
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Client is a person at a browser without scripts: cookies and forms only.
type Client struct {
	*http.Client
	t    testing.TB
	Base string
}

// Client signs the nth person of a role in.
func (h *House) Client(t testing.TB, role string, n int) *Client {
	t.Helper()
	c := h.Nobody(t)
	p := h.Person(role, n)
	code, err := h.Card.Code(p.Login, h.FreshCode(p.Login))
	if err != nil {
		t.Fatal(err)
	}
	r := c.Post("/signin", "login", p.Login, "_password", p.Password, "code", code)
	if r.Status != http.StatusOK || strings.Contains(r.Body, `name="_password"`) {
		t.Fatal("cannot sign in: ", r.Status, r.Body)
	}
	return c
}

// Person is the nth person of a role.
func (h *House) Person(role string, n int) demo.Place {
	for _, p := range h.Card.People {
		if p.Role == role {
			if n == 0 {
				return p
			}
			n--
		}
	}
	return demo.Place{}
}

var (
	usedMu sync.Mutex
	used   = map[string]int64{}
)

// FreshCode waits until a person has a one-time code that was not used yet, and
// gives the time of that code.
func (h *House) FreshCode(login string) time.Time {
	usedMu.Lock()
	defer usedMu.Unlock()
	key := h.URL + login
	for h.Clock.Now().Unix()/30 <= used[key] {
		h.Clock.Skip(30 * time.Second)
	}
	used[key] = h.Clock.Now().Unix() / 30
	return h.Clock.Now()
}
