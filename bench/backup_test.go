//go:build bench

package bench

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/app/apptest"
	"sekisho/internal/assure/backup"
	"sekisho/internal/kernel/gatetest/pgtest"
	"sekisho/internal/kernel/vault"
)

// backedUp is how many invoices the house has whose backup is measured, and
// archived how many files of 30 kB.
const (
	backedUp = 100_000
	archived = 10_000
)

// TestBackup measures a backup and a restore of a house with 100,000 invoices,
// and what writers notice of it.
func TestBackup(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			dsn, to := "", ""
			if engine == "postgres" {
				dsn, to = pgtest.DSN(t), pgtest.DSN(t)
			}
			h := &house{World: apptest.Open(t, dsn), t: t, engine: engine}
			h.books = h.Of("accounting", 0)
			h.prepare()
			for d := range 20 {
				h.bring("partners", fmt.Sprintf("partners%d.csv", d), h.depts[d], csv("得意先コード,取引先名", 500, func(i int) string {
					return fmt.Sprintf("P%05d,株式会社取引先%05d", i*20+d, i*20+d)
				}))
			}
			for i := 0; i < backedUp; i += 100_000 {
				h.bring("open_invoices", fmt.Sprintf("open%d.csv", i), "", invoicesCSV(i, min(backedUp-i, 100_000)))
			}
			h.backup(to)
		})
	}
}

func (h *house) backup(to string) {
	dir := h.t.TempDir()
	pair, err := backup.NewPair()
	if err != nil {
		h.t.Fatal(err)
	}
	key := filepath.Join(dir, "key")
	k := h.App.Keeper()
	k.Local, k.Remote, k.Recipients = filepath.Join(dir, "local"), filepath.Join(dir, "remote"), filepath.Join(dir, "recipients")
	for _, err := range []error{pair.Save(key), os.WriteFile(k.Recipients, []byte(pair.Recipient), 0o600), os.Mkdir(k.Remote, 0o700)} {
		if err != nil {
			h.t.Fatal(err)
		}
	}
	made := func() (backup.Outcome, time.Duration) {
		began := time.Now()
		o, err := k.Run(bg, "command")
		if err != nil || o.Sentence() != nil {
			h.t.Fatal(err, o.Sentence())
		}
		return o, time.Since(began)
	}
	quiet := h.writes(200, nil)
	var o backup.Outcome
	var took time.Duration
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() { o, took = made(); close(done) })
	beside := h.writes(1<<30, done)
	wg.Wait()
	h.want(took <= time.Minute, "backup of %d rows and %d records (%d MB) to two targets, a writer beside it: %.1f s (want ≤ 60 s)",
		o.Run.Rows, o.Run.LogSize, o.Run.Size>>20, took.Seconds())
	h.want(at(beside, .99) <= max(100*time.Millisecond, 20*at(quiet, .99)), "writing beside a backup: p99 %v, worst %v, %d writes (without: p99 %v)",
		at(beside, .99).Round(10*time.Microsecond), beside[len(beside)-1].Round(10*time.Microsecond), len(beside), at(quiet, .99).Round(10*time.Microsecond))
	h.archive()
	o, took = made()
	h.say("     with %d new files (%d MB) more: %.1f s", o.Copies[1].NewBlobs, o.Copies[1].NewBytes>>20, took.Seconds())
	o, took = made()
	h.say("     with none new: %.1f s", took.Seconds())
	home := filepath.Join(dir, "new")
	began := time.Now()
	r, err := app.Restore(bg, app.RestoreOptions{From: k.Remote, Identities: []string{key}, Home: home, Keys: filepath.Join(h.Home, "keys"), DSN: to,
		Clock: h.Clock.Now, Log: slog.New(slog.DiscardHandler), Tell: func(key string, _ ...any) { h.say("       %5.1f s %s", time.Since(began).Seconds(), key) }})
	if err != nil || len(r.Report.Damages) > 0 || !r.SameLog {
		h.t.Fatal(r.Report, err)
	}
	h.want(time.Since(began) <= 15*time.Minute, "restored and verified, %d rows, %d files: %.1f s (want ≤ 15 min)", r.Manifest.Dump.Rows, r.Files, time.Since(began).Seconds())
}

// writes creates contacts one after the other, n of them or until done, and
// gives how long each took, sorted.
func (h *house) writes(n int, done chan struct{}) []time.Duration {
	party := h.parties(1)[0]
	var out []time.Duration
	for range n {
		select {
		case <-done:
			slices.Sort(out)
			return out
		default:
		}
		began := time.Now()
		h.do(h.books, "party.contact_add", m{"party": party, "name": "見本 太郎"}, nil)
		out = append(out, time.Since(began))
		time.Sleep(2 * time.Millisecond)
	}
	slices.Sort(out)
	return out
}

// archive puts files like rendered invoices into the store.
func (h *house) archive() {
	for i := 0; i < archived; i += 500 {
		var list [][]byte
		for j := range 500 {
			list = append(list, append(bytes.Repeat(vault.Random(1000), 30), fmt.Sprint(i, j)...))
		}
		if _, err := h.App.Blobs.PutAll(bg, list); err != nil {
			h.t.Fatal(err)
		}
	}
}
