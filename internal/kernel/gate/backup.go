package gate

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"regexp"
	"strings"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate/internal/db"
)

// Dumped says what a dump holds, so that a reader can tell whether it has the
// whole of it, and a database whether it can take it.
type Dumped struct {
	Origin     string            `json:"origin"`     // the log's name
	Ring       string            `json:"ring"`       // id of the key ring it opens with
	Purpose    string            `json:"purpose"`    // "real" or "demo"
	Migrations map[string]string `json:"migrations"` // "module/file" → SHA-256 of what was applied
	Tables     map[string]int64  `json:"tables"`     // rows
	Rows       int64             `json:"rows"`
	LogSize    int64             `json:"log_size"`
	LogRoot    string            `json:"log_root"`   // RFC 6962 root over the leaves
	Checkpoint string            `json:"checkpoint"` // the last signed note
}

// The form of a dump, the same for both engines. A string is its length
// (uvarint) and its bytes; a number a signed varint.
//
//	"sekisho-dump 1\n"
//	'T' name, number of columns (uvarint), each a name and a kind byte
//	'R' a value for every column: Int a number, Text and Bytes a string
//	'E' number of rows (uvarint)     after the last row of each table
//	'Z'                              after the last table
//
// The table "access" holds the records of reading that were not sealed yet;
// it has the columns of audit_pending.
const (
	dumpMagic   = "sekisho-dump 1\n"
	accessTable = "access"
	dumpValue   = 1 << 30 // longest value read, bytes
	dumpColumns = 1000
)

// tally counts what goes by and grows the log's tree.
type tally struct {
	Dumped
	table  db.Stored
	n      int64
	tree   audit.Replay
	newest int64
	tick   func(string, int64)
}

func newTally() *tally { return &tally{Dumped: Dumped{Tables: map[string]int64{}}, newest: -1} }

func (t *tally) begin(s db.Stored) { t.table, t.n = s, 0 }

func (t *tally) row(r []db.Value) {
	t.n++
	switch t.table.Name {
	case "audit_log":
		t.tree.Add(t.value(r, "body").Raw)
	case "audit_checkpoint":
		if n := t.value(r, "size").Int; n > t.newest {
			t.newest, t.Checkpoint = n, string(t.value(r, "note").Raw)
		}
	case "gate_meta":
		v := string(t.value(r, "value").Raw)
		switch string(t.value(r, "name").Raw) {
		case "origin":
			t.Origin = v
		case "ring":
			t.Ring = v
		case "purpose":
			t.Purpose = v
		}
	}
	if t.tick != nil && t.n%10_000 == 0 {
		t.tick(t.table.Name, t.n)
	}
}

func (t *tally) value(r []db.Value, column string) db.Value {
	for i, c := range t.table.Columns {
		if c.Name == column {
			return r[i]
		}
	}
	return db.Value{}
}

func (t *tally) end() {
	t.Tables[t.table.Name] = t.n
	t.Rows += t.n
	root := t.tree.Root()
	t.LogSize, t.LogRoot = t.tree.Size(), base64.StdEncoding.EncodeToString(root[:])
}

// dumper writes a dump.
type dumper struct {
	w *bufio.Writer
	b []byte
	t *tally
}

func newDumper(w io.Writer) *dumper { return &dumper{w: bufio.NewWriterSize(w, 1<<16), t: newTally()} }

func (d *dumper) string(b []byte) {
	d.b = binary.AppendUvarint(d.b, uint64(len(b)))
	d.b = append(d.b, b...)
}

func (d *dumper) flush() error {
	_, err := d.w.Write(d.b)
	d.b = d.b[:0]
	return err
}

func (d *dumper) begin(s db.Stored) error {
	d.t.begin(s)
	d.b = append(d.b, 'T')
	d.string([]byte(s.Name))
	d.b = binary.AppendUvarint(d.b, uint64(len(s.Columns)))
	for _, c := range s.Columns {
		d.string([]byte(c.Name))
		d.b = append(d.b, byte(c.Kind))
	}
	return d.flush()
}

func (d *dumper) row(r []db.Value) error {
	d.b = append(d.b, 'R')
	for i, c := range d.t.table.Columns {
		if c.Kind == db.Int {
			d.b = binary.AppendVarint(d.b, r[i].Int)
		} else {
			d.string(r[i].Raw)
		}
	}
	d.t.row(r)
	return d.flush()
}

