package sheet

import (
	"sekisho/internal/kernel/pdf"
)

// column is one column of the lines' table.
type column struct {
	heading string
	width   pdf.Length
	number  bool // set to the right
}

const (
	cellPad = 1500 // µm on each side of a cell's text
	rowPad  = 1000 // µm above and below a row's text
	markX   = 4500 // µm kept for ※ at the end of a description
	descCol = 2
)

func (f *flow) columns() []column {
	date, amount := "date", "amount_excluded"
	if f.s.Delivery {
		date = "delivery_date"
	}
	if f.s.Kind == Return {
		date += "_original"
	}
	if f.s.TaxIncluded {
		amount = "amount_included"
	}
	return []column{
		{label("column." + date), 19 * pdf.MM, false},
		{label("column.slip"), 22 * pdf.MM, false},
		{label("column.description"), 52 * pdf.MM, false},
		{label("column.quantity"), 14 * pdf.MM, true},
		{label("column.unit"), 13 * pdf.MM, false},
		{label("column.unit_price"), 20 * pdf.MM, true},
		{label("column.rate"), 10 * pdf.MM, true},
		{label("column." + amount), 24 * pdf.MM, true},
	}
}

// table writes the lines; its heading stands on every page that has some.
func (f *flow) table() {
	cols := f.columns()
	f.room(20 * pdf.MM)
	f.heading(cols)
	for _, l := range f.s.Lines {
		f.row(cols, l)
	}
	f.page.Rule(left, f.y, right, f.y, rule)
	f.y += 2 * pdf.MM
	for _, l := range f.s.Lines {
		if l.Reduced {
			f.room(leading)
			f.page.Text(left, f.y+leading-pdf.MM, label("reduced_legend"), small)
			break
		}
	}
}

func (f *flow) heading(cols []column) {
	f.page.Rule(left, f.y, right, f.y, rule)
	x := left
	for _, c := range cols {
		f.page.TextCenter(x+c.width/2, f.y+4*pdf.MM, c.heading, small)
		x += c.width
	}
	f.y += 6 * pdf.MM
	f.page.Rule(left, f.y, right, f.y, rule)
}

// cell is the text of one column of a row, broken into lines.
type cell struct {
	lines []string
	style pdf.Style
}

// row writes one line of the invoice. A row goes whole to the next page, but
// one taller than a page goes on over several.
func (f *flow) row(cols []column, l Line) {
	values := []string{slashDate(l.Date), l.Slip, l.Description, l.Quantity, l.Unit, l.UnitPrice, l.Rate, yen(l.Amount)}
	cells := make([]cell, len(cols))
	count := 1
	for i, c := range cols {
		width := c.width - 2*cellPad
		if i == descCol {
			cells[i] = cell{pdf.Break(values[i], body.Size, width-markX), body}
		} else {
			least := tiny
			if c.number {
				least = pdf.Pt(4) // a figure in two lines would be misread
			}
			cells[i].lines, cells[i].style = fitted(values[i], width, body, least)
		}
		count = max(count, len(cells[i].lines))
	}
	const page = bottom - top - 20*pdf.MM // what a page holds beside its headings
	if h := pdf.Length(count)*leading + 2*rowPad; f.y+h > bottom && h <= page {
		f.nextTable(cols)
	}
	f.y += rowPad
	for n := range count {
		if f.y+leading+rowPad > bottom {
			f.nextTable(cols)
			f.y += rowPad
		}
		f.rowLine(cols, cells, n, l.Reduced && n == 0)
	}
	f.y += rowPad
	f.page.Rule(left, f.y, right, f.y, hairline)
}

func (f *flow) nextTable(cols []column) {
	f.page.Rule(left, f.y, right, f.y, rule)
	f.next()
	f.heading(cols)
}

func (f *flow) rowLine(cols []column, cells []cell, n int, marked bool) {
	x, base := left, f.y+leading-pdf.MM
	for i, c := range cols {
		if n < len(cells[i].lines) {
			if c.number {
				f.page.TextRight(x+c.width-cellPad, base, cells[i].lines[n], cells[i].style)
			} else {
				f.page.Text(x+cellPad, base, cells[i].lines[n], cells[i].style)
			}
		}
		x += c.width
		if i == descCol && marked {
			f.page.TextRight(x-cellPad, base, label("reduced_mark"), body)
		}
	}
	f.y += leading
}

