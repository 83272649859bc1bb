package backup

import (
	"fmt"
	"strings"
	"time"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// Mark is what a restored house carries, in its database from the first moment
// and in a file of its home: the restoring's id and the generation.
func Mark(id, generation string) string { return id + " " + generation }

func clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}

func joined(list []string) string { return strings.Join(list, " ") }

// SealIn carries the mark of the home's file, "" if it has none.
type SealIn struct {
	Mark string `json:"mark"`
}

// SealOut says whether anything may be sent.
type SealOut struct {
	Sealed     bool   `json:"sealed" class:"internal"`
	Generation string `json:"generation" class:"internal"`
	Unknown    int    `json:"unknown" class:"internal"` // recipients nobody knows the outcome of, from now on
	Voided     int    `json:"voided" class:"internal"`
}

// SealOp seals a house that was restored (送信の封印): once for each restoring, it
// stops all sending and makes unknown what was waiting to be sent then. It is
// run at every start, and tells whether the seal still holds. A house that was
// never restored is left as it is.
var SealOp = gate.New(gate.Op[SealIn, SealOut]{
	Name: "backup.seal", Mode: gate.Write, Target: whole[SealIn],
	Alone: func(SealIn) []string { return []string{"backup"} },
	Do: func(x *gate.Tx, in SealIn) (SealOut, error) {
		var out SealOut
		meta, err := x.Restored()
		if err != nil {
			return out, err
		}
		for _, mark := range []string{meta, in.Mark} {
			if mark == "" {
				continue
			}
			id, generation, _ := strings.Cut(mark, " ")
			s, there, err := sealRow(x, id)
			if err != nil {
				return out, err
			}
			if !there {
				s = Seal{Generation: generation}
				s.ID = id
				if err := seals.Insert(x, &s); err != nil {
					return out, err
				}
				done, err := gate.Call(x, dispatch.RestoredOp, dispatch.RestoredIn{Restoring: id})
				if err != nil {
					return out, err
				}
				out.Unknown, out.Voided = out.Unknown+done.Unknown, out.Voided+done.Voided
			}
			if !s.Open {
				out.Sealed, out.Generation = true, s.Generation
			}
		}
		return out, nil
	},
})

// sealed gives the seal that holds, if one does. A restored database without a
// row of its seal, or whose row somebody removed, is sealed.
func sealed(x *gate.Tx) (Seal, bool, error) {
	closed, err := seals.Find(x, gate.Eq("is_open", false))
	if err != nil || len(closed) > 0 {
		return append(closed, Seal{})[0], len(closed) > 0, err
	}
	mark, err := x.Restored()
	if err != nil || mark == "" {
		return Seal{}, false, err
	}
	id, generation, _ := strings.Cut(mark, " ")
	s, there, err := sealRow(x, id)
	if err != nil || there && s.Open {
		return s, false, err
	}
	return Seal{Generation: generation}, true, nil
}

// UnsealIn says why.
type UnsealIn struct {
	Reason string `json:"reason" required:"true" text:"multiline"`
}

// Unseal lets a restored house send again (送信の封印を解く). Two people agree:
// that this house, and no other, is the real one now.
var Unseal = gate.New(gate.Op[UnsealIn, SealOut]{
	Name: "backup.unseal", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true}, Target: whole[UnsealIn],
	Alone: func(UnsealIn) []string { return []string{"backup"} },
	FourEyes: func(x *gate.Tx, _ UnsealIn) (gate.Second, error) {
		s, is, err := sealed(x)
		if err == nil && !is {
			err = fault.Refused("backup.not_sealed")
		}
		return gate.Second{Needed: true, Digest: []byte(s.ID + s.Record), Class: policy.Internal,
			Before: map[string]any{"outbound": "sealed", "generation": s.Generation}, After: map[string]any{"outbound": "open"}}, err
	},
	Do: func(x *gate.Tx, in UnsealIn) (SealOut, error) {
		list, err := seals.Find(x, gate.Eq("is_open", false))
		if err != nil {
			return SealOut{}, err
		}
		for _, s := range list {
			s.Open, s.OpenedBy, s.Reason = true, x.Actor().Person, in.Reason
			if err := seals.UpdateMany(x, []Seal{s}); err != nil {
				return SealOut{}, err
			}
			if err := dispatch.EndRestored(x, s.ID, in.Reason); err != nil {
				return SealOut{}, err
			}
		}
		x.AfterCommit(func() { gate.Ring(x, Opened) })
		return SealOut{}, nil
	},
})

// Opened is the bell rung when the seal was opened.
const Opened = "backup.opened"
