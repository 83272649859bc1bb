//go:build torture

// Package torture kills, starves and misleads the real server, and lets an
// independent checker decide what came of it. It drives the release binary from
// outside, over its HTTP API, beside a mail server, a database and disks of its
// own; nothing of the product knows that it is being tortured. make torture runs
// it and prints the figures.
package torture

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

var bg = context.Background()

// The binaries under torture, built once as a release is.
var (
	sekisho  string
	verifier string
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "torture")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", dir+"/", "sekisho/cmd/sekisho", "sekisho/cmd/sekisho-verify")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the binaries could not be built: %v\n%s", err, out)
		return 1
	}
	sekisho, verifier = filepath.Join(dir, "sekisho"), filepath.Join(dir, "sekisho-verify")
	began := time.Now()
	code := m.Run()
	if err := report.save(time.Since(began)); err != nil {
		fmt.Fprintln(os.Stderr, "the figures could not be kept:", err)
		return 1
	}
	return code
}

// setting is a number of the environment. What a run is made of can be scaled;
// without settings it is the full one.
func setting(name string, full int) int {
	if n, err := strconv.Atoi(os.Getenv("SEKISHO_TORTURE_" + name)); err == nil && n > 0 {
		return n
	}
	return full
}

// engines are both databases; each part runs on each of them.
var engines = []string{"sqlite", "postgres"}

type m = map[string]any
