package party

import (
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/mailaddr"
	"sekisho/internal/kernel/vault"
)

// Way is how a partner wants to receive documents (受け取り方).
type Way string

// The ways. Without a recorded one it is ByLink, where there is a portal.
const (
	ByLink       Way = "link"       // 受け取りリンク
	ByAttachment Way = "attachment" // メール添付
	ByService    Way = "service"    // 受信専用アドレス of a receiving service, which takes attachments
	ByPaper      Way = "paper"      // 郵送
)

// Attaches tells whether files may go to the partner inside a mail.
func (w Way) Attaches() bool { return w == ByAttachment || w == ByService }

// Choice is what a partner said about how it wants to receive documents, with
// the proof of it.
type Choice struct {
	gate.Row
	Party    string     `json:"party" col:"party_id" class:"internal,plain"`
	Way      Way        `json:"way" col:"choice" class:"internal,plain"`
	Address  string     `json:"address" col:"address" class:"confidential"` // of the receiving service, canonical
	SaidOn   civil.Date `json:"said_on" col:"said_on" class:"internal,plain"`
	SaidBy   string     `json:"said_by" col:"said_by" class:"personal"` // who at the partner
	Proof    string     `json:"proof" col:"proof" class:"personal"`     // in what it can be read again
	Person   string     `json:"person" col:"person" class:"internal,plain"`
	Approver string     `json:"approver" col:"approver" class:"internal,plain"`
}

var choices = gate.NewTable[Choice]("party_choice", gate.Scoped("", "", "party_id"), gate.Unit(vault.KindPersonal, "party", "party_id"))

// ChoiceOf is what a partner chose last; the zero Choice if nothing is recorded.
func ChoiceOf(x *gate.Tx, party string) (Choice, error) {
	p, err := choices.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("party_id", party)}, By: "created_at", Desc: true, Limit: 1})
	if err != nil || len(p.Rows) == 0 {
		return Choice{}, err
	}
	return p.Rows[0], nil
}

// ChoiceIn is a choice as the partner has made it.
type ChoiceIn struct {
	Party   string     `json:"party" required:"true"`
	Way     Way        `json:"way" required:"true" enum:"link,attachment,service,paper"`
	Address string     `json:"address" max:"400" text:"raw"` // of a receiving service
	SaidOn  civil.Date `json:"said_on"`                      // today if none, never a day to come
	SaidBy  string     `json:"said_by" required:"true" max:"100"`
	Proof   string     `json:"proof" required:"true" text:"multiline" max:"1000"`
}

func (in ChoiceIn) check(x *gate.Tx) (Choice, error) {
	c := Choice{Party: in.Party, Way: in.Way, SaidOn: in.SaidOn, SaidBy: in.SaidBy, Proof: in.Proof}
	if c.SaidOn.IsZero() {
		c.SaidOn = today(x)
	}
	if c.SaidOn.After(today(x)) {
		return c, fault.Invalid("party.future_day").At("said_on")
	}
	if (in.Way == ByService) != (in.Address != "") {
		return c, fault.Invalid("party.choice_address").At("address")
	}
	if in.Address != "" {
		a, err := mailaddr.Parse(in.Address)
		if err != nil {
			return c, fault.Of(err).At("address")
		}
		c.Address = a.String()
	}
	was, err := ChoiceOf(x, in.Party)
	if err == nil && was.Way == c.Way && was.Address == c.Address {
		err = fault.Refused("party.no_change")
	}
	return c, err
}

// weakens tells whether files would go where they did not go before: inside a
// mail instead of behind a link.
func (c Choice) weakens(was Choice) bool {
	return c.Way.Attaches() && (!was.Way.Attaches() || c.Address != was.Address)
}

// choiceView is what a second person sees.
type choiceView struct {
	Code    string     `json:"code"`
	Name    string     `json:"name"`
	Way     Way        `json:"way"`
	Address string     `json:"address"`
	SaidOn  civil.Date `json:"said_on"`
	SaidBy  string     `json:"said_by"`
	Proof   string     `json:"proof"`
}

func (c Choice) view(p Party) choiceView {
	return choiceView{p.Code, p.Name, c.Way, c.Address, c.SaidOn, c.SaidBy, c.Proof}
}

// ChoiceSet records how a partner wants to receive documents (受け取り方の登録).
// From a link back to files inside a mail, a second person agrees.
var ChoiceSet = gate.New(gate.Op[ChoiceIn, Choice]{
	Name: "party.choice_set", Mode: gate.Write,
	Alone:  func(in ChoiceIn) []string { return lock(in.Party) },
	Target: func(x *gate.Tx, in ChoiceIn) (gate.Target, error) { return about(x, in.Party) },
	FourEyes: func(x *gate.Tx, in ChoiceIn) (gate.Second, error) {
		p, err := Get(x, in.Party)
		if err != nil {
			return gate.Second{}, err
		}
		c, err := in.check(x)
		if err != nil {
			return gate.Second{}, err
		}
		was, err := ChoiceOf(x, in.Party)
		if err != nil {
			return gate.Second{}, err
		}
		s, err := second(p, was.view(p), c.view(p))
		s.Needed, s.Silent = c.weakens(was), "not_weaker"
		return s, err
	},
	Do: func(x *gate.Tx, in ChoiceIn) (Choice, error) {
		c, err := in.check(x)
		if err != nil {
			return c, err
		}
		c.Person, c.Approver = x.Actor().Person, x.ApprovedBy()
		return c, choices.Insert(x, &c)
	},
})

// ChoicesOut is what a partner chose, latest first.
type ChoicesOut struct {
	Rows []Choice `json:"rows"`
	Next string   `json:"next" class:"internal"`
}

// ChoicesIn asks for a page.
type ChoicesIn struct {
	Party string `json:"party" required:"true"`
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// Choices lists what a partner chose.
var Choices = gate.New(gate.Op[ChoicesIn, ChoicesOut]{
	Name: "party.choices", Mode: gate.Read,
	Target: func(x *gate.Tx, in ChoicesIn) (gate.Target, error) { return about(x, in.Party) },
	Do: func(x *gate.Tx, in ChoicesIn) (ChoicesOut, error) {
		p, err := choices.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("party_id", in.Party)}, By: "created_at", Desc: true, After: in.After, Limit: in.Limit})
		return ChoicesOut{p.Rows, p.Next}, err
	},
})
