package api_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sekisho/internal/edge/api"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

const good = `{"text":"x"}`

// bad is a request and how it is refused; code "" means whatever code.
type bad struct {
	r      *http.Request
	status int
	code   string
}

func post(body string, with ...func(*http.Request)) *http.Request {
	return call("note.echo", boss, body, with...)
}

// escaped is post with its address as it stands on the wire.
func escaped(address string) *http.Request {
	r := httptest.NewRequest("POST", address, strings.NewReader(good))
	r.Header = post(good).Header
	return r
}

// badForms: the HTTP around an input.
func badForms() map[string]bad {
	return map[string]bad{
		"no type":        {post(good, header("Content-Type")), 415, "api.content_type"},
		"form type":      {post(good, header("Content-Type", "application/x-www-form-urlencoded")), 415, "api.content_type"},
		"text type":      {post(good, header("Content-Type", "text/plain")), 415, "api.content_type"},
		"two types":      {post(good, header("Content-Type", "application/json", "text/plain")), 415, "api.content_type"},
		"other charset":  {post(good, header("Content-Type", "application/json; charset=shift_jis")), 415, "api.content_type"},
		"type with more": {post(good, header("Content-Type", "application/json; x=1")), 415, "api.content_type"},
		"gzip":           {post(good, header("Content-Encoding", "gzip")), 415, "api.content_type"},
		"query":          {escaped("/api/v1/note.echo?text=x"), 400, "api.query"},
		"bare query":     {escaped("/api/v1/note.echo?"), 400, "api.query"},
		"size told":      {post(`{"text":"` + strings.Repeat("x", 33<<20) + `"}`), 413, "api.body_size"},
		"size not told":  {untold(post(`{"text":"` + strings.Repeat("x", 33<<20) + `"}`)), 413, "api.body_size"},
		"nobody's size":  {call("note.echo", "", strings.Repeat(" ", 65<<10)), 413, "api.body_size"},
		"sign-in's size": {call("identity.signin", boss, strings.Repeat(" ", 65<<10)), 413, "api.body_size"},
		"cut body":       {cut(post(good)), 400, "api.body"},
	}
}

// badInputs: the input itself.
func badInputs() map[string]bad {
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	return map[string]bad{
		"unknown key":         {post(`{"text":"x","role":"admin"}`), 400, "gate.json_unknown"},
		"unknown nested key":  {post(`{"text":"x","inner":{"nam":"y"}}`), 400, "gate.json_unknown"},
		"doubled key":         {post(`{"text":"x","text":"y"}`), 400, "gate.json_doubled"},
		"doubled escaped key": {post(`{"text":"x","te\u0078t":"y"}`), 400, "gate.json_doubled"},
		"differently cased":   {post(`{"Text":"x"}`), 400, "gate.json_unknown"},
		"both cases":          {post(`{"text":"x","TEXT":"y"}`), 400, "gate.json_unknown"},
		"wrong type":          {post(`{"text":1}`), 400, "gate.json_type"},
		"number as text":      {post(`{"text":"x","count":"1"}`), 400, "gate.json_type"},
		"fraction":            {post(`{"text":"x","count":1.5}`), 400, "gate.json_type"},
		"too big a number":    {post(`{"text":"x","count":9223372036854775808}`), 400, "gate.json_type"},
		"array":               {post(`[]`), 400, "gate.json_type"},
		"masked value":        {post(`{"text":{"masked":"personal"}}`), 400, "gate.json_type"},
		"invalid UTF-8":       {post("{\"text\":\"\xff\xfe\"}"), 400, "gate.json_syntax"},
		"lone surrogate":      {post(`{"text":"\ud800"}`), 400, "gate.json_syntax"},
		"garbage behind":      {post(good + "x"), 400, "gate.json_syntax"},
		"second value":        {post(good + good), 400, "gate.json_syntax"},
		"trailing comma":      {post(`{"text":"x",}`), 400, "gate.json_syntax"},
		"comment":             {post(`{"text":"x"/**/}`), 400, "gate.json_syntax"},
		"BOM":                 {post("\ufeff" + good), 400, "gate.json_syntax"},
		"NaN":                 {post(`{"text":"x","count":NaN}`), 400, "gate.json_syntax"},
		"deep":                {post(deep), 400, ""},
		"deep below a key":    {post(`{"text":` + deep + `}`), 400, ""},
		"required":            {post(`{}`), 400, "gate.required"},
		"no body":             {post(``), 400, "gate.required"},
		"too long":            {post(`{"text":"` + strings.Repeat("あ", 21) + `"}`), 400, "gate.too_long"},
		"control character":   {post(`{"text":"a\u0007b"}`), 400, ""},
		"CR LF":               {post(`{"text":"a\r\nBcc: x@y.jp"}`), 400, ""},
		"bidi":                {post(`{"text":"a\u202eb"}`), 400, ""},
	}
}

