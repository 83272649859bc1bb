package gate_test

import (
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/vault"
)

//go:embed testdata/v2/schema/*.sql
var newerFiles embed.FS

// CardV2 is Card with a column that came later.
type CardV2 struct {
	gate.Row
	Owner string `json:"owner" col:"owner_id" class:"internal,plain"`
	Dept  string `json:"dept" col:"department_id" class:"internal,plain"`
	Party string `json:"party" col:"party_id" class:"internal,plain"`
	Yen   int64  `json:"yen" col:"yen" class:"internal,plain"`
	Name  string `json:"name" col:"name" class:"personal"`
	Mail  string `json:"mail" col:"mail" class:"personal,exact"`
	Lines []Line `json:"lines" col:"lines" class:"confidential"`
	Open  bool   `json:"open" col:"is_open" class:"internal,plain"`
	Memo  string `json:"memo" col:"memo" class:"internal,plain" since:"2"`
}

var cardsV2 = gate.NewTable[CardV2]("card", gate.Scoped("owner_id", "department_id", "party_id"), gate.Unit(vault.KindPersonal, "card", "id"))

type upgraded struct {
	Rows int `json:"rows" class:"internal"`
}

var upgrade = gate.New(gate.Op[Ask, upgraded]{Name: "card.upgrade", Mode: gate.Write,
	Target: func(*gate.Tx, Ask) (gate.Target, error) { return gate.Target{Kind: "card", ID: "*"}, nil },
	Do: func(x *gate.Tx, in Ask) (upgraded, error) {
		n, err := gate.UpgradeRows(x, "card", in.Limit)
		return upgraded{n}, err
	}})

func newer() []gate.Module {
	files, _ := fs.Sub(newerFiles, "testdata/v2")
	return []gate.Module{{Name: "card", Schema: files, Ops: []gate.Any{upgrade}, Tables: []gate.AnyTable{cardsV2}}}
}

func fsck(t *testing.T, w *gatetest.World, files ...string) gate.FsckReport {
	t.Helper()
	return gatetest.Must[gate.FsckReport](t)(w.G.Fsck(bg, gate.FsckOptions{Files: files}))
}

// A new column leaves old rows valid; fsck counts them, and upgrading writes
// them again through the gate, so that verify stays green.
func TestC83_OldRowsAreUpgraded(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		busy(t, w, 30)
		if f := fsck(t, w); f.Old != 0 || len(f.Damages) != 0 || f.Opened != 30 {
			t.Fatalf("%+v", f)
		}
		w.Upgrade(t, newer())
		if f := fsck(t, w); f.Old != 30 || len(f.Damages) != 0 || f.Opened != 30 {
			t.Fatalf("%+v", f)
		}
		boss := gatetest.Boss("b")
		for want := range []int{0, 1, 2, 3} {
			n := gatetest.Must[upgraded](t)(gate.Run(bg, w.G, boss, upgrade, Ask{Limit: 10})).Rows
			if wants := []int{10, 10, 10, 0}[want]; n != wants {
				t.Fatal(n, wants)
			}
		}
		size(t, w)
		if f := fsck(t, w); f.Old != 0 || len(f.Damages) != 0 || f.Opened != 30 {
			t.Fatalf("%+v", f)
		}
		gate.Tamper(t, w.G, `UPDATE card SET memo = 'x' WHERE id = (SELECT MIN(id) FROM card)`)
		if d := verify(t, w).Damages; len(d) != 1 || d[0].Key != "verify.row_altered" {
			t.Fatal("the new column is not under the MAC", d)
		}
	})
}

// What only opening shows, also of the holder of the keys.
func TestC83_FsckNamesWhatCannotBeOpened(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		w.G.PauseSealing()
		busy(t, w, 20)
		cred := gatetest.Boss("b")
		cred.Idem = "key-1"
		gatetest.Must[Card](t)(gate.Run(bg, w.G, cred, put, Put{Owner: "o", Name: "n", Yen: 5}))
		size(t, w)
		keepState(t, w, "whole")
		if f := fsck(t, w); len(f.Damages) != 0 || f.Opened != 21 {
			t.Fatalf("%+v", f)
		}
		ids := gate.Peek(t, w.G, `SELECT id FROM card ORDER BY id`)
		for i, a := range []struct{ sql, want string }{
			{`UPDATE card SET lines = name WHERE id = $1`, "fsck.sealed"},
			{`UPDATE card SET mail_x = $2 WHERE id = $1`, "fsck.index"},
		} {
			args := []any{ids[3*i]}
			if a.want == "fsck.index" {
				args = append(args, []byte("0123456789abcdef"))
			}
			gate.Tamper(t, w.G, a.sql, args...)
			m := gate.Remac(t, w.G, "card", ids[3*i])
			record := gate.Peek(t, w.G, "SELECT record FROM card WHERE id = $1", ids[3*i])[0]
			gate.Relog(t, w.G, true, func(list []gate.Logged) []gate.Logged {
				for i := range list {
					if list[i].ID == record {
						list[i].Marks = audit.EncodeMarks([]audit.Mark{m})
					}
				}
				return list
			})
			if d := verify(t, w).Damages; len(d) != 0 {
				t.Fatal("verify should see nothing", d)
			}
			if d := fsck(t, w).Damages; len(d) != 1 || d[0] != (gate.Damage{Key: a.want, Table: "card", ID: ids[3*i], Leaf: -1}) {
				t.Errorf("%s: %+v", a.want, d)
			}
			putBack(t, w, "whole")
		}
		gate.Tamper(t, w.G, `UPDATE gate_idem SET op = 'card.raise'`)
		if d := fsck(t, w).Damages; len(d) != 1 || d[0].Key != "fsck.answer" {
			t.Error(d)
		}
	})
}

