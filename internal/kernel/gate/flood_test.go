package gate

import (
	"fmt"
	"testing"

	"sekisho/internal/kernel/audit"
)

// A flood from more places than the guard has room for still fills no disk.
func TestFloodFromEverywhereIsOneRecord(t *testing.T) {
	f := floodGuard{held: map[string]*audit.Record{}}
	written := 0
	for i := range floodMax + 5000 {
		if f.first(audit.Record{Op: "x.y", Outcome: audit.Denied, From: fmt.Sprintf("2001:db8:%x::1", i)}) {
			written++
		}
	}
	if written != floodMax+1 || f.held["rest"].Samples != 4999 {
		t.Fatal(written, f.held["rest"])
	}
	if f.first(audit.Record{Op: "x.y", Outcome: audit.Denied, From: "2001:db8:1::2"}) || f.held["2001:db8:1::/48|x.y|denied"].Samples != 1 {
		t.Fatal("a place that is known is not counted as itself")
	}
}
