package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"sekisho/internal/app"
	"sekisho/internal/app/apptest"
	"sekisho/internal/app/demo"
	"sekisho/internal/edge/api"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// badCase is one input that must be refused.
type badCase struct {
	what string
	raw  []byte
	// asks: a field of text that the gate leaves to its op, which may have found
	// before that there is no such row.
	asks bool
}

// leftToOp are the fields of text that mailaddr reads and not the gate, because
// it says more about them.
var leftToOp = []string{"mail", "address"}

// secrets are compared and never kept: any text is just a wrong one, which their
// own tests count.
const secrets = "code"

// Every way in which text goes wrong. A lone carriage return is refused even
// where line breaks are allowed.
var badTexts = map[string]string{
	"lone CR": "見本\rBcc: x@example.jp", "NUL": "見\x00本", "control": "見\x07本", "bidi": "見\u202e本", "invisible": "見\u200b本",
	"line separator": "見\u2028本", "private use": "見\ue000本", "tag": "見\U000e0041本",
}

// badInputs makes, for one op, every input that its schema tells to be bad.
func badInputs(t *testing.T, schema map[string]any) []badCase {
	good := sample(schema).(map[string]any)
	var out []badCase
	add := func(what, field string, v any) {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, badCase{what, b, slices.Contains(leftToOp, field)})
	}
	with := func(k string, v any) map[string]any {
		m := maps.Clone(good)
		m[k] = v
		return m
	}
	add("unknown key", "", with("role_of_nobody", "admin"))
	add("array", "", []any{})
	add("text", "", "x")
	out = append(out, badCase{what: "cut off", raw: []byte(`{"a":`)}, badCase{what: "two values", raw: []byte(`{}{}`)},
		badCase{what: "BOM", raw: []byte("\ufeff{}")}, badCase{what: "deep", raw: []byte(strings.Repeat(`{"a":`, 11_000))})
	props := schema["properties"].(map[string]any)
	for _, k := range slices.Sorted(maps.Keys(props)) {
		p := props[k].(map[string]any)
		for _, c := range wrongs(p) {
			if badTexts[c.what] == "" || k != secrets {
				add(k+" "+c.what, k, with(k, c.value))
			}
		}
		add("other case of "+k, "", with(strings.ToUpper(k[:1])+k[1:], sample(p)))
		one, err := json.Marshal(sample(p))
		if err != nil {
			t.Fatal(err)
		}
		doubled := fmt.Sprintf(`{%q:%s,%q:%s}`, k, one, k, one)
		escaped := fmt.Sprintf(`{%q:%s,"\u%04x%s":%s}`, k, one, k[0], k[1:], one)
		out = append(out, badCase{what: "doubled " + k, raw: []byte(doubled)}, badCase{what: "doubled, escaped " + k, raw: []byte(escaped)})
		if p["type"] == "string" {
			out = append(out, badCase{what: k + " invalid UTF-8", raw: []byte(`{"` + k + `":"` + "\xff\xfe" + `"}`)},
				badCase{what: k + " lone surrogate", raw: []byte(`{"` + k + `":"\ud800"}`)})
		}
	}
	return out
}

type wrongValue struct {
	what  string
	value any
}

// wrongs are values that a schema does not take, nested ones included.
func wrongs(s map[string]any) []wrongValue {
	var out []wrongValue
	switch s["type"] {
	case "object":
		out = append(out, wrongValue{"as list", []any{}}, wrongValue{"unknown key inside", map[string]any{"role_of_nobody": 1}})
		for k, p := range s["properties"].(map[string]any) {
			for _, w := range wrongs(p.(map[string]any)) {
				m := sample(s).(map[string]any)
				m[k] = w.value
				out = append(out, wrongValue{k + " " + w.what, m})
			}
		}
	case "array":
		item := s["items"].(map[string]any)
		out = append(out, wrongValue{"as text", "x"}, wrongValue{"as object", map[string]any{}})
		for _, w := range wrongs(item) {
			out = append(out, wrongValue{"[0] " + w.what, []any{w.value}})
		}
		if n, ok := s["maxItems"].(int); ok && n <= 1000 {
			out = append(out, wrongValue{"too many", slices.Repeat([]any{sample(item)}, n+1)})
		}
	case "integer":
		out = append(out, wrongValue{"as text", "1"}, wrongValue{"fraction", 1.5}, wrongValue{"too big", json.Number("9223372036854775808")})
	case "boolean":
		out = append(out, wrongValue{"as text", "true"}, wrongValue{"as number", 1})
	default:
		out = append(out, wrongValue{"as number", 1}, wrongValue{"as list", []any{"x"}}, wrongValue{"masked", map[string]any{"masked": "personal"}})
		n, text := s["maxLength"].(int)
		if s["contentEncoding"] == "base64" {
			out = append(out, wrongValue{"no base64", "あ"})
		}
		if text {
			out = append(out, wrongValue{"too long", strings.Repeat("あ", n+1)})
			for what, v := range badTexts {
				out = append(out, wrongValue{what, v})
			}
		}
	}
	return out
}

