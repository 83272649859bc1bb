package bundle

import (
	"cmp"
	"strings"

	"sekisho/internal/base/document"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/money"
)

// publishing is what all publishing is alone on: numbers are looked up in the
// archive and then taken.
const publishing = "bundle.publish"

// PublishIn confirms the control totals, typed from the other program's list.
type PublishIn struct {
	Run   string    `json:"run" required:"true"`
	Count int64     `json:"count" required:"true"`
	Total money.Yen `json:"total"`
}

// Publish begins to archive the documents of a run, if nothing is undecided and
// the typed totals are those of the run. Nothing of a run can leave before.
var Publish = gate.New(gate.Op[PublishIn, Progress]{
	Name: "bundle.publish", Mode: gate.Write, Needs: gate.Needs{StepUp: true},
	Alone:  func(in PublishIn) []string { return []string{lock(in.Run), publishing} },
	Target: func(x *gate.Tx, in PublishIn) (gate.Target, error) { return about(x, in.Run) },
	Do: func(x *gate.Tx, in PublishIn) (Progress, error) {
		r, err := runs.Get(x, in.Run)
		if err != nil {
			return Progress{}, err
		}
		if r.State != Ready && (r.State != Blocked || r.unwritten()) {
			return r.progress(), fault.Refused("bundle.not_ready")
		}
		c, err := r.counts(x)
		switch {
		case err != nil:
			return r.progress(), err
		case c.Open > 0:
			return r.progress(), fault.Refused("bundle.open", "count", c.Open)
		case c.Unsettled > 0:
			return r.progress(), fault.Refused("bundle.unsettled", "count", c.Unsettled)
		case c.Fits.Count == 0:
			return r.progress(), fault.Refused("bundle.nothing")
		case in.Count != c.Control.Count || in.Total != c.Control.Total:
			return r.progress(), fault.Refused("bundle.totals", "count", in.Count, "total", in.Total,
				"expected_count", c.Control.Count, "expected_total", c.Control.Total).At("total")
		}
		x.Note("totals", c.Control)
		r.State, r.Done, r.Reason = Publishing, 0, ""
		if err := runs.Update(x, &r); err != nil {
			return r.progress(), err
		}
		_, err = jobs.Enqueue(x, ArchiveOp, SliceIn{r.ID, 0})
		return r.progress(), err
	},
})

// unwritten tells whether a run was blocked while its documents were cut.
func (r Run) unwritten() bool { return r.Reason == "bundle.unsplit" }

// ArchiveOp puts one slice of documents into the archive. One that is not the
// next was archived: a job may run twice.
var ArchiveOp = newArchive()

func newArchive() (self *gate.UseCase[SliceIn, Progress]) {
	self = gate.New(gate.Op[SliceIn, Progress]{
		Name: "bundle.archive", Mode: gate.Write,
		Alone:  func(in SliceIn) []string { return []string{lock(in.Run), publishing} },
		Target: func(x *gate.Tx, in SliceIn) (gate.Target, error) { return about(x, in.Run) },
		Do: func(x *gate.Tx, in SliceIn) (Progress, error) {
			r, err := runs.Get(x, in.Run)
			if err != nil || r.State != Publishing || r.Done != in.From {
				return r.progress(), err
			}
			if in.From == 0 {
				if err := r.origins(x); err != nil {
					return r.progress(), err
				}
			}
			if err := r.archive(x); err != nil {
				return r.progress(), err
			}
			switch {
			case r.State != Publishing:
			case r.Done >= r.Entries:
				r.State, r.PublishedAt = Published, x.Now()
			default:
				if _, err := jobs.Enqueue(x, self, SliceIn{r.ID, r.Done}); err != nil {
					return r.progress(), err
				}
			}
			return r.progress(), runs.Update(x, &r)
		},
	})
	return self
}

