package gate_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
)

func verify(t *testing.T, w *gatetest.World) gate.Report {
	t.Helper()
	r, err := w.G.Verify(bg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Each attack of a database administrator is detected, and the row is named.
func TestC59_R20_TamperingNamesTheRow(t *testing.T) {
	attacks := []struct{ name, want, sql string }{
		{"edit a plain field", "verify.row_altered", `UPDATE card SET yen = 999 WHERE id = $1`},
		{"edit a state", "verify.row_altered", `UPDATE card SET is_open = FALSE WHERE id = $1`},
		{"copy a sealed value from another row", "verify.row_altered", `UPDATE card SET name = (SELECT c.name FROM card c WHERE c.id <> $1 ORDER BY c.id LIMIT 1) WHERE id = $1`},
		{"copy a sealed value from another column", "verify.row_altered", `UPDATE card SET name = mail WHERE id = $1`},
		{"delete", "verify.row_removed", `DELETE FROM card WHERE id = $1`},
		{"roll back to an older valid row", "verify.row_rolled_back", ``},
		{"copy a whole valid row under another id", "verify.row_altered", `INSERT INTO card SELECT 'forged', version, created_at, updated_at, record, mac, owner_id, department_id, party_id, yen, name, mail, mail_x, lines, is_open FROM card WHERE id = $1`},
		{"edit a record", "verify.leaf_altered", `UPDATE audit_log SET person = 'someone' WHERE id = (SELECT record FROM card WHERE id = $1)`},
		{"delete a record", "verify.leaf_missing", `DELETE FROM audit_log WHERE id = (SELECT record FROM card WHERE id = $1)`},
		{"edit a payload", "verify.payload", `UPDATE audit_log SET payload = marks WHERE id = (SELECT record FROM card WHERE id = $1)`},
		{"edit marks", "verify.marks", `UPDATE audit_log SET marks = payload WHERE id = (SELECT record FROM card WHERE id = $1)`},
	}
	each(t, func(t *testing.T, w *gatetest.World) {
		for _, a := range attacks {
			c := gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Dept: "d", Yen: 5, Name: "n", Mail: "a@x.jp"}))
			gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Dept: "d", Yen: 6, Name: "other", Mail: "b@x.jp"}))
			size(t, w)
			before := map[gate.Damage]bool{}
			for _, d := range verify(t, w).Damages {
				before[d] = true
			}
			if a.sql == "" {
				gate.Tamper(t, w.G, `CREATE TABLE old AS SELECT * FROM card WHERE id = $1`, c.ID)
				gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), raise, Raise{ID: c.ID, By: 1, Reason: "値上げのため"}))
				gate.Tamper(t, w.G, `DELETE FROM card WHERE id = $1`, c.ID)
				gate.Tamper(t, w.G, `INSERT INTO card SELECT * FROM old`)
				gate.Tamper(t, w.G, `DROP TABLE old`)
			} else if n := gate.Tamper(t, w.G, a.sql, c.ID); n != 1 {
				t.Fatalf("%s changed %d rows", a.name, n)
			}
			named := false
			found := verify(t, w).Damages
			for _, d := range found {
				named = named || !before[d] && d.Key == a.want && (d.ID == c.ID || d.ID == "forged" || d.Table == "" && d.Leaf >= 0)
			}
			if !named {
				t.Errorf("%s: not named: %+v", a.name, found)
			}
			if a.want == "verify.row_altered" && a.name != "copy a whole valid row under another id" {
				_, err := gate.Run(bg, w.G, gatetest.Boss("b"), show, ByID{c.ID})
				wants(t, err, fault.KindFailed, "gate.tampered")
			}
		}
	})
}

func TestVerifyIsQuietOnAnHonestHome(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		for i := range 300 {
			c, err := gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n", Yen: int64(i)})
			if err != nil && i != 13 && i != 14 {
				t.Fatal(err)
			}
			if i%3 == 0 {
				gate.Run(bg, w.G, gatetest.Boss("b"), raise, Raise{ID: c.ID, By: 1, Reason: "値上げのため"})
			}
		}
		n := size(t, w)
		r := verify(t, w)
		if len(r.Damages) != 0 || r.Leaves != n || r.Leaves < 300 || r.Rows != 299 || r.Checkpoints == 0 {
			t.Fatalf("%+v", r)
		}
		w.Reopen(t)
		if r := verify(t, w); len(r.Damages) != 0 {
			t.Fatalf("after a restart: %+v", r)
		}
	})
}

// A record deleted between commit and sealing is noticed by the node that wrote it.
func TestDeletingAnUnsealedRecordIsNoticed(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		w.G.PauseSealing()
		c := gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"}))
		if n := gate.Tamper(t, w.G, `DELETE FROM audit_pending WHERE id = (SELECT record FROM card WHERE id = $1)`, c.ID); n != 1 {
			t.Fatal(n)
		}
		n := size(t, w)
		time.Sleep(10 * time.Millisecond)
		for range 2 {
			n = size(t, w)
		}
		es, err := w.G.Entries(bg, 0, int(n))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range es {
			if e.Record.Op == "audit.alarm" && e.Record.Reason == "audit.vanished" {
				return
			}
		}
		t.Fatal("nobody noticed", len(es))
	})
}

// Two transactions interleaved, the older committed last: both are sealed.
func TestC58_TheOlderCommittedLastIsSealedToo(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 10 {
					if _, err := gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: "n"}); err != nil {
						t.Error(err)
					}
					_ = w.G.Seal(bg)
				}
			})
		}
		wg.Wait()
		if n := size(t, w); n != 80 {
			t.Fatal(n)
		}
		if r := verify(t, w); len(r.Damages) != 0 || r.Pending != 0 {
			t.Fatalf("%+v", r)
		}
	})
}

// Neither a planted name nor a key is found in any file of a home.
func TestS20_NothingReadableAtRest(t *testing.T) {
	w := gatetest.Open(t, gatetest.Options{Modules: []gate.Module{module}, Matrix: matrix}, "")
	const canary = "株式会社カナリア商事"
	c := gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "o", Name: canary, Mail: "canary@planted.example.jp", Note: canary}))
	gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), raise, Raise{ID: c.ID, By: 1, Reason: canary}))
	gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), show, ByID{c.ID}))
	size(t, w)
	needles := [][]byte{[]byte(canary), []byte("planted.example"), []byte("カナリア"), w.Ring.DBKey()}
	err := filepath.WalkDir(w.Dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(filepath.Dir(p), "keys") {
			return err
		}
		b, err := os.ReadFile(p)
		for _, n := range needles {
			if bytes.Contains(b, n) {
				t.Errorf("%s holds %q", p, n)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
