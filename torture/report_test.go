//go:build torture

package torture

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// figures are what a run found, in the order in which it was found.
type figures struct {
	mu    sync.Mutex
	lines []line
}

// line is one figure. Bound is what was asked for, "" where nothing was.
type line struct {
	Part   string `json:"part"`
	Engine string `json:"engine"`
	What   string `json:"what"`
	Found  string `json:"found"`
	Bound  string `json:"bound,omitempty"`
	OK     bool   `json:"ok"`
}

var report figures

func (f *figures) add(l line) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = append(f.lines, l)
	mark := "    "
	switch {
	case l.Bound != "" && l.OK:
		mark, l.Bound = "ok  ", "  (want "+l.Bound+")"
	case l.Bound != "":
		mark, l.Bound = "MISS", "  (want "+l.Bound+")"
	}
	fmt.Printf("%s %-9s %-8s %-48s %s%s\n", mark, l.Engine, l.Part, l.What, l.Found, l.Bound)
}

// note prints a figure that nothing was asked of.
func note(part, engine, what, format string, args ...any) {
	report.add(line{Part: part, Engine: engine, What: what, Found: fmt.Sprintf(format, args...), OK: true})
}

// want prints a figure and fails the test when it is not as it must be.
func want(t *testing.T, ok bool, part, engine, what, bound, format string, args ...any) {
	t.Helper()
	found := fmt.Sprintf(format, args...)
	report.add(line{part, engine, what, found, bound, ok})
	if !ok {
		t.Errorf("%s %s: %s: %s, want %s", part, engine, what, found, bound)
	}
}

// none is want for what must not have happened at all; examples name the first.
func none(t *testing.T, part, engine, what string, bad []string) {
	t.Helper()
	found := "0"
	if len(bad) > 0 {
		found = fmt.Sprintf("%d: %s", len(bad), strings.Join(bad[:min(len(bad), 5)], "; "))
	}
	want(t, len(bad) == 0, part, engine, what, "0", "%s", found)
}

// save writes the figures into the folder SEKISHO_TORTURE_OUT, from where
// scripts/torture makes docs/torture.md.
func (f *figures) save(took time.Duration) error {
	dir := os.Getenv("SEKISHO_TORTURE_OUT")
	if dir == "" || len(f.lines) == 0 {
		return nil
	}
	b, err := json.MarshalIndent(struct {
		Seconds int    `json:"seconds"`
		Lines   []line `json:"lines"`
	}{int(took.Seconds()), f.lines}, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "torture.json"), append(b, '\n'), 0o644)
}
