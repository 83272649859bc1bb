package home

import (
	"strconv"

	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/money"
	"sekisho/internal/trade/invoice"
)

// Figures is the page of figures: it also fills in the first page, which is not
// kept waiting for a sum over many years.
type Figures struct {
	invoice.Figures
	Now, LastYear money.Yen // this month's, and the same month's of last year
	Percent       string    // of last year's; "" without one
	Owed          money.Yen
	Sales, Ages   page.Chart
}

func figures(q *page.Req) (page.Answer, error) {
	s, err := page.Run(q, invoice.Summary, struct{}{})
	if err != nil {
		return page.Answer{}, err
	}
	f := Figures{Figures: s}
	f.sales(q)
	f.ages(q)
	return q.Show("home/figures", q.T("web.figures.title"), f)
}

// sales are the last twelve months beside the twelve before them.
func (f *Figures) sales(q *page.Req) {
	by := map[string]money.Yen{}
	for _, m := range f.Months {
		by[m.Month] = m.Base
	}
	today := q.Today()
	first := today.AddDays(1 - today.Day())
	f.Sales = page.Chart{Kind: "bars", Title: q.T("web.figures.sales"), Unit: q.T("web.figures.unit"), Names: [2]string{q.T("web.figures.this_year"), q.T("web.figures.last_year")}}
	for back := 11; back >= 0; back-- {
		m := first.AddMonths(-back)
		now, then := by[month(m)], by[month(m.AddMonths(-12))]
		f.Sales.Rows = append(f.Sales.Rows, page.Point{Label: q.T("web.figures.month", "n", int(m.Month())), A: int64(now) / 10_000, B: int64(then) / 10_000})
		if back == 0 {
			f.Now, f.LastYear = now, then
		}
	}
	if f.LastYear > 0 {
		f.Percent = strconv.FormatInt(int64(f.Now)*100/int64(f.LastYear), 10)
	}
}

func month(d civil.Date) string { return d.String()[:7] }

// ages are the parts of what is owed.
func (f *Figures) ages(q *page.Req) {
	f.Ages = page.Chart{Kind: "strip", Title: q.T("web.figures.ages"), Unit: q.T("web.yen")}
	for i, a := range f.Figures.Ages {
		f.Owed += a.Amount
		f.Ages.Rows = append(f.Ages.Rows, page.Point{Label: q.T("web.figures.age_" + strconv.Itoa(i)), A: int64(a.Amount), B: a.Invoices})
	}
}
