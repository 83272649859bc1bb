package portal

import (
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"sekisho/internal/assure/incident"
	"sekisho/internal/comms/share"
	"sekisho/internal/edge/api"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/text"
	"sekisho/internal/trade/invoice"
)

const (
	formMost  = 16 << 10
	cookieFor = 12 * 60 * 60 // seconds
)

// visitor is one request of a recipient.
type visitor struct {
	s    *server
	w    http.ResponseWriter
	r    *http.Request
	lang text.Lang
	cred gate.Credential
	err  string // what is wrong with the form that is shown again
}

func (s *server) visit(w http.ResponseWriter, r *http.Request) *visitor {
	v := &visitor{s: s, w: w, r: r, lang: text.Lang(s.front.Lang(r)), cred: gate.Nobody(s.front.Source(r))}
	v.cred.Agent = s.front.Agent(r)
	return v
}

func (v *visitor) t(key string, args ...any) string { return text.T(v.lang, key, args...) }

// locator is what the address names; anything that cannot be one is empty.
func (v *visitor) locator() string {
	l := v.r.PathValue("locator")
	if len(l) != 16 {
		return ""
	}
	for _, c := range l {
		if (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return ""
		}
	}
	return l
}

func (v *visitor) at() string {
	if l := v.locator(); l != "" && strings.HasPrefix(v.r.URL.Path, "/s/") {
		return "/s/" + l
	}
	return ""
}

// cookie is the name of the cookie of this link in this browser.
func (v *visitor) cookie() string {
	if v.s.front.Secure(v.r) {
		return "__Host-u-" + v.locator()
	}
	return "u-" + v.locator()
}

func (v *visitor) token() string {
	c := v.r.CookiesNamed(v.cookie())
	if len(c) != 1 || len(c[0].Value) > 64 {
		return ""
	}
	return c[0].Value
}

func (v *visitor) keep(token string) {
	if token == "" {
		return
	}
	http.SetCookie(v.w, &http.Cookie{Name: v.cookie(), Value: token, Path: "/", MaxAge: cookieFor, HttpOnly: true,
		Secure: v.s.front.Secure(v.r), SameSite: http.SameSiteStrictMode})
}

// run is the only door to the gate, past the limits for whoever is nobody.
func run[In, Out any](v *visitor, op *gate.UseCase[In, Out], in In) (Out, error) {
	done, err := v.s.front.Admit(v.r, v.cred, op.Name())
	if err != nil {
		return *new(Out), err
	}
	defer done()
	return gate.Run(v.r.Context(), v.s.cfg.Gate, v.cred, op, in)
}

// post wraps what a form does: the browser's word that a page of ours posts, a
// small body, a locator, and one page for everything dead.
func (s *server) post(do func(*visitor) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := s.visit(w, r)
		if api.OwnPage(r) != nil {
			v.gone()
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, formMost)
		if r.ParseForm() != nil || v.locator() == "" {
			v.gone()
			return
		}
		if s.guesses.many(v.cred.IP, s.cfg.Clock()) {
			v.trouble(fault.Limited("api.rate", "seconds", int(guessFor.Seconds())))
			return
		}
		if err := do(v); err != nil {
			v.trouble(fault.Of(err))
		}
	}
}

// trouble shows what went wrong: of a dead link nothing but that.
func (v *visitor) trouble(f *fault.Error) {
	switch {
	case f.Key == "dispatch.link_gone" || f.Key == "party.proof_gone" || f.Kind == fault.KindInvalid && f.Field != "words" || f.Kind == fault.KindNotFound:
		v.guessed()
		v.gone()
	case f.Key == "share.prove_first":
		v.page(http.StatusForbidden, "landing", "portal.landing", nil)
	default:
		v.err = text.Fault(v.lang, f)
		v.show(api.Status(f), "said", view{Title: v.t("portal.title"), At: v.at(), Err: v.err})
	}
}

// landing asks nothing about the link unless this browser has proven itself.
func (s *server) landing(w http.ResponseWriter, r *http.Request) {
	v := s.visit(w, r)
	if v.locator() == "" {
		v.gone()
		return
	}
	if token := v.token(); token != "" && r.Method == http.MethodGet {
		if err := papers(v, token); err == nil {
			return
		} else if f := fault.Of(err); f.Key != "share.prove_first" {
			v.trouble(f)
			return
		}
	}
	v.page(http.StatusOK, "landing", "portal.landing", nil)
}

