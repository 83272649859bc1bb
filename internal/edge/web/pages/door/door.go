// Package door are the pages of coming in and going out: signing in, locking,
// one's own password, authenticator and devices, and how one likes the pages.
package door

import (
	"embed"
	"fmt"
	"strings"

	"github.com/boombuler/barcode/qr"

	"sekisho/internal/base/identity"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/text"
	"sekisho/internal/kernel/vault"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "door", Files: files, Routes: []page.Route{
	{At: "GET /signin", Open: true, Do: signInPage},
	{At: "POST /signin", Open: true, Do: signIn},
	{At: "POST /signout", Open: true, Do: signOut},
	{At: "POST /lock", Open: true, Do: lock},
	{At: "POST /preferences", Open: true, Do: preferences},
	{At: "GET /menu", Do: menu},
	{At: "GET /password", Half: true, Do: passwordPage},
	{At: "POST /password", Half: true, Do: password},
	{At: "GET /enrol", Half: true, Do: enrolPage},
	{At: "POST /enrol", Half: true, Do: enrol},
	{At: "GET /me", Do: mine},
	{At: "POST /me/end", Do: endSession},
	{At: "POST /me/codes", Do: newCodes},
	{At: "POST /searches", Do: saveSearch},
	{At: "POST /searches/delete", Do: deleteSearch},
	{At: "POST /normalize", Do: normalize},
}}

func signInPage(q *page.Req) (page.Answer, error) {
	next := page.Local(q.Query("next"))
	if q.In() {
		return q.Go(next, "")
	}
	if some, err := q.House.People(q.Context()); err != nil || !some {
		return page.Answer{To: "/setup"}, err
	}
	a := q.SignInPage(page.Kept{Next: next, Locked: q.Query("locked") != "", Login: q.Query("login")}, nil)
	a.Status = 200
	return a, nil
}

func signIn(q *page.Req) (page.Answer, error) {
	if _, err := q.SignIn(q.Form.Get("login"), q.Form.Get("_password"), q.Form.Get("code")); err != nil {
		f := fault.Of(err)
		if f.Kind == fault.KindInvalid || f.Kind == fault.KindLimited || f.Kind == fault.KindUnavailable {
			return q.SignInPage(page.Kept{Next: page.Local(q.Form.Get("next")), Login: q.Form.Get("login")}, f), nil
		}
		return page.Answer{}, err
	}
	return q.Go(page.Local(q.Form.Get("next")), "")
}

func signOut(q *page.Req) (page.Answer, error) {
	if err := end(q); err != nil {
		return page.Answer{}, err
	}
	return q.Go("/signin", "web.done.signed_out")
}

// lock ends the session and remembers only who it was and where they were: a
// locked screen is a session that is over.
func lock(q *page.Req) (page.Answer, error) {
	login := q.Me.Person.Login
	if err := end(q); err != nil {
		return page.Answer{}, err
	}
	a := q.SignInPage(page.Kept{Next: page.Local(q.Form.Get("next")), Locked: true, Login: login}, nil)
	a.Status = 200
	return a, nil
}

func end(q *page.Req) error {
	if !q.In() {
		return nil
	}
	if _, err := page.Run(q, identity.SignOut, identity.None{}); err != nil {
		return err
	}
	q.Forget()
	q.SignedIn("")
	return nil
}

func preferences(q *page.Req) (page.Answer, error) {
	for name, may := range map[string]string{"size": " m l ", "theme": " light dark ", "lang": " ja en "} {
		if v, given := q.Form[name]; given && (v[0] == "" || strings.Contains(may, " "+v[0]+" ")) {
			q.Cookie(name, v[0])
		}
	}
	return q.Go(page.Local(q.Form.Get("next")), "")
}

func menu(q *page.Req) (page.Answer, error) {
	return q.Show("door/menu", q.T("web.nav.more"), nil)
}

func passwordPage(q *page.Req) (page.Answer, error) {
	return q.Show("door/password", q.T("web.password.title"), nil)
}

