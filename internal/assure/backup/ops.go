package backup

import (
	"context"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// House is the module with the settings it shows beside what there is.
type House struct {
	Module gate.Module
	Status *gate.UseCase[struct{}, Overview]

	settings Settings
}

// New makes the module.
func New(s Settings) *House {
	h := &House{settings: s}
	h.Status = h.statusOp()
	h.Module = gate.Module{Name: "backup", Schema: schema, Ops: []gate.Any{DueOp, RunOp, FinishOp, h.Status, List, SealOp, Unseal, Postpone},
		Tables: []gate.AnyTable{runs, copies, seals, laters}}
	return h
}

func whole[In any](*gate.Tx, In) (gate.Target, error) {
	return gate.Target{Kind: "backup", ID: "*"}, nil
}

// DueIn asks for nothing in particular.
type DueIn struct{}

// DueOut is how the last run went.
type DueOut struct {
	Begun time.Time `json:"begun" class:"internal"` // zero: there was none
	Good  bool      `json:"good" class:"internal"`  // at every target
}

// DueOp tells the schedule about the last run.
var DueOp = gate.New(gate.Op[DueIn, DueOut]{
	Name: "backup.due", Mode: gate.Read, Target: whole[DueIn],
	Do: func(x *gate.Tx, _ DueIn) (DueOut, error) {
		r, _, err := last(x)
		return DueOut{r.BegunAt, r.State == Good}, err
	},
})

// RunIn begins a run.
type RunIn struct {
	By         string `json:"by" required:"true" enum:"schedule,command"`
	Recipients string `json:"recipients" required:"true" max:"1000"`
}

// RunOut says what it is to be called, and how large the last one was.
type RunOut struct {
	ID         string `json:"id" class:"internal"`
	Generation string `json:"generation" class:"internal"`
	LastSize   int64  `json:"last_size" class:"internal"`
}

// RunOp notes, before anything is copied, that a generation is being made: its
// record is the record of all data being read. A run that was left open is
// failed: its server died.
var RunOp = gate.New(gate.Op[RunIn, RunOut]{
	Name: "backup.run", Mode: gate.Write, Target: whole[RunIn],
	Alone: func(RunIn) []string { return []string{"backup"} },
	Do: func(x *gate.Tx, in RunIn) (RunOut, error) {
		dead, err := runs.Find(x, gate.Eq("state", Running))
		if err != nil {
			return RunOut{}, err
		}
		for i := range dead {
			dead[i].State, dead[i].Reason, dead[i].EndedAt = Failed, "backup.interrupted", x.Now()
		}
		if err := runs.UpdateMany(x, dead); err != nil {
			return RunOut{}, err
		}
		good, _, err := last(x, Good, Partial)
		if err != nil {
			return RunOut{}, err
		}
		r := Run{State: Running, By: in.By, BegunAt: x.Now(), Recipients: in.Recipients}
		r.ID = x.NewID()
		r.Generation = Name(x.Now(), r.ID)
		return RunOut{r.ID, r.Generation, good.Size}, runs.Insert(x, &r)
	},
})

// CopyIn is how a run ended at one target.
type CopyIn struct {
	Target   string    `json:"target" required:"true" enum:"local,remote"`
	Dir      string    `json:"dir" required:"true" max:"1000"`
	Good     bool      `json:"good"`
	Reason   string    `json:"reason"`
	Arrived  time.Time `json:"arrived_at"`
	NewBlobs int64     `json:"new_blobs"`
	NewBytes int64     `json:"new_bytes"`
	Pruned   []string  `json:"pruned"` // generations the rule removed there
}

// FinishIn is how a run ended.
type FinishIn struct {
	ID      string   `json:"id" required:"true"`
	Reason  string   `json:"reason"` // "" unless it failed everywhere, or something is wrong with what was copied
	Size    int64    `json:"size"`
	Digest  string   `json:"digest"`
	LogSize int64    `json:"log_size"`
	LogRoot string   `json:"log_root"`
	Rows    int64    `json:"rows"`
	Blobs   int64    `json:"blobs"`
	Damaged int64    `json:"blobs_damaged"`
	Copies  []CopyIn `json:"copies"`
}

// FinishOp keeps how it ended.
var FinishOp = gate.New(gate.Op[FinishIn, Run]{
	Name: "backup.finish", Mode: gate.Write, Target: whole[FinishIn],
	Alone: func(FinishIn) []string { return []string{"backup"} },
	Do: func(x *gate.Tx, in FinishIn) (Run, error) {
		r, err := runs.Get(x, in.ID)
		if err != nil {
			return r, err
		}
		if r.State != Running {
			return r, fault.Refused("backup.not_running")
		}
		r.EndedAt, r.Reason, r.Size, r.Digest, r.LogSize, r.LogRoot = x.Now(), in.Reason, in.Size, in.Digest, in.LogSize, in.LogRoot
		r.Rows, r.Blobs, r.Damaged = in.Rows, in.Blobs, in.Damaged
		good := 0
		for _, c := range in.Copies {
			if err := keepCopy(x, r, c); err != nil {
				return r, err
			}
			if c.Good {
				good++
			} else if r.Reason == "" {
				r.Reason = c.Reason
			}
		}
		switch good {
		case 0:
			r.State = Failed
		case len(in.Copies):
			r.State = Good
		default:
			r.State = Partial
		}
		return r, runs.Update(x, &r)
	},
})

func keepCopy(x *gate.Tx, r Run, in CopyIn) error {
	c := Copy{Run: r.ID, Generation: r.Generation, Target: in.Target, Dir: in.Dir, State: Failed, ArrivedAt: in.Arrived,
		NewBlobs: in.NewBlobs, NewBytes: in.NewBytes, Reason: in.Reason}
	if in.Good {
		c.State = Good
	}
	if err := copies.Insert(x, &c); err != nil {
		return err
	}
	for _, g := range in.Pruned {
		old, err := copies.Find(x, gate.Eq("generation", g), gate.Eq("target", in.Target))
		if err != nil {
			return err
		}
		for i := range old {
			old[i].State = Gone
		}
		if err := copies.UpdateMany(x, old); err != nil {
			return err
		}
	}
	return nil
}

// Page asks for a page.
type Page struct {
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// Runs are a page of runs, newest first, with their copies.
type Runs struct {
	Runs   []Run  `json:"runs"`
	Copies []Copy `json:"copies"`
	Next   string `json:"next" class:"internal"`
}

// List shows what was made, and how it went.
var List = gate.New(gate.Op[Page, Runs]{
	Name: "backup.list", Mode: gate.List, Target: whole[Page],
	Do: func(x *gate.Tx, in Page) (Runs, error) {
		p, err := runs.Page(x, gate.PageQuery{By: "begun_at", Desc: true, After: in.After, Limit: in.Limit})
		out := Runs{Runs: p.Rows, Next: p.Next}
		if err != nil || len(p.Rows) == 0 {
			return out, err
		}
		ids := make([]string, len(p.Rows))
		for i, r := range p.Rows {
			ids[i] = r.ID
		}
		out.Copies, err = copies.Find(x, gate.In("run_id", ids))
		return out, err
	},
})

// Rule is what the configuration says (控えの規程), shown beside what there is.
type Rule struct {
	EverySeconds int64  `json:"every_seconds" class:"internal"`
	At           string `json:"at" class:"internal"` // JST
	Daily        int    `json:"daily" class:"internal"`
	Weekly       int    `json:"weekly" class:"internal"`
	Monthly      int    `json:"monthly" class:"internal"`
	Recipients   int    `json:"recipients" class:"internal"`
	Fingerprints string `json:"fingerprints" class:"internal"`
}

// Place is a target as it is now.
type Place struct {
	Target      string    `json:"target" class:"internal"`
	Dir         string    `json:"dir" class:"internal"`
	AppendOnly  bool      `json:"append_only" class:"internal"`
	SameDisk    bool      `json:"same_disk" class:"internal"` // as the data: one lost disk takes both
	Generations int       `json:"generations" class:"internal"`
	Oldest      time.Time `json:"oldest" class:"internal"`
	LastGood    time.Time `json:"last_good" class:"internal"`   // arrived; zero if there is none
	AgeSeconds  int64     `json:"age_seconds" class:"internal"` // of it; -1 if there is none
	Missing     []string  `json:"missing" class:"internal"`     // recorded as there and not removed by the rule, but not there
	Problem     string    `json:"problem" class:"internal"`     // key of a sentence, "" when all is well
}

// Overview is the rule beside what there is.
type Overview struct {
	Rule    Rule    `json:"rule"`
	Places  []Place `json:"places"`
	Last    Run     `json:"last"`        // the newest run, however it ended
	Copies  []Copy  `json:"last_copies"` // what came of it
	Problem string  `json:"problem" class:"internal"`
	Next    string  `json:"next" class:"internal"` // when one is due, RFC 3339; "" without recipients
	Sealed  bool    `json:"outbound_sealed" class:"internal"`
	Seal    Seal    `json:"seal"`
	// Postponed is that a copy on another machine was put off; zero if never.
	Postponed Later `json:"postponed"`
}

// looked is what was found in the targets' folders.
type looked struct {
	recipients Recipients
	err        error
	found      []found
}

type found struct {
	Target
	list []Generation
	err  error
}

// statusOp shows the rule, the age of the last good copy at each target, and
// what is not as the rule says.
func (h *House) statusOp() *gate.UseCase[struct{}, Overview] {
	return gate.New(gate.Op[struct{}, Overview]{
		Name: "backup.status", Mode: gate.Read, Target: whole[struct{}],
		Work: func(*gate.Tx, struct{}) (func(context.Context) (any, error), error) {
			return func(context.Context) (any, error) { return h.look(), nil }, nil
		},
		Do: func(x *gate.Tx, _ struct{}) (Overview, error) { return h.overview(x, gate.Worked[looked](x)) },
	})
}

func (h *House) look() looked {
	var l looked
	l.recipients, l.err = LoadRecipients(h.settings.Recipients)
	for _, t := range h.settings.Targets() {
		list, err := t.Generations()
		l.found = append(l.found, found{t, list, err})
	}
	return l
}

func (h *House) overview(x *gate.Tx, l looked) (Overview, error) {
	s := h.settings
	out := Overview{Rule: Rule{EverySeconds: int64(s.Every.Seconds()), At: clock(s.At), Daily: s.Keep.Daily, Weekly: s.Keep.Weekly, Monthly: s.Keep.Monthly,
		Recipients: len(l.recipients.IDs), Fingerprints: joined(l.recipients.IDs)}}
	var err error
	if out.Last, _, err = last(x); err != nil {
		return out, err
	}
	if out.Copies, err = copies.Find(x, gate.Eq("run_id", out.Last.ID)); err != nil {
		return out, err
	}
	if out.Seal, out.Sealed, err = sealed(x); err != nil {
		return out, err
	}
	if out.Postponed, err = postponed(x); err != nil {
		return out, err
	}
	switch {
	case l.err != nil:
		out.Problem = fault.Of(l.err).Key
	case len(l.recipients.IDs) == 0:
		out.Problem = "backup.no_recipients"
	case out.Last.State != Running:
		out.Problem = out.Last.Reason
	}
	if len(l.recipients.IDs) > 0 {
		out.Next = s.Slot(x.Now()).Add(s.Every).Format(time.RFC3339)
	}
	for _, f := range l.found {
		p, err := h.place(x, f)
		if err != nil {
			return out, err
		}
		out.Places = append(out.Places, p)
		if out.Problem == "" {
			out.Problem = p.Problem
		}
	}
	return out, nil
}

func (h *House) place(x *gate.Tx, f found) (Place, error) {
	p := Place{Target: f.Name, Dir: f.Dir, AppendOnly: f.AppendOnly, SameDisk: f.SameDisk(h.settings.Data), Generations: len(f.list), AgeSeconds: -1}
	there := map[string]bool{}
	for _, g := range f.list {
		there[g.Name] = true
		if p.Oldest.IsZero() || g.Arrived.Before(p.Oldest) {
			p.Oldest = g.Arrived
		}
	}
	recorded, err := goodCopies(x, f.Name)
	if err != nil {
		return p, err
	}
	for _, c := range recorded {
		switch {
		case c.Dir != f.Dir: // the target was another folder then
		case !there[c.Generation]:
			p.Missing = append(p.Missing, c.Generation)
		case c.ArrivedAt.After(p.LastGood):
			p.LastGood = c.ArrivedAt
		}
	}
	if !p.LastGood.IsZero() {
		p.AgeSeconds = int64(x.Now().Sub(p.LastGood).Seconds())
	}
	switch {
	case f.err != nil:
		p.Problem = fault.Of(f.err).Key
	case len(p.Missing) > 0:
		p.Problem = "backup.copy_missing"
	case p.LastGood.IsZero():
		p.Problem = "backup.no_copy"
	case x.Now().Sub(p.LastGood) > h.settings.Late():
		p.Problem = "backup.late"
	}
	return p, nil
}

// goodCopies are all copies that should be at a target.
func goodCopies(x *gate.Tx, target string) ([]Copy, error) {
	var out []Copy
	for after := ""; ; {
		p, err := copies.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("target", target), gate.Eq("state", Good)}, By: "arrived_at", Desc: true, After: after, Limit: 200})
		if err != nil {
			return nil, err
		}
		out = append(out, p.Rows...)
		if after = p.Next; after == "" {
			return out, nil
		}
	}
}
