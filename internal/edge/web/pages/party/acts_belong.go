package party

import (
	"slices"
	"strconv"
	"strings"

	"sekisho/internal/base/party"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
)

// version binds a form to what it was opened on, so that somebody else's change
// since is noticed.
func (f *form) version(q *page.Req, now int64) {
	v := strconv.FormatInt(now, 10)
	if q.Form != nil && q.Form.Has("version") {
		v = q.Form.Get("version")
	}
	f.Hidden["version"] = v
}

// pick finds what an act is about; NotFound when the partner has no such thing.
func pick[T any](q *page.Req, list []T, id func(T) string) (T, error) {
	want := item(q)
	if i := slices.IndexFunc(list, func(v T) bool { return id(v) == want }); i >= 0 {
		return list[i], nil
	}
	var none T
	return none, fault.NotFound()
}

func contactID(c party.Contact) string     { return c.ID }
func pointID(p party.DeliveryPoint) string { return p.ID }
func relationID(r party.Related) string    { return r.ID }

func contactValues(c party.Contact) map[string]string {
	return map[string]string{"name": c.Name, "kana": c.Kana, "section": c.Section, "title": c.Title, "mail": c.Mail, "phone": c.Phone}
}

func contactForm(q *page.Req, s party.Shown, f *form) error {
	f.Inputs = []input{{Name: "name", Text: "contact_name", Max: 100, Required: true}, {Name: "kana", Max: 100}, {Name: "section", Max: 100}, {Name: "title", Text: "contact_title", Max: 100},
		{Name: "mail", Max: 254, Mono: true, Mode: "email", Hint: true, Wide: true}, {Name: "phone", Max: 30, Mode: "tel"}}
	if f.Act == "contact_add" {
		return nil
	}
	c, err := pick(q, s.Contacts, contactID)
	f.set(contactValues(c))
	f.version(q, c.Version)
	return err
}

func contactAdd(q *page.Req, id string) error {
	v := q.Form.Get
	_, err := page.Run(q, party.ContactAdd, party.ContactIn{Party: id, Name: v("name"), Kana: v("kana"), Section: v("section"), Title: v("title"),
		Mail: v("mail"), Phone: v("phone")})
	return err
}

func contactUpdate(q *page.Req, id string) error {
	s, err := page.Run(q, party.ShowOp, party.ByID{ID: id})
	if err != nil {
		return err
	}
	c, err := pick(q, s.Contacts, contactID)
	if err != nil {
		return err
	}
	v := q.Form.Get
	_, err = page.Run(q, party.ContactUpdate, party.ContactUpdateIn{ID: c.ID, Version: q.Int("version"), Name: v("name"), Kana: v("kana"),
		Section: v("section"), Title: v("title"), Mail: v("mail"), Phone: v("phone"), Clear: emptied(q, contactValues(c), "kana", "section", "title", "mail", "phone")})
	return err
}

func leaveForm(q *page.Req, s party.Shown, f *form) error {
	c, err := pick(q, s.Contacts, contactID)
	f.Facts = []fact{{q.T("web.partner.contact"), c.Name}, {q.T("web.partner.f.section"), c.Section}}
	for _, p := range s.Points {
		if p.Contact == c.ID && p.State != party.Retired {
			f.Facts = append(f.Facts, fact{q.T("web.partner.ends_too"), p.Address})
		}
	}
	f.Inputs = []input{{Name: "left_on", Max: 20, Norm: "date", Set: page.Date(q.Today()), Hint: true}}
	return err
}

func contactLeave(q *page.Req, _ string) error {
	on, err := q.Date("left_on")
	if err != nil {
		return err
	}
	_, err = page.Run(q, party.ContactLeave, party.ContactLeaveIn{ID: item(q), LeftOn: on})
	return err
}

func proposeForm(q *page.Req, s party.Shown, f *form) error {
	var people, old []option
	for _, c := range s.Contacts {
		if c.Left.IsZero() {
			people = append(people, option{c.ID, strings.TrimSpace(c.Section + " " + c.Name)})
		}
	}
	for _, p := range s.Points {
		if p.State != party.Retired {
			old = append(old, option{p.ID, p.Address})
		}
	}
	f.Inputs = []input{{Name: "address", Text: "address_mail", Max: 400, Required: true, Hint: true, Wide: true, Mono: true, Mode: "email"}, {Name: "label", Max: 100, Hint: true, Wide: true},
		{Name: "contact", Options: people, Blank: "web.none"},
		{Name: "max_class", Set: "confidential", Hint: true, Options: []option{{"internal", q.T("dispatch.class.internal")},
			{"confidential", q.T("dispatch.class.confidential")}, {"personal", q.T("dispatch.class.personal")}}},
		{Name: "replaces", Options: old, Blank: "web.none", Hint: true, Wide: true, Set: q.Query("item")}}
	return nil
}

func propose(q *page.Req, id string) error {
	v := q.Form.Get
	_, err := page.Run(q, party.PointPropose, party.ProposeIn{Party: id, Contact: v("contact"), Address: v("address"), Label: v("label"),
		MaxClass: v("max_class"), Replaces: v("replaces")})
	return err
}

func ways(q *page.Req) []option {
	var out []option
	for _, w := range []string{"phone", "visit", "letter", "contract", "portal"} {
		out = append(out, option{w, q.T("web.partner.how_" + w)})
	}
	return out
}

