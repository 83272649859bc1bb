package api_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"sekisho/internal/edge/api"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/text"
)

func TestSentencesAreComplete(t *testing.T) {
	if err := text.Check(); err != nil {
		t.Fatal(err)
	}
}

func TestOpAnswersWithItsJSON(t *testing.T) {
	w := &world{}
	gatetest.Each(t, w.options(), func(t *testing.T, gw *gatetest.World) {
		h := api.New(api.Config{Gate: gw.G, Log: quiet()})
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, call("note.echo", boss, `{"text":"株式会社𠮷野","count":3}`, header("User-Agent", "ua/1\u202e\x01"), header("Idempotency-Key", "k-1")))
		want := `{"text":"株式会社𠮷野","count":3,"ip":"192.0.2.1","agent":"ua/1","idem":"k-1","via":"session"}`
		if rec.Code != 200 || rec.Body.String() != want || rec.Header().Get("Content-Type") != "application/json" {
			t.Fatal(rec.Code, rec.Body)
		}
		rec = httptest.NewRecorder()
		h.ServeHTTP(rec, call("note.echo", clerk, `{"text":"山田"}`))
		if rec.Code != 200 || !strings.Contains(rec.Body.String(), `"text":{"masked":"personal"}`) || strings.Contains(rec.Body.String(), "山田") {
			t.Fatal("a field above the clearance left", rec.Body)
		}
		rec = httptest.NewRecorder()
		h.ServeHTTP(rec, call("note.echo", client, `{"text":"a"}`))
		if rec.Code != 200 || !strings.Contains(rec.Body.String(), `"via":"client"`) {
			t.Fatal(rec.Code, rec.Body)
		}
	})
}

func TestIdempotencyKeyReachesTheGate(t *testing.T) {
	w := open(t, nil)
	for range 2 {
		if rec := w.do(call("note.echo", boss, `{"text":"a"}`, header("Idempotency-Key", "same"))); rec.Code != 200 {
			t.Fatal(rec.Code, rec.Body)
		}
	}
	if w.runs.Load() != 1 {
		t.Fatal("the op ran", w.runs.Load(), "times")
	}
	rec := w.do(call("note.echo", boss, `{"text":"b"}`, header("Idempotency-Key", "same")))
	if p := problemOf(t, rec); rec.Code != 409 || p.Code != "gate.idem_other" {
		t.Fatal(rec.Code, p)
	}
}

// used is a world whose only request of this source was made.
func used(t *testing.T) *world {
	w := open(t, func(c *api.Config) {
		c.Limits = api.Standard()
		c.Limits.Source = api.Rate{PerSecond: 0.001, Burst: 1}
	})
	w.do(call("note.end", boss, `{}`))
	return w
}