// badPapers: who asks, and the key of repetition.
func badPapers() map[string]bad {
	return map[string]bad{
		"idem empty":        {post(good, header("Idempotency-Key", "")), 400, "api.idem"},
		"idem blank":        {post(good, header("Idempotency-Key", "a b")), 400, "api.idem"},
		"idem long":         {post(good, header("Idempotency-Key", strings.Repeat("k", 201))), 400, "api.idem"},
		"idem wide":         {post(good, header("Idempotency-Key", "鍵")), 400, "api.idem"},
		"idem injection":    {post(good, header("Idempotency-Key", "a\r\nX: y")), 400, "api.idem"},
		"idem twice":        {post(good, header("Idempotency-Key", "a", "b")), 400, "api.idem"},
		"basic":             {post(good, header("Authorization", "Basic Ym9zczp4")), 401, "api.token"},
		"no token":          {post(good, header("Authorization", "Bearer ")), 401, "api.token"},
		"other prefix":      {post(good, header("Authorization", "Bearer boss")), 401, "api.token"},
		"two tokens":        {post(good, header("Authorization", "Bearer "+boss, "Bearer "+clerk)), 401, "api.token"},
		"token with blank":  {post(good, header("Authorization", "Bearer sks_boss x")), 401, "api.token"},
		"token injection":   {post(good, header("Authorization", "Bearer sks_boss\r\nX: y")), 401, "api.token"},
		"long token":        {post(good, header("Authorization", "Bearer sks_"+strings.Repeat("x", 200))), 401, "api.token"},
		"client as session": {post(good, header("Authorization", "Bearer skc_boss")), 401, "identity.session_over"},
	}
}

// badPaths: the address.
func badPaths() map[string]bad {
	at := func(path string) *http.Request {
		r := post(good)
		r.URL.Path = path
		return r
	}
	return map[string]bad{
		"doubled slash":        {at("//api/v1/note.echo"), 404, "api.no_route"},
		"inner doubled slash":  {at("/api//v1/note.echo"), 404, "api.no_route"},
		"dots":                 {at("/api/v1/x/../note.echo"), 404, "api.no_route"},
		"trailing slash":       {at("/api/v1/note.echo/"), 404, "api.no_route"},
		"trailing dot":         {at("/api/v1/note.echo."), 404, "fault.not_found"},
		"other case":           {at("/api/v1/Note.Echo"), 404, "fault.not_found"},
		"other version":        {at("/api/v2/note.echo"), 404, "api.no_route"},
		"longer":               {at("/api/v1/note.echo/1"), 404, "api.no_route"},
		"NUL":                  {at("/api/v1/note.echo\x00"), 404, "fault.not_found"},
		"relative":             {at("*"), 404, "api.no_route"},
		"empty path":           {at(""), 404, "api.no_route"},
		"escaped letter":       {escaped("/api/v1/note%2eecho"), 404, "api.no_route"},
		"escaped slash":        {escaped("/api/v1%2fnote.echo"), 404, "api.no_route"},
		"doubly escaped":       {escaped("/api/v1/note%252eecho"), 404, "fault.not_found"},
		"op in another script": {escaped("/api/v1/%EF%BD%8Eote.echo"), 404, "fault.not_found"},
	}
}

