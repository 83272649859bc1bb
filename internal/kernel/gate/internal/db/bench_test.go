package db

import (
	"fmt"
	"os"
	"testing"

	"sekisho/internal/kernel/gatetest/pgtest"
)

// BenchmarkRawCommit is the baseline: one client committing single rows.
func BenchmarkRawCommit(b *testing.B) {
	for _, e := range []string{"sqlite", "postgres"} {
		b.Run(e, func(b *testing.B) {
			cfg := Config{Dir: b.TempDir(), Key: key, Cache: os.Getenv("SEKISHO_TEST_CACHE")}
			if e == "postgres" {
				cfg.DSN = pgtest.DSN(b)
			}
			d, err := Open(b.Context(), cfg)
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			x, _ := d.Begin(b.Context(), Write)
			if _, err := x.Exec(b.Context(), d.DDL(`CREATE TABLE t (id TEXT PRIMARY KEY, a TEXT NOT NULL, b BIGINT NOT NULL, c BYTEA NOT NULL, d BYTEA NOT NULL)`)); err != nil {
				b.Fatal(err)
			}
			if err := x.Commit(); err != nil {
				b.Fatal(err)
			}
			blob := make([]byte, 100)
			i := 0
			for b.Loop() {
				i++
				x, err := d.Begin(b.Context(), Write)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := x.Exec(b.Context(), `INSERT INTO t VALUES ($1, $2, $3, $4, $5)`, fmt.Sprint(i), "text", int64(i), blob, blob); err != nil {
					b.Fatal(err)
				}
				if err := x.Commit(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