// A dropped or weakened index and whatever acts by itself are named.
func TestC83_FsckComparesTheSchema(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		busy(t, w, 5)
		if d := fsck(t, w).Damages; len(d) != 0 {
			t.Fatal(d)
		}
		gate.Tampers(t, w.G, `DROP INDEX gate_assignment_pair`, `CREATE INDEX gate_assignment_pair ON gate_assignment (person, subject)`, `DROP INDEX card_yen`)
		gate.Tampers(t, w.G, `CREATE VIEW card_view AS SELECT id FROM card`)
		if w.DSN == "" {
			gate.Tampers(t, w.G, `CREATE TRIGGER card_trigger AFTER INSERT ON card BEGIN UPDATE card SET yen = 0 WHERE id = NEW.id; END`)
		} else {
			gate.Tampers(t, w.G, `CREATE FUNCTION card_zero() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.yen = 0; RETURN NEW; END'`,
				`CREATE TRIGGER card_trigger BEFORE INSERT ON card FOR EACH ROW EXECUTE FUNCTION card_zero()`)
		}
		var got []string
		for _, d := range fsck(t, w).Damages {
			got = append(got, d.Key+" "+d.Table+" "+d.ID)
		}
		for _, want := range []string{"fsck.object_missing index gate_assignment_pair", "fsck.object_missing index card_yen", "fsck.foreign_object view card_view", "fsck.foreign_object trigger card_trigger"} {
			if !slices.Contains(got, want) {
				t.Errorf("%s is not among %q", want, got)
			}
		}
		gate.Tampers(t, w.G, `DROP VIEW card_view`) // PostgreSQL keeps a view's rule beside it
	})
}

// Files are proven, and the row that names one that is gone or altered is named.
func TestC83_FsckProvesFiles(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		var ids []string
		for _, text := range []string{"one", "two", "three"} {
			d, err := w.Blobs.Put(bg, []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: d.String(), Name: "n"})).ID)
		}
		if _, err := w.Blobs.Put(bg, []byte("nobody's")); err != nil {
			t.Fatal(err)
		}
		size(t, w)
		if f := fsck(t, w, "card.owner_id"); len(f.Damages) != 0 || f.Files != 4 || f.Loose != 1 {
			t.Fatalf("%+v", f)
		}
		for i, harm := range []func(path string) error{os.Remove, func(p string) error { return os.WriteFile(p, []byte("SKB1"), 0o600) }} {
			p := fileOf(t, w, []string{"one", "two"}[i])
			if err := harm(p); err != nil {
				t.Fatal(err)
			}
			d := fsck(t, w, "card.owner_id").Damages
			if !slices.Contains(d, gate.Damage{Key: "fsck.file_missing", Table: "card", ID: ids[i], Leaf: -1}) {
				t.Error(d)
			}
			if i == 1 && !slices.Contains(d, gate.Damage{Key: "fsck.file", Table: "blob", ID: filepath.Base(p), Leaf: -1}) {
				t.Error(d)
			}
		}
	})
}

// fileOf finds the file of some bytes: the one that goes when they are deleted.
func fileOf(t *testing.T, w *gatetest.World, text string) (path string) {
	t.Helper()
	all := func() map[string]bool {
		m := map[string]bool{}
		if err := filepath.WalkDir(filepath.Join(w.Dir, "blobs"), func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				m[p] = true
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return m
	}
	before := all()
	d, err := w.Blobs.Put(bg, []byte(text))
	if err == nil {
		err = w.Blobs.Delete(bg, d)
	}
	if err != nil {
		t.Fatal(err)
	}
	after := all()
	for p := range before {
		if !after[p] {
			path = p
		}
	}
	if _, err := w.Blobs.Put(bg, []byte(text)); err != nil || path == "" {
		t.Fatal(path, err)
	}
	return path
}