// Every request here is refused, with one clear error, and changes nothing.
func TestS11_BadRequests(t *testing.T) {
	w := open(t, nil)
	for _, table := range []map[string]bad{badForms(), badInputs(), badPapers(), badPaths()} {
		for name, c := range table {
			t.Run(name, func(t *testing.T) {
				before := w.runs.Load()
				rec := w.do(c.r)
				p := problemOf(t, rec)
				if rec.Code != c.status || c.code != "" && p.Code != c.code {
					t.Fatalf("%d %+v", rec.Code, p)
				}
				headersOf(t, rec.Header(), false)
				if w.runs.Load() != before {
					t.Fatal("the op was reached")
				}
			})
		}
	}
	if rec := w.do(post(good, header("Content-Type", "application/JSON; Charset=UTF-8"))); rec.Code != 200 {
		t.Fatal("the good one is refused, too", rec.Code, rec.Body)
	}
}

func untold(r *http.Request) *http.Request { r.ContentLength = -1; return r }

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func cut(r *http.Request) *http.Request { r.Body = io.NopCloser(broken{}); return r }

// A cookie counts only when the browser says that a page of this origin asks.
func TestS05_CookieNeedsItsOwnPage(t *testing.T) {
	for _, origin := range []string{"", "https://sekisho.example"} {
		w := open(t, func(c *api.Config) { c.Origin = origin })
		cookie := func(value string, with ...func(*http.Request)) *http.Request {
			r := call("note.echo", "", `{"text":"x"}`, append(with, header("Cookie", "a=b; __Host-sid="+value))...)
			r.Host = "sekisho.example"
			return r
		}
		site := func(v ...string) func(*http.Request) { return header("Sec-Fetch-Site", v...) }
		for name, c := range map[string]struct {
			r      *http.Request
			status int
			code   string
		}{
			"no header":             {cookie(boss), 403, "api.cookie_site"},
			"cross-site":            {cookie(boss, site("cross-site")), 403, "api.cookie_site"},
			"same-site":             {cookie(boss, site("same-site")), 403, "api.cookie_site"},
			"none":                  {cookie(boss, site("none")), 403, "api.cookie_site"},
			"upper case":            {cookie(boss, site("Same-Origin")), 403, "api.cookie_site"},
			"two values":            {cookie(boss, site("same-origin", "cross-site")), 403, "api.cookie_site"},
			"joined values":         {cookie(boss, site("same-origin, cross-site")), 403, "api.cookie_site"},
			"null origin":           {cookie(boss, site("same-origin"), header("Origin", "null")), 403, "api.cookie_site"},
			"other origin":          {cookie(boss, site("same-origin"), header("Origin", "https://evil.example")), 403, "api.cookie_site"},
			"two origins":           {cookie(boss, site("same-origin"), header("Origin", "https://sekisho.example", "x")), 403, "api.cookie_site"},
			"origin alone":          {cookie(boss, header("Origin", "https://sekisho.example")), 403, "api.cookie_site"},
			"text/plain":            {cookie(boss, site("same-origin"), header("Content-Type", "text/plain")), 415, "api.content_type"},
			"override":              {method(cookie(boss, site("same-origin"), header("X-Http-Method-Override", "POST")), "GET"), 405, "api.method"},
			"unknown cookie, other": {cookie("sks_old"), 403, "api.cookie_site"},
			"unknown cookie":        {cookie("sks_old", site("same-origin")), 401, "identity.session_over"},
			"client token":          {cookie(client, site("same-origin")), 401, "api.token"},
			"garbage":               {cookie("x", site("same-origin")), 401, "api.token"},
			"two cookies":           {cookie(boss+"; __Host-sid="+clerk, site("same-origin")), 401, "api.token"},
			"own page":              {cookie(boss, site("same-origin")), 200, ""},
			"own page, told twice":  {cookie(boss, site("same-origin"), header("Origin", "https://sekisho.example")), 200, ""},
			"token beside it":       {cookie(boss, header("Authorization", "Bearer "+clerk)), 200, ""},
		} {
			t.Run(fmt.Sprint(name, " ", origin), func(t *testing.T) {
				before := w.runs.Load()
				rec := w.do(c.r)
				if rec.Code != c.status || c.code != "" && problemOf(t, rec).Code != c.code {
					t.Fatal(rec.Code, rec.Body)
				}
				if (w.runs.Load() != before) != (c.status == 200) {
					t.Fatal("effects", w.runs.Load()-before)
				}
				if name == "token beside it" && !strings.Contains(rec.Body.String(), "masked") {
					t.Fatal("the cookie won over the token", rec.Body)
				}
			})
		}
	}
}

