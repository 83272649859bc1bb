package page

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"sekisho/internal/base/identity"
	"sekisho/internal/edge/api"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/text"
)

const (
	maxForm   = 2 << 20  // bytes of a form without files
	maxUpload = 33 << 20 // … with files
	meFor     = 30 * time.Second
	meMost    = 5000
)

// Handler serves a route.
func (h *House) Handler(rt Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := h.request(r)
		defer func() {
			if p := recover(); p != nil {
				q.panicked(w, p)
			}
		}()
		a, err := q.run(w, rt)
		if err != nil {
			a = q.failed(err)
		}
		q.write(w, a)
	})
}

// Nothing answers an address where there is no page.
func (h *House) Nothing(w http.ResponseWriter, r *http.Request) {
	q := h.request(r)
	q.whoever()
	q.write(w, q.failed(fault.NotFound()))
}

func (h *House) request(r *http.Request) *Req {
	q := &Req{Request: r, House: h, Lang: text.Lang(h.Front.Lang(r)), ran: map[string]int{}}
	if l := text.Lang(q.preference("lang")); slices.Contains(text.Langs[:], l) {
		q.Lang = l
	}
	q.Theme, q.Size = q.preference("theme"), q.preference("size")
	q.show(gate.Nobody(h.Front.Source(r)))
	if c := r.CookiesNamed(h.cookie(r)); len(c) == 1 && len(c[0].Value) <= 200 {
		q.show(gate.Session(c[0].Value, h.Front.Source(r)))
	}
	return q
}

func (q *Req) show(c gate.Credential) {
	q.Cred = c
	q.Cred.Agent = q.House.Front.Agent(q.Request)
}

func (q *Req) preference(name string) string {
	if c, err := q.Request.Cookie(name); err == nil && len(c.Value) <= 8 {
		return c.Value
	}
	return ""
}

// cookie is the session cookie's name: without TLS (the demo) a browser would
// not keep one with the prefix.
func (h *House) cookie(r *http.Request) string {
	if h.Front.Secure(r) {
		return "__Host-sid"
	}
	return "sid"
}

// SignedIn keeps the session in the browser; "" ends it.
func (q *Req) SignedIn(token string) {
	c := &http.Cookie{Name: q.House.cookie(q.Request), Value: token, Path: "/", HttpOnly: true, Secure: q.House.Front.Secure(q.Request), SameSite: http.SameSiteStrictMode}
	if token == "" {
		c.MaxAge = -1
	}
	q.cook = append(q.cook, c)
	q.show(gate.Nobody(q.Cred.IP))
	if token != "" {
		q.show(gate.Session(token, q.Cred.IP))
	}
	q.Me = identity.MeOut{}
}

func (q *Req) run(w http.ResponseWriter, rt Route) (Answer, error) {
	if q.Method == http.MethodPost {
		if err := q.ownPage(); err != nil {
			return Answer{}, err
		}
		done, err := q.read(w)
		defer done()
		if err != nil {
			return Answer{}, err
		}
		if err := q.first(); err != nil {
			return Answer{}, err
		}
	}
	if err := q.who(rt); err != nil {
		return Answer{}, err
	}
	return rt.Do(q)
}

// ownPage wants the browser's word that a page of this very house posts.
func (q *Req) ownPage() error {
	if err := api.OwnPage(q.Request); err != nil {
		return fault.Denied("web.foreign_page").Because(err)
	}
	return nil
}

// read reads the form. Files stay in memory, so there is room for a few at once.
func (q *Req) read(w http.ResponseWriter) (done func(), err error) {
	done = func() {}
	most := int64(maxForm)
	files := strings.HasPrefix(q.Header.Get("Content-Type"), "multipart/form-data")
	if files {
		most = maxUpload
	}
	if q.ContentLength > most {
		return done, fault.Invalid("web.too_large", "max", most>>20)
	}
	q.Body = http.MaxBytesReader(w, q.Body, most)
	if files {
		if done, err = q.House.Front.Large(q.Request); err != nil {
			return func() {}, err
		}
		err = q.ParseMultipartForm(maxUpload)
	} else {
		err = q.ParseForm()
	}
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return done, fault.Invalid("web.too_large", "max", most>>20)
	}
	if err != nil {
		return done, fault.Invalid("web.form").Because(err)
	}
	q.Form = q.PostForm
	if q.MultipartForm != nil {
		q.Form = q.MultipartForm.Value
	}
	return done, nil
}

