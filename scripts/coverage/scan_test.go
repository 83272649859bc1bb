package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
)

func TestIDsOfTest(t *testing.T) {
	for name, want := range map[string]string{
		"TestSM28_TicksAreBound":    "[SM-28]",
		"TestC28_SM09_VoidIsListed": "[C-28 SM-09]",
		"TestC7_OneDigit":           "[C-07]",
		"TestC110_ThreeDigits":      "[C-110]",
		"TestC28":                   "[C-28]",
		"TestOS3_Later_SM09":        "[OS-03]",
		"TestA4Page":                "[]",
		"TestXY12_UnknownSeries":    "[]",
		"TestSM_NoNumber":           "[]",
		"Test":                      "[]",
		"BenchmarkSM28_Ticks":       "[]",
		"CheckTestSM28_Ticks":       "[]",
	} {
		if got := fmt.Sprint(idsOfTest(name)); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestIDsOfClaim(t *testing.T) {
	for line, want := range map[string]string{
		"- ✔ ticks are bound [SM-28]":           "[SM-28]",
		"- ✔ both [C-28, SM-09] and C-7":        "[C-28 SM-09 C-07]",
		"- ✔ a range [C-01…C-03]":               "[C-01 C-02 C-03]",
		"- ✔ a range [C-09 – C-11], SM-01":      "[C-09 C-10 C-11 SM-01]",
		"- ✔ 確認済み送付先だけに送る（SM-32）":               "[SM-32]",
		"- ✔ SHA-256, UTF-8, ES-256, XC-12x":    "[]",
		"- ✔ a range that runs back: C-05…C-03": "[C-05 C-03]",
		"- ✔ no range at all: C-05…SM-07":       "[C-05 SM-07]",
	} {
		if got := fmt.Sprint(idsOfClaim(line)); got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
}

func tree(files map[string]string) fs.FS {
	tree := fstest.MapFS{}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return tree
}

func TestScanAndRender(t *testing.T) {
	tests, err := scan(tree(map[string]string{
		"internal/b/b_test.go": "package b\nfunc TestC100_Late(t *T) {}\nfunc TestC09_Two(t *T) {}\n" +
			"func (s suite) TestC01_Method(t *T) {}\n// func TestC02_Comment() {}\nvar text = `func TestC03_Text() {}`\n",
		"internal/a/a_test.go":          "package a\nfunc TestC09_SM28_One(t *T) {}\nfunc TestPlain(t *T) {}\n",
		"internal/a/a.go":               "package a\nfunc TestC04_NoTestFile() {}\n",
		"internal/a/testdata/x_test.go": "not Go at all",
		".git/x_test.go":                "not Go at all",
	}))
	if err != nil {
		t.Fatal(err)
	}
	_, rows, _ := strings.Cut(string(render(tests)), "|---|---|\n")
	want := "| C-09 | `internal/a.TestC09_SM28_One`<br>`internal/b.TestC09_Two` |\n" +
		"| C-100 | `internal/b.TestC100_Late` |\n" +
		"| SM-28 | `internal/a.TestC09_SM28_One` |\n"
	if rows != want {
		t.Errorf("got\n%swant\n%s", rows, want)
	}
}

func TestScanSaysWhichFileIsBroken(t *testing.T) {
	_, err := scan(tree(map[string]string{"internal/a/a_test.go": "package"}))
	if err == nil || !strings.Contains(err.Error(), "internal/a/a_test.go") {
		t.Errorf("got %v", err)
	}
}

func TestClaimedReadsOnlyClaimLines(t *testing.T) {
	got, err := claimed(tree(map[string]string{
		"README.md":            "SM-01\n- ✔ one [SM-02]\n- not yet [SM-03]\n",
		"README.en.md":         "  - ✔ nested [SM-04]\n",
		"docs/threats.md":      "\n- ✔ two [C-05, C-06]\n",
		"docs/decisions/01.md": "- ✔ [C-07]\n",
		"NOTES.md":             "- ✔ [C-08]\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := []claim{
		{id{"SM", 4}, "README.en.md:1"}, {id{"SM", 2}, "README.md:2"},
		{id{"C", 5}, "docs/threats.md:2"}, {id{"C", 6}, "docs/threats.md:2"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestVerdict(t *testing.T) {
	tests := map[id][]string{{"SM", 28}: {"a.TestSM28_X"}}
	proved, unproved := claim{id{"SM", 28}, "README.md:1"}, claim{id{"C", 7}, "README.md:2"}
	if err := verdict(tests, []claim{proved}, true); err != nil {
		t.Errorf("all is proved, got %v", err)
	}
	err := verdict(tests, []claim{proved, unproved}, false)
	if err == nil {
		t.Fatal("an unproved claim and a stale table passed")
	}
	for _, want := range []string{"README.md:2: claims C-07", "TestC07_", "make cover"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
	if strings.Contains(err.Error(), "SM-28") {
		t.Errorf("the proved claim is in %q", err)
	}
}

// The whole command in a folder of its own: write, check, change, check again.
func TestRun(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("docs/threats.md", "- ✔ [C-01]\n")
	write("a/a_test.go", "package a\nfunc TestC01_X() {}\n")
	if run(true) == nil {
		t.Error("a missing table passed")
	}
	if err := errors.Join(run(false), run(true)); err != nil {
		t.Errorf("freshly written: %v", err)
	}
	write("a/b_test.go", "package a\nfunc TestC02_Y() {}\n")
	if run(true) == nil {
		t.Error("a stale table passed")
	}
}
