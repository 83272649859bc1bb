// Package api serves the list of ops over HTTP: POST /api/v1/<op> with strict
// JSON in and JSON or RFC 9457 problem details out, the OpenAPI document, and
// two answers about health. It knows no op and holds no rule of business; it
// makes a credential of what a request shows and hands both to the gate.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// Config is what the API is made with. Gate and Log are required.
type Config struct {
	Gate    *gate.Gate
	Log     *slog.Logger
	Version string // of the product, for the OpenAPI document

	// Origin is the address people see, "https://host[:port]". If it is given,
	// pages of no other origin may use the cookie; else the request's Host counts.
	Origin string
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Cookie is the session cookie's name; empty means __Host-sid.
	Cookie string

	// Pages makes what answers every address that is not the API's; nil: nothing.
	Pages func(Front) http.Handler

	// PagesOnly serves nothing but Pages: no op, no document, no feed. Pages that
	// admit no op need no Gate.
	PagesOnly bool

	// Metrics gives counts to whoever watches the house; nil: nobody gets any.
	Metrics http.Handler

	// Feed is the folder of what witnesses read; empty: none is given out.
	Feed string

	Limits Limits           // zero means Standard
	Clock  func() time.Time // for rates only; nil means time.Now

	// Sealed tells whether the house was restored and sends nothing yet; nil
	// means that it was not.
	Sealed func() bool
}

// readyWithin bounds what /readyz waits for the database.
const readyWithin = 2 * time.Second

type server struct {
	cfg     Config
	lim     *limiter
	langs   language.Matcher
	openapi []byte
}