func verifyForm(q *page.Req, s party.Shown, f *form) error {
	p, err := pick(q, s.Points, pointID)
	f.Facts = []fact{{q.T("web.partner.f.address_mail"), p.Address}, {q.T("web.partner.f.label"), p.Label}}
	for _, o := range s.Points {
		if p.Replaces != "" && o.ID == p.Replaces && o.State != party.Retired {
			f.Facts = append(f.Facts, fact{q.T("web.partner.f.replaces"), o.Address})
		}
	}
	for _, x := range p.Findings {
		f.Found = append(f.Found, finding(q, x))
	}
	f.version(q, p.Version)
	if err != nil {
		return err
	}
	answered, err := proved(q, s.Party.ID, p.ID)
	f.Inputs = []input{{Name: "how", Radio: true, Required: true, Options: append(answered, ways(q)...)}, reason}
	return err
}

// finding is what is strange about an address, with what it resembles.
func finding(q *page.Req, f party.Finding) string {
	if f.Near == "" {
		return q.T(f.Kind)
	}
	return q.T("web.partner.finding_near", "what", q.T(f.Kind), "near", f.Near)
}

func verify(q *page.Req, _ string) error {
	_, err := page.Run(q, party.PointVerify, party.VerifyIn{ID: item(q), Version: q.Int("version"), How: q.Form.Get("how"), Reason: q.Form.Get("reason")})
	return err
}

func retireForm(q *page.Req, s party.Shown, f *form) error {
	p, err := pick(q, s.Points, pointID)
	f.Facts = []fact{{q.T("web.partner.f.address_mail"), p.Address}, {q.T("web.partner.f.label"), p.Label}}
	f.Inputs = []input{reason}
	return err
}

func retire(q *page.Req, _ string) error {
	_, err := page.Run(q, party.PointRetire, party.RetireIn{ID: item(q), Reason: q.Form.Get("reason")})
	return err
}

func accountForm(q *page.Req, s party.Shown, f *form) error {
	var kinds []option
	for _, k := range []string{"ordinary", "current", "savings"} {
		kinds = append(kinds, option{k, q.T("web.partner.account_" + k)})
	}
	f.Inputs = []input{{Name: "bank_code", Max: 8, Required: true, Mode: "numeric", Mono: true, Hint: true}, {Name: "bank_name", Max: 60, Required: true, Hint: true},
		{Name: "branch_code", Max: 6, Required: true, Mode: "numeric", Mono: true, Hint: true}, {Name: "branch_name", Max: 60, Required: true, Hint: true},
		{Name: "kind", Text: "account_kind", Options: kinds, Set: "ordinary"}, {Name: "number", Max: 14, Required: true, Mode: "numeric", Mono: true, Hint: true},
		{Name: "holder", Max: 100, Required: true, Hint: true, Wide: true},
		{Name: "how", Radio: true, Required: true, Options: ways(q)}, reason}
	for _, a := range s.Accounts {
		if a.State == party.InForce {
			f.Facts = []fact{{q.T("web.partner.account_now"), a.BankName + " " + a.BranchName + " " + q.T("web.partner.account_"+a.Kind) + " " + a.Number}}
		}
	}
	return nil
}

func account(q *page.Req, id string) error {
	v := q.Form.Get
	_, err := page.Run(q, party.AccountPropose, party.AccountIn{Party: id, BankCode: v("bank_code"), BankName: v("bank_name"), BranchCode: v("branch_code"),
		BranchName: v("branch_name"), Kind: v("kind"), Number: v("number"), Holder: v("holder"), How: v("how"), Reason: v("reason")})
	return err
}

func relationForm(q *page.Req, s party.Shown, f *form) error {
	var kinds []option
	for _, k := range []party.RelationKind{party.ShipTo, party.DropShip, party.Branch, party.Group, party.Maker} {
		kinds = append(kinds, option{string(k), q.T("web.partner.relation_" + string(k))})
	}
	f.Inputs = []input{{Name: "kind", Text: "relation_kind", Options: kinds}, {Name: "other", Max: 20, Hint: true, Mono: true},
		{Name: "maker", Max: 100, Hint: true}, {Name: "from_on", Max: 20, Norm: "date", Set: page.Date(q.Today())}, reason}
	return nil
}

func relationAdd(q *page.Req, id string) error {
	from, err := q.Date("from_on")
	if err != nil {
		return err
	}
	other, err := byCode(q, q.Form.Get("other"))
	if err != nil {
		return err
	}
	_, err = page.Run(q, party.RelationAdd, party.RelationIn{Party: id, Kind: party.RelationKind(q.Form.Get("kind")), Other: other, Name: q.Form.Get("maker"),
		From: from, Reason: q.Form.Get("reason")})
	if f := fault.Of(err); err != nil && f.Field == "name" {
		return f.At("maker")
	}
	return err
}

// byCode finds the other partner by the code people know it by.
func byCode(q *page.Req, code string) (string, error) {
	if strings.TrimSpace(code) == "" {
		return "", nil
	}
	out, err := page.Run(q, party.List, party.ListIn{Code: code, Limit: 1})
	if err != nil {
		return "", fault.Of(err).At("other")
	}
	if len(out.Rows) == 0 {
		return "", fault.Invalid("party.no_such_party").At("other")
	}
	return out.Rows[0].ID, nil
}

func endForm(q *page.Req, s party.Shown, f *form) error {
	r, err := pick(q, s.Relations, relationID)
	f.Facts = []fact{{q.T("web.partner.relation"), q.T("web.partner.relation_" + string(r.Kind))}, {q.T("web.partner.relation_other"), r.OtherName + r.Name}}
	f.Inputs = []input{{Name: "ended_on", Max: 20, Norm: "date", Set: page.Date(q.Today()), Hint: true}}
	return err
}

func relationEnd(q *page.Req, _ string) error {
	on, err := q.Date("ended_on")
	if err != nil {
		return err
	}
	_, err = page.Run(q, party.RelationEnd, party.RelationEndIn{ID: item(q), Ended: on})
	return err
}
