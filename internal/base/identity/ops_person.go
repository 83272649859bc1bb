package identity

import (
	"context"
	"slices"
	"strings"
	"time"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/mailaddr"
)

// PersonView is a person as shown.
type PersonView struct {
	ID          string        `json:"id" class:"internal"`
	Version     int64         `json:"version" class:"internal"`
	Login       string        `json:"login" class:"internal"`
	Number      string        `json:"number" class:"internal"`
	Name        string        `json:"name" class:"internal"`
	Kana        string        `json:"kana" class:"internal"`
	Mail        mailaddr.Addr `json:"mail" class:"personal"`
	Department  string        `json:"department" class:"internal"`
	Departments []string      `json:"departments" class:"internal"`
	Roles       []string      `json:"roles" class:"internal"`
	State       State         `json:"state" class:"internal"`
	HiredOn     civil.Date    `json:"hired_on" class:"internal"`
	LeftOn      civil.Date    `json:"left_on" class:"internal"`
	Enrolled    bool          `json:"enrolled" class:"internal"`
}

func view(p Person) PersonView {
	return PersonView{p.ID, p.Version, p.Login, p.Number, p.Name, p.Kana, p.Mail, p.Department, p.Departments, p.Roles,
		p.State, p.HiredOn, p.LeftOn, p.Enrolled}
}

// Particulars are what is known of a living person.
type Particulars struct {
	Login  string `json:"login" required:"true" max:"32"`
	Number string `json:"number" required:"true" max:"20"` // 社員番号
	Name   string `json:"name" required:"true" max:"80"`
	Kana   string `json:"kana" required:"true" max:"80"`
	Mail   string `json:"mail" max:"254"` // of a new person: required
}

// read checks the particulars and puts them into p.
func (in Particulars) read(p *Person) error {
	var bad []*fault.Error
	note := func(field string, err *fault.Error) {
		if err != nil {
			bad = append(bad, err.At(field))
		}
	}
	note("login", checkLogin(in.Login))
	if !numberForm.MatchString(in.Number) {
		note("number", fault.Invalid("identity.number_form"))
	}
	name := strings.TrimSpace(in.Name)
	note("name", checkName(name))
	kana, err := jp.Furigana(in.Kana)
	note("kana", fault.Of(err))
	mail, err := mailaddr.Parse(in.Mail)
	if note("mail", fault.Of(err)); err == nil {
		note("mail", checkMail(mail))
	}
	p.Login, p.Number, p.Name, p.Kana, p.Mail = in.Login, in.Number, name, kana, mail
	return fault.Several(bad...)
}

// free is a Conflict if another account has the login, number or address: one
// living person has one account.
func (p Person) free(x *gate.Tx) error {
	for _, c := range []struct {
		col, field, key string
		val             any
	}{
		{"login", "login", "identity.login_taken", p.Login},
		{"number", "number", "identity.number_taken", p.Number},
		{"mail", "mail", "identity.mail_taken", p.Mail},
	} {
		other, ok, err := maybe(persons.One(x, gate.Eq(c.col, c.val)))
		if err != nil {
			return err
		}
		if ok && other.ID != p.ID {
			return fault.Conflict(c.key).At(c.field)
		}
	}
	return nil
}

// CreateIn is a new person. They get a start password, and roles later, by
// identity.role_grant.
type CreateIn struct {
	Particulars
	Department  string     `json:"department" max:"64"`
	Departments []string   `json:"departments" max:"50"`
	HiredOn     civil.Date `json:"hired_on" required:"true"`
	LeftOn      civil.Date `json:"left_on"`
}

// Validate checks everything that needs no database.
func (in CreateIn) Validate() error {
	if err := in.read(&Person{}); err != nil {
		return err
	}
	return at("left_on", checkDates(in.HiredOn, in.LeftOn))
}

// CreatePerson opens an account for a living person (利用者の登録).
var CreatePerson = gate.New(gate.Op[CreateIn, StartOut]{
	Name: "identity.person_create", Mode: gate.Write, Target: outside[CreateIn],
	Work: func(x *gate.Tx, _ CreateIn) (func(context.Context) (any, error), error) {
		return issue(x.Passwords()), nil
	},
	Do: func(x *gate.Tx, in CreateIn) (StartOut, error) {
		p := Person{Department: in.Department, Departments: merged(in.Department, in.Departments), HiredOn: in.HiredOn, LeftOn: in.LeftOn}
		if err := in.read(&p); err != nil {
			return StartOut{}, err
		}
		return create(x, &p, gate.Worked[issued](x))
	},
})