// shown is what the page of documents shows.
type shown struct {
	share.ShowOut
	Rows map[string]invoice.SharedRow
}

func papers(v *visitor, device string) error {
	in := share.ByDevice{Locator: v.locator(), Device: device}
	got, err := run(v, share.Show, in)
	if err != nil {
		return err
	}
	d := shown{got, map[string]invoice.SharedRow{}}
	rows, err := run(v, invoice.Shared, in)
	if err != nil {
		return err
	}
	for _, r := range rows.Rows {
		d.Rows[r.Document] = r
	}
	v.page(http.StatusOK, "papers", "portal.papers", d)
	return nil
}

func open(v *visitor) error {
	got, err := run(v, share.Open, share.OpenIn{Locator: v.locator(), Secret: v.r.PostForm.Get("secret"), Ticket: v.token()})
	if err != nil {
		return err
	}
	v.keep(got.Ticket)
	if got.Proven {
		v.back()
		return nil
	}
	v.page(http.StatusOK, "opened", "portal.landing", got)
	return nil
}

func (v *visitor) back() { http.Redirect(v.w, v.r, v.at(), http.StatusSeeOther) }

func code(v *visitor) error {
	got, err := run(v, share.Code, share.CodeIn{Locator: v.locator(), Ticket: v.token()})
	if err != nil {
		return err
	}
	v.keep(got.Ticket)
	v.page(http.StatusOK, "code", "portal.code_title", nil)
	return nil
}

func verify(v *visitor) error {
	got, err := run(v, share.Verify, share.VerifyIn{Locator: v.locator(), Ticket: v.token(), Code: v.r.PostForm.Get("code")})
	if f := fault.Of(err); err != nil && (f.Key == "share.code_wrong" || f.Key == "share.code_over") {
		v.err = text.Fault(v.lang, f)
		v.page(api.Status(f), "code", "portal.code_title", nil)
		return nil
	}
	if err != nil {
		return err
	}
	v.keep(got.Device)
	v.back()
	return nil
}

func file(v *visitor) error {
	save := v.r.PostForm.Get("save") != ""
	got, err := run(v, share.FileOp, share.FileIn{Locator: v.locator(), Device: v.token(), Document: v.r.PostForm.Get("document"), Save: save})
	if err == nil {
		v.give(got, save || got.Media != "application/pdf")
	}
	return err
}

func month(v *visitor) error {
	got, err := run(v, share.Month, share.MonthIn{Locator: v.locator(), Device: v.token(), Month: v.r.PostForm.Get("month")})
	if err == nil {
		v.give(got, true)
	}
	return err
}

// give hands bytes over as they are, and never as a page of this origin.
func (v *visitor) give(f share.FileOut, save bool) {
	h := v.w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'none'; sandbox allow-downloads")
	h.Set("Content-Type", f.Media)
	h.Set("Content-Length", strconv.Itoa(len(f.Content)))
	how := map[bool]string{true: "attachment", false: "inline"}[save]
	if !save { // the browser's own viewer of PDF needs its own style, and no sandbox
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'none'")
	}
	h.Set("Content-Disposition", mime.FormatMediaType(how, map[string]string{"filename": path.Base(f.Name)}))
	_, _ = v.w.Write(f.Content) // the reader may be gone
}

func write(v *visitor) error {
	_, err := run(v, share.Write, share.WriteIn{Locator: v.locator(), Ticket: v.token(), Kind: v.r.PostForm.Get("kind"), Words: v.r.PostForm.Get("words")})
	if err == nil {
		v.page(http.StatusOK, "said", "portal.written", "portal.written_text")
	}
	return err
}

func notOurs(v *visitor) error {
	_, err := run(v, incident.NotOurs, incident.NotOursIn{Locator: v.locator(), Ticket: v.token()})
	if err == nil {
		v.show(http.StatusOK, "said", view{Title: v.t("portal.written"), D: "portal.written_text"})
	}
	return err
}

func renewed(v *visitor) error {
	_, err := run(v, share.Renew, share.RenewIn{Locator: v.locator()})
	if err == nil || fault.Is(err, fault.KindConflict) {
		v.show(http.StatusOK, "said", view{Title: v.t("portal.renewed"), D: "portal.renewed_text"})
		return nil
	}
	return err
}
