package gate

import (
	"encoding"
	"encoding/base64"
	"errors"
	"fmt"
	"math/bits"
	"reflect"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/policy"
)

// Cond is one condition on a column.
type Cond struct {
	col, op string
	val     any
}

// Eq wants a column equal to v; on an exact column v is looked up by its index.
func Eq(col string, v any) Cond { return Cond{col, "=", v} }

// Ne wants it different.
func Ne(col string, v any) Cond { return Cond{col, "<>", v} }

// Ge wants it at least v.
func Ge(col string, v any) Cond { return Cond{col, ">=", v} }

// Le wants it at most v.
func Le(col string, v any) Cond { return Cond{col, "<=", v} }

// In wants it among vs.
func In[T any](col string, vs []T) Cond {
	list := make([]any, len(vs))
	for i, v := range vs {
		list[i] = v
	}
	return Cond{col, "in", list}
}

// sqlText collects a statement with its arguments.
type sqlText struct {
	b    strings.Builder
	args []any
}

func (s *sqlText) arg(v any) string {
	switch w := v.(type) {
	case time.Time:
		v = w.UnixMicro()
	case encoding.TextMarshaler:
		b, err := w.MarshalText()
		if err == nil {
			v = string(b)
		}
	default:
		switch r := reflect.ValueOf(v); r.Kind() {
		case reflect.String:
			v = r.String()
		case reflect.Int, reflect.Int64:
			v = r.Int()
		}
	}
	s.args = append(s.args, v)
	return fmt.Sprintf("$%d", len(s.args))
}

func (t *table) where(x *Tx, s *sqlText, conds []Cond) (string, error) {
	parts := []string{"1 = 1"}
	for _, c := range conds {
		col, val := c.col, c.val
		k := t.col(c.col)
		switch {
		case k == nil && c.col != "id" && c.col != "created_at" && c.col != "updated_at":
			return "", fmt.Errorf("gate: table %s has no column %s", t.name, c.col)
		case k != nil && t.above(x, *k):
			return "", fault.Denied("gate.filter_class", "field", k.name)
		case k != nil && k.exact && c.op == "=":
			col += "_x"
			val = t.exactIndex(x, *k, []byte(fmt.Sprint(c.val)))
		case k != nil && k.sealed:
			return "", fmt.Errorf("gate: column %s.%s is sealed: no condition can be put on it", t.name, c.col)
		}
		if c.op != "in" {
			parts = append(parts, col+" "+c.op+" "+s.arg(val))
			continue
		}
		list := val.([]any)
		if len(list) == 0 {
			parts = append(parts, "1 = 0")
			continue
		}
		var marks []string
		for i := range 1 << bits.Len(uint(len(list)-1)) { // a power of two, the last repeated: few different texts to prepare
			marks = append(marks, s.arg(list[min(i, len(list)-1)]))
		}
		parts = append(parts, col+" IN ("+strings.Join(marks, ", ")+")")
	}
	return strings.Join(parts, " AND "), nil
}

// above tells whether a list may not even ask about a column, because the
// actor may not see it: what a filter finds, or an order shows, is the value.
// Ids, dates and states (internal) are what lists themselves are made of.
func (t *table) above(x *Tx, k column) bool {
	return x.mode == List && k.class > max(x.actor.Clearance, policy.Internal)
}

// branches are the conditions of a scope, one per way of reaching a row.
func (t *table) branches(x *Tx, s *sqlText) []string {
	sc := x.scope
	if x.mode != List || sc.All || t.unscoped {
		return []string{"1 = 1"}
	}
	var out []string
	if len(sc.Departments) > 0 && t.department != "" {
		var marks []string
		for _, d := range sc.Departments {
			marks = append(marks, s.arg(d))
		}
		out = append(out, t.department+" IN ("+strings.Join(marks, ", ")+")")
	}
	if sc.Own != "" && t.owner != "" {
		out = append(out, t.owner+" = "+s.arg(sc.Own))
	}
	if sc.Assigned != "" && t.subject != "" {
		out = append(out, t.subject+" IN (SELECT subject FROM gate_assignment WHERE person = "+s.arg(sc.Assigned)+")")
	}
	if len(out) == 0 {
		return []string{"1 = 0"}
	}
	return out
}