// summary is the total per rate and of all, as one block.
func (f *flow) summary() {
	const (
		x     = 92 * pdf.MM
		baseX = right - 34*pdf.MM
		taxX  = right
		step  = 6 * pdf.MM
	)
	f.room(step*pdf.Length(len(f.s.Rates)+3) + 4*pdf.MM)
	base, tax := "base_excluded", "tax"
	if f.s.TaxIncluded {
		base, tax = "base_included", "tax_included"
	}
	put := func(name, base, tax string, st pdf.Style) {
		lines, nameStyle := fitted(name, baseX-32*pdf.MM-x, st, tiny)
		for i, l := range lines {
			f.page.Text(x+cellPad, f.y+pdf.Length(i)*leading+4*pdf.MM, l, nameStyle)
		}
		for _, v := range []struct {
			at    pdf.Length
			value string
		}{{baseX, base}, {taxX, tax}} {
			size, _ := pdf.Fit(v.value, 30*pdf.MM, st.Size, tiny)
			f.page.TextRight(v.at-cellPad, f.y+4*pdf.MM, v.value, pdf.Style{Size: size, Bold: st.Bold})
		}
		f.y += step + pdf.Length(len(lines)-1)*leading
		f.page.Rule(x, f.y, right, f.y, hairline)
	}
	put(label("rate_heading"), label(base), label(tax), small)
	for _, r := range f.s.Rates {
		name := r.Label
		if r.Reduced {
			name = label("reduced_mark") + " " + name
		}
		f.room(3 * step)
		put(name, yen(r.Base), yen(r.Tax), body)
	}
	put(label("sum"), yen(f.s.Base), yen(f.s.Tax), body)
	f.room(2 * step)
	f.y += 6 * pdf.MM
	f.page.Text(x+cellPad, f.y, label(f.s.key("total")), pdf.Style{Size: pdf.Pt(11), Bold: true})
	f.page.TextRight(right-cellPad, f.y, "¥"+yen(f.s.Total), f.amount(f.s.Total, 50*pdf.MM, pdf.Pt(13)))
	f.y += 2 * pdf.MM
	f.page.Rule(x, f.y, right, f.y, frame)
}

// balance is the row of an account that is carried from bill to bill.
func (f *flow) balance() {
	b := f.s.Balance
	if b == nil {
		return
	}
	const height = 11 * pdf.MM
	cells := []struct {
		key   string
		value int64
	}{{"previous", b.Previous}, {"received", b.Received}, {"carried", b.Carried}, {"current", b.Current}, {"balance_due", b.Due}}
	width := (right - left) / pdf.Length(len(cells))
	f.room(height)
	f.page.Frame(left, f.y, right-left, height, hairline)
	for i, c := range cells {
		x := left + pdf.Length(i)*width
		if i > 0 {
			f.page.Rule(x, f.y, x, f.y+height, hairline)
		}
		f.page.TextCenter(x+width/2, f.y+4*pdf.MM, label(c.key), small)
		st := f.amount(c.value, width-2*cellPad, pdf.Pt(10))
		st.Bold = i == len(cells)-1
		f.page.TextRight(x+width-cellPad, f.y+9*pdf.MM, "¥"+yen(c.value), st)
	}
	f.y += height + 4*pdf.MM
}

func (f *flow) accounts() {
	var ps []string
	for _, a := range f.s.Accounts {
		coded := func(name, code string) string {
			if code == "" {
				return name
			}
			return name + "（" + code + "）"
		}
		ps = append(ps, joined(coded(a.Bank, a.BankCode), coded(a.Branch, a.BranchCode), a.Kind, a.Number)+
			"\n"+joined(label("holder"), a.Holder))
	}
	if len(ps) > 0 {
		f.section(label("accounts"), ps...)
	}
}

// check says where the account can be looked up.
func (f *flow) check() {
	if c := f.s.Check; c != nil {
		f.section(label("check"), label("check_text"), c.Address, label("check_code", "code", c.Code))
	}
}

func (f *flow) notes() {
	if f.s.Notes != "" {
		f.section(label("notes"), f.s.Notes)
	}
}
