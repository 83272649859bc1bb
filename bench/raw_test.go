//go:build bench

package bench

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"database/sql"

	"github.com/jackc/pgx/v5"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	_ "github.com/ncruces/go-sqlite3/embed"
	_ "github.com/ncruces/go-sqlite3/vfs/adiantum"

	"sekisho/internal/kernel/gatetest/pgtest"
	"sekisho/internal/trade/invoice/sheet"
)

// rawTable has the columns, sizes and indexes of a partner's contacts, without
// anything that protects them.
const rawTable = `CREATE TABLE raw (id TEXT PRIMARY KEY, version BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, record TEXT NOT NULL,
	mac %[1]s NOT NULL, party_id TEXT NOT NULL, name %[1]s NOT NULL, kana %[1]s NOT NULL, section %[1]s NOT NULL, title %[1]s NOT NULL, mail %[1]s NOT NULL,
	mail_x %[1]s NOT NULL, phone %[1]s NOT NULL, left_on TEXT NOT NULL, run TEXT NOT NULL)`

var rawIndexes = []string{`CREATE INDEX raw_party ON raw (party_id, id)`, `CREATE INDEX raw_mail ON raw (mail_x)`}

const rawInsert = `INSERT INTO raw VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`

func rawArgs(i int) []any {
	id, b := fmt.Sprintf("%026d", i), make([]byte, 45)
	mail := sha256.Sum256([]byte(id))
	return []any{id, int64(1), int64(1), int64(1), id, b[:33], id, b, b, b, b, b, mail[:], b, "", ""}
}

// rawCommits is how many single-row commits a second one client reaches without
// Sekisho: one autocommitted INSERT each, synchronous, encrypted where ours is.
func rawCommits(t *testing.T, engine, home string) float64 {
	const n = 1000
	insert := rawLite(t)
	if engine == "postgres" {
		insert = rawPG(t)
	}
	began := time.Now()
	for i := range n {
		if err := insert(rawArgs(i)); err != nil {
			t.Fatal(err)
		}
	}
	return n / time.Since(began).Seconds()
}

func rawLite(t *testing.T) func([]any) error {
	db, err := driver.Open("file:"+filepath.Join(t.TempDir(), "raw.db")+"?vfs=adiantum", func(c *sqlite3.Conn) error {
		return c.Exec(`PRAGMA hexkey='` + strings.Repeat("ab", 32) + `'; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL`)
	})
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	for _, q := range append([]string{fmt.Sprintf(rawTable, "BLOB")}, rawIndexes...) {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	var s *sql.Stmt
	if s, err = db.Prepare(strings.NewReplacer("$", "?").Replace(rawInsert)); err != nil {
		t.Fatal(err)
	}
	return func(args []any) error { _, err := s.Exec(args...); return err }
}

func rawPG(t *testing.T) func([]any) error {
	c, err := pgx.Connect(bg, pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(bg) })
	for _, q := range append([]string{fmt.Sprintf(rawTable, "BYTEA")}, rawIndexes...) {
		if _, err := c.Exec(bg, q); err != nil {
			t.Fatal(err)
		}
	}
	return func(args []any) error { _, err := c.Exec(bg, rawInsert, args...); return err }
}

// bareRender renders an invoice like the bench's n times and does nothing else.
func bareRender(t *testing.T, n int) time.Duration {
	s := sheet.Snapshot{Layout: sheet.Layout, DocumentID: "bench", Number: "INV-2026-000001", IssuedOn: "2026-11-22", DueOn: "2026-12-30",
		Partner:  sheet.Partner{Name: "株式会社見本0", Honorific: "御中"},
		Issuer:   sheet.Issuer{Name: "北斗サプライ株式会社", RegistrationNumber: registration, PostalCode: "060-0001", Address: []string{"北海道札幌市中央区北一条西1-1"}},
		Accounts: []sheet.Account{{Bank: "北斗銀行", Branch: "本店", Kind: "普通", Number: "0012345", Holder: "ﾎｸﾄｻﾌﾟﾗｲ(ｶ"}},
		Rates:    []sheet.Rate{{Label: "10%対象", Base: 148800, Tax: 14880}, {Label: "8%対象", Base: 148800, Tax: 11904}}, Base: 297600, Tax: 26784, Total: 324384}
	for i := range 10 {
		s.Lines = append(s.Lines, sheet.Line{Date: "2026-11-10", Slip: fmt.Sprintf("D-%07d", i), Description: fmt.Sprintf("コピー用紙 A4 %d", i),
			Quantity: "12", Unit: "箱", UnitPrice: "2,480", Amount: 29760, Reduced: i%2 == 1})
	}
	began := time.Now()
	for range n {
		if _, err := sheet.Render(s); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(began)
}

const registration = "T7000012050002"

func issuer() m {
	return m{"name": "北斗サプライ株式会社", "registration_number": registration, "postal_code": "060-0001", "address": "北海道札幌市中央区北一条西1-1",
		"fiscal_start": 4, "rounding": "floor", "bank_accounts": []m{{"bank_code": "0999", "bank_name": "北斗銀行", "branch_code": "001", "branch_name": "本店",
			"kind": "ordinary", "number": "0012345", "holder": "ﾎｸﾄｻﾌﾟﾗｲ(ｶ"}}}
}

// TestProgram measures the built program: size, start and memory.
func TestProgram(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "sekisho")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "sekisho/cmd/sekisho")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	st, err := os.Stat(bin)
	if err != nil {
		t.Fatal(err)
	}
	say := func(ok bool, format string, args ...any) {
		mark := "ok  "
		if !ok {
			mark = "MISS"
			t.Fail()
		}
		fmt.Printf("program   %s %s\n", mark, fmt.Sprintf(format, args...))
	}
	say(st.Size() <= 45<<20, "binary %.1f MB (want ≤ 45)", float64(st.Size())/(1<<20))
	home := filepath.Join(t.TempDir(), "home")
	if out, err := exec.Command(bin, "init", "--home", home).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	first, _ := start(t, bin, home)
	say(first <= 3*time.Second, "first start ever to first answer %.2f s (want ≤ 3)", first.Seconds())
	again, rss := start(t, bin, home)
	say(again <= 500*time.Millisecond, "start with the engine's cache %.2f s (want ≤ 0.5)", again.Seconds())
	say(rss <= 120, "memory when idle %d MB (want ≤ 120)", rss)
}
