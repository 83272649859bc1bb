package gate

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"
)

// Row is what every table's struct begins with.
type Row struct {
	ID        string    `json:"id" col:"id" class:"internal"`
	Version   int64     `json:"version" col:"version" class:"internal"`
	CreatedAt time.Time `json:"created_at" col:"created_at" class:"internal"`
	UpdatedAt time.Time `json:"updated_at" col:"updated_at" class:"internal"`
	Record    string    `json:"-"` // id of the record that wrote this version
}

// head are the columns the mapper keeps itself, in front of every table's own.
var head = []string{"id", "version", "created_at", "updated_at", "record", "mac"}

type kind uint8

const (
	kText kind = iota
	kInt
	kBool
	kTime
	kBytes
	kMarshal // encoding.TextMarshaler, stored as text
	kJSON    // structs and lists: always sealed
)

// column is one field of a table, read from its tags:
//
//	col:"email" class:"personal,exact"   sealed, with a keyed exact index in email_x
//	col:"name" class:"personal,label"    sealed under the class key, so that lists and the name index need no data key
//	col:"party_id" class:"internal,plain"
//	since:"2"                            column of row format 2 (added by a later migration); zero in older rows, whatever is stored
type column struct {
	name   string
	index  []int
	json   string
	class  policy.Class
	sealed bool
	label  bool
	exact  bool
	kind   kind
	since  byte
}

// Option says more about a table.
type Option func(*table)

// Scoped names the columns that narrow a List: who owns the row, its
// department, and what people are assigned to. Empty: not narrowed that way.
func Scoped(owner, department, subject string) Option {
	return func(t *table) { t.owner, t.department, t.subject = owner, department, subject }
}

// Unit says that sealed columns lie under a data key per value of col, so that
// the unit can be erased by deleting its key.
func Unit(kind vault.Kind, name, col string) Option {
	return func(t *table) { t.unitKind, t.unitName, t.unitCol = kind, name, col }
}

// Unscoped says that a table has no owner: only an actor whose scope is all
// sees it in lists, unless for says it is open to whoever may run the op.
func Unscoped() Option { return func(t *table) { t.unscoped = true } }

// Cached keeps opened rows in memory by their MAC, for small tables that every
// op reads. The database is still asked for the row's MAC each time, so a
// change, wherever it was made, counts at once; a value that was changed behind
// our back under an unchanged MAC does not count at all. What Get gives is
// shared: its slices must not be written to.
func Cached() Option { return func(t *table) { t.cached = true } }

// table is what all Table[T] share.
type table struct {
	name                       string
	t                          reflect.Type
	cols                       []column
	format                     byte
	owner, department, subject string
	unitKind                   vault.Kind
	unitName, unitCol          string
	unscoped                   bool
	cached                     bool
	errs                       []string
	selectAll, selectOpen      string // as stored; with what opening the rows needs
	insert, update             string
}

// Table maps a struct to a table. It is the only thing that writes.
type Table[T any] struct {
	table
	rows rowCache
}

// AnyTable is a table of whatever type.
type AnyTable interface {
	tableName() string
	problems() []string
	meta() *table
}

func (t *table) tableName() string  { return t.name }
func (t *table) problems() []string { return t.errs }
func (t *table) meta() *table       { return t }

// NewTable reads T's tags; what is wrong with them is told when the gate opens.
func NewTable[T any](name string, opts ...Option) *Table[T] {
	t := &Table[T]{table: table{name: name, t: reflect.TypeFor[T](), format: 1}}
	for _, o := range opts {
		o(&t.table)
	}
	if t.t.Kind() != reflect.Struct || t.t.NumField() == 0 || t.t.Field(0).Type != reflect.TypeFor[Row]() || !t.t.Field(0).Anonymous {
		t.errs = append(t.errs, "table "+name+": its struct must begin with gate.Row")
		return t
	}
	for i := 1; i < t.t.NumField(); i++ {
		f := t.t.Field(i)
		if f.Tag.Get("col") == "" {
			t.errs = append(t.errs, fmt.Sprintf("table %s: field %s has no col", name, f.Name))
			continue
		}
		c, err := columnOf(f, i)
		if err != nil {
			t.errs = append(t.errs, fmt.Sprintf("table %s: field %s: %v", name, f.Name, err))
			continue
		}
		t.format = max(t.format, c.since)
		t.cols = append(t.cols, c)
	}
	for _, c := range []string{t.owner, t.department, t.subject, t.unitCol} {
		if c != "" && c != "id" && t.col(c) == nil {
			t.errs = append(t.errs, fmt.Sprintf("table %s: no column %s", name, c))
		}
	}
	t.spell()
	return t
}

