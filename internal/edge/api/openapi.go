package api

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/text"
)

// Route is one address that answers, for `sekisho routes`.
type Route struct {
	Method   string   `json:"method"`
	Path     string   `json:"path"`
	Op       string   `json:"op,omitzero"`
	Resource string   `json:"resource,omitzero"` // the op's noun
	Action   string   `json:"action,omitzero"`   // the op's verb
	Mode     string   `json:"mode,omitzero"`     // read, list, write
	Needs    []string `json:"needs,omitempty"`   // step_up, reason, four_eyes
	Params   []string `json:"params,omitempty"`  // fields of the input, in order
}

// Routes are all routes of the API.
func Routes(infos []gate.Info) []Route {
	rs := []Route{
		{Method: "GET", Path: "/healthz"},
		{Method: "GET", Path: "/readyz"},
		{Method: "GET", Path: "/api/v1/openapi.json"},
	}
	for _, f := range feedFiles() {
		rs = append(rs, Route{Method: "GET", Path: "/witness/" + f})
	}
	for _, i := range infos {
		noun, verb, _ := strings.Cut(i.Name, ".")
		props, _ := i.In["properties"].(map[string]any)
		rs = append(rs, Route{Method: "POST", Path: "/api/v1/" + i.Name, Op: i.Name, Resource: noun, Action: verb,
			Mode: i.Mode.String(), Needs: needs(i), Params: slices.Sorted(maps.Keys(props))})
	}
	return rs
}

func needs(i gate.Info) []string {
	list := []string{}
	for _, n := range []struct {
		is   bool
		name string
	}{{i.Needs.StepUp, "step_up"}, {i.Needs.Reason, "reason"}, {i.FourEyes, "four_eyes"}} {
		if n.is {
			list = append(list, n.name)
		}
	}
	return list
}

type obj = map[string]any

// OpenAPI is the OpenAPI 3.1 document of infos: the same bytes for the same
// ops, so that it can be a golden file.
func OpenAPI(infos []gate.Info, version string) []byte {
	paths, schemas, tags := obj{}, fixedSchemas(), []any{}
	for _, i := range infos {
		noun, _, _ := strings.Cut(i.Name, ".")
		if !slices.ContainsFunc(tags, func(t any) bool { return t.(obj)["name"] == noun }) {
			tags = append(tags, obj{"name": noun})
		}
		schemas[i.Name+".in"] = i.In
		schemas[i.Name+".out"] = masked(i.Out, policy.Internal.String())
		paths["/api/v1/"+i.Name] = obj{"post": operation(i, noun)}
	}
	paths["/healthz"] = obj{"get": plain("health", "プロセスが動いているか / Is the process alive", obj{})}
	paths["/readyz"] = obj{"get": plain("ready", "操作を受け付けられるか / Would operations run now", obj{"503": ref("responses/unavailable")})}
	paths["/api/v1/openapi.json"] = obj{"get": plain("openapi", "この文書 / This document", obj{})}
	for _, f := range feedFiles() {
		paths["/witness/"+f] = obj{"get": feedOperation(f)}
	}
	doc := obj{
		"openapi": "3.1.0",
		"info": obj{"title": "Sekisho API", "version": version, "description": strings.Join([]string{
			text.T(text.JA, "api.about"), text.T(text.EN, "api.about")}, "\n\n")},
		"tags":  tags,
		"paths": paths,
		"components": obj{
			"schemas":         schemas,
			"responses":       fixedResponses(),
			"parameters":      fixedParameters(),
			"securitySchemes": fixedSecurity(),
		},
	}
	b, err := json.Marshal(doc, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		panic(fmt.Sprintf("api: the OpenAPI document is no JSON: %v", err)) // schemas are made of maps and texts only
	}
	return append(b, '\n')
}

func ref(to string) obj { return obj{"$ref": "#/components/" + to} }

func content(media string, schema obj) obj { return obj{media: obj{"schema": schema}} }

func operation(i gate.Info, noun string) obj {
	ja, en := text.T(text.JA, "op."+i.Name), text.T(text.EN, "op."+i.Name)
	answers := obj{"200": obj{"description": "結果 / The result", "content": content("application/json", ref("schemas/"+i.Name+".out"))}}
	for code, r := range failures() {
		answers[code] = ref("responses/" + r.name)
	}
	params := []any{ref("parameters/language")}
	if i.Mode == gate.Write && !forAnybody(i.Name) { // a key belongs to somebody
		params = append(params, ref("parameters/idempotency"))
	}
	if i.FourEyes {
		answers["202"] = ref("responses/pending")
	}
	return obj{
		"operationId": i.Name,
		"summary":     ja,
		"description": ja + " / " + en,
		"tags":        []any{noun},
		"security":    security(i),
		"parameters":  params,
		"requestBody": obj{"required": true, "content": content("application/json", ref("schemas/"+i.Name+".in"))},
		"responses":   answers,
		"x-mode":      i.Mode.String(),
		"x-needs":     needs(i),
	}
}

// security: whoever has not signed in may call the ops that are for that, and
// an API client never an op that asks for a fresh code.
func security(i gate.Info) []any {
	list := []any{obj{"session": []any{}}, obj{"cookie": []any{}}}
	if !i.Needs.StepUp {
		list = append(list, obj{"client": []any{}})
	}
	if forAnybody(i.Name) {
		list = append(list, obj{})
	}
	return list
}

