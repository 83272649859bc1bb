package party

import (
	"math/rand/v2"
	"slices"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// FirstListIn asks for one page of the addresses an import brought.
type FirstListIn struct {
	Run   string `json:"run" required:"true"`
	Kind  string `json:"kind" required:"true" enum:"quiet,strange"`
	After string `json:"after"`
	Limit int    `json:"limit"`
}

// FirstItem is one imported address with its partner and what is strange about it.
type FirstItem struct {
	Point    string     `json:"point" class:"internal"`
	Version  int64      `json:"version" class:"internal"`
	Party    string     `json:"party" class:"internal"`
	Code     string     `json:"code" class:"internal"`
	Name     string     `json:"name" class:"confidential"`
	Address  string     `json:"address" class:"personal"`
	Label    string     `json:"label" class:"confidential"`
	State    PointState `json:"state" class:"internal"`
	Findings []Finding  `json:"findings" class:"confidential"`
}

// FirstListOut is that page, with what a second person would agree to.
type FirstListOut struct {
	Rows     []FirstItem `json:"rows"`
	Next     string      `json:"next" class:"internal"`
	Points   int64       `json:"points" class:"internal"`
	Quiet    int64       `json:"quiet" class:"internal"`
	Digest   string      `json:"digest" class:"internal"` // of the quiet list
	Verified bool        `json:"verified" class:"internal"`
}

// FirstVerificationList shows the addresses of an import for their first
// verification (取込アドレスの初回確認): the quiet ones, which are agreed to in one act, or
// the strange ones, each of which is verified singly.
var FirstVerificationList = gate.New(gate.Op[FirstListIn, FirstListOut]{
	Name: "party.first_verification_list", Mode: gate.List,
	Target: func(*gate.Tx, FirstListIn) (gate.Target, error) { return gate.Target{Kind: "party", ID: "*"}, nil },
	Do: func(x *gate.Tx, in FirstListIn) (FirstListOut, error) {
		r, err := published(x, in.Run)
		if err != nil {
			return FirstListOut{}, err
		}
		out := FirstListOut{Rows: []FirstItem{}, Points: r.Points, Quiet: r.Quiet, Digest: r.Digest}
		if out.Verified, err = verifications.Has(x, gate.Eq("id", in.Run)); err != nil {
			return out, err
		}
		which := gate.Eq("quiet_no", 0)
		if in.Kind == "quiet" {
			which = gate.Ge("quiet_no", 1)
		}
		page, err := points.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("run", in.Run), which}, By: "quiet_no", After: in.After, Limit: in.Limit})
		if err != nil {
			return out, err
		}
		out.Next = page.Next
		out.Rows, err = items(x, page.Rows)
		return out, err
	},
})

// published loads a run that is part of the register.
func published(x *gate.Tx, id string) (Run, error) {
	r, err := runs.Get(x, id)
	if err == nil && r.State != Visible {
		err = fault.NotFound()
	}
	return r, err
}

func items(x *gate.Tx, list []DeliveryPoint) ([]FirstItem, error) {
	if err := settle(x, list); err != nil {
		return nil, err
	}
	out := make([]FirstItem, 0, len(list))
	for _, d := range list {
		p, err := Get(x, d.Party)
		if err != nil {
			return nil, err
		}
		out = append(out, FirstItem{d.ID, d.Version, p.ID, p.Code, p.Name, d.Address, d.Label, d.State, d.Findings})
	}
	return out, nil
}

// FirstVerifyIn agrees to the quiet list of a run as its digest stands for it.
type FirstVerifyIn struct {
	Run    string `json:"run" required:"true"`
	Digest string `json:"digest" required:"true"` // of the list as it was shown
	Reason string `json:"reason" text:"multiline"`
}

// SampleSize is how many addresses of a quiet list the second person is shown,
// drawn by the server. One error among every hundred addresses stays out of a
// sample of 20 four times in five, so the sample is a look at the whole and no
// proof of each: what each is proved by is its domain.
const SampleSize = 20

// firstView is what a second person sees of a quiet list.
type firstView struct {
	Run    string      `json:"run"`
	Digest string      `json:"digest"`
	Quiet  int64       `json:"quiet"`
	Sample []FirstItem `json:"sample"`
}

// FirstVerifyQuiet verifies all quiet addresses of an import in one act
// (一括確認), after the second person has seen a random sample.
var FirstVerifyQuiet = gate.New(gate.Op[FirstVerifyIn, Verification]{
	Name: "party.first_verify_quiet", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Alone: func(in FirstVerifyIn) []string { return []string{"party.run/" + in.Run} },
	Target: func(x *gate.Tx, in FirstVerifyIn) (gate.Target, error) {
		_, err := published(x, in.Run)
		return gate.Target{Kind: "party_run", ID: in.Run, Class: policy.Personal}, err
	},
	FourEyes: func(x *gate.Tx, in FirstVerifyIn) (gate.Second, error) {
		r, err := in.check(x)
		if err != nil {
			return gate.Second{}, err
		}
		sample, err := r.sample(x)
		if err != nil {
			return gate.Second{}, err
		}
		return second(Party{}, firstView{Run: r.ID}, firstView{r.ID, r.Digest, r.Quiet, sample})
	},
	Do: func(x *gate.Tx, in FirstVerifyIn) (Verification, error) {
		r, err := in.check(x)
		if err != nil {
			return Verification{}, err
		}
		x.Note("reason", in.Reason)
		v := Verification{Digest: r.Digest, Quiet: r.Quiet, AskedBy: x.Actor().Person, VerifiedOn: today(x)}
		v.ID = r.ID
		if err := verifications.Insert(x, &v); err != nil {
			return v, err
		}
		return v, hold(x, r.ID)
	},
})

func (in FirstVerifyIn) check(x *gate.Tx) (Run, error) {
	r, err := published(x, in.Run)
	if err != nil {
		return r, err
	}
	done, err := verifications.Has(x, gate.Eq("id", r.ID))
	switch {
	case err != nil:
		return r, err
	case done:
		return r, fault.Refused("party.run_verified")
	case r.Quiet == 0:
		return r, fault.Refused("party.none_quiet")
	case r.Digest != in.Digest:
		return r, fault.Conflict("party.list_changed").At("digest")
	}
	return r, nil
}

// sample gives the addresses drawn from the quiet list. The seed was fixed when
// the list could no longer change, so neither who made the list nor who asks
// about it can choose which of it is looked at.
func (r Run) sample(x *gate.Tx) ([]FirstItem, error) {
	list, err := points.Find(x, gate.Eq("run", r.ID), gate.In("quiet_no", draw(r.Seed+r.Digest, r.Quiet, SampleSize)))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b DeliveryPoint) int { return int(a.QuietNo - b.QuietNo) })
	return items(x, list)
}

// draw picks k different numbers of 1 to n, all sets of k equally likely
// (Floyd's algorithm), the same for the same seed.
func draw(seed string, n int64, k int) []int64 {
	var key [32]byte
	copy(key[:], audit.Hash([]byte(seed)))
	rng := rand.New(rand.NewChaCha8(key))
	var out []int64
	for j := max(n-int64(k), 0) + 1; j <= n; j++ {
		pick := rng.Int64N(j) + 1
		if slices.Contains(out, pick) {
			pick = j
		}
		out = append(out, pick)
	}
	return out
}
