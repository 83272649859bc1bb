package db

import (
	"context"
	"fmt"
	"strings"
)

// Many rows or values in one statement: PostgreSQL takes them as arrays, so one
// text serves any number; SQLite has none, and gets a few texts of fixed
// lengths, so that each stays prepared.

// LaterRows inserts rows of equal length (int64, string or []byte per column)
// the way Later does. into is "table(column, …)".
func (x *Tx) LaterRows(ctx context.Context, into string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	if x.lite == nil {
		return x.Later(ctx, insertArrays(into, rows[0]), columns(rows)...)
	}
	for len(rows) > 0 {
		n, k := chunk(len(rows)), len(rows[0])
		args := make([]any, 0, n*k)
		for _, r := range rows[:n] {
			args = append(args, r...)
		}
		if _, err := x.lite.exec(ctx, "INSERT INTO "+into+" VALUES "+marks(n, k), args); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// Among gives conditions that together say that col is one of list (all int64
// or all string): one on PostgreSQL, several on SQLite.
func (x *Tx) Among(col string, list []any) []Question {
	if len(list) == 0 {
		return nil
	}
	if x.lite == nil {
		return []Question{{col + " = ANY($1)", []any{array(list)}}}
	}
	var out []Question
	for len(list) > 0 {
		n := chunk(len(list))
		out = append(out, Question{col + " IN " + marks(1, n), list[:n]})
		list = list[n:]
	}
	return out
}

func chunk(n int) int {
	for _, k := range []int{64, 16, 4} {
		if n >= k {
			return k
		}
	}
	return 1
}

// marks spells ($1, $2, …), (…) for n rows of k columns.
func marks(n, k int) string {
	var b strings.Builder
	for i := range n * k {
		switch {
		case i%k > 0:
			b.WriteString(", ")
		case i > 0:
			b.WriteString("), (")
		default:
			b.WriteByte('(')
		}
		fmt.Fprintf(&b, "$%d", i+1)
	}
	b.WriteByte(')')
	return b.String()
}

func insertArrays(into string, row []any) string {
	parts := make([]string, len(row))
	for i, v := range row {
		parts[i] = fmt.Sprintf("$%d::%s[]", i+1, pgType(v))
	}
	return "INSERT INTO " + into + " SELECT * FROM unnest(" + strings.Join(parts, ", ") + ")"
}

func pgType(v any) string {
	switch v.(type) {
	case int64:
		return "bigint"
	case []byte:
		return "bytea"
	}
	return "text"
}

func columns(rows [][]any) []any {
	out := make([]any, len(rows[0]))
	col := make([]any, len(rows))
	for c := range out {
		for i, r := range rows {
			col[i] = r[c]
		}
		out[c] = array(col)
	}
	return out
}

// array gives the values as the slice of their type.
func array(list []any) any {
	switch list[0].(type) {
	case int64:
		return typed[int64](list)
	case []byte:
		return typed[[]byte](list)
	}
	return typed[string](list)
}

func typed[T any](list []any) []T {
	out := make([]T, len(list))
	for i, v := range list {
		out[i] = v.(T)
	}
	return out
}