// findMax is where Find stops: more is a defect of the caller, who wants a Page.
const findMax = 5000

// Find loads all rows under conditions, ordered by id. In a List op it is
// narrowed to the actor's scope.
func (t *Table[T]) Find(x *Tx, conds ...Cond) ([]T, error) {
	if err := x.ok(); err != nil {
		return nil, err
	}
	s := &sqlText{}
	w, err := t.where(x, s, conds)
	if err != nil {
		return nil, err
	}
	b := strings.Join(t.branches(x, s), " OR ")
	list, err := t.find(x, fmt.Sprintf(" WHERE %s AND (%s) ORDER BY id LIMIT %d", w, b, findMax+1), s.args)
	if err == nil && len(list) > findMax {
		err = fault.Limited("gate.narrow")
	}
	return list, err
}

// One loads the only row under conditions; NotFound when there is none.
func (t *Table[T]) One(x *Tx, conds ...Cond) (T, error) {
	list, err := t.Find(x, conds...)
	var none T
	switch {
	case err != nil:
		return none, err
	case len(list) == 0:
		return none, fault.NotFound()
	case len(list) > 1:
		return none, fmt.Errorf("gate: %d rows of %s where one was expected", len(list), t.name)
	}
	return list[0], nil
}

// Has tells whether any row fulfils the conditions.
func (t *Table[T]) Has(x *Tx, conds ...Cond) (bool, error) {
	n, err := t.Count(x, 1, conds...)
	return n > 0, err
}

