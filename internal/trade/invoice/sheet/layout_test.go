package sheet

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"sekisho/internal/kernel/fault"
)

// A snapshot of the first layout keeps the bytes that were archived.
func TestC28_TheFirstLayoutKeepsItsBytes(t *testing.T) {
	for n, want := range map[int]string{
		1:  "33c02c7993b81b9d94485213665509f952f3aa272977f1dd8cc86519723ed95d",
		12: "087b2f153900fedcdc1f2b85eab7ccbe7bddebbee7168596138311b5996b8db6",
		60: "0edcd817b41336842f952c7d96a36b695920e8e5b71ff8d2dc9228c7bc81932b",
	} {
		s := sample(n)
		s.Layout = 1
		if got := fmt.Sprintf("%x", sha256.Sum256(render(t, s))); got != want {
			t.Errorf("%d lines: %s", n, got)
		}
	}
}

// The check code stands on the sheet of the second layout, and on no other.
func TestSM38_TheCheckCodeIsPrinted(t *testing.T) {
	s := sample(3)
	s.Check = &Check{Code: "BCDF-GHJK-LMNP", Address: "https://uketori.hokuto.example/v/BCDFGHJKLMNP"}
	got := extract(t, render(t, s))
	for _, want := range []string{"振込先の確認", "BCDF-GHJK-LMNP", "https://uketori.hokuto.example/v/BCDFGHJKLMNP"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not on the paper:\n%s", want, got)
		}
	}
	if got := extract(t, render(t, sample(3))); strings.Contains(got, "振込先の確認") {
		t.Error("a code without one")
	}
	s.Layout = 1
	if _, err := Render(s); fault.Of(err).Key != "sheet.layout" {
		t.Error(err)
	}
	s.Layout, s.Check.Address = 2, "https://\U0010FFFD.example"
	if _, err := Render(s); fault.Of(err).Key != "sheet.no_glyph.check" {
		t.Error(err)
	}
}
