package gate_test

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/gatetest/pgtest"
)

func loadConfig(w *gatetest.World, dir, dsn string) gate.LoadConfig {
	return gate.LoadConfig{DSN: dsn, Dir: dir, Ring: w.Ring, Modules: []gate.Module{module}, Now: w.Clock.Now(), Restored: "R1"}
}

// dump dumps and checks what was dumped.
func dump(t *testing.T, w *gatetest.World) ([]byte, gate.Dumped) {
	t.Helper()
	var b bytes.Buffer
	said, err := w.G.Dump(bg, &b, nil)
	if err != nil {
		t.Fatal(err)
	}
	found, err := gate.CheckDump(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if !found.Same(said) || said.Tables["card"] == 0 || said.LogSize == 0 || len(said.Migrations) < 2 {
		t.Fatalf("said %+v, found %+v", said, found)
	}
	return b.Bytes(), said
}

// CD-25: a dump of either engine goes into either engine, whole: the log, the
// rows with their MACs, what is sealed, the records of reading.
func TestCD25_DumpGoesIntoEitherEngine(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		boss := gatetest.Boss("b")
		var first Card
		for i := range 40 {
			c := gatetest.Must[Card](t)(gate.Run(bg, w.G, boss, put, Put{Owner: "s1", Dept: "east", Yen: int64(100 + i), Name: "髙橋𠮷", Mail: fmt.Sprintf("m%d@x.jp", i)}))
			if i == 0 {
				first = c
			}
		}
		w.G.PauseSealing()
		gatetest.Must[Card](t)(gate.Run(bg, w.G, boss, show, ByID{first.ID})) // sealed by Dump, or carried beside
		raw, said := dump(t, w)
		for name, dsn := range map[string]string{"sqlite": "", "postgres": pgtest.DSN(t)} {
			dir := filepath.Join(t.TempDir(), "new")
			if err := gate.LoadDump(bg, loadConfig(w, dir, dsn), bytes.NewReader(raw), said, nil); err != nil {
				t.Fatal(name, err)
			}
			g := w.At(t, dir, dsn)
			if err := g.Seal(bg); err != nil {
				t.Fatal(err)
			}
			rep := gatetest.Must[gate.Report](t)(g.Verify(bg, nil))
			if len(rep.Damages) > 0 || rep.Rows != said.Tables["card"]+said.Tables["gate_assignment"] || rep.Leaves < said.LogSize {
				t.Fatalf("%s: %+v", name, rep)
			}
			if same, err := g.LogAt(bg, said); err != nil || !same {
				t.Fatal(name, "the log is another", err)
			}
			got := gatetest.Must[Card](t)(gate.Run(bg, g, boss, show, ByID{first.ID}))
			if got.Name != "髙橋𠮷" || got.Mail != "m0@x.jp" || !got.Open || got.Version != 1 {
				t.Fatalf("%s: %+v", name, got)
			}
			if id, err := g.Restored(bg); err != nil || id != "R1" {
				t.Fatal("the copy does not know that it is one", id, err)
			}
			// Not over anything.
			wants(t, gate.LoadDump(bg, loadConfig(w, dir, dsn), bytes.NewReader(raw), said, nil), fault.KindRefused, "gate.load_taken")
			// It lives on.
			gatetest.Must[Card](t)(gate.Run(bg, g, boss, put, Put{Owner: "s1", Yen: 7, Name: "n"}))
		}
	})
}

// Records of reading that wait in files of their own come along, once.
func TestDumpCarriesRecordsOfReading(t *testing.T) {
	w := gatetest.Open(t, gatetest.Options{Modules: []gate.Module{module}, Matrix: matrix}, "")
	boss := gatetest.Boss("b")
	c := gatetest.Must[Card](t)(gate.Run(bg, w.G, boss, put, Put{Owner: "s1", Yen: 1, Name: "n"}))
	w.G.PauseSealing()
	if err := w.G.Seal(bg); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		gatetest.Must[Card](t)(gate.Run(bg, w.G, boss, show, ByID{c.ID}))
	}
	// Another node seals, and takes its time.
	if n := gate.Tamper(t, w.G, `UPDATE audit_sealer SET holder = 'another', until = $1`, time.Now().Add(15*time.Second).UnixMicro()); n != 1 {
		t.Fatal(n)
	}
	var b bytes.Buffer
	said, err := w.G.Dump(bg, &b, nil)
	if err != nil || said.Tables["access"] != 5 {
		t.Fatal(said.Tables, err)
	}
	dir := filepath.Join(t.TempDir(), "new")
	if err := gate.LoadDump(bg, loadConfig(w, dir, ""), &b, said, nil); err != nil {
		t.Fatal(err)
	}
	g := w.At(t, dir, "")
	if err := g.Seal(bg); err != nil {
		t.Fatal(err)
	}
	if n := gatetest.Must[int64](t)(g.LogSize(bg)); n != said.LogSize+5 {
		t.Fatal("records of reading were lost or doubled", n, said.LogSize)
	}
	if rep := gatetest.Must[gate.Report](t)(g.Verify(bg, nil)); len(rep.Damages) > 0 {
		t.Fatalf("%+v", rep)
	}
}

