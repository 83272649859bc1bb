package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// line is one figure, as package torture writes it.
type line struct {
	Part   string `json:"part"`
	Engine string `json:"engine"`
	What   string `json:"what"`
	Found  string `json:"found"`
	Bound  string `json:"bound"`
	OK     bool   `json:"ok"`
}

// row is what both engines have to say to one thing.
type row struct {
	what, bound string
	found       map[string]string
}

// titles of the parts of package torture, in the order of the document.
var titles = []struct{ part, title string }{
	{"kill", "kill -9 at every step of the main job"},
	{"edits", "Edits at the moment of approval and of sending"},
	{"disk", "Disks full and read-only"},
	{"clock", "The clock jumps"},
	{"relay", "The relay is down for an hour"},
	{"pgkill", "PostgreSQL is killed while people write"},
	{"cut", "The connection to PostgreSQL is cut"},
	{"restore", "Restoring after each disaster"},
}

// document writes the figures as a page.
func document(figures string, all []result, took time.Duration) ([]byte, error) {
	lines, err := read(figures)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# What torture found\n\nWritten by `make torture`; do not edit. Run on %s at %s, %d cores, in %v.\n"+
		"How it is done: [decision 032](decisions/032-torture-from-outside.md). A figure that is not as asked is marked **MISS**.\n",
		time.Now().UTC().Format("2006-01-02"), commit(), runtime.NumCPU(), took.Round(time.Minute))
	for _, t := range titles {
		rows := table(lines, t.part)
		if len(rows) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n| | SQLite | PostgreSQL | asked |\n|---|---|---|---|\n", t.title)
		for _, r := range rows {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cell(r.what), cell(r.found["sqlite"]), cell(r.found["postgres"]), cell(r.bound))
		}
	}
	for _, r := range all {
		if r.name == "torture" {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s in %v.\n\n```\n%s```\n", r.title, map[bool]string{true: "Passed", false: "**MISS**"}[r.ok], r.took.Round(time.Second), said(r.said))
	}
	return b.Bytes(), nil
}

func read(file string) ([]line, error) {
	raw, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // that part was not run
	}
	var all struct {
		Lines []line `json:"lines"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &all)
	}
	return all.Lines, err
}

// table gives the figures of a part, each thing once, in the order in which it
// was first found.
func table(lines []line, part string) []*row {
	var rows []*row
	by := map[string]*row{}
	for _, l := range lines {
		if l.Part != part {
			continue
		}
		r := by[l.What]
		if r == nil {
			r = &row{what: l.What, bound: l.Bound, found: map[string]string{}}
			by[l.What] = r
			rows = append(rows, r)
		}
		if !l.OK {
			l.Found = "**MISS** " + l.Found
		}
		if was := r.found[l.Engine]; was != "" {
			l.Found = was + "; " + l.Found
		}
		r.found[l.Engine] = l.Found
	}
	return rows
}

func cell(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(s), "|", "\\|"), "\n", " ")
}

// said is what a part printed, without the talk of go test.
func said(out string) string {
	var b strings.Builder
	for _, l := range strings.Split(out, "\n") {
		t := strings.TrimSpace(l)
		switch {
		case t == "", t == "PASS", strings.HasPrefix(t, "=== "), strings.HasPrefix(t, "--- "), strings.HasPrefix(l, "ok  \t"):
		default:
			b.WriteString(l + "\n")
		}
	}
	return b.String()
}

func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "an unknown commit"
	}
	return "commit " + strings.TrimSpace(string(out))
}