func password(q *page.Req) (page.Answer, error) {
	a, _ := passwordPage(q)
	if q.Form.Get("_new") != q.Form.Get("_again") {
		return q.Again(fault.Invalid("web.password.again_differs").At("again"), a)
	}
	out, err := page.Run(q, identity.ChangePassword, identity.ChangeIn{Old: vault.NewSecret(q.Form.Get("_old")), New: vault.NewSecret(q.Form.Get("_new"))})
	if err != nil {
		return q.Again(err, a)
	}
	q.SignedIn(out.Token)
	return q.Go(map[bool]string{true: "/enrol", false: "/me"}[out.Next == "enrol"], "web.done.password")
}

// enrolment is the seed of an authenticator, as a picture and as letters.
type enrolment struct {
	Secret, URL string
	Next        string // where to go on afterwards
	Side        int
	Path        string // of the picture's dark squares
}

// recovery are the codes for a lost phone, and where to go on.
type recovery struct {
	Codes []string
	Next  string
}

func enrolPage(q *page.Req) (page.Answer, error) {
	out, err := page.Run(q, identity.BeginTOTP, identity.None{})
	if err != nil {
		return page.Answer{}, err
	}
	e, err := draw(out.URL)
	e.Secret, e.Next = out.Secret, page.Local(q.Query("next"))
	if err != nil {
		return page.Answer{}, err
	}
	return q.Show("door/enrol", q.T("web.enrol.title"), e)
}

// draw makes the QR code as one SVG path of squares: no image type is needed.
func draw(url string) (enrolment, error) {
	c, err := qr.Encode(url, qr.M, qr.Auto)
	if err != nil {
		return enrolment{}, err
	}
	var b strings.Builder
	side := c.Bounds().Dx()
	for y := range side {
		for x := range side {
			if r, _, _, _ := c.At(x, y).RGBA(); r == 0 {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+4, y+4)
			}
		}
	}
	return enrolment{URL: url, Path: b.String(), Side: side + 8}, nil
}

func enrol(q *page.Req) (page.Answer, error) {
	out, err := page.Run(q, identity.ConfirmTOTP, identity.CodeIn{Code: q.Form.Get("code")})
	if err != nil {
		e, bad := draw(q.Form.Get("_url"))
		e.Secret, e.Next = q.Form.Get("_secret"), page.Local(q.Form.Get("next"))
		if bad != nil || e.Secret == "" {
			return page.Answer{}, err
		}
		return q.Again(err, page.Answer{Template: "door/enrol", Title: q.T("web.enrol.title"), Data: e})
	}
	q.SignedIn(out.Token)
	return q.Show("door/codes", q.T("web.codes.title"), recovery{out.RecoveryCodes, page.Local(q.Form.Get("next"))})
}

func mine(q *page.Req) (page.Answer, error) {
	list, err := page.Run(q, identity.Sessions, identity.None{})
	if err != nil {
		return page.Answer{}, err
	}
	return q.Show("door/me", q.T("web.me.title"), list.Rows)
}

func endSession(q *page.Req) (page.Answer, error) {
	if _, err := page.Run(q, identity.EndSession, identity.ByID{ID: q.Form.Get("id")}); err != nil {
		return page.Answer{}, err
	}
	return q.Go("/me", "web.done.session_ended")
}

func newCodes(q *page.Req) (page.Answer, error) {
	out, err := page.Run(q, identity.RecoveryCodes, identity.None{})
	if err != nil {
		return page.Answer{}, err
	}
	return q.Show("door/codes", q.T("web.codes.title"), recovery{out.Codes, "/"})
}

// normalize reads a date or a number as people write it, for the hint below a
// field. It looks nothing up.
func normalize(q *page.Req) (page.Answer, error) {
	var out struct {
		Value string `json:"value"`
		Hint  string `json:"hint"`
		Wrong string `json:"wrong"`
	}
	v := strings.TrimSpace(q.Form.Get("value"))
	out.Value = v
	var err error
	switch kind := q.Form.Get("kind"); {
	case v == "":
	case kind == "date":
		var d civil.Date
		if d, err = page.ReadDate(v, civil.Of(q.House.Gate.Now())); err == nil {
			out.Value, out.Hint = page.Date(d), page.Era(q.Lang, d)
		}
	case kind == "yen":
		var y money.Yen
		if y, err = page.ReadYen(v); err == nil {
			out.Value = page.Yen(y)
		}
	}
	if err != nil {
		out.Wrong = text.Fault(q.Lang, fault.Of(err))
	}
	return page.JSON(out)
}
