package invoice

import (
	"net/url"
	"strconv"
	"strings"

	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/money"
	trade "sekisho/internal/trade/invoice"
)

// editor is the page on which a draft is written.
type editor struct {
	typed
	ID      string // "" for one that was never kept
	Version int64
	Base    string // prints of the draft as it was when this person began
	Kind    trade.Kind
	About   []trade.Linked // what it corrects, gives back or cancels
	Saved   string         // at what time it was kept last
	More    int            // further empty rows that were asked for
	Panel   panel

	Partner  party.Party
	Partners []party.Item // to choose from, of a new one
	Contacts []option
	Accounts []option
}

// option is one choice of a field.
type option struct{ Value, Label string }

// nameOf is how a choice reads.
func (e *editor) nameOf(field, value string) string {
	list := e.Contacts
	if field == "account" {
		list = e.Accounts
	}
	for _, o := range list {
		if o.Value == value {
			return o.Label
		}
	}
	return value
}

// Action is where the form goes.
func (e *editor) Action() string {
	if e.ID == "" {
		return "/invoices/new"
	}
	return "/invoices/" + url.PathEscape(e.ID) + "/edit"
}

// Categories are the tax categories in the order in which they are used.
func (e *editor) Categories() []money.Category {
	return []money.Category{money.Standard, money.Reduced, money.Food, money.Exempt, money.Outside, money.Export}
}

// Linked tells that the draft is about an earlier document: then only keeping it
// computes it, since its limits come from there.
func (e *editor) Linked() bool { return len(e.About) > 0 }

func (e *editor) show(q *page.Req) (page.Answer, error) {
	title := q.T("web.invoice.new")
	if e.ID != "" {
		title = q.T("web.invoice.edit")
	}
	return q.Show("invoice/edit", title, e, "lines.js")
}

// surround loads what the fields offer.
func (e *editor) surround(q *page.Req) error {
	issuer, err := page.Run(q, org.IssuerShow, org.Nothing{})
	if err != nil {
		return err
	}
	for _, a := range issuer.BankAccounts {
		e.Accounts = append(e.Accounts, option{trade.AccountKey(a), strings.Join([]string{a.BankName, a.BranchName, q.T("invoice.account." + a.Kind), a.Number}, " ")})
	}
	if e.V["party"] == "" {
		list, err := page.Run(q, party.List, party.ListIn{State: string(party.Active), Limit: 200})
		e.Partners = list.Rows
		return err
	}
	p, err := page.Run(q, party.ShowOp, party.ByID{ID: e.V["party"]})
	if err != nil {
		return err
	}
	e.Partner = p.Party
	e.V["partner"] = p.Party.Code + " " + p.Party.Name
	for _, c := range p.Contacts {
		if c.Left.IsZero() {
			e.Contacts = append(e.Contacts, option{c.ID, strings.TrimSpace(c.Section + " " + c.Name)})
		}
	}
	return nil
}

// find is the partner that was typed: by code, or by its whole name where it is
// among those offered.
func find(q *page.Req, said string) (party.Item, error) {
	none := fault.Invalid("web.invoice.no_partner").At("partner")
	if said == "" {
		return party.Item{}, fault.Invalid("web.invoice.partner_wanted").At("partner")
	}
	code, _, _ := strings.Cut(strings.Join(strings.Fields(said), " "), " ")
	list, err := page.Run(q, party.List, party.ListIn{Code: code})
	if err != nil && !fault.Is(err, fault.KindInvalid) {
		return party.Item{}, err
	}
	if len(list.Rows) == 1 {
		return list.Rows[0], nil
	}
	if list, err = page.Run(q, party.List, party.ListIn{Limit: 200}); err != nil {
		return party.Item{}, err
	}
	for _, p := range list.Rows {
		if p.Name == said {
			return p, nil
		}
	}
	return party.Item{}, none
}

// newPage begins a draft, for a partner if the address names one.
func newPage(q *page.Req) (page.Answer, error) {
	e := &editor{typed: typedOf(trade.Draft{Party: q.Query("party"), Date: q.Today(), Delivery: true})}
	if err := e.surround(q); err != nil {
		return page.Answer{}, err
	}
	return e.show(q)
}

// editPage shows a draft; what is issued is only looked at.
func editPage(q *page.Req) (page.Answer, error) {
	s, err := page.Run(q, trade.Show, trade.ByID{ID: q.PathValue("id")})
	if err != nil {
		return page.Answer{}, err
	}
	if s.State != trade.Drafted {
		return q.Go("/invoices/"+url.PathEscape(s.ID), "")
	}
	e := &editor{typed: typedOf(s.Content)}
	e.kept(q, s)
	if err := e.surround(q); err != nil {
		return page.Answer{}, err
	}
	return e.show(q)
}