// New makes the handler. Every answer it gives, whatever its status, carries
// the same security headers, and nothing but an op's result, a problem, the
// OpenAPI document or a word about health.
func New(cfg Config) http.Handler {
	if cfg.Cookie == "" {
		cfg.Cookie = "__Host-sid"
	}
	if cfg.Limits == (Limits{}) {
		cfg.Limits = Standard()
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	s := &server{cfg: cfg, lim: newLimiter(cfg.Limits, cfg.Clock), langs: matcher()}
	mux := http.NewServeMux()
	if cfg.PagesOnly {
		mux.Handle("/", cfg.Pages(Front{s}))
		return s.around(mux)
	}
	s.openapi = OpenAPI(cfg.Gate.Ops(), cfg.Version)
	mux.HandleFunc("/api/v1/{op}", s.only(s.op, http.MethodPost))
	mux.HandleFunc("/api/v1/openapi.json", s.only(s.document, http.MethodGet, http.MethodHead))
	mux.HandleFunc("/healthz", s.only(s.health, http.MethodGet, http.MethodHead))
	mux.HandleFunc("/readyz", s.only(s.ready, http.MethodGet, http.MethodHead))
	mux.HandleFunc("/witness/{file}", s.only(s.feed, http.MethodGet, http.MethodHead))
	if cfg.Metrics != nil {
		mux.HandleFunc("/metrics", s.only(cfg.Metrics.ServeHTTP, http.MethodGet, http.MethodHead))
	}
	mux.HandleFunc("/api/", s.nothing)
	if cfg.Pages == nil {
		mux.HandleFunc("/", s.nothing)
	} else {
		mux.Handle("/", cfg.Pages(Front{s}))
	}
	return s.around(mux)
}

// around is what happens to every request, whatever it asks for.
func (s *server) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers(w.Header(), s.secure(r))
		defer s.recover(w, r)
		if len(r.TransferEncoding) > 0 && r.ProtoMajor == 1 {
			// It may have had a Content-Length as well, which net/http drops: a
			// proxy that went by that saw another end of this request, so nothing
			// more is read from this connection (RFC 9112 §6.1).
			w.Header().Set("Connection", "close")
		}
		if f := s.lim.bySource(s.source(r)); f != nil {
			s.refuse(w, r, f)
			return
		}
		// The mux would redirect *, //x and /a/../x, and decode %2e; here an
		// address has one spelling.
		if r.URL.RawPath != "" || !strings.HasPrefix(r.URL.Path, "/") || path.Clean(r.URL.Path) != r.URL.Path {
			s.nothing(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(s.cfg.Origin, "https://")
}

func headers(h http.Header, secure bool) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	if secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// recover turns a panic into one sentence for the caller and a stack for the
// operator. A panic's own text may hold values of the input, so only those of
// the runtime are logged.
func (s *server) recover(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	what := "panic with a value of its own"
	if err, ok := p.(runtime.Error); ok {
		what = err.Error()
	}
	s.cfg.Log.Error("panic", "path", r.URL.Path, "what", what, "stack", string(debug.Stack()))
	s.refuse(w, r, fault.Failed(nil))
}

func (s *server) nothing(w http.ResponseWriter, r *http.Request) {
	f := fault.NotFound()
	f.Key = "api.no_route"
	s.refuse(w, r, f)
}

func (s *server) only(f http.HandlerFunc, methods ...string) http.HandlerFunc {
	allow := strings.Join(methods, ", ")
	return func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(methods, r.Method) {
			w.Header().Set("Allow", allow)
			s.refuse(w, r, fault.Invalid("api.method", "allow", allow))
			return
		}
		f(w, r)
	}
}

// op runs one op: the form of the request, who asks, the limits, the body, a
// place at the gate, the gate.
func (s *server) op(w http.ResponseWriter, r *http.Request) {
	answer, err := s.run(w, r, r.PathValue("op"))
	if err != nil {
		s.refuse(w, r, fault.Of(err))
		return
	}
	send(w, http.StatusOK, "application/json", answer)
}

func (s *server) run(w http.ResponseWriter, r *http.Request, op string) ([]byte, error) {
	ip := s.source(r)
	cred := gate.Nobody(ip)
	// What is turned away here leaves a record too; refusals of who has not
	// signed in are counted, so a flood does not fill the log.
	turned := func(f *fault.Error) ([]byte, error) { return nil, s.cfg.Gate.Turned(r.Context(), cred, op, f) }
	if f := form(r); f != nil {
		return turned(f)
	}
	shown, f := s.credential(r, ip)
	if f != nil {
		return turned(f)
	}
	cred = shown
	most := s.lim.Body
	if cred.Kind() == gate.CredNobody {
		most = s.lim.SmallBody
	}
	if forAnybody(op) {
		most = s.lim.SmallBody
		if f := s.lim.byAnybody(ip); f != nil {
			return turned(f)
		}
	}
	if f := s.lim.byCredential(cred.Secret()); f != nil {
		return turned(f)
	}
	var raw []byte
	if s.cfg.Gate.Has(op) { // else the gate says that there is none, and records it
		var done func()
		raw, done, f = s.body(w, r, most)
		defer done()
		if f != nil {
			return turned(f)
		}
	}
	done, f := s.lim.place(r.Context(), s.lim.running)
	if f != nil {
		return turned(f)
	}
	defer done()
	return s.cfg.Gate.JSON(r.Context(), cred, op, raw)
}

func (s *server) document(w http.ResponseWriter, _ *http.Request) {
	send(w, http.StatusOK, "application/json", s.openapi)
}

// health says that the process is alive, and nothing else.
func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	send(w, http.StatusOK, "application/json", []byte(`{"status":"ok"}`))
}

// ready says whether ops would run now. Why not is for the log: this answer is
// for anybody.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, stop := context.WithTimeout(r.Context(), readyWithin)
	defer stop()
	done, f := s.lim.place(ctx, s.lim.running)
	if f != nil {
		s.refuse(w, r, f)
		return
	}
	defer done()
	if err := s.cfg.Gate.Ping(ctx); err != nil {
		s.refuse(w, r, fault.Unavailable("api.not_ready").Because(err))
		return
	}
	if s.cfg.Sealed != nil && s.cfg.Sealed() {
		send(w, http.StatusOK, "application/json", []byte(`{"status":"ready","outbound":"sealed"}`))
		return
	}
	send(w, http.StatusOK, "application/json", []byte(`{"status":"ready"}`))
}
