//go:build bench

package bench

import (
	"testing"
	"time"

	"sekisho/internal/app/judgement"
	"sekisho/internal/kernel/gatetest/pgtest"
)

// TestJudgement plays the made-up year of the outer gate (see the package) and
// bounds what make test only prints: the time of a check.
func TestJudgement(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			dsn := ""
			if engine == "postgres" {
				dsn = pgtest.DSN(t)
			}
			h := &house{t: t, engine: engine}
			r := judgement.Run(t, dsn)
			r.Table(h.say)
			h.want(len(r.FalseStops()) <= 1, "%d lawful sendings stopped (want ≤ 1)", len(r.FalseStops()))
			h.want(len(r.Missed()) == 0, "%d mistakes missed (want 0)", len(r.Missed()))
			h.want(20*len(r.Ambers()) <= len(r.Lawful), "%d of %d lawful sendings amber (want ≤ 5 %%)", len(r.Ambers()), len(r.Lawful))
			median, n := r.PerPackage()
			h.want(n >= 30 && median <= 5*time.Millisecond, "dispatch.check of a package with 3 attachments: %v with its durable record (want ≤ 5 ms; median of %d)",
				median.Round(10*time.Microsecond), n)
		})
	}
}