func (d *dumper) end() error {
	d.b = binary.AppendUvarint(append(d.b, 'E'), uint64(d.t.n))
	d.t.end()
	return d.flush()
}

// Dump writes the whole database, as of one moment, in a form that either
// engine can load: every row as stored, so what is sealed stays sealed. Writers
// go on beside it. What is damaged is written as it is; verify judges.
// progress, which may be nil, hears of every 10,000 rows.
func (g *Gate) Dump(ctx context.Context, w io.Writer, progress func(table string, done int64)) (Dumped, error) {
	if err := g.SealOwn(ctx); err != nil { // a log that cannot be sealed is worth a copy all the more
		g.log.Error("backed up with records that are not sealed", "err", err)
	}
	d := newDumper(w)
	d.t.tick = progress
	err := d.whole(ctx, g)
	if err == nil {
		err = d.w.Flush()
	}
	return d.t.Dumped, trouble(err)
}

func (d *dumper) whole(ctx context.Context, g *Gate) error {
	d.b = append(d.b, dumpMagic...)
	// Reading's records go from their files into the log: whoever looks at the
	// files first and at the log second misses none, and may see one twice.
	if err := d.access(ctx, g); err != nil {
		return err
	}
	s, err := g.db.Snapshot(ctx)
	if err != nil {
		return err
	}
	if err := d.tables(ctx, g, s); err != nil {
		return errors.Join(err, s.Close())
	}
	d.b = append(d.b, 'Z')
	return errors.Join(d.flush(), s.Close())
}

func (d *dumper) access(ctx context.Context, g *Gate) error {
	cols := db.Stored{Name: accessTable}
	for _, c := range []struct {
		name string
		kind db.Kind
	}{{"n", db.Int}, {"id", db.Text}, {"at", db.Int}, {"body", db.Bytes}, {"payload", db.Bytes}, {"marks", db.Bytes}, {"mac", db.Bytes}} {
		cols.Columns = append(cols.Columns, db.Column{Name: c.name, Kind: c.kind})
	}
	var all []pending
	if err := g.db.EachAccess(ctx, func(t *db.Tx) error {
		ps, err := readPending(ctx, t, math.MaxInt32)
		all = append(all, ps...)
		return err
	}); err != nil {
		return err
	}
	if err := d.begin(cols); err != nil {
		return err
	}
	for _, p := range all {
		if err := d.row([]db.Value{{Int: p.n}, {Raw: []byte(p.id)}, {Int: p.at}, {Raw: p.body}, {Raw: p.payload}, {Raw: p.marks}, {Raw: p.mac}}); err != nil {
			return err
		}
	}
	return d.end()
}

func (d *dumper) tables(ctx context.Context, g *Gate, s *db.Snapshot) error {
	var err error
	if d.t.Migrations, err = s.Migrations(ctx); err != nil {
		return err
	}
	list, err := s.Tables(ctx)
	if err != nil {
		return err
	}
	own, err := g.ownTables()
	if err != nil {
		return err
	}
	for _, t := range list {
		if !own[t.Name] || t.Check() != nil { // it could not be put back: better said today than on that day
			return fault.Refused("gate.foreign_table", "table", t.Name)
		}
		order := ""
		if t.Name == "audit_log" {
			order = "leaf" // the tree is grown on the way
		}
		if err := d.begin(t); err != nil {
			return err
		}
		if err := s.Rows(ctx, t, order, d.row); err != nil {
			return err
		}
		if err := d.end(); err != nil {
			return err
		}
	}
	return nil
}

// createsTable finds the tables that migrations make.
var createsTable = regexp.MustCompile(`(?i)^(?:CREATE TABLE (?:IF NOT EXISTS )?|ALTER TABLE \w+ RENAME TO )(\w+)`)

// schemas are all migrations there are.
func schemas(mods []Module) []db.Schema {
	out := []db.Schema{{Module: "gate", Files: schema}}
	for _, m := range mods {
		if m.Schema != nil {
			out = append(out, db.Schema{Module: m.Name, Files: m.Schema})
		}
	}
	return out
}

func (g *Gate) ownTables() (map[string]bool, error) {
	own := map[string]bool{}
	for _, s := range schemas(g.cfg.Modules) {
		names, err := fs.Glob(s.Files, "schema/*.sql")
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			b, err := fs.ReadFile(s.Files, n)
			if err != nil {
				return nil, err
			}
			for _, q := range db.Statements(string(b)) {
				if m := createsTable.FindStringSubmatch(q); m != nil {
					own[strings.ToLower(m[1])] = true
				}
			}
		}
	}
	return own, nil
}

