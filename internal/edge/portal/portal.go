// Package portal are the pages where recipients open their links (受け取りページ): a
// listener, an origin and cookies of its own, and no page but those a recipient
// needs. What is fetched changes nothing, so scanners of mail may look; what a
// link is, is asked by a post only.
package portal

import (
	"bytes"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"sekisho/internal/edge/api"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/text"
)

//go:embed *.html
var pages embed.FS

//go:embed static
var assets embed.FS

// Config is what the portal is made with. Gate and Log are required.
type Config struct {
	Gate   *gate.Gate
	Log    *slog.Logger
	Origin string
	// Alarm tells that somebody seems to guess links.
	Alarm          func(key, kind, subject string, leaf int64)
	TrustedProxies []netip.Prefix
	Limits         api.Limits       // zero means Limits()
	Clock          func() time.Time // for rates only; nil means time.Now
}

// Limits are the bounds of the portal: an office behind one address may open its
// month's links, a guesser gets nowhere.
func Limits() api.Limits {
	l := api.Standard()
	l.Anybody = api.Rate{PerSecond: 4, Burst: 240}
	l.Source = api.Rate{PerSecond: 20, Burst: 300}
	l.Running, l.Waiting, l.Connections = 16, 64, 512
	return l
}

type server struct {
	cfg     Config
	front   api.Front
	pages   map[text.Lang]map[string]*template.Template
	guesses guesses
}

// New makes the handler of all of the portal.
func New(cfg Config) (http.Handler, error) {
	if cfg.Limits == (api.Limits{}) {
		cfg.Limits = Limits()
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	s := &server{cfg: cfg}
	if err := s.load(); err != nil {
		return nil, err
	}
	return api.New(api.Config{Gate: cfg.Gate, Log: cfg.Log, Origin: cfg.Origin, TrustedProxies: cfg.TrustedProxies, Limits: cfg.Limits, Clock: cfg.Clock, PagesOnly: true,
		Pages: func(f api.Front) http.Handler { s.front = f; return s.routes() }}), nil
}

func (s *server) load() error {
	s.pages = map[text.Lang]map[string]*template.Template{}
	for _, l := range text.Langs {
		s.pages[l] = map[string]*template.Template{}
		for _, n := range []string{"landing", "opened", "code", "papers", "gone", "said", "account", "check", "optin"} {
			t, err := read(l, n)
			if err != nil {
				return err
			}
			s.pages[l][n] = t
		}
	}
	return nil
}

// read parses one page in one language.
func read(l text.Lang, name string) (*template.Template, error) {
	funcs := template.FuncMap{
		"lang":   func() string { return string(l) },
		"t":      func(key string, args ...any) string { return text.T(l, key, args...) },
		"yen":    func(y money.Yen) string { return y.String() },
		"date":   func(d civil.Date) string { return strings.ReplaceAll(d.String(), "-", "/") },
		"static": func(name string) string { return "/static/" + name },
	}
	return template.New(name).Option("missingkey=error").Funcs(funcs).ParseFS(pages, "layout.html", name+".html")
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /s/{locator}", s.landing)
	for path, do := range map[string]func(*visitor) error{"": open, "/code": code, "/verify": verify, "/file": file, "/month": month,
		"/write": write, "/not-ours": notOurs, "/renew": renewed} {
		mux.HandleFunc("POST /s/{locator}"+path, s.post(do))
	}
	mux.HandleFunc("GET /v", s.askCheck)
	mux.HandleFunc("POST /v", s.typedCheck)
	mux.HandleFunc("GET /v/{code}", s.account)
	s.optinRoutes(mux)
	mux.Handle("GET /static/{file}", Static(func(w http.ResponseWriter, r *http.Request) { s.visit(w, r).gone() }))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.visit(w, r).gone() })
	return mux
}

const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// view is what a template sees.
type view struct {
	Title string
	At    string // address of the link, without its secret
	Err   string
	D     any
}

func (v *visitor) page(status int, name, title string, d any) {
	v.show(status, name, view{Title: v.t(title), At: v.at(), Err: v.err, D: d})
}

func (v *visitor) show(status int, name string, d view) {
	var b bytes.Buffer
	if err := v.s.pages[v.lang][name].ExecuteTemplate(&b, "layout", d); err != nil {
		v.s.cfg.Log.Error("a page cannot be shown", "page", name, "err", err)
		http.Error(v.w, v.t("fault.failed"), http.StatusInternalServerError)
		return
	}
	answer(v.w, v.r, v.lang, status, b.Bytes())
}

// gone is the one page of every link that is dead, unknown or guessed.
func (v *visitor) gone() { v.page(http.StatusGone, "gone", "portal.gone", nil) }

// Static gives the portal's own style and script; none answers any other name.
func Static(none http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := assets.ReadFile("static/" + r.PathValue("file"))
		if err != nil {
			none(w, r)
			return
		}
		media := "text/javascript; charset=utf-8"
		if strings.HasSuffix(r.PathValue("file"), ".css") {
			media = "text/css; charset=utf-8"
		}
		w.Header().Set("Content-Type", media)
		w.Header().Set("Cache-Control", "public, max-age=3600")
		_, _ = w.Write(b) // the reader may be gone
	})
}
