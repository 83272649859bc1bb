package pgtest_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"sekisho/internal/kernel/gatetest/pgtest"
)

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func ask[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var answer T
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestSchemasAreSeparateAndGoAway(t *testing.T) {
	var schemas []string
	t.Run("in use", func(t *testing.T) {
		for i := range 2 {
			conn := connect(t, pgtest.DSN(t))
			defer conn.Close(t.Context())
			if _, err := conn.Exec(t.Context(), "CREATE TABLE same_name (i bigint)"); err != nil {
				t.Fatalf("schema %d is not empty or not ours: %v", i, err)
			}
			schemas = append(schemas, ask[string](t, conn, "SELECT current_schema()"))
		}
	})
	if len(schemas) != 2 || schemas[0] == schemas[1] {
		t.Fatalf("want two different schemas, got %v", schemas)
	}
	conn := connect(t, os.Getenv(pgtest.Env))
	defer conn.Close(t.Context())
	if n := ask[int](t, conn, "SELECT count(*) FROM pg_namespace WHERE nspname = ANY($1)", schemas); n != 0 {
		t.Errorf("%d of the schemas %v outlived their test", n, schemas)
	}
}

// The role must not be able to do what an installation's role cannot.
func TestRoleIsNoSuperuser(t *testing.T) {
	conn := connect(t, pgtest.DSN(t))
	defer conn.Close(t.Context())
	if ask[bool](t, conn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") {
		t.Error("the tests run as a superuser")
	}
}

// recorder is a testing.TB that keeps what Fatalf says instead of failing.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestMissingDatabaseFails(t *testing.T) {
	for name, c := range map[string]struct{ env, want string }{
		"unset":       {"", "make test"},
		"not a URL":   {"postgres://a:secret@[", "not a URL"},
		"not running": {"postgres://a:secret@127.0.0.1:1/x", "creating the schema"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(pgtest.Env, c.env)
			r, done := &recorder{TB: t}, make(chan struct{})
			go func() {
				defer close(done)
				pgtest.DSN(r)
			}()
			<-done
			if !strings.Contains(r.said, c.want) || strings.Contains(r.said, "secret") {
				t.Errorf("said %q; want %q in it and no password", r.said, c.want)
			}
		})
	}
}
