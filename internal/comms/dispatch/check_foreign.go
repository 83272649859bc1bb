package dispatch

import "slices"

// The content–recipient lock: what belongs to another partner does not go to
// this one.

// identifies tells whether a kind of hit means one partner and nothing else.
// What identifies always stops, also where a relation is recorded: a name of the
// group may rightly stand in an invoice, the number of its own invoice may not.
func (k HitKind) identifies() bool {
	switch k {
	case HitName, HitPhone, HitDomain:
		return false
	}
	return true
}

// explain marks what a recorded relation, or a document's own ship-to, makes
// ordinary. Only a paper that we made tells where we bring the goods: the column
// 納品先 of a list names whose rows they are. related are the partners with a relation in force, and whether that
// is one as a maker only.
func (f *Facts) explain(related map[string]relation) {
	ships := map[string]bool{}
	for _, a := range f.Files {
		for _, h := range a.Hits {
			if h.Ship && a.HasName && a.Ours {
				ships[h.Party] = true
			}
		}
	}
	mark := func(hits []Hit) {
		for i := range hits {
			h := &hits[i]
			for _, p := range append([]string{h.Party}, h.Others...) {
				r := related[p]
				h.Related, h.Maker = h.Related || r.other, h.Maker || r.maker
			}
			h.Shipped = ships[h.Party] && !h.To
		}
	}
	mark(f.Subject)
	mark(f.Body)
	for i := range f.Files {
		mark(f.Files[i].Hits)
	}
}

// relation is how another partner is related: as a maker, or in another way.
type relation struct{ maker, other bool }

// fileForeign and textForeign judge the hits in files and words.
func fileForeign(f Facts) []Finding {
	var out []Finding
	for _, a := range f.Files {
		out = append(out, foreign(a.Item, a.Hits)...)
	}
	return out
}

func textForeign(f Facts) []Finding {
	return append(foreign(ItemSubject, f.Subject), foreign(ItemBody, f.Body)...)
}

// foreign judges hits: an identifier or a telling name stops; a name that is
// short or common, one that a product bears, and one that a ship-to or a
// recorded relation explains, asks for a look.
func foreign(item string, hits []Hit) []Finding {
	var out []Finding
	for _, h := range hits {
		x := stop(item, "foreign_"+string(h.Kind), WayEdit)
		switch {
		case h.Kind.identifies():
		case h.Related:
			x = caution(item, "related", false)
		case h.Maker && (h.Product || h.Weak):
			continue // a ware of a maker whose products are sold, as recorded
		case h.Maker:
			x = caution(item, "related", false)
		case h.Product:
			x = caution(item, "foreign_product", false)
		case h.Weak:
			x = caution(item, "foreign_weak", false)
		case h.Shipped:
			x = caution(item, "foreign_ship", true)
		default:
			x.Ways = append(x.Ways, WayRelation)
		}
		x.Shown, x.Other = h.Value, h.Party
		out = append(out, x)
	}
	return slices.CompactFunc(out, func(a, b Finding) bool { return a.Key == b.Key && a.Item == b.Item && a.Shown == b.Shown })
}