// create writes a person with a start password.
func create(x *gate.Tx, p *Person, w issued) (StartOut, error) {
	if err := p.free(x); err != nil {
		return StartOut{}, err
	}
	p.State, p.MustChange = Active, true
	if err := persons.Insert(x, p); err != nil {
		return StartOut{}, err
	}
	f := Factor{Password: w.phc, StartUntil: x.Now().Add(startFor)}
	f.ID = p.ID
	return StartOut{p.ID, w.shown, f.StartUntil}, factors.Insert(x, &f)
}

func merged(primary string, more []string) Words {
	all := slices.DeleteFunc(append([]string{primary}, more...), func(s string) bool { return s == "" })
	slices.Sort(all)
	return slices.Compact(all)
}

// at gives err a place, and nil for none.
func at(field string, err *fault.Error) error {
	if err == nil {
		return nil
	}
	return err.At(field)
}

// UpdateIn are all values of a person, with the version they were read in.
type UpdateIn struct {
	ID      string `json:"id" required:"true" max:"64"`
	Version int64  `json:"version" required:"true"`
	CreateIn
	Reason string `json:"reason" required:"true"`
}

// Validate checks everything that needs no database. Whoever keeps the register
// may not see addresses: an empty one leaves it as it is.
func (in UpdateIn) Validate() error {
	if in.Mail == "" {
		in.Mail = "unchanged@sekisho.invalid"
	}
	return in.CreateIn.Validate()
}

// UpdatePerson changes a person. What widens access needs a second person: a
// further department, a later last day, an earlier first day; and so does a new
// mail address, to which codes and notices go.
var UpdatePerson = gate.New(gate.Op[UpdateIn, PersonView]{
	Name: "identity.person_update", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(UpdateIn) []string { return []string{"identity.admins"} },
	Target: func(x *gate.Tx, in UpdateIn) (gate.Target, error) { return one(x, in.ID) },
	FourEyes: func(x *gate.Tx, in UpdateIn) (gate.Second, error) {
		old, now, err := in.apply(x)
		if err != nil {
			return gate.Second{}, err
		}
		if !widens(old, now) {
			return gate.Second{Silent: "narrows"}, nil
		}
		return second(old, view(old), view(now))
	},
	Do: func(x *gate.Tx, in UpdateIn) (PersonView, error) {
		old, p, err := in.apply(x)
		if err != nil {
			return PersonView{}, err
		}
		if err := p.free(x); err != nil {
			return PersonView{}, err
		}
		if slices.Contains(p.Roles, admin) && p.LeftOn != old.LeftOn {
			if err := keepsAdmin(x, p.ID); err != nil {
				return PersonView{}, err
			}
		}
		if err := persons.Update(x, &p); err != nil {
			return PersonView{}, err
		}
		if p.Refuses(x.Now()) != "" {
			return view(p), shutOut(x, p.ID)
		}
		return view(p), nil
	},
})

func (in UpdateIn) apply(x *gate.Tx) (old, now Person, err error) {
	if old, err = persons.Get(x, in.ID); err != nil {
		return old, now, err
	}
	if in.Version != old.Version {
		return old, now, fault.Conflict("gate.conflict")
	}
	now = old
	if in.Mail == "" {
		in.Mail = old.Mail.String()
	}
	now.Department, now.Departments, now.HiredOn, now.LeftOn = in.Department, merged(in.Department, in.Departments), in.HiredOn, in.LeftOn
	return old, now, in.read(&now)
}

func widens(old, now Person) bool {
	for _, d := range now.Departments {
		if !slices.Contains(old.Departments, d) {
			return true
		}
	}
	later := !old.LeftOn.IsZero() && (now.LeftOn.IsZero() || now.LeftOn.After(old.LeftOn))
	return later || now.HiredOn.Before(old.HiredOn) || now.Mail != old.Mail
}

// ReasonIn names a person and says why.
type ReasonIn struct {
	ID     string `json:"id" required:"true" max:"64"`
	Reason string `json:"reason"`
}

// DisablePerson shuts somebody out at once: sessions, API clients and their
// tokens end in the same transaction (利用停止).
var DisablePerson = gate.New(gate.Op[ReasonIn, Done]{
	Name: "identity.person_disable", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(ReasonIn) []string { return []string{"identity.admins"} },
	Target: func(x *gate.Tx, in ReasonIn) (gate.Target, error) { return one(x, in.ID) },
	Do: func(x *gate.Tx, in ReasonIn) (Done, error) {
		p, err := notSelf(x, in.ID)
		if err != nil {
			return Done{}, err
		}
		if slices.Contains(p.Roles, admin) {
			if err := keepsAdmin(x, p.ID); err != nil {
				return Done{}, err
			}
		}
		p.State = Disabled
		if err := persons.Update(x, &p); err != nil {
			return Done{}, err
		}
		return Done{p.ID}, shutOut(x, p.ID)
	},
})

