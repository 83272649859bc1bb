package portal

import (
	"net/http"
	"net/url"

	"sekisho/internal/edge/api"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/trade/invoice"
)

// askCheck is where a code printed on an invoice is typed in.
func (s *server) askCheck(w http.ResponseWriter, r *http.Request) {
	s.visit(w, r).page(http.StatusOK, "check", "portal.check", nil)
}

// typedCheck goes to the page of the code that was typed; what cannot be one is
// answered like one that is not known.
func (s *server) typedCheck(w http.ResponseWriter, r *http.Request) {
	v := s.visit(w, r)
	if api.OwnPage(r) != nil {
		v.gone()
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, formMost)
	if r.ParseForm() != nil {
		v.gone()
		return
	}
	code := invoice.CheckTyped(r.PostForm.Get("code"))
	if code == "" {
		code = "0"
	}
	http.Redirect(w, r, "/v/"+url.PathEscape(code), http.StatusSeeOther)
}

// account shows what account an invoice was issued with, to whoever has its code.
func (s *server) account(w http.ResponseWriter, r *http.Request) {
	v := s.visit(w, r)
	if s.guesses.many(v.cred.IP, s.cfg.Clock()) {
		v.trouble(fault.Limited("api.rate", "seconds", int(guessFor.Seconds())))
		return
	}
	got, err := run(v, invoice.Account, invoice.AccountIn{Code: r.PathValue("code")})
	f := fault.Of(err)
	switch {
	case err == nil:
		v.page(http.StatusOK, "account", "portal.account", got)
	case f.Kind == fault.KindNotFound || f.Kind == fault.KindInvalid:
		v.guessed()
		v.err = v.t("portal.account_none")
		v.page(http.StatusGone, "check", "portal.check", "portal.account_none_text")
	default:
		v.trouble(f)
	}
}

// guessed counts something that is not there, and raises the alarm at the one too many.
func (v *visitor) guessed() {
	if v.s.guesses.miss(v.cred.IP, v.s.cfg.Clock()) && v.s.cfg.Alarm != nil {
		v.s.cfg.Alarm("share.guessed", "portal", v.cred.IP.String(), -1)
	}
}