// origins archives the files that documents were cut out of, and the ZIPs.
func (r *Run) origins(x *gate.Tx) error {
	whole, err := items.Find(x, gate.Eq("run_id", r.ID), gate.Eq("whole", true))
	if err != nil {
		return err
	}
	are := map[int64]bool{}
	for _, i := range whole {
		are[i.Source] = true
	}
	for n := range r.Files {
		f := &r.Files[n]
		if f.Document != "" || are[int64(n)] || f.Inside > 0 {
			continue // one in a ZIP is kept with it
		}
		media := "application/pdf"
		if f.Pages == 0 {
			media = "application/zip"
		}
		d := document.Document{Kind: document.Other, Direction: document.Internal, Name: f.Name, Media: media, Digest: f.Digest, Size: f.Size, Owner: r.Owner}
		if err := document.Archive(x, &d); err != nil {
			return err
		}
		f.Document = d.ID
	}
	for n := range r.Files {
		if z := r.Files[n].Inside; z > 0 && !are[int64(n)] {
			r.Files[n].Document = r.Files[z-1].Document
		}
	}
	return nil
}

// archive archives the next documents. A number that came into the archive since
// blocks the run: a person leaves that document out, or finds out why.
func (r *Run) archive(x *gate.Tx) error {
	next, err := items.Find(x, gate.Eq("run_id", r.ID), gate.Ge("no", r.Done), gate.Le("no", r.Done+perSlice-1))
	if err != nil {
		return err
	}
	j, err := r.judge(x, next)
	if err != nil {
		return err
	}
	var changed []Item
	for _, i := range next {
		if i.State != Fits {
			continue
		}
		if j.numbers[strings.ToUpper(i.Number)] {
			i.State, i.Findings = Open, append(i.Findings, Finding{Key: FoundNumberTaken, Read: i.Number})
			r.State, r.Reason = Blocked, "bundle.number_taken"
			changed = append(changed, i)
			break
		}
		if err := r.issue(x, &i); err != nil {
			return err
		}
		j.numbers[strings.ToUpper(i.Number)] = true
		changed = append(changed, i)
	}
	if r.State == Publishing {
		r.Done += perSlice
		r.Done = min(r.Done, r.Entries)
	}
	if len(changed) == 0 {
		return nil
	}
	return items.UpdateMany(x, changed)
}

// issue archives one document under the care of whoever looks after its partner.
func (r Run) issue(x *gate.Tx, i *Item) error {
	p, err := party.Get(x, i.Party)
	if err != nil {
		return err
	}
	name := r.Files[i.Source].Name
	if !i.Whole {
		name = "請求書_" + strings.NewReplacer("/", "-").Replace(i.Number) + ".pdf"
	}
	d := document.Document{Kind: document.Invoice, Direction: document.Issued, Party: p.ID, Number: i.Number, Amount: i.Amount, Date: i.Date,
		Name: name, Media: "application/pdf", Digest: i.Digest, Size: i.Size, Owner: cmp.Or(p.Owner, r.Owner), Department: p.Department}
	if err := document.Archive(x, &d); err != nil {
		return err
	}
	i.State, i.Document = Archived, d.ID
	return nil
}

// UndoIn takes a run back.
type UndoIn struct {
	Run    string `json:"run" required:"true"`
	Reason string `json:"reason" required:"true" text:"multiline"`
}

// Undo takes a run back before anything of it was archived.
var Undo = gate.New(gate.Op[UndoIn, Progress]{
	Name: "bundle.undo", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(in UndoIn) []string { return []string{lock(in.Run), publishing} },
	Target: func(x *gate.Tx, in UndoIn) (gate.Target, error) { return about(x, in.Run) },
	Do: func(x *gate.Tx, in UndoIn) (Progress, error) {
		r, err := runs.Get(x, in.Run)
		if err != nil {
			return Progress{}, err
		}
		some, err := items.Has(x, gate.Eq("run_id", r.ID), gate.Eq("state", Archived))
		switch {
		case err != nil:
			return r.progress(), err
		case some || r.State == Publishing || r.State == Published:
			return r.progress(), fault.Refused("bundle.archived")
		case r.State == Undone:
			return r.progress(), fault.Refused("bundle.undone")
		}
		r.State, r.Reason = Undone, ""
		return r.progress(), runs.Update(x, &r)
	},
})
