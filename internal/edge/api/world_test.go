package api_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-json-experiment/json"

	"sekisho/internal/edge/api"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/text"
)

// Tokens of the test world, as identity would make them.
const (
	boss   = "sks_boss"   // may everything, with a fresh code
	clerk  = "sks_clerk"  // cleared for internal; no fresh code
	seller = "sks_seller" // has no row in the matrix
	client = "skc_robot"
)

type echoIn struct {
	Text  string `json:"text" required:"true" max:"20"`
	Count int64  `json:"count"`
	Data  []byte `json:"data"`
	Inner struct {
		Name string `json:"name"`
	} `json:"inner"`
}

type echoOut struct {
	Text  string `json:"text" class:"personal"`
	Count int64  `json:"count" class:"internal"`
	IP    string `json:"ip" class:"internal"`
	Agent string `json:"agent" class:"internal"`
	Idem  string `json:"idem" class:"internal"`
	Via   string `json:"via" class:"internal"`
}

type howIn struct {
	How string `json:"how"`
}

type doneOut struct {
	Done bool `json:"done" class:"internal"`
}

// world is an API over a small gate.
type world struct {
	http.Handler
	g      *gatetest.World
	runs   atomic.Int64 // ops that reached Target
	echoes atomic.Int64 // of these, note.echo
	log    bytes.Buffer
}

const matrix = `
role clerk clearance=internal
role seller clearance=internal
role nobody clearance=internal
note.echo: clerk=all boss=all
note.end: clerk=all boss=all
note.ask: clerk=all boss=all
note.step: clerk=all boss=all
identity.signin: nobody=all boss=all
`

func open(t testing.TB, change func(*api.Config)) *world {
	t.Helper()
	w := &world{}
	w.g = gatetest.Open(t, w.options(), "")
	cfg := api.Config{Gate: w.g.G, Log: slog.New(slog.NewTextHandler(&w.log, nil)), Version: "1.2.3"}
	if change != nil {
		change(&cfg)
	}
	w.Handler = api.New(cfg)
	return w
}

func (w *world) options() gatetest.Options {
	return gatetest.Options{Modules: w.modules(), Matrix: matrix, Resolve: resolve,
		Request: func(x *gate.Tx, _ gate.Ask) (string, error) { return "req-1", nil }}
}

func resolve(x *gate.Tx, _ gate.Info) (gate.Actor, error) {
	c := x.Credential()
	a := gate.Actor{Via: policy.ViaSession, Clearance: policy.Internal, Factors: 2}
	switch {
	case c.Kind() == gate.CredNobody:
		return gate.Actor{Via: policy.ViaNobody, Roles: []string{"nobody"}, Clearance: policy.Internal}, nil
	case c.Kind() == gate.CredSession && c.Secret() == boss:
		a.Person, a.Roles, a.StepUp, a.Clearance = "p-boss", []string{"boss"}, true, policy.Secret
	case c.Kind() == gate.CredSession && c.Secret() == clerk:
		a.Person, a.Roles = "p-clerk", []string{"clerk"}
	case c.Kind() == gate.CredSession && c.Secret() == seller:
		a.Person, a.Roles = "p-seller", []string{"seller"}
	case c.Kind() == gate.CredClient && c.Secret() == client:
		a.Via, a.Person, a.Roles = policy.ViaClient, "p-boss", []string{"boss"}
	default:
		return a, fault.Denied("identity.session_over")
	}
	return a, nil
}

