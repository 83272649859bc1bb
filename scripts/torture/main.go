// Command torture runs everything that tries to break the product, prints what
// it finds, and writes the figures of a full run to docs/torture.md.
//
//	make torture                    about an hour and a half, as root
//	make torture QUICK=1            about eight minutes; writes nothing
//	make torture ARGS='-only fuzz'  one part
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// part is one command and what is asked of it.
type part struct {
	name  string
	title string
	args  []string
	env   []string
}

// parts are all of them; a quick run has fewer points and less time each.
func parts(quick bool, out string) []part {
	abreast := "4" // houses at once: they wait for countdowns more than they work
	if quick {
		abreast = "10"
	}
	main := part{name: "torture", title: "Killing, starving, misleading",
		args: []string{"go", "test", "-tags", "torture", "-count=1", "-v", "-timeout", "180m", "-parallel", abreast, "./torture"},
		env:  []string{"SEKISHO_TORTURE_OUT=" + out}}
	tamper := part{name: "tamper", title: "Tampering: nine attacks at 20 random places (security.md §4.6)",
		args: []string{"go", "test", "-count=1", "-v", "-timeout", "60m", "-run", "TamperMatrix", "./internal/kernel/gate"}, env: []string{"SEKISHO_TORTURE=1"}}
	bits := part{name: "bits", title: "Backups: 1,000 flipped bits, cut and swapped generations",
		args: []string{"go", "test", "-count=1", "-v", "-timeout", "60m", "-run", "TestR30", "./internal/assure/backup"}, env: []string{"SEKISHO_TORTURE=1"}}
	fuzz := part{name: "fuzz", title: "Fuzzing, 60 s each target", args: []string{"scripts/fuzz"}, env: []string{"FUZZTIME=60s"}}
	if quick {
		main.env = append(main.env, "SEKISHO_TORTURE_POINTS=60", "SEKISHO_TORTURE_EDITS=100", "SEKISHO_TORTURE_PGKILLS=3",
			"SEKISHO_TORTURE_CUTS=24", "SEKISHO_TORTURE_BATCH=60", "SEKISHO_TORTURE_RELAY=6", "SEKISHO_TORTURE_BACKUPS=4", "SEKISHO_TORTURE_DISASTERS=2")
		tamper.env, bits.env = nil, nil
		fuzz.args = append(fuzz.args, "./internal/comms/dispatch/internal/mime", "./internal/kernel/mailaddr", "./internal/kernel/extract", "./internal/trade/intake")
		fuzz.env = []string{"FUZZTIME=3s"}
	}
	return []part{main, tamper, bits, fuzz}
}

// result is what came of a part.
type result struct {
	part
	ok   bool
	took time.Duration
	said string
}

func main() {
	quick := flag.Bool("quick", false, "few points and little time; writes no document")
	only := flag.String("only", "", "run only this part: torture, tamper, bits or fuzz; writes no document")
	flag.Parse()
	if err := run(*quick, *only); err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

func run(quick bool, only string) error {
	out, err := os.MkdirTemp("", "torture-figures")
	if err != nil {
		return err
	}
	defer os.RemoveAll(out)
	began := time.Now()
	var all []result
	bad := []string{}
	for _, p := range parts(quick, out) {
		if only != "" && only != p.name {
			continue
		}
		r := p.run()
		if all = append(all, r); !r.ok {
			bad = append(bad, p.name)
		}
	}
	if len(all) == 0 {
		return fmt.Errorf("there is no part %q", only)
	}
	doc, err := document(filepath.Join(out, "torture.json"), all, time.Since(began))
	if err == nil && !quick && only == "" {
		err = os.WriteFile("docs/torture.md", doc, 0o644)
	}
	fmt.Printf("\ntook %v\n", time.Since(began).Round(time.Second))
	if err == nil && len(bad) > 0 {
		err = fmt.Errorf("failed: %s", strings.Join(bad, ", "))
	}
	return err
}

// run runs a part, shows what it says, and keeps it. A go test that found no test
// has failed: nothing was tortured.
func (p part) run() result {
	fmt.Printf("\n== %s: %s\n", p.title, strings.Join(p.args, " "))
	var said bytes.Buffer
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = io.MultiWriter(os.Stdout, &said), os.Stderr
	began := time.Now()
	err := cmd.Run()
	if err == nil && p.args[0] == "go" && !strings.Contains(said.String(), "--- PASS") {
		err = fmt.Errorf("no test ran")
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", p.name, err)
	}
	return result{p, err == nil, time.Since(began), said.String()}
}
