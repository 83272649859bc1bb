package bundle

import (
	"slices"
	"strings"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/money"
	"sekisho/internal/trade/intake"
)

// billed are headings of the amount that was billed, the best first. In a list
// of open invoices the balance comes first; here it is another thing.
const billed = "今回請求額 今回御請求額 ご請求額 ご請求金額 請求金額 請求額 請求金額(税込) 税込金額 税込合計 合計金額 合計 金額 amount total"

// ReadList reads the list of the other program: CSV in UTF-8 or CP932. Every line
// must be whole, or the list is refused with the line; a total line at the end
// that has neither number nor code is passed over.
func ReadList(b []byte, as intake.Encoding) ([]Line, error) {
	if len(b) > MaxListing {
		return nil, fault.Invalid("bundle.list_large", "max", MaxListing>>20).At("list")
	}
	t, err := intake.Read(b, as)
	if err != nil {
		return nil, fault.Of(err).At("list")
	}
	if len(t.Bad) > 0 {
		return nil, fault.Invalid("bundle.list_line", "line", t.Bad[0].Line).At("list")
	}
	at := map[intake.Field]int{}
	for _, c := range intake.Guess(intake.OpenInvoices, t.Headings) {
		at[c.Field] = c.Column
	}
	for _, c := range intake.Guess(intake.Partners, t.Headings) {
		if c.Field == intake.Name {
			at[c.Field] = c.Column
		}
	}
	if i := amountColumn(t.Headings); i > 0 {
		at[intake.Amount] = i
	}
	if at[intake.Amount] == 0 || at[intake.Number] == 0 && at[intake.Code] == 0 {
		return nil, fault.Invalid("bundle.list_columns").At("list")
	}
	var out []Line
	for _, r := range t.Rows {
		cell := func(f intake.Field) string {
			if i := at[f]; i > 0 {
				return strings.TrimSpace(r.Cells[i-1])
			}
			return ""
		}
		if cell(intake.Number) == "" && cell(intake.Code) == "" {
			continue
		}
		l, err := line(cell)
		if err != nil {
			return nil, fault.Invalid("bundle.list_line", "line", r.Line).At("list").Because(err)
		}
		l.Line = r.Line
		if i := slices.IndexFunc(out, func(o Line) bool { return l.Number != "" && o.Number == l.Number }); i >= 0 {
			return nil, fault.Invalid("bundle.list_twice", "line", r.Line, "number", l.Number, "other", out[i].Line).At("list")
		}
		out = append(out, l)
	}
	if len(out) == 0 || len(out) > MaxPages {
		return nil, fault.Invalid("bundle.list_rows", "max", MaxPages).At("list")
	}
	return out, nil
}

func amountColumn(headings []string) int {
	for _, want := range strings.Fields(billed) {
		if i := slices.IndexFunc(headings, func(h string) bool { return jp.Fold(h) == jp.Fold(want) }); i >= 0 {
			return i + 1
		}
	}
	return 0
}

func line(cell func(intake.Field) string) (l Line, err error) {
	for _, f := range []intake.Field{intake.Number, intake.Code, intake.Name} {
		if err := jp.Clean(cell(f), false); err != nil {
			return l, err
		}
	}
	l.Number, l.Name = cell(intake.Number), cell(intake.Name)
	if len(l.Number) > 60 || len(l.Name) > 300 {
		return l, fault.Invalid("bundle.list_long")
	}
	if c := cell(intake.Code); c != "" {
		if l.Code, err = jp.ParseCode(c); err != nil {
			return l, err
		}
	}
	if d := cell(intake.Date); d != "" {
		if l.Date, err = civil.ParseLoose(d); err != nil {
			return l, err
		}
	}
	l.Amount, err = money.ParseYen(cell(intake.Amount))
	return l, err
}

// match gives each document its line, by number, or by code where it is the only
// one of that code on both sides, and the lines without a document.
func match(groups []Group, lines []Line) (of []Line, without []Line) {
	of, used := make([]Line, len(groups)), make([]bool, len(lines))
	give := func(g, l int) { of[g], used[l] = lines[l], true }
	byNumber, byCode := map[string]int{}, map[string][]int{}
	for i, l := range lines {
		if l.Number != "" {
			byNumber[strings.ToUpper(plainly(l.Number))] = i
		}
	}
	codes := map[string]int{}
	for g, d := range groups {
		if l, ok := byNumber[strings.ToUpper(d.Said.number())]; ok && d.Said.number() != "" && !used[l] {
			give(g, l)
		} else {
			codes[d.Said.code()]++
		}
	}
	for i, l := range lines {
		if !used[i] && l.Code != "" {
			byCode[l.Code] = append(byCode[l.Code], i)
		}
	}
	for g, d := range groups {
		if c := d.Said.code(); of[g].Line == 0 && c != "" && codes[c] == 1 && len(byCode[c]) == 1 {
			give(g, byCode[c][0])
		}
	}
	for i, l := range lines {
		if !used[i] {
			without = append(without, l)
		}
	}
	return of, without
}
