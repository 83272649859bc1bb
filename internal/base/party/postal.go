package party

import (
	"slices"
	"strings"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"
)

// The channels that end on paper.
const (
	Post = "post" // 郵送
	Fax  = "fax"  // FAX
)

// maxLine is the longest address that fits into a proposal of a recipient.
const maxLine = 240

// PaperPoint is a postal address or a FAX number documents may go to once it is
// verified (確認済み送付先). As with DeliveryPoint its address never changes.
type PaperPoint struct {
	gate.Row
	Party      string       `json:"party" col:"party_id" class:"internal,plain"`
	Channel    string       `json:"channel" col:"channel" class:"internal,plain"`
	PostalCode string       `json:"postal_code" col:"postal_code" class:"personal"`
	Address    string       `json:"address" col:"address" class:"personal"`
	Building   string       `json:"building" col:"building" class:"personal"`
	Addressee  string       `json:"addressee" col:"addressee" class:"personal"` // 宛名: the company or body
	Section    string       `json:"section" col:"section" class:"personal"`     // 部署
	Person     string       `json:"person" col:"person" class:"personal"`
	Honorific  string       `json:"honorific" col:"honorific" class:"internal,plain"`
	Number     string       `json:"number" col:"number" class:"personal"` // of the FAX as it was typed
	Line       string       `json:"line" col:"line" class:"personal,exact"`
	MaxClass   policy.Class `json:"max_class" col:"max_class" class:"internal,plain"`
	State      PointState   `json:"state" col:"state" class:"internal,plain"`
	Replaces   string       `json:"replaces" col:"replaces" class:"internal,plain"` // point retired when this one is verified
	VerifiedOn civil.Date   `json:"verified_on" col:"verified_on" class:"internal,plain"`
	VerifiedBy string       `json:"verified_by" col:"verified_by" class:"internal,plain"`
	How        string       `json:"verified_how" col:"verified_how" class:"internal,plain"`
	Called     string       `json:"called" col:"called" class:"personal"` // number that was called to hear it
	RetiredOn  civil.Date   `json:"retired_on" col:"retired_on" class:"internal,plain"`
	Slot       string       `json:"-" col:"slot" class:"internal,plain"` // "" in use, own id once retired
}

var papers = gate.NewTable[PaperPoint]("party_postal", gate.Scoped("", "", "party_id"), gate.Unit(vault.KindPersonal, "party", "party_id"))

// Normalise brings the address into the one form it is compared and stored in;
// fault.Invalid at the field that is wrong.
func (p *PaperPoint) Normalise() error {
	for _, s := range []*string{&p.Address, &p.Building, &p.Addressee, &p.Section, &p.Person, &p.Number} {
		*s = strings.Join(strings.Fields(*s), " ")
	}
	if p.Addressee == "" {
		return fault.Invalid("party.postal_addressee").At("addressee")
	}
	if p.Honorific == "" {
		p.Honorific = jp.Honorific(p.Addressee, p.Section, p.Person)
	}
	if p.Channel == Fax {
		if p.PostalCode != "" || p.Address != "" || p.Building != "" {
			return fault.Invalid("party.fax_address").At("address")
		}
		key, err := jp.PhoneKey(p.Number)
		if err != nil {
			return fault.Of(err).At("number")
		}
		p.Line = key
		return nil
	}
	if p.Number != "" {
		return fault.Invalid("party.postal_number").At("number")
	}
	code, err := jp.ParsePostalCode(p.PostalCode)
	if err != nil {
		return fault.Of(err).At("postal_code")
	}
	p.PostalCode = code
	if p.Address == "" {
		return fault.Invalid("party.postal_address").At("address")
	}
	p.Line = strings.Join(p.Block(), " ")
	if len(p.Line) > maxLine {
		return fault.Invalid("party.postal_long", "max", maxLine/3).At("address")
	}
	return nil
}

// Block are the lines of the address as they stand on an envelope (宛名).
func (p PaperPoint) Block() []string {
	var out []string
	if p.Channel == Post {
		out = append(out, "〒"+p.PostalCode, p.Address)
	}
	if p.Building != "" {
		out = append(out, p.Building)
	}
	who := p.Addressee
	switch {
	case p.Person != "":
		out = append(out, who)
		if p.Section != "" {
			out = append(out, p.Section)
		}
		who = p.Person
	case p.Section != "":
		out = append(out, who)
		who = p.Section
	}
	return append(out, jp.WithHonorific(who, p.Honorific))
}

// Is tells whether a text as typed is exactly this address: width and spaces do
// not count, everything else does.
func (p PaperPoint) Is(typed string) bool {
	if p.Channel == Fax {
		key, err := jp.PhoneKey(typed)
		return err == nil && key == p.Line
	}
	return paperKey(typed) == paperKey(p.Line)
}

func paperKey(s string) string { return strings.Join(strings.Fields(jp.Fold(s)), "") }

// Shown is the address in one line, a FAX number as it was typed.
func (p PaperPoint) Shown() string {
	if p.Channel == Fax {
		return p.Number
	}
	return p.Line
}

// Point is the address as sendings see it.
func (p PaperPoint) Point() DeliveryPoint {
	return DeliveryPoint{Row: p.Row, Party: p.Party, Channel: p.Channel, Address: p.Shown(), Label: p.Addressee, MaxClass: p.MaxClass,
		State: p.State, Replaces: p.Replaces, VerifiedOn: p.VerifiedOn, VerifiedBy: p.VerifiedBy, How: p.How, RetiredOn: p.RetiredOn, Slot: p.Slot}
}

// Verified tells whether documents may be sent there.
func (p PaperPoint) Verified() bool { return p.State == Verified }

// PaperPoints are all postal addresses and FAX numbers of a partner, retired ones included.
func PaperPoints(x *gate.Tx, party string) ([]PaperPoint, error) {
	if _, err := Get(x, party); err != nil {
		return nil, err
	}
	list, err := papers.Find(x, gate.Eq("party_id", party))
	slices.SortFunc(list, func(a, b PaperPoint) int { return strings.Compare(a.ID, b.ID) })
	return list, err
}

// PaperPointByID loads one.
func PaperPointByID(x *gate.Tx, id string) (PaperPoint, error) {
	p, err := papers.Get(x, id)
	if err == nil {
		_, err = Get(x, p.Party)
	}
	return p, err
}

// PaperElsewhere tells whether another partner has the same address in use.
func PaperElsewhere(x *gate.Tx, p PaperPoint) (bool, error) {
	list, err := papers.Find(x, gate.Eq("line", p.Line), gate.Ne("party_id", p.Party), gate.Eq("slot", ""))
	return slices.ContainsFunc(list, func(o PaperPoint) bool { return o.Channel == p.Channel }), err
}

// PaperLines are the addresses in use of all partners that are exactly typed, by
// partner: what is somebody else's is not this one's.
func PaperLines(x *gate.Tx, channel, typed string) ([]PaperPoint, error) {
	line := strings.Join(strings.Fields(typed), " ")
	if channel == Fax {
		key, err := jp.PhoneKey(typed)
		if err != nil {
			return nil, nil
		}
		line = key
	}
	list, err := papers.Find(x, gate.Eq("line", line), gate.Eq("slot", ""))
	return slices.DeleteFunc(list, func(p PaperPoint) bool { return p.Channel != channel }), err
}
