package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDocument(t *testing.T) {
	file := filepath.Join(t.TempDir(), "torture.json")
	if err := os.WriteFile(file, []byte(`{"lines":[
		{"part":"kill","engine":"sqlite","what":"lost","found":"0","bound":"0","ok":true},
		{"part":"kill","engine":"postgres","what":"lost","found":"1: a | b","bound":"0","ok":false},
		{"part":"relay","engine":"sqlite","what":"sent","found":"20","ok":true}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := document(file, []result{{part{name: "torture"}, true, 0, "not shown"},
		{part{name: "fuzz", title: "Fuzzing"}, false, time.Minute, "=== RUN x\nok     target 5 execs\n  kept\nPASS\nok  \tsekisho/x\t1s\n"}}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| lost | 0 | **MISS** 1: a \\| b | 0 |", "| sent | 20 |  |  |", "**MISS** in 1m0s", "  kept\n", "ok     target 5 execs\n"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%q is missing in\n%s", want, b)
		}
	}
	if strings.Contains(string(b), "not shown") || strings.Contains(string(b), "=== RUN") || strings.Contains(string(b), "sekisho/x") {
		t.Error(string(b))
	}
	if _, err := document(filepath.Join(t.TempDir(), "none"), nil, 0); err != nil {
		t.Error("a part that was not run is no mistake:", err)
	}
	if err := os.WriteFile(file, []byte(`{`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := document(file, nil, 0); err == nil {
		t.Error("a broken file was taken")
	}
}
