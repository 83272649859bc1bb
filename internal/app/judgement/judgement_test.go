package judgement_test

import (
	"slices"
	"testing"

	"sekisho/internal/app/judgement"
	"sekisho/internal/kernel/gatetest/pgtest"
)

// TestC31_C32_C33_AYearIsJudged plays the made-up year: of 300 lawful
// sendings at most one is stopped, of the 270 without another partner's name in
// them at most 5 % ask for more than the usual ticks, and none of 60 planted
// mistakes of 20 kinds gets by.
func TestC31_C32_C33_AYearIsJudged(t *testing.T) {
	var sqlite, postgres judgement.Result
	t.Run("sqlite", func(t *testing.T) { sqlite = judge(t, "") })
	t.Run("postgres", func(t *testing.T) { postgres = judge(t, pgtest.DSN(t)) })
	a, b := verdicts(sqlite), verdicts(postgres)
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Errorf("SQLite: %s\nPostgreSQL: %s", a[i], b[i])
		}
	}
}

func verdicts(r judgement.Result) []string {
	var out []string
	for _, o := range slices.Concat(r.Opening, r.Lawful, r.Foreign, r.Mistakes) {
		out = append(out, o.String())
	}
	return out
}

func judge(t *testing.T, dsn string) judgement.Result {
	r := judgement.Run(t, dsn)
	r.Table(t.Logf)
	if len(r.Lawful) != 270 || len(r.Foreign) != 30 || len(r.Mistakes) != 60 || len(r.Kinds) != 20 {
		t.Fatalf("the year has %d lawful letters, %d with a foreign name, and %d mistakes of %d kinds", len(r.Lawful), len(r.Foreign), len(r.Mistakes), len(r.Kinds))
	}
	if n := len(r.FalseStops()); n > 1 {
		t.Errorf("%d false stops", n)
	}
	if n := len(r.Missed()); n > 0 {
		t.Errorf("%d mistakes missed", n)
	}
	if n := len(r.Ambers()); 20*n > len(r.Lawful) {
		t.Errorf("%d of %d lawful letters without a foreign name are amber", n, len(r.Lawful))
	}
	return r
}
