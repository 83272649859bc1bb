package bundle

import (
	"slices"
	"strings"

	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/money"
)

// Finding is one thing that disagrees, with what each side says.
type Finding struct {
	Key        string `json:"key" class:"internal"`            // of the sentence
	Read       string `json:"read" class:"confidential"`       // on the paper
	List       string `json:"list" class:"confidential"`       // in the other program's list
	Registered string `json:"registered" class:"confidential"` // in the register
}

// What is found. Those of the first group nobody can decide away: the pages are
// mended or the document is left out.
const (
	FoundPageMissing = "bundle.found.page_missing"
	FoundPageOrder   = "bundle.found.page_order"
	FoundNumberTaken = "bundle.found.number_taken"
	FoundNumberList  = "bundle.found.number_list"
	FoundAmountList  = "bundle.found.amount_list"
	FoundListNone    = "bundle.found.list_none"
	FoundIssuer      = "bundle.found.issuer"
	FoundInactive    = "bundle.found.inactive"

	FoundNumberNone  = "bundle.found.number_none"
	FoundNumberTwo   = "bundle.found.number_two"
	FoundAmountNone  = "bundle.found.amount_none"
	FoundAmountTwo   = "bundle.found.amount_two"
	FoundDateNone    = "bundle.found.date_none"
	FoundDateTwo     = "bundle.found.date_two"
	FoundDateList    = "bundle.found.date_list"
	FoundCodeNone    = "bundle.found.code_none"
	FoundCodeTwo     = "bundle.found.code_two"
	FoundCodeList    = "bundle.found.code_list"
	FoundCodeUnknown = "bundle.found.code_unknown"
	FoundNameOther   = "bundle.found.name_other"
)

// Chosen is what a person decided about a document, where its labels do not tell
// or the sides disagree. Zero values decide nothing.
type Chosen struct {
	Party  string     `json:"party"`
	Number string     `json:"number"`
	Date   civil.Date `json:"date"`
	Amount money.Yen  `json:"amount"`
}

// Case is all that is known of a document when it is judged.
type Case struct {
	Said    Said
	Text    string // of all its pages
	Pages   []Finding
	Line    Line // of the list; zero if it has none
	Listed  bool // there is a list
	Partner party.Party
	Own     string // T番号 of the own company, "" if it is not entered
	Taken   bool   // a document of this number is in the archive, or in this run
	Chosen  Chosen
}

// Verdict is what a document counts as, and what stands against it.
type Verdict struct {
	Number   string
	Date     civil.Date
	Amount   money.Yen
	Findings []Finding
}

// Judge compares what the paper says with the list and the register.
func Judge(c Case) Verdict {
	v := Verdict{Findings: slices.Clone(c.Pages)}
	v.number(c)
	v.amount(c)
	v.date(c)
	v.partner(c)
	if c.Listed && c.Line.Line == 0 {
		v.find(FoundListNone, v.Number, "", "")
	}
	if own := c.Own; own != "" && len(c.Said.Registrations) > 0 && !slices.Contains(c.Said.Registrations, own) {
		v.find(FoundIssuer, strings.Join(c.Said.Registrations, ", "), "", own)
	}
	if c.Taken {
		v.find(FoundNumberTaken, v.Number, "", "")
	}
	return v
}

func (v *Verdict) find(key, read, list, registered string) {
	v.Findings = append(v.Findings, Finding{key, read, list, registered})
}

func (v *Verdict) number(c Case) {
	v.Number = c.Said.number()
	switch {
	case c.Chosen.Number != "":
		v.Number = c.Chosen.Number
	case v.Number == "":
		v.find(FoundNumberNone, "", c.Line.Number, "")
	case len(c.Said.Numbers) > 1:
		v.find(FoundNumberTwo, strings.Join(c.Said.Numbers, ", "), c.Line.Number, "")
	}
	if c.Line.Line > 0 && v.Number != "" && !strings.EqualFold(v.Number, plainly(c.Line.Number)) {
		v.find(FoundNumberList, v.Number, c.Line.Number, "")
	}
}

// amount: where no label tells it, that of the list counts if it stands in the
// paper.
func (v *Verdict) amount(c Case) {
	v.Amount = first(c.Said.Amounts)
	all := make([]string, len(c.Said.Amounts))
	for i, y := range c.Said.Amounts {
		all[i] = y.String()
	}
	switch {
	case c.Chosen.Amount != 0:
		v.Amount = c.Chosen.Amount
	case len(all) == 0 && c.Line.Line > 0 && states(c.Text, c.Line.Amount):
		v.Amount = c.Line.Amount
	case len(all) == 0:
		v.find(FoundAmountNone, "", v.list(c), "")
	case len(all) > 1:
		v.find(FoundAmountTwo, strings.Join(all, ", "), v.list(c), "")
	}
	if c.Line.Line > 0 && v.Amount != 0 && v.Amount != c.Line.Amount {
		v.find(FoundAmountList, v.Amount.String(), c.Line.Amount.String(), "")
	}
}

// list is the list's amount, "" without one.
func (Verdict) list(c Case) string {
	if c.Line.Line == 0 {
		return ""
	}
	return c.Line.Amount.String()
}

func (v *Verdict) date(c Case) {
	v.Date = first(c.Said.Dates)
	day := ""
	if !c.Line.Date.IsZero() {
		day = c.Line.Date.String()
	}
	switch {
	case !c.Chosen.Date.IsZero():
		v.Date = c.Chosen.Date
	case v.Date.IsZero():
		v.find(FoundDateNone, "", day, "")
	case day != "" && slices.Contains(c.Said.Dates, c.Line.Date):
		v.Date = c.Line.Date
	case day != "":
		v.find(FoundDateList, v.Date.String(), day, "")
	case len(c.Said.Dates) > 1:
		v.find(FoundDateTwo, v.Date.String()+", "+c.Said.Dates[1].String(), "", "")
	}
}

// partner: whose paper it is. A person who chose the partner has seen what the
// code and the name say.
func (v *Verdict) partner(c Case) {
	code, p := c.Said.code(), c.Partner
	if p.ID != "" && p.State != party.Active {
		v.find(FoundInactive, code, c.Line.Code, p.Name)
	}
	if c.Chosen.Party != "" {
		return
	}
	list := strings.TrimSpace(c.Line.Code + " " + c.Line.Name)
	switch {
	case code == "" && c.Line.Code == "":
		v.find(FoundCodeNone, c.Said.Addressee, list, "")
	case len(c.Said.Codes) > 1:
		v.find(FoundCodeTwo, strings.Join(c.Said.Codes, ", "), list, p.Name)
	case code != "" && c.Line.Code != "" && code != c.Line.Code:
		v.find(FoundCodeList, code, list, p.Name)
	case p.ID == "":
		v.find(FoundCodeUnknown, code, list, "")
	case !dispatch.Holds(c.Text, p.Name):
		v.find(FoundNameOther, c.Said.Addressee, list, p.Name)
	case c.Line.Name != "" && !dispatch.Holds(c.Line.Name, p.Name) && !dispatch.Holds(p.Name, c.Line.Name):
		v.find(FoundNameOther, c.Said.Addressee, list, p.Name)
	}
}
