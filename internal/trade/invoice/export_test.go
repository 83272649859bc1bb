package invoice

import (
	"context"
	"time"

	"sekisho/internal/kernel/gate"
	"sekisho/internal/trade/invoice/sheet"
)

// DyingRender renders and stores as Render does and dies before it binds.
var DyingRender = gate.New(gate.Op[ByID, File]{
	Name: "invoice.dying_render", Mode: gate.Read,
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return one(x, in.ID) },
	Work: func(x *gate.Tx, in ByID) (func(context.Context) (any, error), error) {
		h, err := Get(x, in.ID)
		if err != nil {
			return nil, err
		}
		_, p, err := frozen(x, h)
		return func(ctx context.Context) (any, error) { return p.render(ctx, x.Blobs()) }, err
	},
	Do: func(x *gate.Tx, _ ByID) (File, error) {
		return File{Digest: gate.Worked[rendered](x).digest.String()}, nil
	},
})

// Repeat names an invoice and how often to render it; Took says how long it took.
type (
	Repeat struct {
		ID    string `json:"id"`
		Times int    `json:"times"`
	}
	Took struct {
		Micros int64 `json:"micros" class:"internal"`
	}
)

// BareRender only draws.
var BareRender = gate.New(gate.Op[Repeat, Took]{
	Name: "invoice.bare_render", Mode: gate.Read,
	Target: func(x *gate.Tx, in Repeat) (gate.Target, error) { return one(x, in.ID) },
	Work: func(x *gate.Tx, in Repeat) (func(context.Context) (any, error), error) {
		h, err := Get(x, in.ID)
		if err != nil {
			return nil, err
		}
		_, p, err := frozen(x, h)
		return func(context.Context) (any, error) {
			began := time.Now()
			for range in.Times {
				if _, err := sheet.Render(p.Sheet); err != nil {
					return nil, err
				}
			}
			return time.Since(began), nil
		}, err
	},
	Do: func(x *gate.Tx, _ Repeat) (Took, error) {
		return Took{gate.Worked[time.Duration](x).Microseconds()}, nil
	},
})

// Extra adds the ops of tests to the module.
var Extra = gate.Module{Name: "invoice", Ops: []gate.Any{DyingRender, BareRender}}
