// Package pgtest gives each test a PostgreSQL schema of its own.
package pgtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Env names the variable with the URL of the tests' database;
// scripts/with-postgres sets it.
const Env = "SEKISHO_TEST_PG"

// DSN creates an empty schema with a random name and returns the URL of a
// database in which that schema is the search path; the schema goes away when
// the test ends. A missing database fails the test: it is never skipped.
//
// Schemas of one run share a cluster: advisory locks, notification channels and
// transaction ids of other tests are visible in it.
func DSN(tb testing.TB) string {
	tb.Helper()
	base := os.Getenv(Env)
	if base == "" {
		tb.Fatalf("%s is not set, so there is no PostgreSQL to test with: run `make test` or `scripts/with-postgres go test ./...`", Env)
	}
	dsn, err := url.Parse(base)
	if err != nil {
		tb.Fatalf("%s is not a URL like the one scripts/with-postgres sets", Env)
	}
	schema := fmt.Sprintf("test_%016x", rand.Uint64())
	if err := execute(base, "CREATE SCHEMA "+schema); err != nil {
		tb.Fatalf("creating the schema of this test: %v", err)
	}
	tb.Cleanup(func() {
		// A test that leaves a transaction open would hold this up for ever.
		if err := execute(base, "SET lock_timeout = '10s'", "DROP SCHEMA "+schema+" CASCADE"); err != nil {
			tb.Errorf("dropping the schema of this test (did it leave a transaction open?): %v", err)
		}
	})
	query := dsn.Query()
	query.Set("search_path", schema)
	dsn.RawQuery = query.Encode()
	return dsn.String()
}

// execute runs statements one by one on a connection of their own.
func execute(dsn string, statements ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