// kept takes over what is known of a draft as it was kept.
func (e *editor) kept(q *page.Req, s trade.Shown) {
	e.ID, e.Version, e.Kind, e.Base = s.ID, s.Version, s.Kind, prints(s.Content)
	e.Saved = s.UpdatedAt.In(civil.JST()).Format("15:04")
	e.Panel = panelOf(q, s.Sums, s.Problems)
	e.amounts(s.Sums)
	for _, l := range s.Links {
		if !l.Later {
			e.About = append(e.About, l)
		}
	}
}

// typedIn is the editor as its form was posted.
func typedIn(q *page.Req) *editor {
	return &editor{typed: read(q.Form), ID: q.PathValue("id"), Version: q.Int("version"), Base: q.Form.Get("base"), Kind: trade.Kind(q.Form.Get("kind"))}
}

// again shows the form with everything typed and what is wrong with it.
func (e *editor) again(q *page.Req, d trade.Draft, err error) (page.Answer, error) {
	if bad := e.surround(q); bad != nil {
		return page.Answer{}, bad
	}
	if e.ID != "" {
		s, bad := page.Run(q, trade.Show, trade.ByID{ID: e.ID})
		if fault.Is(bad, fault.KindNotFound) { // discarded by somebody: what is typed here becomes a new draft
			e.ID, e.Version, e.Base = "", 0, ""
		} else if bad != nil {
			return page.Answer{}, bad
		}
		for _, l := range s.Links {
			if !l.Later {
				e.About = append(e.About, l)
			}
		}
	}
	if d.Party != "" && !e.Linked() {
		if p, bad := page.Run(q, trade.Preview, d); bad == nil { // without it the totals stay empty
			e.Panel = panelOf(q, p.Sums, p.Problems)
			e.amounts(p.Sums)
		}
	}
	a, _ := e.show(q)
	if err == nil {
		return a, nil
	}
	return q.Again(named(q, err), a)
}

// save keeps the draft that was posted: a new one, or the next version of one.
func save(q *page.Req) (page.Answer, error) {
	e := typedIn(q)
	d, err := e.draft(q.Today())
	if e.ID == "" && e.V["party"] == "" && (err == nil || e.V["partner"] != "") {
		p, bad := find(q, e.V["partner"])
		if bad == nil {
			d.Party, e.V["party"] = p.ID, p.ID
		} else if err == nil {
			err = bad
		}
	}
	auto := q.Form.Has("_auto")
	if q.Form.Has("more") {
		e.More = fewest
		return e.again(q, d, nil)
	}
	var s trade.Shown
	if err == nil {
		s, err = e.keep(q, d)
	}
	switch {
	case auto:
		return e.answer(q, d, s, err)
	case fault.Is(err, fault.KindConflict) && e.ID != "":
		return e.conflict(q, d)
	case fault.Is(err, fault.KindNotFound) && e.ID != "":
		return e.again(q, d, fault.Refused("web.invoice.discarded"))
	case err != nil:
		return e.again(q, d, err)
	case q.Form.Has("go"):
		return q.Go("/invoices/"+url.PathEscape(s.ID), "web.done.saved")
	}
	return q.Go("/invoices/"+url.PathEscape(s.ID)+"/edit", "web.done.saved")
}

func (e *editor) keep(q *page.Req, d trade.Draft) (trade.Shown, error) {
	if e.ID == "" {
		return page.Run(q, trade.Create, d)
	}
	return page.Run(q, trade.Update, trade.UpdateIn{ByVersion: trade.ByVersion{ID: e.ID, Version: e.Version}, Draft: d})
}

// answer is what the script gets: the sums, how the rows are written, and
// whether the draft was kept.
type answer struct {
	Panel    panel    `json:"panel"`
	Rows     []rowSum `json:"rows"`
	Action   string   `json:"action"` // where the form goes from now on
	Doc      string   `json:"doc"`    // and where the document is
	Party    string   `json:"party"`
	Partner  string   `json:"partner"`
	Version  string   `json:"version"`
	Base     string   `json:"base"`
	Saved    string   `json:"saved"` // what is said of it
	Wrong    string   `json:"wrong"`
	Conflict bool     `json:"conflict"`
	Due      string   `json:"due"` // by the partner's terms, for a field nobody has touched
	DueHint  string   `json:"dueHint"`
}