// shutOut ends everything a person has open.
func shutOut(x *gate.Tx, person string) error {
	if err := endSessions(x, person); err != nil {
		return err
	}
	list, err := clients.Find(x, gate.Eq("owner_id", person), gate.Ne("state", Disabled))
	if err != nil {
		return err
	}
	for _, c := range list {
		if err := stopClient(x, c); err != nil {
			return err
		}
	}
	return nil
}

// EnablePerson lets a disabled person in again, with a second person's consent.
var EnablePerson = gate.New(gate.Op[ReasonIn, Done]{
	Name: "identity.person_enable", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Target: func(x *gate.Tx, in ReasonIn) (gate.Target, error) { return one(x, in.ID) },
	FourEyes: func(x *gate.Tx, in ReasonIn) (gate.Second, error) {
		p, err := notSelf(x, in.ID)
		if err != nil {
			return gate.Second{}, err
		}
		now := p
		now.State = Active
		return second(p, view(p), view(now))
	},
	Do: func(x *gate.Tx, in ReasonIn) (Done, error) {
		p, err := persons.Get(x, in.ID)
		if err != nil {
			return Done{}, err
		}
		p.State = Active
		return Done{p.ID}, persons.Update(x, &p)
	},
})

// PeopleIn asks for a page of people.
type PeopleIn struct {
	State string `json:"state" enum:"active,disabled"`
	After string `json:"after" max:"300"`
	Limit int    `json:"limit"`
}

// PeopleOut is a page of people by login.
type PeopleOut struct {
	Rows []PersonView `json:"rows"`
	Next string       `json:"next" class:"internal"`
}

// People lists the people in the actor's scope (利用者の一覧).
var People = gate.New(gate.Op[PeopleIn, PeopleOut]{
	Name: "identity.people", Mode: gate.List, Target: outside[PeopleIn],
	Do: func(x *gate.Tx, in PeopleIn) (PeopleOut, error) {
		q := gate.PageQuery{By: "login", After: in.After, Limit: in.Limit}
		if in.State != "" {
			q.Where = append(q.Where, gate.Eq("state", in.State))
		}
		p, err := persons.Page(x, q)
		out := PeopleOut{Next: p.Next}
		for _, r := range p.Rows {
			out.Rows = append(out.Rows, view(r))
		}
		return out, err
	},
})

// PersonOut is a person with how they come in.
type PersonOut struct {
	PersonView
	SeenAt     time.Time `json:"seen_at" class:"internal"`     // last use of a device, or of a one-time code; zero if never
	Sessions   int       `json:"sessions" class:"internal"`    // devices signed in
	StartUntil time.Time `json:"start_until" class:"internal"` // until when a start password is good; zero if there is none
	ResetUntil time.Time `json:"reset_until" class:"internal"` // until when a start password may be handed out anew
	ResetBy    string    `json:"reset_by" class:"internal"`    // … and by whom
}

// totpStep is for how many seconds a one-time code stands.
const totpStep = 30

// ShowPerson shows one person (利用者の詳細).
var ShowPerson = gate.New(gate.Op[ByID, PersonOut]{
	Name: "identity.person_show", Mode: gate.Read,
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return one(x, in.ID) },
	Do: func(x *gate.Tx, in ByID) (PersonOut, error) {
		p, err := persons.Get(x, in.ID)
		if err != nil {
			return PersonOut{}, err
		}
		out := PersonOut{PersonView: view(p)}
		f, _, err := maybe(factors.Get(x, p.ID))
		if err != nil {
			return out, err
		}
		if f.LastStep > 0 { // sessions are swept away, the last code's half minute stays
			out.SeenAt = time.Unix(f.LastStep*totpStep, 0).UTC()
		}
		if p.MustChange && x.Now().Before(f.StartUntil) {
			out.StartUntil = f.StartUntil
		}
		if x.Now().Before(f.ResetUntil) {
			out.ResetUntil, out.ResetBy = f.ResetUntil, f.ResetBy
		}
		list, err := sessions.Find(x, gate.Eq("person_id", p.ID))
		for _, s := range list {
			if s.SeenAt.After(out.SeenAt) {
				out.SeenAt = s.SeenAt
			}
			if s.alive(x.Now(), time.Time{}) {
				out.Sessions++
			}
		}
		return out, err
	},
})
