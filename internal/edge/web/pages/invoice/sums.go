package invoice

import (
	"fmt"
	"strconv"
	"strings"

	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
	trade "sekisho/internal/trade/invoice"
)

// panel is what a draft comes to and what it still lacks, in the reader's words.
// The page shows it, and its script puts the next one in its place: only the
// engine behind the ops computes.
type panel struct {
	Known    bool      `json:"known"` // false: nothing was computed yet
	Total    string    `json:"total"`
	Base     string    `json:"base"`
	Tax      string    `json:"tax"`
	Rates    []rate    `json:"rates"`
	Problems []problem `json:"problems"`
}

type rate struct {
	Label string `json:"label"`
	Base  string `json:"base"`
	Tax   string `json:"tax"`
}

// problem is one thing that keeps a draft from being issued; To leads to its field.
type problem struct {
	Text string `json:"text"`
	To   string `json:"to"`
}

func panelOf(q *page.Req, s trade.Sums, bad []trade.Problem) panel {
	p := panel{Known: true, Total: page.Yen(s.Total), Base: page.Yen(s.Base), Tax: page.Yen(s.Tax)}
	for _, r := range s.Rates {
		label := r.Label
		if r.Reduced {
			label = q.T("web.invoice.reduced_mark", "label", r.Label)
		}
		p.Rates = append(p.Rates, rate{label, page.Yen(r.Base), page.Yen(r.Tax)})
	}
	for _, b := range bad {
		words := b.JA
		if q.Lang == text.EN {
			words = b.EN
		}
		p.Problems = append(p.Problems, problem{located(q, b.Field, words), anchor(b.Field)})
	}
	return p
}

// located puts the line before what is wrong with it, unless the sentence says it.
func located(q *page.Req, field, words string) string {
	n, _, ok := line(field)
	if !ok || strings.Contains(words, q.T("web.invoice.line_said", "n", n+1)) {
		return words
	}
	return q.T("web.invoice.at_line", "n", n+1, "text", words)
}

// line is which line a field is in, from 0, and which cell of it.
func line(field string) (n int, cell string, ok bool) {
	rest, ok := strings.CutPrefix(field, "lines[")
	num, cell, closed := strings.Cut(rest, "]")
	n, err := strconv.Atoi(num)
	return n, strings.TrimPrefix(cell, "."), ok && closed && err == nil
}

// anchor is the id of the field on the page.
func anchor(field string) string {
	if n, cell, ok := line(field); ok {
		if cell == "unit_price" {
			cell = "price"
		}
		if cell == "" {
			cell = "description"
		}
		return fmt.Sprintf("l%d-%s", n, cell)
	}
	switch field {
	case "lines":
		return "l0-description"
	case "discount.amount":
		return "f-discount"
	case "discount.description":
		return "f-discount_text"
	case "party":
		return "f-partner"
	case "issuer.name", "issuer.registration_number":
		return ""
	}
	return "f-" + field
}

// rowSum answers a posted row: its amount, how its cells are written, and what
// is wrong with them.
type rowSum struct {
	Amount   string            `json:"amount"`
	Negative bool              `json:"negative"`
	Values   map[string]string `json:"values"`
	Wrong    map[string]string `json:"wrong"`
}

// amounts writes what the lines come to into the rows.
func (t *typed) amounts(s trade.Sums) {
	for i := range t.Rows {
		if t.Rows[i].Amount = ""; i < len(s.Lines) {
			t.Rows[i].Amount = page.Yen(s.Lines[i].Amount)
		}
	}
}

// answers are the rows as the script needs them: one for each that was posted.
func (t typed) answers(q *page.Req, d trade.Draft, bad error) []rowSum {
	wrong := map[string]*fault.Error{}
	for _, f := range parts(bad) {
		wrong[f.Field] = f
	}
	n := 0
	for _, r := range t.Rows {
		n = max(n, r.At+1)
	}
	out := make([]rowSum, n)
	for i, r := range t.Rows {
		a := rowSum{Amount: r.Amount, Negative: strings.HasPrefix(r.Amount, "▲"), Values: map[string]string{}, Wrong: map[string]string{}}
		for _, c := range []struct{ field, name, was, is string }{
			{"date", "date", r.Date, page.Date(d.Lines[i].Date)}, {"quantity", "quantity", r.Quantity, number(d.Lines[i].Quantity)},
			{"unit_price", "price", r.Price, number(d.Lines[i].UnitPrice)},
		} {
			f := wrong[fmt.Sprintf("lines[%d].%s", i, c.field)]
			switch {
			case f != nil:
				a.Wrong[c.name] = text.Fault(q.Lang, f)
				a.Amount = ""
			case c.was != "":
				a.Values[c.name] = c.is
			}
		}
		out[r.At] = a
	}
	return out
}

// parts are the single faults of an error.
func parts(err error) []*fault.Error {
	if err == nil {
		return nil
	}
	f := fault.Of(err)
	if len(f.Parts) > 0 {
		return f.Parts
	}
	return []*fault.Error{f}
}

// named says where something is wrong in the words of the page: an input's own
// names are for programs.
func named(q *page.Req, err error) error {
	f := fault.Of(err)
	if f == nil || f.Kind != fault.KindInvalid && f.Kind != fault.KindRefused {
		return err
	}
	if len(f.Parts) > 0 {
		all := *f
		all.Parts = nil
		for _, p := range f.Parts {
			all.Parts = append(all.Parts, fault.Of(named(q, p)))
		}
		return &all
	}
	if f.Field == "" {
		return err
	}
	said := *f
	said.Args = append([]any(nil), f.Args...)
	for i := 0; i+1 < len(said.Args); i += 2 {
		if said.Args[i] == "field" {
			said.Args[i+1] = label(q, f.Field)
		}
	}
	words := text.Fault(q.Lang, &said)
	if n, _, ok := line(f.Field); ok {
		said.Key, said.Args = "web.invoice.at_line", []any{"n", n + 1, "text", words}
	} else if name := label(q, f.Field); name != f.Field && !strings.Contains(words, name) {
		said.Key, said.Args = "web.invoice.at_field", []any{"field", name, "text", words}
	}
	return &said
}

// label is the name of a field as the page shows it.
func label(q *page.Req, field string) string {
	name := field
	if _, cell, ok := line(field); ok && cell != "" {
		name = "l_" + cell
	}
	if key := "web.invoice.f." + name; text.Has(key) {
		return q.T(key)
	}
	return field
}