// Every way out, with its status, its headers and nothing internal.
func TestS04_EveryStatusHasItsHeaders(t *testing.T) {
	w, small := open(t, nil), used(t)
	get := func(method, path string) *http.Request { return httptest.NewRequest(method, path, nil) }
	end := func(how string) *http.Request { return call("note.end", boss, `{"how":"`+how+`"}`) }
	for _, c := range []struct {
		name   string
		w      *world
		r      func() *http.Request
		status int
		code   string // "" for no problem
	}{
		{"ok", w, func() *http.Request { return end("") }, 200, ""},
		{"invalid", w, func() *http.Request { return end("invalid") }, 400, "gate.required"},
		{"several", w, func() *http.Request { return end("several") }, 400, "fault.several"},
		{"not found", w, func() *http.Request { return end("not_found") }, 404, "fault.not_found"},
		{"denied", w, func() *http.Request { return end("denied") }, 403, "policy.role_never"},
		{"refused", w, func() *http.Request { return end("refused") }, 409, "gate.taken"},
		{"conflict", w, func() *http.Request { return end("conflict") }, 409, "gate.conflict"},
		{"limited", w, func() *http.Request { return end("limited") }, 429, "gate.narrow"},
		{"limited for", w, func() *http.Request { return end("limited_for") }, 429, "api.rate"},
		{"unavailable", w, func() *http.Request { return end("unavailable") }, 503, "gate.db_gone"},
		{"failed", w, func() *http.Request { return end("failed") }, 500, "fault.failed"},
		{"panic", w, func() *http.Request { return end("panic") }, 500, "fault.failed"},
		{"runtime panic", w, func() *http.Request { return end("panic_runtime") }, 500, "fault.failed"},
		{"step-up", w, func() *http.Request { return call("note.step", clerk, `{}`) }, 403, "gate.step_up"},
		{"nobody", w, func() *http.Request { return call("note.end", "", `{}`) }, 401, "gate.sign_in"},
		{"session over", w, func() *http.Request { return call("note.end", "sks_old", `{}`) }, 401, "identity.session_over"},
		{"role never", w, func() *http.Request { return call("note.end", seller, `{}`) }, 403, "policy.role_never"},
		{"no op", w, func() *http.Request { return call("note.nothing", boss, `{}`) }, 404, "fault.not_found"},
		{"source limit", small, func() *http.Request { return end("") }, 429, "api.rate"},
		{"no route", w, func() *http.Request { return get("GET", "/") }, 404, "api.no_route"},
		{"method", w, func() *http.Request { return get("GET", "/api/v1/note.end") }, 405, "api.method"},
		{"options", w, func() *http.Request { return get("OPTIONS", "/api/v1/note.end") }, 405, "api.method"},
		{"media", w, func() *http.Request { return call("note.end", boss, `{}`, header("Content-Type", "text/plain")) }, 415, "api.content_type"},
		{"size", w, func() *http.Request { return call("note.end", boss, strings.Repeat(" ", 33<<20)) }, 413, "api.body_size"},
		{"health", w, func() *http.Request { return get("GET", "/healthz") }, 200, ""},
		{"ready", w, func() *http.Request { return get("GET", "/readyz") }, 200, ""},
		{"document", w, func() *http.Request { return get("GET", "/api/v1/openapi.json") }, 200, ""},
	} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, " tls=", secure), func(t *testing.T) {
				r := c.r()
				if secure {
					r.TLS = &tls.ConnectionState{}
				}
				rec := c.w.do(r)
				headersOf(t, rec.Header(), secure)
				if rec.Code != c.status {
					t.Fatal(rec.Code, rec.Body)
				}
				if c.code != "" {
					onlyTheFault(t, rec, c.code)
				}
			})
		}
	}
}

// onlyTheFault checks that a refusal says what it should and nothing internal.
func onlyTheFault(t *testing.T, rec *httptest.ResponseRecorder, code string) {
	t.Helper()
	if p := problemOf(t, rec); p.Code != code {
		t.Fatal(p)
	}
	if all := rec.Body.String(); strings.Contains(all, canary) || strings.Contains(all, "goroutine") || strings.Contains(all, ".go:") {
		t.Fatal("something internal left: ", all)
	}
	h := rec.Header()
	if (h.Get("Retry-After") != "") != (rec.Code == 429 || rec.Code == 503) || (h.Get("WWW-Authenticate") == "Bearer") != (rec.Code == 401) ||
		(h.Get("Allow") != "") != (rec.Code == 405) {
		t.Fatal(h)
	}
}

func TestS24_APanicIsForTheOperatorOnly(t *testing.T) {
	w := open(t, nil)
	for _, how := range []string{"panic", "panic_runtime"} {
		// The gate catches it, logs the stack and leaves a record; neither the
		// answer nor the edge's own log has the panic's value.
		w.log.Reset()
		rec := w.do(call("note.end", boss, `{"how":"`+how+`"}`))
		onlyTheFault(t, rec, "fault.failed")
		if problemOf(t, rec).Record == "" || strings.Contains(w.log.String(), canary) {
			t.Fatal("no record, or the log has the panic's value: ", rec.Body, w.log.String())
		}
	}
	if rec := w.do(call("note.end", boss, `{}`)); rec.Code != 200 {
		t.Fatal("no op runs after a panic", rec.Code)
	}
}