// first does what a form that was kept is sent again with: signing in when the
// session was over, or giving the fresh code that was wanted.
func (q *Req) first() error {
	if login := q.Form.Get("_login"); login != "" {
		if _, err := q.SignIn(login, q.Form.Get("_password"), q.Form.Get("_code")); err != nil {
			return err
		}
		return nil
	}
	if act := q.Form.Get("_act"); act != "" {
		_, err := Run(q, identity.StepUp, identity.StepUpIn{Code: q.Form.Get("_code"), Act: act})
		if err != nil {
			return again{err, act}
		}
	}
	return nil
}

// again is a step-up that failed: the code is asked for once more.
type again struct {
	error
	act string
}

func (a again) Unwrap() error { return a.error }

// who finds out who asks, for what is shown around the page. The gate asks the
// database itself at every op.
func (q *Req) who(rt Route) error {
	if q.Cred.Kind() == gate.CredNobody {
		if rt.Open {
			return nil
		}
		return fault.Denied("gate.sign_in")
	}
	me, err := q.House.me.of(q)
	if err != nil {
		if rt.Open && outside(fault.Of(err)) {
			q.show(gate.Nobody(q.Cred.IP))
			return nil
		}
		return err
	}
	q.Me = me
	if !rt.Half && !rt.Open && q.Unfinished() != "" {
		return unfinished{}
	}
	return nil
}

// Unfinished is the page of what is left to do before anything else: "" if nothing is.
func (q *Req) Unfinished() string {
	switch {
	case q.Me.MustChange:
		return "/password"
	case q.Me.MustEnrol:
		return "/enrol"
	}
	return ""
}

type unfinished struct{}

func (unfinished) Error() string { return "signing up is not finished" }

// whoever is who, where nothing depends on it.
func (q *Req) whoever() { _ = q.who(Route{Open: true}) }

// memory remembers for half a minute who a session belongs to.
type memory struct {
	mu  sync.Mutex
	all map[[32]byte]remembered
}

type remembered struct {
	me    identity.MeOut
	until time.Time
}

func (m *memory) of(q *Req) (identity.MeOut, error) {
	key := sha256.Sum256([]byte(q.Cred.Secret()))
	now := time.Now()
	m.mu.Lock()
	was, ok := m.all[key]
	m.mu.Unlock()
	if ok && now.Before(was.until) {
		return was.me, nil
	}
	me, err := gate.Run(q.Context(), q.House.Gate, q.Cred, identity.Me, identity.None{})
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		delete(m.all, key)
		return me, err
	}
	if m.all == nil || len(m.all) >= meMost {
		m.all = map[[32]byte]remembered{}
	}
	if me.MustChange || me.MustEnrol {
		return me, nil // it is over soon
	}
	m.all[key] = remembered{me, now.Add(meFor)}
	return me, nil
}

// Forget is for after who one is has changed.
func (q *Req) Forget() {
	q.House.me.mu.Lock()
	defer q.House.me.mu.Unlock()
	delete(q.House.me.all, sha256.Sum256([]byte(q.Cred.Secret())))
}

// outside tells that somebody is not, or no longer, signed in.
func outside(f *fault.Error) bool {
	return f.Key == "gate.sign_in" || f.Key == identity.Over || f.Key == "api.token"
}

// panicked answers with one sentence; the stack goes to the operator's log.
func (q *Req) panicked(w http.ResponseWriter, p any) {
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	what := "panic with a value of its own"
	if err, ok := p.(runtime.Error); ok {
		what = err.Error()
	}
	q.House.Log.Error("panic", "route", q.Pattern, "what", what, "stack", string(debug.Stack()))
	q.write(w, q.failed(fault.Failed(nil)))
}

// log says what an operator should know of a page that failed.
func (q *Req) log(f *fault.Error) {
	level := slog.LevelDebug
	switch f.Kind {
	case fault.KindFailed:
		level = slog.LevelError
	case fault.KindUnavailable:
		level = slog.LevelWarn
	}
	q.House.Log.Log(context.WithoutCancel(q.Context()), level, "page", "route", q.Pattern, "code", f.Key, "err", f.Cause)
}

// local is where to go on after signing in: a page of this house, nothing else.
func local(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return to
}

// Local is a target given by the address or a form, made safe.
func Local(to string) string { return local(to) }

func status(f *fault.Error) int { return api.Status(f) }
