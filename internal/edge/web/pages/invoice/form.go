package invoice

import (
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/money"
	trade "sekisho/internal/trade/invoice"
)

// typed is a draft as it stands in the form: text, so that nothing is lost when
// some of it cannot be read.
type typed struct {
	V    map[string]string // fields of the head
	Mail []string          // proposed recipients, which go along as they are
	Rows []row
}

// row is one line as typed. At is its place among the rows that were posted:
// empty ones are left out.
type row struct {
	Date, Slip, Description, Quantity, Unit, Price, Category, Note string
	Amount                                                         string
	At                                                             int
}

// fields of the head, and cells of a line, by their names in the form.
var (
	heads = []string{"party", "partner", "contact", "subject", "date", "period_from", "period_to", "due", "returned", "delivery", "pricing", "rounding",
		"account", "discount", "discount_text", "message", "notes"}
	cells = []string{"date", "slip", "description", "quantity", "unit", "price", "category", "note"}
)

const (
	fewest = 12   // rows that are to be seen at least
	most   = 2000 // rows that are looked at; the op takes fewer and says so
)

// read takes the form as it was typed.
func read(f url.Values) typed {
	t := typed{V: map[string]string{}, Mail: f["recipients"]}
	for _, name := range heads {
		t.V[name] = strings.TrimSpace(f.Get(name))
	}
	n := 0
	for _, c := range cells {
		n = max(n, len(f["l_"+c]))
	}
	for i := range min(n, most) {
		cell := func(name string) string {
			if v := f["l_"+name]; i < len(v) {
				return strings.TrimSpace(v[i])
			}
			return ""
		}
		r := row{cell("date"), cell("slip"), cell("description"), cell("quantity"), cell("unit"), cell("price"), cell("category"), cell("note"), "", i}
		if r.Date+r.Slip+r.Description+r.Quantity+r.Unit+r.Price+r.Note != "" {
			t.Rows = append(t.Rows, r)
		}
	}
	return t
}

// draft reads what was typed; what cannot be read counts as empty and is named.
func (t typed) draft(today civil.Date) (trade.Draft, error) {
	var bad []*fault.Error
	day := func(s, field string) civil.Date {
		d, err := page.ReadDate(s, today)
		if err != nil {
			bad = append(bad, fault.Of(err).At(field))
		}
		return d
	}
	v := t.V
	d := trade.Draft{Party: v["party"], Contact: v["contact"], Subject: v["subject"], Date: day(v["date"], "date"),
		PeriodFrom: day(v["period_from"], "period_from"), PeriodTo: day(v["period_to"], "period_to"), Due: day(v["due"], "due"),
		Returned: day(v["returned"], "returned"), Delivery: v["delivery"] == "1", Pricing: money.Pricing(v["pricing"]), Rounding: money.Rounding(v["rounding"]),
		Account: v["account"], Message: v["message"], Notes: v["notes"], Recipients: t.Mail, Discount: trade.Discount{Description: v["discount_text"]}}
	var err error
	if d.Discount.Amount, err = page.ReadYen(v["discount"]); err != nil {
		bad = append(bad, fault.Of(err).At("discount"))
	}
	for i, r := range t.Rows {
		at := fmt.Sprintf("lines[%d].", i)
		number := func(s, field string) money.Decimal {
			n, err := readNumber(s)
			if err != nil {
				bad = append(bad, fault.Of(err).At(at+field))
			}
			return n
		}
		d.Lines = append(d.Lines, trade.Line{Date: day(r.Date, at+"date"), Slip: r.Slip, Description: r.Description, Quantity: number(r.Quantity, "quantity"),
			Unit: r.Unit, UnitPrice: number(r.Price, "unit_price"), Category: money.Category(r.Category), Note: r.Note})
	}
	return d, fault.Several(bad...)
}

// plain drops what people put around numbers.
var plain = strings.NewReplacer("▲", "-", "△", "-", "−", "-", "¥", "", "円", "", ",", "", " ", "")

// readNumber reads a quantity or a price as people write it: 1,200 １２．５ ▲300.
func readNumber(s string) (money.Decimal, error) {
	s = plain.Replace(norm.NFKC.String(s))
	sign := ""
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		sign, s = "-", rest
	}
	if s == "" {
		return money.Decimal{}, nil
	}
	if s = strings.TrimLeft(s, "0"); s == "" || s[0] == '.' {
		s = "0" + s
	}
	return money.ParseDecimal(sign + s)
}

// number writes one as it is read best.
func number(n money.Decimal) string { return strings.Replace(n.Grouped(), "-", "▲", 1) }

// typedOf is a kept draft as the form shows it.
func typedOf(d trade.Draft) typed {
	t := typed{Mail: d.Recipients, V: map[string]string{"party": d.Party, "partner": "", "contact": d.Contact, "subject": d.Subject, "date": page.Date(d.Date),
		"period_from": page.Date(d.PeriodFrom), "period_to": page.Date(d.PeriodTo), "due": page.Date(d.Due), "returned": page.Date(d.Returned), "delivery": "",
		"pricing": pricing(d), "rounding": string(d.Rounding), "account": d.Account, "discount": "", "discount_text": d.Discount.Description,
		"message": d.Message, "notes": d.Notes}}
	if d.Delivery {
		t.V["delivery"] = "1"
	}
	if d.Discount.Amount != 0 {
		t.V["discount"] = page.Yen(d.Discount.Amount)
	}
	for i, l := range d.Lines {
		r := row{page.Date(l.Date), l.Slip, l.Description, "", l.Unit, "", string(l.Category), l.Note, "", i}
		if !l.Quantity.IsZero() || !l.UnitPrice.IsZero() {
			r.Quantity, r.Price = number(l.Quantity), number(l.UnitPrice)
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

// Blank are empty rows below those that are filled in.
func (t typed) Blank(more int) []row { return make([]row, max(fewest-len(t.Rows), 3)+more) }

// Negative tells whether the line lowers the total.
func (r row) Negative() bool { return strings.HasPrefix(r.Amount, "▲") }