// Whatever is not the dump that was made leaves an empty database.
func TestDumpIsWholeOrNothing(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "s1", Yen: 1, Name: "n", Mail: "a@x.jp"}))
		raw, said := dump(t, w)
		other := said
		other.LogRoot = strings.Repeat("A", 43) + "="
		newer := said
		newer.Migrations = map[string]string{"card/schema/999_later.sql": "00"}
		for k, v := range said.Migrations {
			newer.Migrations[k] = v
		}
		dsn := w.DSN
		if dsn != "" {
			dsn = pgtest.DSN(t)
		}
		for name, c := range map[string]struct {
			raw  []byte
			want gate.Dumped
			key  string
		}{
			"cut":     {raw[:len(raw)-1], said, ""},
			"longer":  {append(bytes.Clone(raw), 0), said, ""},
			"nothing": {nil, said, ""},
			"another": {raw, other, ""},
			"newer":   {raw, newer, "gate.load_newer"},
		} {
			dir := filepath.Join(t.TempDir(), name)
			err := gate.LoadDump(bg, loadConfig(w, dir, dsn), bytes.NewReader(c.raw), c.want, nil)
			if err == nil || c.key != "" && fault.Of(err).Key != c.key {
				t.Fatalf("%s was loaded: %v", name, err)
			}
			if dsn != "" {
				if err := gate.IsEmpty(bg, dsn); err != nil {
					t.Fatalf("%s left something: %v", name, err)
				}
			}
		}
		if w.DSN != "" {
			wants(t, gate.IsEmpty(bg, w.DSN), fault.KindRefused, "gate.load_taken")
		}
	})
}

// A dump of an older version is loaded as it was and then brought up to date.
func TestDumpOfAnOlderVersion(t *testing.T) {
	old := fstest.MapFS{}
	body, err := files.ReadFile("testdata/schema/001_card.sql")
	if err != nil {
		t.Fatal(err)
	}
	old["schema/001_card.sql"] = &fstest.MapFile{Data: body}
	m := module
	m.Schema = old
	gatetest.Each(t, gatetest.Options{Modules: []gate.Module{m}, Matrix: matrix}, func(t *testing.T, w *gatetest.World) {
		gatetest.Must[Card](t)(gate.Run(bg, w.G, gatetest.Boss("b"), put, Put{Owner: "s1", Yen: 1, Name: "n", Mail: "a@x.jp"}))
		raw, said := dump(t, w)
		dsn := ""
		if w.DSN != "" {
			dsn = pgtest.DSN(t)
		}
		dir := t.TempDir()
		if err := gate.LoadDump(bg, loadConfig(w, dir, dsn), bytes.NewReader(raw), said, nil); err != nil { // of the newer module
			t.Fatal(err)
		}
		g := w.At(t, dir, dsn, module)
		if rep := gatetest.Must[gate.Report](t)(g.Verify(bg, nil)); len(rep.Damages) > 0 || said.Tables["card_pin"] != 0 {
			t.Fatalf("%+v", rep)
		}
		if _, there := said.Tables["card_pin"]; there {
			t.Fatal("the older version has the newer's table")
		}
	})
}

// A table that is not ours could not be put back: it is said when copying.
func TestDumpRefusesAForeignTable(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		gate.Tamper(t, w.G, `CREATE TABLE somebodys (id BIGINT PRIMARY KEY)`)
		_, err := w.G.Dump(bg, io.Discard, nil)
		wants(t, err, fault.KindRefused, "gate.foreign_table")
	})
}

// Writers go on while a dump runs, and the dump is of one moment.
func TestDumpIsOfOneMoment(t *testing.T) {
	each(t, func(t *testing.T, w *gatetest.World) {
		boss := gatetest.Boss("b")
		for i := range 60 {
			gatetest.Must[Card](t)(gate.Run(bg, w.G, boss, put, Put{Owner: "s1", Yen: 1, Name: "n", Note: strings.Repeat("長", 2000), Mail: fmt.Sprintf("a%d@x.jp", i)}))
		}
		pr, pw := io.Pipe()
		var said gate.Dumped
		var derr error
		var wg sync.WaitGroup
		wg.Go(func() { said, derr = w.G.Dump(bg, pw, nil); pw.CloseWithError(derr) })
		var got bytes.Buffer
		if _, err := io.CopyN(&got, pr, 100); err != nil { // the snapshot stands: nothing more is taken until we read on
			t.Fatal(err)
		}
		for i := range 20 { // more than before, under way
			gatetest.Must[Card](t)(gate.Run(bg, w.G, boss, put, Put{Owner: "s1", Yen: 1, Name: "later", Mail: fmt.Sprintf("b%d@x.jp", i)}))
		}
		if _, err := io.Copy(&got, pr); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if derr != nil || said.Tables["card"] != 60 {
			t.Fatal(said.Tables, derr)
		}
	})
}

func FuzzUndump(f *testing.F) {
	f.Add([]byte("sekisho-dump 1\nT\x04card\x02\x02idt\x03yeni" + "R\x01a\x02E\x01Z"))
	f.Add([]byte("sekisho-dump 1\nT\x01a\x01\x01bbR\xff\xff\xff\xff\x03"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := gate.CheckDump(bytes.NewReader(b))
		if err == nil && d.Rows < 0 {
			t.Fatal(d)
		}
	})
}