// answer tells the script what became of an autosave.
func (e *editor) answer(q *page.Req, d trade.Draft, s trade.Shown, err error) (page.Answer, error) {
	out := answer{Rows: e.answers(q, d, err)}
	f := fault.Of(err)
	switch {
	case f == nil:
		e.kept(q, s)
		out.Panel, out.Rows, out.Party, out.Partner = e.Panel, e.answers(q, d, nil), s.Party, s.PartyName
		out.Action, out.Doc, out.Version, out.Base = e.Action(), "/invoices/"+url.PathEscape(s.ID), strconv.FormatInt(s.Version, 10), e.Base
		out.Saved = q.T("web.invoice.saved_at", "time", e.Saved)
	case f.Kind == fault.KindConflict:
		out.Conflict = true
	case f.Kind == fault.KindInvalid || f.Kind == fault.KindRefused:
		out.Wrong = sentence(q, named(q, err))
	case f.Kind == fault.KindNotFound && e.ID != "":
		out.Wrong = q.T("web.invoice.discarded")
	default:
		return page.Answer{}, err
	}
	return page.JSON(out)
}

// sentence is a fault in words, with the first of its parts.
func sentence(q *page.Req, err error) string {
	all := parts(err)
	s := q.T(all[0].Key, all[0].Args...)
	if len(all) > 1 {
		s += q.T("web.invoice.and_more", "n", len(all)-1)
	}
	return s
}

// calc computes what is typed without keeping it.
func calc(q *page.Req) (page.Answer, error) {
	e := typedIn(q)
	d, bad := e.draft(q.Today())
	var out answer
	if d.Party == "" && e.V["partner"] != "" {
		p, err := find(q, e.V["partner"])
		if err != nil && !fault.Is(err, fault.KindInvalid) {
			return page.Answer{}, err
		}
		d.Party = p.ID
	}
	if d.Party != "" {
		p, err := page.Run(q, trade.Preview, d)
		switch {
		case err == nil:
			out.Panel = panelOf(q, p.Sums, p.Problems)
			out.Due, out.DueHint = page.Date(p.Due), page.Era(q.Lang, p.Due)
			e.amounts(p.Sums)
		case fault.Is(err, fault.KindInvalid):
			out.Wrong = sentence(q, named(q, err))
		default:
			return page.Answer{}, err
		}
	}
	out.Rows = e.answers(q, d, bad)
	return page.JSON(out)
}

// clash is the page on which somebody chooses between two drafts.
type clash struct {
	*editor
	Choices []choice
}

// conflict shows side by side what differs from what somebody else has kept
// meanwhile. Nothing typed is lost: it goes along in the form.
func (e *editor) conflict(q *page.Req, d trade.Draft) (page.Answer, error) {
	s, err := page.Run(q, trade.Show, trade.ByID{ID: e.ID})
	if err != nil {
		return page.Answer{}, err
	}
	if s.State != trade.Drafted {
		return e.again(q, d, fault.Refused("invoice.is_issued", "number", s.Number))
	}
	merged, choices := merge(e.Base, d, s.Content, func(name string) string { return q.Form.Get("pick_" + name) })
	if len(choices) == 0 || q.Form.Has("merge") && q.Int("version") == s.Version && !open(choices) {
		return e.settle(q, merged, s)
	}
	e.Version = s.Version
	if err := e.surround(q); err != nil {
		return page.Answer{}, err
	}
	a, _ := q.Show("invoice/conflict", q.T("web.invoice.conflict"), clash{e, words(q, e, choices)})
	return q.Again(fault.Conflict("web.invoice.conflict_text"), a)
}

func open(all []choice) bool {
	for _, c := range all {
		if c.Pick == "" {
			return true
		}
	}
	return false
}

// settle keeps what was chosen.
func (e *editor) settle(q *page.Req, merged trade.Draft, s trade.Shown) (page.Answer, error) {
	e.Version, e.Base, e.typed = s.Version, prints(s.Content), typedOf(merged)
	if _, err := e.keep(q, merged); err != nil {
		if fault.Is(err, fault.KindConflict) {
			return e.conflict(q, merged)
		}
		return e.again(q, merged, err)
	}
	return q.Go(e.Action(), "web.done.merged")
}

// mergePost takes the choices; when somebody has kept yet another version
// meanwhile, it asks again.
func mergePost(q *page.Req) (page.Answer, error) {
	e := typedIn(q)
	d, err := e.draft(q.Today())
	if err != nil {
		return e.again(q, d, err)
	}
	return e.conflict(q, d)
}

// Hint is the era and the day of the week of a date field.
func (e *editor) Hint(q *page.Req, name string) string {
	d, err := page.ReadDate(e.V[name], q.Today())
	if err != nil {
		return ""
	}
	return page.Era(q.Lang, d)
}

// EmptyRow is what the script adds.
func (e *editor) EmptyRow() row { return row{} }
