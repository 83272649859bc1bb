package dispatch

import (
	"sekisho/internal/base/document"
	"sekisho/internal/kernel/gate"
)

// withdrawn adds to the facts what was withdrawn after it was made: documents that
// count no more, and what a reported mis-send has frozen.
func (s *standing) withdrawn(x *gate.Tx, b bundle) error {
	list, err := freezes.Find(x, gate.In("mark", b.marks(x)))
	if err != nil {
		return err
	}
	frozen := map[string]bool{}
	for _, f := range list {
		frozen[f.Mark] = frozen[f.Mark] || f.Active
	}
	s.facts.Frozen = frozen[packageMark(b.ID)]
	for i, f := range b.files {
		a := &s.facts.Files[i]
		a.Frozen = frozen[documentMark(f)] || frozen[bytesMark(x, f)]
		d, err := document.Get(x, f.Document)
		if err != nil {
			return err
		}
		a.Standing = d.Standing
		if a.Standing == document.InForce && d.Latter != "" {
			a.Standing = document.Superseded
		}
	}
	return nil
}

// outOfForce: a corrected or cancelled document is not sent as an invoice, and as
// anything else only after a second look; a void one is not sent at all.
func outOfForce(f Facts) []Finding {
	var out []Finding
	for _, a := range f.Files {
		var x Finding
		switch {
		case a.Standing == document.InForce:
			continue
		case a.Standing == document.Void:
			x = stop(a.Item, "void", WayEdit)
		case f.Purpose == ForInvoice:
			x = stop(a.Item, string(a.Standing), WayEdit)
		default:
			x = caution(a.Item, string(a.Standing)+"_copy", true)
		}
		x.Shown = a.Name
		out = append(out, x)
	}
	return out
}

// reported: while a mis-send is not decided about, neither its package nor
// anything that was in it goes out again.
func reported(f Facts) []Finding {
	if f.Frozen {
		return []Finding{stop(ItemPackage, "frozen")}
	}
	return eachFile(f, func(a FileFact) bool { return a.Frozen },
		func(a FileFact) Finding { return stop(a.Item, "frozen_file", WayEdit) })
}

// given marks the documents of a package: from here on their bytes may be out, by
// the op named.
func (b *bundle) given(x *gate.Tx, op string) error {
	for _, f := range b.files {
		if err := document.Give(x, f.Document, op); err != nil {
			return err
		}
	}
	return nil
}
