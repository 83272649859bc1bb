package jobs

import (
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// Module has the ops of the worker and those people see.
var Module = gate.Module{Name: "job", Schema: schema, Tables: []gate.AnyTable{table}, Ops: []gate.Any{claim, renew, finish, List, Show, Retry}}

func all[In any](*gate.Tx, In) (gate.Target, error) { return gate.Target{Kind: "job", ID: "*"}, nil }

type claimIn struct {
	Limit int `json:"limit"`
}

// Claimed is a job handed to a worker, with its input.
type Claimed struct {
	ID     string `json:"id" class:"internal"`
	Op     string `json:"op" class:"internal"`
	Person string `json:"person" class:"internal"`
	Input  []byte `json:"input" class:"confidential"`
}

type claimOut struct {
	Jobs []Claimed `json:"jobs"`
	Next time.Time `json:"next" class:"internal"` // when the next one falls due, a lease runs out included; zero: there is none
}

// claim takes due jobs, and those whose worker was lost, under a lease.
var claim = gate.New(gate.Op[claimIn, claimOut]{
	Name: "job.claim", Mode: gate.Write, Target: all[claimIn],
	Alone: func(claimIn) []string { return []string{"job.claim"} },
	Do: func(x *gate.Tx, in claimIn) (claimOut, error) {
		var out claimOut
		due, err := table.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("state", Waiting)}, By: "run_at", Limit: min(max(in.Limit, 1), 100)})
		if err != nil {
			return out, err
		}
		running, err := table.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("state", Running)}, By: "run_at", Limit: 100})
		if err != nil {
			return out, err
		}
		for _, j := range append(running.Rows, due.Rows...) {
			at := j.RunAt
			if j.State == Running { // its worker may be lost: it falls due with its lease
				at = j.LeaseUntil
			}
			if in := at.Sub(x.Now()); in > 0 && in <= longest {
				out.Next = sooner(out.Next, at)
				continue
			}
			j.State, j.LeaseUntil, j.Attempts = Running, x.Now().Add(lease), j.Attempts+1
			if err := table.UpdateMany(x, []Job{j}); err != nil {
				return out, err
			}
			out.Jobs = append(out.Jobs, Claimed{j.ID, j.Op, j.Person, j.Input})
		}
		return out, nil
	},
})

// sooner gives the earlier of two times, where zero is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

type renewIn struct {
	IDs []string `json:"ids" required:"true" max:"100"`
}

// renew lets a worker keep jobs that take longer than a lease.
var renew = gate.New(gate.Op[renewIn, nothing]{
	Name: "job.renew", Mode: gate.Write, Target: all[renewIn],
	Do: func(x *gate.Tx, in renewIn) (nothing, error) {
		for _, id := range in.IDs {
			j, err := table.Get(x, id)
			if err != nil {
				return nothing{}, err
			}
			if j.State != Running {
				continue
			}
			j.LeaseUntil = x.Now().Add(lease)
			if err := table.UpdateMany(x, []Job{j}); err != nil {
				return nothing{}, err
			}
		}
		return nothing{}, nil
	},
})

type result struct {
	ID   string     `json:"id" required:"true"`
	Kind fault.Kind `json:"kind"` // "" when it went well
	Key  string     `json:"key"`
}

type finishIn struct {
	Results []result `json:"results"`
}

type nothing struct{}

// finish writes down how jobs ended: done, to be tried again, or given up.
var finish = gate.New(gate.Op[finishIn, nothing]{
	Name: "job.finish", Mode: gate.Write, Target: all[finishIn],
	Do: func(x *gate.Tx, in finishIn) (nothing, error) {
		for _, r := range in.Results {
			j, err := table.Get(x, r.ID)
			if err != nil {
				return nothing{}, err
			}
			if j.State != Running {
				continue // its lease was lost and another worker has it
			}
			settle(&j, r, x.Now())
			if err := table.UpdateMany(x, []Job{j}); err != nil {
				return nothing{}, err
			}
		}
		return nothing{}, nil
	},
})

func settle(j *Job, r result, now time.Time) {
	j.Reason, j.LeaseUntil = r.Key, time.Time{}
	switch r.Kind {
	case "":
		j.State = Done
	case fault.KindConflict, fault.KindUnavailable, fault.KindLimited, fault.KindFailed:
		if j.Attempts >= maxAttempts {
			j.State = Failed
			return
		}
		j.State, j.RunAt = Waiting, now.Add(Backoff(j.Attempts))
	default: // the answer would be the same again
		j.State = Failed
	}
}

// ListIn asks for one page of jobs, the newest first.
type ListIn struct {
	State State  `json:"state" enum:"waiting,running,done,failed"`
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// Listed is a page of jobs.
type Listed struct {
	Jobs []Job  `json:"jobs"`
	Next string `json:"next" class:"internal"`
}

// List shows one's own jobs, or all to who may see all.
var List = gate.New(gate.Op[ListIn, Listed]{
	Name: "job.list", Mode: gate.List, Target: all[ListIn],
	Do: func(x *gate.Tx, in ListIn) (Listed, error) {
		q := gate.PageQuery{By: "id", Desc: true, After: in.After, Limit: in.Limit}
		if in.State != "" {
			q.Where = append(q.Where, gate.Eq("state", in.State))
		}
		p, err := table.Page(x, q)
		return Listed{p.Rows, p.Next}, err
	},
})

// ByID names a job.
type ByID struct {
	ID string `json:"id" required:"true"`
}

func one(x *gate.Tx, in ByID) (gate.Target, error) {
	j, err := table.Get(x, in.ID)
	return gate.Target{Kind: "job", ID: j.ID, Owner: j.Person, Class: policy.Internal}, err
}

// Show gives one job.
var Show = gate.New(gate.Op[ByID, Job]{Name: "job.show", Mode: gate.Read, Target: one,
	Do: func(x *gate.Tx, in ByID) (Job, error) { return table.Get(x, in.ID) }})

// Retry lets a job that was given up wait again.
var Retry = gate.New(gate.Op[ByID, Job]{
	Name: "job.retry", Mode: gate.Write, Target: one,
	Do: func(x *gate.Tx, in ByID) (Job, error) {
		j, err := table.Get(x, in.ID)
		if err != nil {
			return j, err
		}
		if j.State != Failed {
			return j, fault.Refused("job.not_failed")
		}
		j.State, j.RunAt, j.Attempts = Waiting, x.Now(), 0
		x.AfterCommit(func() { gate.Ring(x, "jobs") })
		return j, table.Update(x, &j)
	},
})