func columnOf(f reflect.StructField, i int) (column, error) {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	c := column{name: f.Tag.Get("col"), index: []int{i}, json: name, since: 1}
	words := strings.Split(f.Tag.Get("class"), ",")
	var err error
	if c.class, err = policy.ParseClass(words[0]); err != nil {
		return c, err
	}
	c.sealed = c.class >= policy.Confidential
	for _, w := range words[1:] {
		switch w {
		case "plain":
			c.sealed = false
		case "seal":
			c.sealed = true
		case "exact":
			c.sealed, c.exact = true, true
		case "label":
			c.sealed, c.label = true, true
		default:
			return c, fmt.Errorf("unknown word %q", w)
		}
	}
	if s := f.Tag.Get("since"); s != "" {
		c.since = s[0] - '0'
	}
	c.kind, err = kindOf(f.Type)
	if err == nil && c.kind == kJSON && !c.sealed {
		err = fmt.Errorf("a struct or list is stored sealed")
	}
	return c, err
}

func kindOf(t reflect.Type) (kind, error) {
	switch {
	case t == timeType:
		return kTime, nil
	case t == bytesType:
		return kBytes, nil
	case t.Kind() == reflect.Int64 || t.Kind() == reflect.Int || t.Kind() == reflect.Uint8:
		return kInt, nil
	case t.Kind() == reflect.Bool:
		return kBool, nil
	case t.Implements(textType) && reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return kMarshal, nil
	case t.Kind() == reflect.String:
		return kText, nil
	case t.Kind() == reflect.Struct || t.Kind() == reflect.Slice:
		return kJSON, nil
	}
	return 0, fmt.Errorf("type %s cannot be stored", t)
}

func (t *table) col(name string) *column {
	for i := range t.cols {
		if t.cols[i].name == name {
			return &t.cols[i]
		}
	}
	return nil
}

// stored are the names of the columns in the database, in order.
func (t *table) stored() []string {
	names := slices.Clone(head)
	for _, c := range t.cols {
		names = append(names, c.name)
		if c.exact {
			names = append(names, c.name+"_x")
		}
	}
	return names
}

func (t *table) spell() {
	names := t.stored()
	marks := make([]string, len(names))
	var set []string
	for i, n := range names {
		marks[i] = fmt.Sprintf("$%d", i+1)
		if n != "id" && n != "created_at" {
			set = append(set, fmt.Sprintf("%s = $%d", n, i+1))
		}
	}
	t.insert = fmt.Sprintf("INSERT INTO %s(%s) VALUES (%s)", t.name, strings.Join(names, ", "), strings.Join(marks, ", "))
	// created_at is bound too, so that both statements take the same arguments.
	t.update = fmt.Sprintf("UPDATE %s SET %s WHERE id = $1 AND created_at = $3 AND version = $%d", t.name, strings.Join(set, ", "), len(names)+1)
	t.selectAll = "SELECT " + strings.Join(t.stored(), ", ") + " FROM " + t.name
	t.selectOpen = "SELECT " + strings.Join(t.opened(t.name), ", ") + " FROM " + t.name
}

// Storage lists how every column lies in the database, for the golden file.
func Storage(mods []Module) []string {
	var out []string
	for _, m := range mods {
		for _, a := range m.Tables {
			t := a.meta()
			for _, c := range t.cols {
				how := "plain"
				switch {
				case c.exact:
					how = "seal+exact"
				case c.label || c.sealed && t.unitCol == "":
					how = "seal(class key)"
				case c.sealed:
					how = "seal(" + t.unitName + ")"
				}
				out = append(out, fmt.Sprintf("%s.%s %s %s", t.name, c.name, c.class, how))
			}
		}
	}
	slices.Sort(out)
	return out
}
