// Package page is what every page is made with: a request with who asks, the
// door to the gate, forms that lose nothing, and answers. It knows no noun of
// the trade; those are in web/pages.
package page

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"sekisho/internal/base/identity"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/edge/api"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/text"
)

// House is what pages are served from. All but Demo is required.
type House struct {
	Gate   *gate.Gate
	Policy *policy.Policy
	Log    *slog.Logger
	Front  api.Front
	Static func(file string) string // address of a file in static/
	Demo   Demo                     // nil in a real house
	People func(context.Context) (bool, error)
	// Dispatch is the outer gate, whose use cases are its fields.
	Dispatch *dispatch.Gate
	Places   Places

	templates map[string]source
	me        memory
	streams   streams
}

// Places are where a house has what only its machine can show.
type Places struct {
	Config string // its configuration file
	Keys   string // folder of the keys
	Relay  string // name of the relay; "" if none is set
	From   string // address it sends from
}

// Section are the pages of one noun, with the templates beside them.
type Section struct {
	Name   string // folder under web/pages; a template "list.html" is "<name>/list"
	Files  fs.FS
	Routes []Route
}

// Route is one page or one form's target.
type Route struct {
	At   string // "GET /invoices/{id}"
	Open bool   // also for who has not signed in
	Half bool   // also for who has not finished signing up (enrolment, own password)
	Do   func(*Req) (Answer, error)
}

// Answer is what a page gives. Exactly one of Template, To, Bytes and Stream is set.
type Answer struct {
	Status   int    // 200 if 0
	Template string // "invoice/list"
	Title    string // of the page, in the reader's language
	Data     any    // .D of the template
	Scripts  []string
	Bare     bool // without navigation: sign-in, first run

	To string // where to go on (303)

	Bytes []byte // a file …
	Media string
	Name  string // … saved under this name; "": shown

	Stream func(http.ResponseWriter) error // events
}

// Req is one request for a page.
type Req struct {
	*http.Request
	House *House
	Lang  text.Lang
	Cred  gate.Credential
	Me    identity.MeOut // zero: not signed in
	Form  url.Values     // of a POST; nothing of it is trusted
	Theme string         // "", "light", "dark"
	Size  string         // "", "m", "l"

	Err   *fault.Error // what is wrong with the form that is shown again
	ran   map[string]int
	cook  []*http.Cookie
	names map[string]string // of people the page has met
}

// Run runs an op for who asks: the pages' only door. Writes of one form happen
// once, however often the form is posted.
func Run[In, Out any](q *Req, op *gate.UseCase[In, Out], in In) (Out, error) {
	var none Out
	done, err := q.House.Front.Admit(q.Request, q.Cred, op.Name())
	if err != nil {
		return none, err
	}
	defer done()
	return gate.Run(q.Context(), q.House.Gate, q.once(op.Name()), op, in)
}

// once gives the credential with the form's key, so that a doubled post is
// answered from the first.
func (q *Req) once(op string) gate.Credential {
	c := q.Cred
	if key := q.Form.Get("_key"); key != "" && len(key) <= 64 && c.Kind() == gate.CredSession {
		q.ran[op]++
		c.Idem = key + "/" + op + "/" + strconv.Itoa(q.ran[op])
	}
	return c
}

// In tells whether somebody has signed in.
func (q *Req) In() bool { return q.Me.Person.ID != "" }

// Can tells whether any role of who asks has the op: for showing or hiding a
// button. The gate decides anew when it is pressed.
func (q *Req) Can(op string) bool { return q.cell(op, false) }

// MayApprove tells whether any role may be second person of the op.
func (q *Req) MayApprove(op string) bool { return q.cell(op, true) }

func (q *Req) cell(op string, approve bool) bool {
	m := q.House.Policy.Matrix()
	return q.In() && slices.ContainsFunc(append(q.Me.Person.Roles, identity.Member), func(role string) bool { return m.Cell(op, approve, role) != 0 })
}

// T is the sentence of a key in the reader's language.
func (q *Req) T(key string, args ...any) string { return text.T(q.Lang, key, args...) }

// Key is a fresh key for a form.
func (q *Req) Key() string { return q.House.Gate.NewID() }

// Show is a page.
func (q *Req) Show(template, title string, data any, scripts ...string) (Answer, error) {
	return Answer{Template: template, Title: title, Data: data, Scripts: scripts}, nil
}

// Go goes on to another page; done, if not "", is the key "web.done.…" of what
// is said there.
func (q *Req) Go(to, done string) (Answer, error) {
	if done != "" {
		u, err := url.Parse(to)
		if err != nil {
			return Answer{}, err
		}
		v := u.Query()
		v.Set("done", done)
		u.RawQuery = v.Encode()
		to = u.String()
	}
	return Answer{To: to}, nil
}

// Again shows a form again with what is wrong beside it; nothing typed is lost.
// What the form is not to blame for (a fresh code is wanted, a second person
// decides, the session is over) goes its own way.
func (q *Req) Again(err error, a Answer) (Answer, error) {
	f := fault.Of(err)
	switch f.Kind {
	case fault.KindInvalid, fault.KindRefused, fault.KindConflict, fault.KindLimited, fault.KindUnavailable:
	default:
		return a, err
	}
	if outside(f) {
		return a, err
	}
	q.Err = f
	a.Status = api.Status(f)
	if f.Kind == fault.KindInvalid {
		a.Status = http.StatusUnprocessableEntity
	}
	return a, nil
}

// Wrong is what is wrong with one field of the form that is shown again, "" if
// nothing. A field of a list is named as in the op's input ("lines[2].quantity").
func (q *Req) Wrong(field string) string {
	if q.Err == nil {
		return ""
	}
	if q.Err.Field == field {
		return text.Fault(q.Lang, q.Err)
	}
	for _, p := range q.Err.Parts {
		if p.Field == field {
			return text.Fault(q.Lang, p)
		}
	}
	return ""
}

// Cookie sets a preference for a year.
func (q *Req) Cookie(name, value string) {
	q.cook = append(q.cook, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: q.House.Front.Secure(q.Request)})
}

// Query is a value of the address.
func (q *Req) Query(name string) string { return q.URL.Query().Get(name) }

// With is this page's own address with one value of its query set; "" removes it.
func (q *Req) With(name, value string) string {
	v := q.URL.Query()
	v.Del("done")
	if v.Set(name, value); value == "" {
		v.Del(name)
	}
	if len(v) == 0 {
		return q.URL.Path
	}
	return q.URL.Path + "?" + v.Encode()
}

// Said is what is wrong with the form that is shown again.
func (q *Req) Said() string {
	if q.Err == nil {
		return ""
	}
	return text.Fault(q.Lang, q.Err)
}

// Parts are what is wrong with it, one by one.
func (q *Req) Parts() []string {
	var out []string
	for _, p := range q.Err.Parts {
		out = append(out, text.Fault(q.Lang, p))
	}
	return out
}

// SignInName is the name of a field of the sign-in form: with another form in
// tow it must not clash with that one's fields.
func (q *Req) SignInName(k Kept, name string) string {
	if k.Action != "" {
		return "_" + name
	}
	return name
}

// DemoCode is the current one-time code of who asks; "" in a real house.
func (q *Req) DemoCode() string {
	if q.House.Demo == nil {
		return ""
	}
	return q.House.Demo.Code(q.Me.Person.Login)
}
