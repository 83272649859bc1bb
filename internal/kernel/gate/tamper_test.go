package gate

// Tampering needs a door that does not exist: this test is inside the package
// to write SQL as a database administrator would.

import (
	"context"
	"testing"

	"sekisho/internal/kernel/gate/internal/db"
)

// Tamper runs SQL outside the gate, for tests of what is then noticed.
func Tamper(t *testing.T, g *Gate, q string, args ...any) int64 {
	t.Helper()
	ctx := context.Background()
	for {
		x, err := g.db.Begin(ctx, db.Write)
		if err != nil {
			t.Fatal(err)
		}
		n, err := x.Exec(ctx, q, args...)
		if err == nil {
			err = x.Commit()
		}
		x.Rollback()
		if db.Retryable(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}