// undumper reads a dump.
type undumper struct {
	r   *bufio.Reader
	t   *tally
	row []db.Value
	buf []byte
}

var errDump = errors.New("gate: not a whole dump")

func newUndumper(r io.Reader) (*undumper, error) {
	u := &undumper{r: bufio.NewReaderSize(r, 1<<16), t: newTally()}
	head := make([]byte, len(dumpMagic))
	if _, err := io.ReadFull(u.r, head); err != nil || string(head) != dumpMagic {
		return nil, errors.Join(errDump, err)
	}
	return u, nil
}

func (u *undumper) length(most uint64) (int, error) {
	n, err := binary.ReadUvarint(u.r)
	if err != nil || n > most {
		return 0, errors.Join(errDump, err)
	}
	return int(n), nil
}

// bytes reads a string behind what the row has already; a length that lies
// costs no more memory than there is input.
func (u *undumper) bytes() (from, to int, err error) {
	n, err := u.length(dumpValue)
	if err != nil {
		return 0, 0, err
	}
	from = len(u.buf)
	for n > 0 {
		k := min(n, 1<<20)
		at := len(u.buf)
		u.buf = append(u.buf, make([]byte, k)...)
		if _, err := io.ReadFull(u.r, u.buf[at:]); err != nil {
			return 0, 0, errors.Join(errDump, err)
		}
		n -= k
	}
	return from, len(u.buf), nil
}

func (u *undumper) word() (string, error) {
	u.buf = u.buf[:0]
	a, b, err := u.bytes()
	if err != nil {
		return "", err
	}
	return string(u.buf[a:b]), nil
}

// next begins the next table; nil after the last.
func (u *undumper) next() (*db.Stored, error) {
	c, err := u.r.ReadByte()
	if err == nil && c == 'Z' {
		if _, err := u.r.ReadByte(); !errors.Is(err, io.EOF) {
			return nil, errors.Join(errDump, err)
		}
		return nil, nil
	}
	if err != nil || c != 'T' {
		return nil, errors.Join(errDump, err)
	}
	var s db.Stored
	if s.Name, err = u.word(); err != nil {
		return nil, err
	}
	n, err := u.length(dumpColumns)
	if err != nil {
		return nil, err
	}
	for range n {
		name, err := u.word()
		if err != nil {
			return nil, err
		}
		k, err := u.r.ReadByte()
		if err != nil {
			return nil, errors.Join(errDump, err)
		}
		s.Columns = append(s.Columns, db.Column{Name: name, Kind: db.Kind(k)})
	}
	if _, twice := u.t.Tables[s.Name]; twice || s.Check() != nil {
		return nil, fmt.Errorf("%w: table %q", errDump, s.Name)
	}
	u.t.begin(s)
	u.row = make([]db.Value, n)
	return &s, nil
}

// values gives the next row, good until the one after it; nil behind the last.
func (u *undumper) values() ([]db.Value, error) {
	c, err := u.r.ReadByte()
	if err == nil && c == 'E' {
		n, err := u.length(math.MaxInt64)
		if err != nil || int64(n) != u.t.n {
			return nil, errors.Join(errDump, err)
		}
		u.t.end()
		return nil, nil
	}
	if err != nil || c != 'R' {
		return nil, errors.Join(errDump, err)
	}
	u.buf = u.buf[:0]
	ends := make([][2]int, len(u.row))
	for i, c := range u.t.table.Columns {
		if c.Kind == db.Int {
			u.row[i].Int, err = binary.ReadVarint(u.r)
		} else {
			ends[i][0], ends[i][1], err = u.bytes()
		}
		if err != nil {
			return nil, errors.Join(errDump, err)
		}
	}
	for i, e := range ends { // only now: the buffer may have moved
		u.row[i].Raw = u.buf[e[0]:e[1]]
	}
	u.t.row(u.row)
	return u.row, nil
}

// CheckDump reads a dump to its end and says what it holds: all but the
// migrations, which stand beside it. Anything that is no whole dump is an error.
func CheckDump(r io.Reader) (Dumped, error) {
	u, err := newUndumper(r)
	if err != nil {
		return Dumped{}, err
	}
	for {
		s, err := u.next()
		if err != nil || s == nil {
			return u.t.Dumped, err
		}
		for {
			row, err := u.values()
			if err != nil {
				return u.t.Dumped, err
			}
			if row == nil {
				break
			}
		}
	}
}
