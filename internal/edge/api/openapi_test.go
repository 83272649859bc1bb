package api_test

import (
	"bytes"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"sekisho/internal/edge/api"
)

type obj = map[string]any

func at(t *testing.T, v any, path ...string) any {
	t.Helper()
	for _, p := range path {
		m, ok := v.(obj)
		if !ok || m[p] == nil {
			t.Fatalf("no %q in %v", p, path)
		}
		v = m[p]
	}
	return v
}

// every calls f for each object of the document.
func every(v any, f func(obj)) {
	switch v := v.(type) {
	case obj:
		f(v)
		for _, x := range v {
			every(x, f)
		}
	case []any:
		for _, x := range v {
			every(x, f)
		}
	}
}

func document(t *testing.T, w *world) obj {
	t.Helper()
	rec := w.do(httptest.NewRequest("GET", "/api/v1/openapi.json", nil))
	var doc obj
	if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil || rec.Code != 200 {
		t.Fatal(rec.Code, err)
	}
	return doc
}

// The structure OpenAPI 3.1 asks for: versions, unique operation ids, answers
// with descriptions, references that lead somewhere, schemas whose required
// fields exist.
func TestOpenAPIStructure(t *testing.T) {
	w := open(t, nil)
	doc := document(t, w)
	if at(t, doc, "openapi") != "3.1.0" || at(t, doc, "info", "title") == "" || at(t, doc, "info", "version") != "1.2.3" {
		t.Fatal(doc["openapi"], doc["info"])
	}
	seen := map[string]bool{}
	for path, item := range at(t, doc, "paths").(obj) {
		for method, o := range item.(obj) {
			op := o.(obj)
			id := at(t, op, "operationId").(string)
			if seen[id] || !strings.HasPrefix(path, "/") || !slices.Contains([]string{"get", "post"}, method) || at(t, op, "summary") == "" {
				t.Error(path, method, id)
			}
			seen[id] = true
			for code, r := range at(t, op, "responses").(obj) {
				if m := r.(obj); len(code) != 3 || m["$ref"] == nil && m["description"] == nil {
					t.Error(path, code, r)
				}
			}
			for _, s := range op["security"].([]any) {
				for scheme := range s.(obj) {
					at(t, doc, "components", "securitySchemes", scheme)
				}
			}
		}
	}
	for name, r := range at(t, doc, "components", "responses").(obj) {
		if d := at(t, r, "description").(string); d == "" || strings.Contains(d, "api.") {
			t.Error(name, d)
		}
	}
	refs := 0
	every(doc, func(m obj) {
		if r, ok := m["$ref"].(string); ok {
			refs++
			at(t, doc, strings.Split(strings.TrimPrefix(r, "#/"), "/")...)
		}
		if req, ok := m["required"].([]any); ok && m["properties"] != nil {
			for _, name := range req {
				at(t, m, "properties", name.(string))
			}
		}
	})
	if refs < 50 {
		t.Error("references", refs)
	}
}

func TestOpenAPIOperation(t *testing.T) {
	w := open(t, nil)
	doc := document(t, w)
	op := func(name string) any { return at(t, doc, "paths", "/api/v1/"+name, "post") }
	for name, want := range map[string]struct {
		mode                   string
		needs                  string
		pending, idem          bool
		client, nobody, masked bool
	}{
		"note.echo":       {mode: "write", idem: true, client: true},
		"note.end":        {mode: "read", client: true},
		"note.ask":        {mode: "write", needs: "four_eyes", pending: true, idem: true, client: true},
		"note.step":       {mode: "write", needs: "step_up", idem: true},
		"identity.signin": {mode: "write", client: true, nobody: true},
	} {
		o := op(name).(obj)
		needs := ""
		for _, n := range at(t, o, "x-needs").([]any) {
			needs += n.(string)
		}
		client, nobody, idem := false, false, false
		for _, s := range o["security"].([]any) {
			client = client || s.(obj)["client"] != nil
			nobody = nobody || len(s.(obj)) == 0
		}
		for _, p := range o["parameters"].([]any) {
			idem = idem || strings.HasSuffix(p.(obj)["$ref"].(string), "idempotency")
		}
		if at(t, o, "x-mode") != want.mode || needs != want.needs || (at(t, o, "responses").(obj)["202"] != nil) != want.pending ||
			client != want.client || nobody != want.nobody || idem != want.idem {
			t.Errorf("%s: %v", name, o)
		}
		if at(t, o, "requestBody", "content", "application/json", "schema", "$ref") != "#/components/schemas/"+name+".in" {
			t.Error(o["requestBody"])
		}
	}
	in := at(t, doc, "components", "schemas", "note.echo.in")
	if at(t, in, "additionalProperties") != false || at(t, in, "properties", "text", "maxLength") != 20.0 {
		t.Error(in)
	}
	out := at(t, doc, "components", "schemas", "note.echo.out", "properties")
	if at(t, out, "count", "x-class") != "internal" || at(t, out, "count", "type") != "integer" || at(t, out, "text", "x-class") != "personal" ||
		at(t, out, "text").(obj)["anyOf"].([]any)[1].(obj)["$ref"] != "#/components/schemas/Masked" {
		t.Error(out)
	}
}

// What the document promises about problems is what leaves: every member that
// an answer has is in the schema, and what is required is there.
func TestOpenAPIDescribesRealAnswers(t *testing.T) {
	w := open(t, nil)
	doc := document(t, w)
	for schema, rec := range map[string]*httptest.ResponseRecorder{
		"Problem":       w.do(call("note.end", boss, `{"how":"several"}`)),
		"Request":       w.do(call("note.ask", boss, `{}`)),
		"note.echo.out": w.do(call("note.echo", boss, `{"text":"x"}`)),
	} {
		var got obj
		if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		s := at(t, doc, "components", "schemas", schema).(obj)
		for name := range got {
			at(t, s, "properties", name)
		}
		required, _ := s["required"].([]any)
		for _, name := range required {
			at(t, got, name.(string))
		}
	}
}

func TestOpenAPIIsDeterministic(t *testing.T) {
	w := open(t, nil)
	first := api.OpenAPI(w.g.G.Ops(), "1")
	for range 20 {
		if !bytes.Equal(first, api.OpenAPI(w.g.G.Ops(), "1")) {
			t.Fatal("two documents of the same ops differ")
		}
	}
	if bytes.Equal(first, api.OpenAPI(w.g.G.Ops()[1:], "1")) {
		t.Fatal("a missing op is not seen")
	}
}

func TestRoutesAreTheInventory(t *testing.T) {
	w := open(t, func(c *api.Config) { c.Feed = feedDir(t) })
	routes := api.Routes(w.g.G.Ops())
	if len(routes) != 6+5 {
		t.Fatal(len(routes))
	}
	for _, r := range routes {
		req := httptest.NewRequest(r.Method, r.Path, nil)
		if rec := w.do(req); rec.Code == 404 || rec.Code == 405 {
			t.Error(r, rec.Code)
		}
	}
	i := slices.IndexFunc(routes, func(r api.Route) bool { return r.Op == "note.echo" })
	if r := routes[i]; r.Resource != "note" || r.Action != "echo" || r.Mode != "write" || strings.Join(r.Params, " ") != "count data inner text" {
		t.Errorf("%+v", r)
	}
	doc := document(t, w)
	if n := len(at(t, doc, "paths").(obj)); n != len(routes) {
		t.Error("the document has", n, "paths")
	}
}