func plain(id, summary string, more obj) obj {
	answers := obj{"200": obj{"description": "OK", "content": content("application/json", obj{"type": "object"})},
		"429": ref("responses/limited"), "500": ref("responses/failed")}
	maps.Copy(answers, more)
	return obj{"operationId": id, "summary": summary, "security": []any{}, "responses": answers}
}

type failure struct {
	name  string
	kinds []fault.Kind
}

// failures are the ways out of an op other than its result, by status.
func failures() map[string]failure {
	return map[string]failure{
		"400": {"invalid", []fault.Kind{fault.KindInvalid}},
		"401": {"sign_in", []fault.Kind{fault.KindDenied}},
		"403": {"denied", []fault.Kind{fault.KindDenied, fault.KindStepUp}},
		"404": {"not_found", []fault.Kind{fault.KindNotFound}},
		"409": {"refused", []fault.Kind{fault.KindRefused, fault.KindConflict}},
		"413": {"too_large", []fault.Kind{fault.KindInvalid}},
		"415": {"media_type", []fault.Kind{fault.KindInvalid}},
		"429": {"limited", []fault.Kind{fault.KindLimited}},
		"500": {"failed", []fault.Kind{fault.KindFailed}},
		"503": {"unavailable", []fault.Kind{fault.KindUnavailable}},
	}
}

func fixedResponses() obj {
	rs := obj{"pending": obj{"description": titles(fault.KindPending), "content": content("application/json", ref("schemas/Request"))}}
	for code, f := range failures() {
		r := obj{"description": titles(f.kinds...), "content": content("application/problem+json", ref("schemas/Problem"))}
		switch code {
		case "401":
			r["headers"] = obj{"WWW-Authenticate": obj{"schema": obj{"type": "string"}}}
		case "429", "503":
			r["headers"] = obj{"Retry-After": obj{"schema": obj{"type": "integer"}}}
		}
		rs[f.name] = r
	}
	return rs
}

func titles(kinds ...fault.Kind) string {
	var list []string
	for _, k := range kinds {
		list = append(list, text.T(text.JA, "api.title_"+string(k))+" / "+text.T(text.EN, "api.title_"+string(k)))
	}
	return strings.Join(list, "; ")
}

func fixedParameters() obj {
	return obj{
		"language": obj{"name": "Accept-Language", "in": "header", "schema": obj{"type": "string"},
			"description": "ja / en"},
		"idempotency": obj{"name": "Idempotency-Key", "in": "header",
			"schema":      obj{"type": "string", "minLength": 1, "maxLength": maxIdem, "pattern": "^[!-~]+$"},
			"description": text.T(text.JA, "api.about_idem") + " / " + text.T(text.EN, "api.about_idem")},
	}
}

func fixedSecurity() obj {
	return obj{
		"session": obj{"type": "http", "scheme": "bearer", "bearerFormat": sessionPrefix + "…"},
		"client":  obj{"type": "http", "scheme": "bearer", "bearerFormat": clientPrefix + "…"},
		"cookie": obj{"type": "apiKey", "in": "cookie", "name": "__Host-sid",
			"description": "Sec-Fetch-Site: same-origin"},
	}
}

func fixedSchemas() obj {
	str := obj{"type": "string"}
	strict := func(required []string, props obj) obj {
		return obj{"type": "object", "additionalProperties": false, "required": required, "properties": props}
	}
	return obj{
		"Problem": strict([]string{"type", "title", "status", "detail", "kind", "code"}, obj{
			"type": obj{"type": "string", "format": "uri"}, "title": str, "status": obj{"type": "integer"}, "detail": str,
			"kind": obj{"type": "string", "enum": kinds()}, "code": str, "record": str, "field": str,
			"errors": obj{"type": "array", "items": strict([]string{"field", "code", "detail"}, obj{"field": str, "code": str, "detail": str})}}),
		"Request": strict([]string{"pending", "request", "detail", "code"}, obj{
			"pending": obj{"const": true}, "request": str, "detail": str, "code": str, "record": str}),
		"Masked": strict([]string{"masked"}, obj{"masked": obj{"type": "string",
			"enum": []string{policy.Confidential.String(), policy.Personal.String(), policy.Secret.String()}}}),
	}
}

func kinds() []string {
	var list []string
	for _, f := range failures() {
		for _, k := range f.kinds {
			list = append(list, string(k))
		}
	}
	sort.Strings(list)
	return slices.Compact(list)
}

// masked gives the schema of an output as it really leaves: a field above the
// reader's clearance is an object that names its class. Whoever signed in is cleared
// for what is internal; inside a field, only a higher class is masked again.
func masked(schema obj, above string) obj {
	out := maps.Clone(schema)
	if items, ok := schema["items"].(obj); ok {
		out["items"] = masked(items, above)
	}
	props, ok := schema["properties"].(obj)
	if !ok {
		return out
	}
	named := obj{}
	for name, p := range props {
		field := p.(obj)
		class, _ := field["x-class"].(string)
		if higher(class, above) {
			named[name] = obj{"anyOf": []any{masked(field, class), ref("schemas/Masked")}, "x-class": class}
		} else {
			named[name] = masked(field, above)
		}
	}
	out["properties"] = named
	return out
}

func higher(a, b string) bool {
	x, err := policy.ParseClass(a)
	y, err2 := policy.ParseClass(b)
	return err == nil && err2 == nil && x > y
}
