package sheet

import (
	"sekisho/internal/kernel/pdf"
)

// title is the heading of the sheet.
func (s Snapshot) title() string {
	key := s.key("title")
	switch {
	case s.Corrected != nil && s.Kind == Return:
		key += "_corrected"
	case s.Corrected != nil:
		key += ".corrected"
	}
	return label(key)
}

// key names the word that another kind of sheet has instead.
func (s Snapshot) key(k string) string {
	if s.Kind == Invoice {
		return k
	}
	return k + "." + string(s.Kind)
}

// named is an earlier document with the word for its part.
type named struct {
	*Origin
	key string
}

// origins are the earlier documents the sheet names.
func (s Snapshot) origins() []named {
	var list []named
	if s.Corrected != nil {
		list = append(list, named{s.Corrected, "corrected"})
	}
	if s.Origin != nil {
		list = append(list, named{s.Origin, "origin"})
	}
	return list
}

// titleStyle is the heading's, smaller where it is long.
func (f *flow) titleStyle() pdf.Style {
	size, _ := pdf.Fit(f.s.title(), issuerWidth, pdf.Pt(22), tiny)
	return pdf.Style{Size: size, Bold: true}
}

// origin says below the total, in whole sentences, what the sheet does to the
// documents it names.
func (f *flow) origin() {
	for _, o := range f.s.origins() {
		key := "says." + o.key
		if o.key == "origin" {
			key = f.s.key("says")
		}
		f.paragraph(left, right, label(key, "date", longDate(o.IssuedOn, ""), "number", o.Number, "total", yen(o.Total)), body)
	}
	if f.s.Small {
		f.paragraph(left, right, label("small"), small)
	}
	if len(f.s.origins()) > 0 {
		f.y += 3 * pdf.MM
	}
}

// SmallReturn is the amount in yen, tax included, from which a return needs a
// qualified return invoice. The whole return counts, not each rate
// (消費税法施行令70条の9第3項2号, 基本通達1-8-17).
const SmallReturn = 10_000