func (w *world) modules() []gate.Module {
	one := func(*gate.Tx, howIn) (gate.Target, error) {
		w.runs.Add(1)
		return gate.Target{Kind: "note", ID: "1"}, nil
	}
	done := func(*gate.Tx, howIn) (doneOut, error) { return doneOut{Done: true}, nil }
	echo := gate.New(gate.Op[echoIn, echoOut]{Name: "note.echo", Mode: gate.Write,
		Target: func(*gate.Tx, echoIn) (gate.Target, error) {
			w.runs.Add(1)
			w.echoes.Add(1)
			return gate.Target{Kind: "note", ID: "1"}, nil
		},
		Do: func(x *gate.Tx, in echoIn) (echoOut, error) {
			c := x.Credential()
			return echoOut{in.Text, in.Count, c.IP.String(), c.Agent, c.Idem, string(x.Actor().Via)}, nil
		}})
	end := gate.New(gate.Op[howIn, doneOut]{Name: "note.end", Mode: gate.Read, Target: one,
		Do: func(x *gate.Tx, in howIn) (doneOut, error) { return doneOut{}, ending(in.How) }})
	ask := gate.New(gate.Op[howIn, doneOut]{Name: "note.ask", Mode: gate.Write, Target: one, Do: done,
		FourEyes: func(*gate.Tx, howIn) (gate.Second, error) { return gate.Second{Needed: true, Digest: []byte("d")}, nil }})
	step := gate.New(gate.Op[howIn, doneOut]{Name: "note.step", Mode: gate.Write, Needs: gate.Needs{StepUp: true}, Target: one, Do: done})
	signin := gate.New(gate.Op[howIn, doneOut]{Name: "identity.signin", Mode: gate.Write, Target: one, Do: done})
	return []gate.Module{{Name: "note", Ops: []gate.Any{echo, end, ask, step}}, {Name: "identity", Ops: []gate.Any{signin}}}
}

// canary stands in every cause; it may not be seen outside the log.
const canary = "CANARY-SELECT-secret-path"

func ending(how string) error {
	because := errors.New(canary)
	switch how {
	case "invalid":
		return fault.Invalid("gate.required", "field", "x").At("x").Because(because)
	case "several":
		return fault.Several(fault.Invalid("gate.required", "field", "a").At("a"), fault.Invalid("gate.reason").At("reason"))
	case "not_found":
		return fault.NotFound().Because(because)
	case "denied":
		return fault.Denied("policy.role_never").Because(because)
	case "refused":
		return fault.Refused("gate.taken", "table", "t").Because(because)
	case "conflict":
		return fault.Conflict("gate.conflict").Because(because)
	case "limited":
		return fault.Limited("gate.narrow").Because(because)
	case "limited_for":
		return fault.Limited("api.rate", "seconds", 17).Because(because)
	case "unavailable":
		return fault.Unavailable("gate.db_gone").Because(because)
	case "failed":
		return because
	case "panic":
		panic(canary)
	case "panic_runtime":
		var none []string
		return errors.New(none[len(how)])
	}
	return nil
}

// call makes a request as a well-behaved caller would, changed by with.
func call(op, token, body string, with ...func(*http.Request)) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/api/v1/"+op, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, f := range with {
		f(r)
	}
	return r
}

func header(name string, values ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
}

func (w *world) do(r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

// problemOf checks that rec is a whole problem and gives it.
func problemOf(t testing.TB, rec *httptest.ResponseRecorder) api.Problem {
	t.Helper()
	var p api.Problem
	if err := json.Unmarshal(rec.Body.Bytes(), &p, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("%d %s: %v", rec.Code, rec.Body, err)
	}
	if rec.Header().Get("Content-Type") != "application/problem+json" || p.Status != rec.Code || p.Detail == "" || p.Detail == p.Code && text.Has(p.Code) ||
		p.Title == "" || strings.HasPrefix(p.Title, "api.") || p.Type != "urn:sekisho:fault:"+p.Code || strings.Contains(p.Detail, "{") {
		t.Fatalf("no whole problem: %d %v %+v", rec.Code, rec.Header(), p)
	}
	return p
}

func headersOf(t testing.TB, h http.Header, tls bool) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Content-Type-Options":       "nosniff",
		"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
		"Referrer-Policy":              "no-referrer",
		"Cache-Control":                "no-store",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := h.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := h.Get("Strict-Transport-Security"); (got != "") != tls {
		t.Errorf("Strict-Transport-Security %q, TLS %v", got, tls)
	}
	for name := range h {
		if name == "Set-Cookie" || name == "Server" || strings.HasPrefix(name, "Access-Control-") || strings.HasPrefix(name, "X-Powered") {
			t.Errorf("header %s", name)
		}
	}
}

func prefixes(list ...string) (ps []netip.Prefix) {
	for _, p := range list {
		ps = append(ps, netip.MustParsePrefix(p))
	}
	return ps
}
