package batch

import (
	"time"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/gate"
)

// Settings are what the configuration says about batches.
type Settings struct {
	Pause time.Duration // between stages: what comes back at once is seen before more goes
}

// DefaultPause is the pause between stages: most refusals of a first mail arrive
// within it.
const DefaultPause = 2 * time.Minute

// House is the module: its ops run dispatch's, which are values of their own.
type House struct {
	Module gate.Module

	Rehearse *gate.UseCase[ByID, Batch]
	Plan     *gate.UseCase[PlanIn, Batch]
	Resume   *gate.UseCase[SayIn, Batch]
	Release  *gate.UseCase[ReleaseIn, Batch]
	Advance  *gate.UseCase[ByID, AdvanceOut]

	prepare  *gate.UseCase[PrepareSliceIn, Batch]
	slice    *gate.UseCase[RehearseSliceIn, Batch]
	settings Settings
	d        *dispatch.Gate
}

// New makes the module over the outer gate.
func New(d *dispatch.Gate, s Settings) *House {
	h := &House{settings: s, d: d}
	h.slice, h.prepare = h.rehearseSliceOp(), h.prepareSliceOp()
	h.Plan, h.Rehearse, h.Resume, h.Release, h.Advance = h.planOp(), h.rehearseOp(), h.resumeOp(), h.releaseOp(), h.advanceOp()
	h.Module = gate.Module{Name: "batch", Schema: schema,
		Ops: []gate.Any{Unsent, h.Plan, h.prepare, h.slice, h.Rehearse, Review, SetAside, Confirm, h.Release, Stop, h.Resume, Cancel, sweep, Show, Items, List,
			Active, h.Advance},
		Tables:  []gate.AnyTable{batches, items},
		Queries: []gate.AnyQuery{unsent, live, altered, itemStates, letGo, billed, gone, lastPoints, sendingState, cancellable, active, returned}}
	return h
}
