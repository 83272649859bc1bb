package page

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sekisho/internal/base/identity"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
	"sekisho/internal/kernel/vault"
)

// Kept is a form that waits for something else to be done first; everything
// typed goes along in hidden fields, but for what has a name with _ in front: a
// secret is never written back into a page.
type Kept struct {
	Action string // "" when there is no form: after signing in, Next is shown
	Next   string
	Fields []Field
	Act    string // step-up: for which kind of act
	Title  string // … in words
	Login  string
	Lost   bool // files cannot be kept
	Secret bool // nor what is secret
	Over   bool // the session is over, rather than never begun
	Locked bool // by the person, or after a while without a touch
	Setup  bool // there is nobody yet
}

// Field is one hidden field.
type Field struct{ Name, Value string }

func (q *Req) kept() Kept {
	k := Kept{Next: "/"}
	if q.Method != http.MethodPost {
		k.Next = local(q.URL.RequestURI())
		return k
	}
	k.Action, k.Lost = q.URL.Path, q.MultipartForm != nil && len(q.MultipartForm.File) > 0
	if q.URL.Path == "/signin" {
		k.Action, k.Next = "", local(q.Form.Get("next"))
		return k
	}
	for name, values := range q.Form {
		if strings.HasPrefix(name, "_") && name != "_key" {
			k.Secret = k.Secret || !slices.Contains([]string{"_login", "_password", "_code", "_act"}, name)
			continue
		}
		for _, v := range values {
			k.Fields = append(k.Fields, Field{name, v})
		}
	}
	slices.SortStableFunc(k.Fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	return k
}

// SignIn opens a session in this browser.
func (q *Req) SignIn(login, password, code string) (identity.SignInOut, error) {
	before := q.Cred
	q.SignedIn("")
	out, err := Run(q, identity.SignIn, identity.SignInIn{Login: login, Password: vault.NewSecret(password), Code: code})
	if err != nil {
		q.show(before)
		return out, err
	}
	q.SignedIn(out.Token)
	return out, nil
}

// SignInPage asks who is there, with the form that was under way.
func (q *Req) SignInPage(k Kept, why error) Answer {
	a := Answer{Status: http.StatusUnauthorized, Template: "page/signin", Title: q.T("web.signin.title"), Data: k, Bare: true}
	if q.House.Demo != nil {
		a.Scripts = []string{"signin.js"}
	}
	if why != nil {
		q.Err = fault.Of(why)
	}
	return a
}

// failed is the page of what went wrong: what happened, why, what to do.
func (q *Req) failed(err error) Answer {
	if errors.As(err, &unfinished{}) {
		return Answer{To: q.Unfinished()}
	}
	f := fault.Of(err)
	q.log(f)
	var code again
	switch {
	case errors.As(err, &code):
		q.Err = f
		return q.stepUp(code.act)
	case f.Key == "identity.signin_wrong":
		k := q.kept()
		k.Login = q.Form.Get("_login") + q.Form.Get("login")
		return q.SignInPage(k, f)
	case outside(f):
		if q.House.Demo != nil && q.URL.Path == "/" && f.Key != identity.Over {
			return Answer{To: "/demo"}
		}
		k := q.kept()
		k.Over = f.Key == identity.Over
		q.whoever()
		return q.SignInPage(k, nil)
	case f.Kind == fault.KindStepUp:
		return q.stepUp(word(f, "op"))
	case f.Kind == fault.KindPending && word(f, "request") != "":
		return Answer{To: "/approvals/" + url.PathEscape(word(f, "request")) + "?done=web.done.asked"}
	}
	q.Err = nil
	return Answer{Status: status(f), Template: "page/problem", Title: q.T("api.title_" + string(f.Kind)), Bare: !q.In(), Data: problem(q.Lang, f)}
}

func (q *Req) stepUp(act string) Answer {
	k := q.kept()
	k.Act, k.Title = act, q.T("op."+act)
	if k.Action == "" { // a page that is only looked at never asks this
		k.Action = q.URL.Path
	}
	return Answer{Status: http.StatusForbidden, Template: "page/stepup", Title: q.T("web.stepup.title"), Data: k}
}

// Problem is a fault as a page shows it.
type Problem struct {
	Kind   string
	Detail string
	Parts  []string
	Record string
	Found  bool // false: there is nothing here, or it is somebody else's
}

func problem(l text.Lang, f *fault.Error) Problem {
	p := Problem{Kind: string(f.Kind), Detail: text.Fault(l, f), Record: word(f, "record"), Found: f.Kind != fault.KindNotFound}
	for _, e := range f.Parts {
		p.Parts = append(p.Parts, text.Fault(l, e))
	}
	return p
}

func word(f *fault.Error, name string) string {
	for i := 0; i+1 < len(f.Args); i += 2 {
		if f.Args[i] == name {
			s, _ := f.Args[i+1].(string)
			return s
		}
	}
	return ""
}