func method(r *http.Request, m string) *http.Request { r.Method = m; return r }

func TestS16_ForwardedForCannotBeMadeUp(t *testing.T) {
	w := open(t, func(c *api.Config) { c.TrustedProxies = prefixes("10.0.0.0/8", "fd00::/8") })
	for _, c := range []struct {
		peer string
		xff  []string
		want string
	}{
		{"198.51.100.7:1", nil, "198.51.100.7"},
		{"198.51.100.7:1", []string{"203.0.113.1"}, "198.51.100.7"}, // no proxy of ours
		{"10.0.0.1:1", nil, "10.0.0.1"},
		{"10.0.0.1:1", []string{"203.0.113.1"}, "203.0.113.1"},
		{"10.0.0.1:1", []string{"1.1.1.1, 203.0.113.1"}, "203.0.113.1"}, // what stands left was made up
		{"10.0.0.1:1", []string{"1.1.1.1", "203.0.113.1"}, "203.0.113.1"},
		{"10.0.0.1:1", []string{"1.1.1.1, 203.0.113.1, 10.9.9.9"}, "203.0.113.1"},
		{"10.0.0.1:1", []string{"203.0.113.1, 10.0.0.2,10.0.0.3"}, "203.0.113.1"},
		{"10.0.0.1:1", []string{"10.0.0.2"}, "10.0.0.2"},
		{"10.0.0.1:1", []string{"203.0.113.1, unknown"}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"203.0.113.1,"}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"203.0.113.1:4711"}, "203.0.113.1"},
		{"[fd00::1]:1", []string{"[2001:db8::5]:80"}, "2001:db8::5"},
		{"[fd00::1]:1", []string{"2001:db8::5%eth0"}, "2001:db8::5"},
		{"[::ffff:10.0.0.1]:1", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
	} {
		r := call("note.echo", boss, `{"text":"x"}`, header("X-Forwarded-For", c.xff...))
		r.RemoteAddr = c.peer
		if rec := w.do(r); rec.Code != 200 || !strings.Contains(rec.Body.String(), `"ip":"`+c.want+`"`) {
			t.Errorf("%s %q: %s", c.peer, c.xff, rec.Body)
		}
	}
}

// Whatever bytes come in that net/http takes for a request, the answer has a
// known status, its headers and a whole body, and never 5xx.
func FuzzRequest(f *testing.F) {
	w := open(f, func(c *api.Config) {
		c.Limits = api.Standard()
		c.Limits.Source, c.Limits.Credential, c.Limits.Anybody = api.Rate{1e9, 1e9}, api.Rate{1e9, 1e9}, api.Rate{1e9, 1e9}
		c.TrustedProxies = prefixes("0.0.0.0/0", "::/0")
		c.Log = quiet()
	})
	for _, r := range []*http.Request{
		call("note.echo", boss, `{"text":"x","inner":{"name":"y"},"data":"AAAA"}`, header("Idempotency-Key", "k")),
		call("note.ask", clerk, `{"how":"a"}`, header("X-Forwarded-For", "1.1.1.1, [::1]:2"), header("Accept-Language", "en")),
		call("identity.signin", "", `{"how":"\ud800"}`, header("Cookie", "__Host-sid=sks_boss"), header("Sec-Fetch-Site", "same-origin")),
		httptest.NewRequest("GET", "/readyz", nil), httptest.NewRequest("GET", "/api/v1/%2e%2e/x?y", nil),
	} {
		var b bytes.Buffer
		if err := r.Write(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Add([]byte("POST /api/v1/note.echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n2\r\n{}\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return
		}
		r.RemoteAddr = "192.0.2.1:1"
		rec := w.do(r)
		switch rec.Code {
		case 200, 202:
		case 400, 401, 403, 404, 405, 409, 413, 415:
			problemOf(t, rec)
		default:
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		headersOf(t, rec.Header(), false)
	})
}