// who is somebody that may run the op; without one anybody, who is denied.
func who(w *apptest.World, p *policy.Policy, op string) *demo.Person {
	for _, r := range demo.Roles {
		if p.Matrix().Cell(op, false, r.Name) != 0 {
			return w.Of(r.Name, 2)
		}
	}
	return w.Of(demo.Roles[0].Name, 2)
}

// TestBadInput sends every op, through the API, everything its schema tells to
// be bad: each is answered with one clear fault, leaves exactly one record, and
// writes nothing.
func TestBadInput(t *testing.T) {
	p, err := app.Policy(gate.Names(modules(t)))
	if err != nil {
		t.Fatal(err)
	}
	apptest.Each(t, func(t *testing.T, w *apptest.World) {
		ctx := context.Background()
		lim := api.Standard()
		lim.Source, lim.Credential, lim.Anybody = api.Rate{PerSecond: 1e6, Burst: 1e6}, api.Rate{PerSecond: 1e6, Burst: 1e6}, api.Rate{PerSecond: 1e6, Burst: 1e6}
		var log bytes.Buffer
		h := api.New(api.Config{Gate: w.App.Gate, Log: slog.New(slog.NewTextHandler(&log, nil)), Version: "test", Limits: lim})
		tokens := map[string]string{}
		for _, r := range demo.Roles {
			w.Do(t, w.Of(r.Name, 2), "identity.me", struct{}{}, nil)
			tokens[w.Of(r.Name, 2).Login] = w.Of(r.Name, 2).Token()
		}
		from, rows := sealed(t, w), verified(t, w)
		want := map[string]string{} // record → what was sent
		for _, i := range infos(t) {
			token := tokens[who(w, p, i.Name).Login]
			for _, c := range badInputs(t, i.In) {
				record := refused(t, h, token, i.Name, c)
				if other, twice := want[record]; twice || record == "" {
					t.Errorf("%s, %s: record %q, as %q", i.Name, c.what, record, other)
				}
				want[record] = i.Name + ", " + c.what
			}
		}
		t.Logf("%d inputs of %d ops", len(want), len(infos(t)))
		if log.Len() > 0 {
			t.Errorf("the API logged a defect: %s", log.String()[:min(log.Len(), 2000)])
		}
		sealed(t, w)
		if now := verified(t, w); now != rows {
			t.Errorf("rows were added or removed: %d, then %d", rows, now)
		}
		onlyRecords(ctx, t, w, from, want)
	})
}

// refused sends one bad input and gives the number of its record.
func refused(t *testing.T, h http.Handler, token, op string, c badCase) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/api/v1/"+op, bytes.NewReader(c.raw))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	var p api.Problem
	if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || rec.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s, %s: %d %s", op, c.what, rec.Code, rec.Body)
		return ""
	}
	kinds := []string{"invalid", "denied"}
	if c.asks {
		kinds = append(kinds, "not_found")
	}
	if !slices.Contains(kinds, p.Kind) || p.Detail == "" || p.Title == "" || strings.ContainsAny(p.Detail, "{}\r\x00\u202e\u200b") {
		t.Errorf("%s, %s: %d %+v", op, c.what, rec.Code, p)
	}
	for _, e := range p.Errors {
		if e.Detail == "" || e.Detail == e.Code {
			t.Errorf("%s, %s: no sentence in %+v", op, c.what, e)
		}
	}
	return p.Record
}

// sealed seals all there is and gives the size of the log.
func sealed(t *testing.T, w *apptest.World) int64 {
	t.Helper()
	if err := w.App.Gate.Seal(context.Background()); err != nil {
		t.Fatal(err)
	}
	n, err := w.App.Gate.LogSize(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// verified gives the number of rows, all of them as the log says.
func verified(t *testing.T, w *apptest.World) int64 {
	t.Helper()
	rep, err := w.App.Gate.Verify(context.Background(), nil)
	if err != nil || len(rep.Damages) > 0 || rep.Pending > 0 {
		t.Fatal(rep, err)
	}
	return rep.Rows
}

// onlyRecords holds that what was sealed from a leaf on is exactly one record of
// each refusal, and that none of them wrote a row.
func onlyRecords(ctx context.Context, t *testing.T, w *apptest.World, from int64, want map[string]string) {
	t.Helper()
	var list []gate.Entry
	for {
		page, err := w.App.Gate.Entries(ctx, from+int64(len(list)), 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		list = append(list, page...)
	}
	for _, e := range list {
		what, ok := want[e.Record.ID]
		if !ok || e.Record.Written > 0 || e.Record.Outcome == "ok" || e.Record.Outcome == "failed" {
			t.Errorf("record %+v of %q", e.Record, what)
		}
		delete(want, e.Record.ID)
	}
	for id, what := range want {
		t.Errorf("no record %s of %s", id, what)
	}
}
