package gate

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// Query is a hand-written SELECT over plain columns, with R's fields filled in
// order. Tables are named {invoice i}: the gate puts the table there, in a List
// op narrowed to the actor's scope, so joins, sums and CTEs are narrowed
// wherever a table is named.
type Query[R any] struct {
	name, text string
}

// AnyQuery is a query of whatever result type.
type AnyQuery interface{ check(g *Gate) error }

// NewQuery declares a query as a package variable; it is checked at start.
func NewQuery[R any](name, text string) *Query[R] { return &Query[R]{name, text} }

var (
	placeholder = regexp.MustCompile(`\{([a-z_]+) ([a-z]+)\}`)
	bareTable   = regexp.MustCompile(`(?i)\b(from|join|into|update)\s+([a-z_]+)`)
	notSelect   = regexp.MustCompile(`(?i)\b(insert|update|delete|drop|alter|create|attach|pragma|copy|grant)\b`)
)

func (q *Query[R]) check(g *Gate) error {
	bad := func(f string, a ...any) error { return fmt.Errorf("query %s: "+f, append([]any{q.name}, a...)...) }
	if notSelect.MatchString(q.text) {
		return bad("is not a plain SELECT")
	}
	ctes := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?i)\b([a-z_]+)\s+AS\s*\(`).FindAllStringSubmatch(q.text, -1) {
		ctes[m[1]] = true
	}
	for _, m := range bareTable.FindAllStringSubmatch(placeholder.ReplaceAllString(q.text, "( )"), -1) {
		if !ctes[m[2]] {
			return bad("names table %s outside of {…}", m[2])
		}
	}
	if strings.Contains(strings.ToUpper(q.text), "LIMIT") && !strings.Contains(strings.ToUpper(q.text), "ORDER BY") {
		return bad("has a LIMIT without ORDER BY")
	}
	for _, m := range placeholder.FindAllStringSubmatch(q.text, -1) {
		if g.tables[m[1]] == nil {
			return bad("no table %s", m[1])
		}
	}
	return nil
}

// Rows runs the query.
func (q *Query[R]) Rows(x *Tx, args ...any) ([]R, error) {
	if err := x.ok(); err != nil {
		return nil, err
	}
	s := &sqlText{}
	for _, a := range args {
		s.arg(a)
	}
	text := placeholder.ReplaceAllStringFunc(q.text, func(m string) string {
		w := placeholder.FindStringSubmatch(m)
		return x.root.g.tables[w[1]].narrowed(x, s) + " AS " + w[2]
	})
	rows, err := x.query(text, s.args...)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", q.name, err)
	}
	var out []R
	for rows.Next() {
		var r R
		v := reflect.ValueOf(&r).Elem()
		dest := make([]any, v.NumField())
		for i := range dest {
			dest[i] = v.Field(i).Addr().Interface()
		}
		if err := rows.Scan(dest...); err != nil {
			rows.Close()
			return nil, fmt.Errorf("query %s: %w", q.name, err)
		}
		out = append(out, r)
	}
	return out, errors.Join(rows.Err(), rows.Close())
}