func TestProblemDetails(t *testing.T) {
	w := open(t, nil)
	rec := w.do(call("note.end", boss, `{"how":"several"}`, header("Accept-Language", "en-GB,en;q=0.8,ja;q=0.1")))
	p := problemOf(t, rec)
	if p.Kind != "invalid" || len(p.Errors) != 2 || p.Errors[1].Field != "reason" || p.Errors[1].Code != "gate.reason" ||
		!strings.HasPrefix(p.Errors[1].Detail, "Please") || p.Record == "" || p.Title != "The input is not valid" {
		t.Fatalf("%+v", p)
	}
	if rec.Header().Get("Content-Language") != "en" {
		t.Fatal(rec.Header())
	}
	for _, lang := range [][]string{nil, {"ja"}, {"fr"}, {"ja,en;q=0.5"}, {"*"}, {"\x00;;q=,"}, {strings.Repeat("a-", 500)}} {
		rec = w.do(call("note.end", boss, `{"how":"invalid"}`, header("Accept-Language", lang...)))
		if p = problemOf(t, rec); p.Title != "入力に誤りがあります" || p.Field != "x" || p.Detail != "「x」が空です。入力してください。" {
			t.Fatalf("%q: %+v", lang, p)
		}
	}
	rec = w.do(call("note.end", boss, `{"how":"limited_for"}`))
	if rec.Header().Get("Retry-After") != "17" {
		t.Fatal(rec.Header())
	}
}

func TestPendingIs202(t *testing.T) {
	w := open(t, nil)
	rec := w.do(call("note.ask", clerk, `{}`))
	var a api.Request
	if err := json.Unmarshal(rec.Body.Bytes(), &a, json.RejectUnknownMembers(true)); err != nil || rec.Code != 202 {
		t.Fatal(rec.Code, rec.Body, err)
	}
	if !a.Pending || a.Request != "req-1" || a.Code != "gate.pending" || !strings.Contains(a.Detail, "req-1") {
		t.Fatalf("%+v", a)
	}
	headersOf(t, rec.Header(), false)
}

// What the role never may is 403 whatever the id; what is not there and what is
// not yours are the gate's one 404. The edge may not tell them apart again.
func TestS10_NotThereAndNotYoursLookAlike(t *testing.T) {
	w := open(t, nil)
	there := w.do(call("note.end", boss, `{"how":"not_found"}`))
	op := w.do(call("note.nothing", boss, `{"id":"x"}`))
	a, b := problemOf(t, there), problemOf(t, op)
	if a.Record == "" {
		t.Fatal("no record is named")
	}
	if a.Record, b.Record = "", ""; fmt.Sprint(a) != fmt.Sprint(b) {
		t.Fatal(a, b)
	}
	for name := range there.Header() {
		if name != "Content-Length" && there.Header().Get(name) != op.Header().Get(name) {
			t.Fatal(name)
		}
	}
}

func TestS06_SafeMethodsReachNoOp(t *testing.T) {
	w := open(t, nil)
	for _, token := range []string{boss, clerk, client, ""} {
		for _, op := range []string{"note.echo", "note.end", "note.ask", "note.step", "identity.signin", "note.nothing", "openapi.json"} {
			for _, method := range []string{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "CONNECT", "get", "POST "} {
				r := call(op, token, `{"text":"x"}`, header("X-Http-Method-Override", "POST"))
				r.Method = method
				if rec := w.do(r); rec.Code != 405 && op != "openapi.json" {
					t.Fatal(method, op, rec.Code)
				}
			}
		}
	}
	if n := w.runs.Load(); n != 0 {
		t.Fatal("an op was reached", n)
	}
	if rec := w.do(call("note.echo", boss, `{"text":"x"}`)); rec.Code != 200 || w.runs.Load() != 1 {
		t.Fatal("the counter counts nothing", rec.Code)
	}
}

func TestReadyFollowsTheGate(t *testing.T) {
	w := open(t, nil)
	if rec := w.do(httptest.NewRequest("HEAD", "/readyz", nil)); rec.Code != 200 {
		t.Fatal(rec.Code)
	}
	if err := w.g.G.Close(); err != nil {
		t.Fatal(err)
	}
	rec := w.do(httptest.NewRequest("GET", "/readyz", nil))
	if p := problemOf(t, rec); rec.Code != 503 || p.Code != "api.not_ready" {
		t.Fatal(rec.Code, p)
	}
	if rec := w.do(httptest.NewRequest("GET", "/healthz", nil)); rec.Code != 200 || rec.Body.String() != `{"status":"ok"}` {
		t.Fatal(rec.Code)
	}
}

