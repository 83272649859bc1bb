package portal

import (
	"net/http"
	"strings"

	"sekisho/internal/comms/optin"
	"sekisho/internal/edge/api"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
)

// optinView is the page that asks an addressee about an address (送付先の確認), or
// has it typed after the QR code.
type optinView struct {
	At, Secret, Company, Address, Typed string
}

func (s *server) optinRoutes(mux *http.ServeMux) {
	for _, at := range []string{"/c/", "/k/"} {
		mux.HandleFunc("GET "+at+"{locator}", s.optinLanding)
		mux.HandleFunc("POST "+at+"{locator}", s.post(optinLook))
	}
	mux.HandleFunc("POST /c/{locator}/answer", s.post(optinAnswer))
	mux.HandleFunc("POST /k/{locator}/type", s.post(optinType))
}

// optinAt is the address of the page without its secret.
func (v *visitor) optinAt() string { return v.r.URL.Path[:len("/c/")] + v.locator() }

// optinLanding asks nothing about the link: that takes the secret, and a post.
func (s *server) optinLanding(w http.ResponseWriter, r *http.Request) {
	v := s.visit(w, r)
	if v.locator() == "" {
		v.gone()
		return
	}
	v.page(http.StatusOK, "optin", "portal.optin_landing", optinView{At: v.optinAt()})
}

func optinLook(v *visitor) error {
	// Whoever pastes the link instead of what stands behind # means the same.
	secret := v.r.PostForm.Get("secret")
	secret = strings.TrimSpace(secret[strings.LastIndexByte(secret, '#')+1:])
	got, err := run(v, optin.Look, optin.LookIn{Locator: v.locator(), Secret: secret})
	if err != nil {
		return err
	}
	title := "portal.optin_title"
	if got.Address == "" {
		title = "portal.card_title"
	}
	v.page(http.StatusOK, "optin", title, optinView{At: v.optinAt(), Secret: secret, Company: got.Company, Address: got.Address})
	return nil
}

func optinAnswer(v *visitor) error {
	ours := v.r.PostForm.Get("ours") == "1"
	_, err := run(v, optin.Answer, optin.AnswerIn{Locator: v.locator(), Secret: v.r.PostForm.Get("secret"), Ours: ours})
	if err == nil {
		said := map[bool]string{true: "portal.optin_thanks", false: "portal.optin_noted"}[ours]
		v.show(http.StatusOK, "said", view{Title: v.t("portal.written"), D: said})
	}
	return err
}

func optinType(v *visitor) error {
	in := optin.TypeIn{Locator: v.locator(), Secret: v.r.PostForm.Get("secret"), Address: v.r.PostForm.Get("address")}
	_, err := run(v, optin.Type, in)
	if f := fault.Of(err); err != nil && f.Kind == fault.KindInvalid {
		got, e := run(v, optin.Look, optin.LookIn{Locator: in.Locator, Secret: in.Secret})
		if e != nil {
			return e
		}
		v.err = text.Fault(v.lang, f)
		v.page(api.Status(f), "optin", "portal.card_title", optinView{At: v.optinAt(), Secret: in.Secret, Company: got.Company, Typed: in.Address})
		return nil
	}
	if err == nil {
		v.show(http.StatusOK, "said", view{Title: v.t("portal.written"), D: "portal.card_thanks"})
	}
	return err
}