// Count counts rows, at most up to limit.
func (t *Table[T]) Count(x *Tx, limit int, conds ...Cond) (int, error) {
	if err := x.ok(); err != nil {
		return 0, err
	}
	s := &sqlText{}
	w, err := t.where(x, s, conds)
	if err != nil {
		return 0, err
	}
	b := strings.Join(t.branches(x, s), " OR ")
	rows, err := x.query(fmt.Sprintf("SELECT COUNT(*) FROM (SELECT 1 FROM %s WHERE %s AND (%s) LIMIT %d) AS n", t.name, w, b, limit), s.args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	n := 0
	if rows.Next() {
		err = rows.Scan(&n)
	}
	return n, errors.Join(err, rows.Err())
}

// PageQuery asks for one page of a table in the order of (By, id).
type PageQuery struct {
	Where []Cond
	By    string // an indexed plain column, or "id"
	Desc  bool
	Limit int    // 1 to 200, 50 if 0
	After string // the cursor of the page before
}

// Page is one page of rows.
type Page[T any] struct {
	Rows []T
	Next string // cursor of the next page, "" on the last
}

type cursor struct {
	V any    `json:"v"`
	I string `json:"i"`
}

// Page loads a page in two steps in one statement: first the ids by scope,
// filter and order from an index, then the rows. Keyset paging: a page deep in
// a million rows costs what the first one does.
func (t *Table[T]) Page(x *Tx, q PageQuery) (Page[T], error) {
	var p Page[T]
	if err := x.ok(); err != nil {
		return p, err
	}
	if q.Limit <= 0 {
		q.Limit = 50
	}
	q.Limit = min(q.Limit, 200)
	if k := t.col(q.By); q.By != "id" && q.By != "created_at" && (k == nil || k.sealed) {
		return p, fmt.Errorf("gate: table %s cannot be ordered by %s", t.name, q.By)
	}
	if k := t.col(q.By); k != nil && t.above(x, *k) { // also the cursor would say the value
		return p, fault.Denied("gate.filter_class", "field", k.name)
	}
	text, args, err := t.pageSQL(x, q)
	if err != nil {
		return p, err
	}
	if p.Rows, err = t.fetch(x, text, args...); err != nil {
		return p, err
	}
	if len(p.Rows) > q.Limit {
		p.Rows = p.Rows[:q.Limit]
		p.Next = t.cursor(reflect.ValueOf(p.Rows[q.Limit-1]), q.By)
	}
	return p, nil
}

func (t *table) pageSQL(x *Tx, q PageQuery) (string, []any, error) {
	s := &sqlText{}
	dir, cmp := "ASC", ">"
	if q.Desc {
		dir, cmp = "DESC", "<"
	}
	order := fmt.Sprintf("%s %s, id %s", q.By, dir, dir)
	if q.By == "id" {
		order = "id " + dir
	}
	// The filter stands once per branch on SQLite, so it is spelled once per
	// branch, with arguments of its own.
	filter := func() (string, error) {
		w, err := t.where(x, s, q.Where)
		if err != nil || q.After == "" {
			return w, err
		}
		c, err := readCursor(q.After)
		if err != nil {
			return "", err
		}
		if q.By == "id" {
			return w + " AND id " + cmp + " " + s.arg(c.I), nil
		}
		return fmt.Sprintf("%s AND (%s, id) %s (%s, %s)", w, q.By, cmp, s.arg(c.V), s.arg(c.I)), nil
	}
	pick := func(branch string) (string, error) {
		w, err := filter()
		return fmt.Sprintf("SELECT id, %s AS k FROM %s WHERE %s AND (%s) ORDER BY %s LIMIT %d", q.By, t.name, w, branch, order, q.Limit+1), err
	}
	branches := t.branches(x, s)
	var ids string
	if x.root.g.db.Lite && len(branches) > 1 {
		// SQLite does not use an index for each side of an OR together with an
		// order: one limited branch each, and the best of them.
		var parts []string
		for _, b := range branches {
			p, err := pick(b)
			if err != nil {
				return "", nil, err
			}
			parts = append(parts, "SELECT * FROM ("+p+")")
		}
		ids = fmt.Sprintf("SELECT id, k FROM (%s) AS u ORDER BY k %s, id %s LIMIT %d", strings.Join(parts, " UNION "), dir, dir, q.Limit+1)
	} else {
		var err error
		if ids, err = pick(strings.Join(branches, " OR ")); err != nil {
			return "", nil, err
		}
	}
	return fmt.Sprintf("SELECT %s FROM (%s) AS p JOIN %s AS r ON r.id = p.id ORDER BY p.k %s, p.id %s",
		strings.Join(t.opened("r"), ", "), ids, t.name, dir, dir), s.args, nil
}

func (t *table) cursor(v reflect.Value, by string) string {
	c := cursor{I: v.Field(0).Interface().(Row).ID}
	switch k := t.col(by); {
	case by == "created_at":
		c.V = v.Field(0).Interface().(Row).CreatedAt.UnixMicro()
	case k != nil:
		c.V, _ = k.value(v.FieldByIndex(k.index))
	}
	b, _ := json.Marshal(c)
	return base64.RawURLEncoding.EncodeToString(b)
}

func readCursor(s string) (cursor, error) {
	var c cursor
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, &c, json.RejectUnknownMembers(true))
	}
	if err != nil {
		return c, fault.Invalid("gate.cursor").At("after")
	}
	if f, ok := c.V.(float64); ok {
		c.V = int64(f)
	}
	return c, nil
}

// narrowed is the sub-select that stands for {table} in a registered query.
func (t *table) narrowed(x *Tx, s *sqlText) string {
	if x.mode != List || x.scope.All || t.unscoped {
		return t.name
	}
	return "(SELECT * FROM " + t.name + " WHERE " + strings.Join(t.branches(x, s), " OR ") + ")"
}