func TestLimitsBeforeTheGate(t *testing.T) {
	now := time.Unix(0, 0)
	w := open(t, func(c *api.Config) {
		c.Limits = api.Standard()
		c.Limits.Source = api.Rate{PerSecond: 1, Burst: 40}
		c.Limits.Credential = api.Rate{PerSecond: 1, Burst: 5}
		c.Limits.Anybody = api.Rate{PerSecond: 0.5, Burst: 3}
		c.Clock = func() time.Time { return now }
	})
	count := func(n int, make func() *http.Request) (ok int) {
		for range n {
			if rec := w.do(make()); rec.Code == 429 {
				if p := problemOf(t, rec); p.Code != "api.rate" || rec.Header().Get("Retry-After") == "" {
					t.Fatal(p, rec.Header())
				}
			} else if rec.Code == 200 {
				ok++
			} else {
				t.Fatal(rec.Code, rec.Body)
			}
		}
		return ok
	}
	from := func(ip string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = ip } }
	if n := count(8, func() *http.Request { return call("note.end", boss, `{}`) }); n != 5 {
		t.Fatal("credential", n)
	}
	if n := count(1, func() *http.Request { return call("note.end", clerk, `{}`) }); n != 1 {
		t.Fatal("another's credential", n)
	}
	if n := count(6, func() *http.Request { return call("identity.signin", "", `{}`) }); n != 3 {
		t.Fatal("anybody", n)
	}
	if n := count(6, func() *http.Request { return call("identity.signin", "", `{}`, from("[2001:db8:1::5]:9")) }); n != 3 {
		t.Fatal("anybody of another source", n)
	}
	if n := count(3, func() *http.Request { return call("identity.signin", "", `{}`, from("[2001:db8:1:ffff::6]:9")) }); n != 0 {
		t.Fatal("a neighbour in the same /48 is the same source", n)
	}
	health := func() *http.Request { return httptest.NewRequest("GET", "/healthz", nil) }
	if n := count(60, health); n != 40-8-1-6 {
		t.Fatal("source", n)
	}
	now = now.Add(3 * time.Second)
	if n := count(60, health); n != 3 {
		t.Fatal("source after three seconds", n)
	}
}

// A body above 64 KiB needs a place in memory; without one it has to wait, and
// small ones pass by.
func TestLargeBodiesAreFew(t *testing.T) {
	large := `{"text":"a","data":"` + strings.Repeat("A", 2<<20) + `"}`
	w := open(t, nil)
	if rec := w.do(call("note.echo", boss, large)); rec.Code != 200 {
		t.Fatal(rec.Code, rec.Body)
	}
	none := open(t, func(c *api.Config) {
		c.Limits = api.Standard()
		c.Limits.Large, c.Limits.Wait = 0, 10*time.Millisecond
	})
	for _, r := range []*http.Request{call("note.echo", boss, large), untold(call("note.echo", boss, `{"text":"a"}`))} {
		rec := none.do(r)
		if p := problemOf(t, rec); rec.Code != 503 || p.Code != "api.busy" || rec.Header().Get("Retry-After") != "1" {
			t.Fatal(rec.Code, p)
		}
	}
	if rec := none.do(call("note.echo", boss, `{"text":"a"}`)); rec.Code != 200 {
		t.Fatal(rec.Code, rec.Body)
	}
}

func TestARefusedInputLeavesARecord(t *testing.T) {
	w := open(t, nil)
	w.do(call("note.echo", boss, `{"unknown":1}`))
	if err := w.g.G.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := w.g.G.Entries(t.Context(), 0, 10)
	if err != nil || len(list) != 1 || list[0].Record.Op != "note.echo" || list[0].Record.Person != "p-boss" || string(list[0].Record.Outcome) != "invalid" {
		t.Fatal(list, err)
	}
}
