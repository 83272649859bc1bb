package db

import (
	"context"
	"errors"
	"io/fs"
	"regexp"
	"sort"
)

// Object is something the database has of its own: what is in the schema texts,
// and what somebody may have added to act by itself.
type Object struct {
	Name   string
	Kind   string // "table", "index", "trigger", "view", "rule"
	Unique bool   // of an index
}

const (
	liteObjects = `SELECT name, type, CASE WHEN UPPER(sql) LIKE 'CREATE UNIQUE%' THEN 1 ELSE 0 END FROM sqlite_master
		WHERE name NOT LIKE 'sqlite_%' ORDER BY name`
	pgObjects = `SELECT c.relname::text, CASE c.relkind WHEN 'r' THEN 'table' WHEN 'i' THEN 'index' ELSE 'view' END,
			CASE WHEN i.indisunique AND i.indisvalid THEN 1 ELSE 0 END
		FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'i', 'v', 'm')
		UNION ALL SELECT t.tgname::text, 'trigger', 0 FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
		WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal
		UNION ALL SELECT r.rulename::text, 'rule', 0 FROM pg_rules r WHERE r.schemaname = current_schema()
		ORDER BY 1`
)

// Objects are all the database has, by name.
func (d *DB) Objects(ctx context.Context, t *Tx) ([]Object, error) {
	q := pgObjects
	if d.Lite {
		q = liteObjects
	}
	rows, err := t.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	var out []Object
	for rows.Next() {
		var o Object
		var unique int
		if err := rows.Scan(&o.Name, &o.Kind, &unique); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		o.Unique = unique == 1
		out = append(out, o)
	}
	return out, errors.Join(rows.Err(), rows.Close())
}

var (
	creates = regexp.MustCompile(`(?i)^CREATE\s+(?:(TABLE)|(UNIQUE\s+)?INDEX)\s+(?:IF\s+NOT\s+EXISTS\s+)?(\w+)`)
	drops   = regexp.MustCompile(`(?i)^DROP\s+(?:TABLE|INDEX)\s+(?:IF\s+EXISTS\s+)?(\w+)`)
	renames = regexp.MustCompile(`(?i)^ALTER\s+TABLE\s+(\w+)\s+RENAME\s+TO\s+(\w+)`)
)

// Expected are the tables and indexes that schema texts make, by name.
func Expected(schemas []Schema) ([]Object, error) {
	all := map[string]Object{}
	for _, s := range schemas {
		names, err := fs.Glob(s.Files, "schema/*.sql")
		if err != nil {
			return nil, err
		}
		sort.Strings(names)
		for _, n := range names {
			b, err := fs.ReadFile(s.Files, n)
			if err != nil {
				return nil, err
			}
			for _, stmt := range Statements(string(b)) {
				expect(all, stmt)
			}
		}
	}
	out := make([]Object, 0, len(all))
	for _, o := range all {
		out = append(out, o)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

func expect(all map[string]Object, stmt string) {
	if m := creates.FindStringSubmatch(stmt); m != nil {
		o := Object{Name: m[3], Kind: "index", Unique: m[2] != ""}
		if m[1] != "" {
			o.Kind = "table"
		}
		all[o.Name] = o
	}
	if m := drops.FindStringSubmatch(stmt); m != nil {
		delete(all, m[1])
	}
	if m := renames.FindStringSubmatch(stmt); m != nil {
		delete(all, m[1])
		all[m[2]] = Object{Name: m[2], Kind: "table"}
	}
}
