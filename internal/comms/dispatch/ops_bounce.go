package dispatch

import (
	"strings"
	"time"

	"sekisho/internal/comms/dispatch/internal/dsn"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// BounceFindIn asks whose bounce address it is.
type BounceFindIn struct {
	Token string `json:"token" required:"true" max:"100"`
}

// BounceFound is the recipient.
type BounceFound struct {
	Item    string `json:"item" class:"internal"`
	Package string `json:"package" class:"internal"`
}

// BounceFind gives the recipient behind a bounce address, NotFound if its code
// is wrong.
var BounceFind = gate.New(gate.Op[BounceFindIn, BounceFound]{
	Name: "dispatch.bounce_find", Mode: gate.Read, Target: system[BounceFindIn],
	Do: func(x *gate.Tx, in BounceFindIn) (BounceFound, error) {
		id := itemOf(x.Ring(), in.Token)
		if id == "" {
			return BounceFound{}, fault.NotFound()
		}
		i, err := items.Get(x, id)
		return BounceFound{i.ID, i.Package}, err
	},
})

// BounceIn is what a message with a bounce address says.
type BounceIn struct {
	Package    string `json:"package" required:"true"`
	Token      string `json:"token" required:"true" max:"100"`
	Kind       string `json:"kind" required:"true" enum:"failed,delayed,delivered,passed,reply,unclear"`
	Why        string `json:"why" required:"true" enum:"no_user,no_domain,closed,full,large,auth,policy,expired,other"`
	Status     string `json:"status" max:"20"`
	Recipient  string `json:"recipient" max:"500" text:"raw"`
	Reporter   string `json:"reporter" max:"500" text:"raw"`
	Diagnostic string `json:"diagnostic" max:"500" text:"raw"`
	MessageID  string `json:"message_id" max:"250" text:"raw"`
	Standard   bool   `json:"standard"`
	Digest     string `json:"digest" required:"true" max:"64"`
	Via        string `json:"via" required:"true" enum:"lmtp,imap"`
}

// BounceOut says what became of it.
type BounceOut struct {
	Kind    string `json:"kind" class:"internal"` // as it was believed
	State   State  `json:"state" class:"internal"`
	Moved   bool   `json:"moved" class:"internal"`
	Doubled bool   `json:"doubled" class:"internal"` // known already, or more than anybody needs: nothing was kept
	Later   bool   `json:"later" class:"internal"`   // the worker's own word is still to come: ask again
}

// BounceOp keeps a message that came back (不達を受け付ける) and moves its
// recipient by it. Without the right code in its address nothing changes.
var BounceOp = gate.New(gate.Op[BounceIn, BounceOut]{
	Name: "dispatch.bounce", Mode: gate.Write,
	Alone:  func(in BounceIn) []string { return alone(in.Package) },
	Target: func(x *gate.Tx, in BounceIn) (gate.Target, error) { return target(x, in.Package) },
	Do: func(x *gate.Tx, in BounceIn) (BounceOut, error) {
		id := itemOf(x.Ring(), in.Token)
		if id == "" {
			return BounceOut{}, fault.Refused("dispatch.bounce_forged")
		}
		b, i, err := loadItem(x, in.Package, id)
		if err != nil {
			return BounceOut{}, err
		}
		out := BounceOut{Kind: in.believed(*i), State: i.State}
		known, err := bounces.Find(x, gate.Eq("item_id", id))
		if err != nil {
			return out, err
		}
		for _, k := range known {
			out.Doubled = out.Doubled || k.Digest == in.Digest
		}
		if out.Doubled = out.Doubled || len(known) >= bouncesMost; out.Doubled {
			return out, nil
		}
		if i.State == Claimed {
			out.Later = true
			return out, nil
		}
		out.Moved = i.told(out.Kind, in.Why, x.Actor().Person, x.Now())
		out.State = i.State
		row := BounceNote{Package: b.ID, Item: id, Kind: out.Kind, Why: in.Why, Status: in.Status, Recipient: dsn.Clean(in.Recipient), Reporter: dsn.Clean(in.Reporter),
			Diagnostic: dsn.Clean(in.Diagnostic), Digest: in.Digest, Via: in.Via, Moved: out.Moved, At: x.Now()}
		if err := bounces.Insert(x, &row); err != nil || !out.Moved {
			return out, err
		}
		return out, b.summarise(x)
	},
})

// BouncesOut are the messages that came back about a sending, oldest first.
type BouncesOut struct {
	Rows []BounceNote `json:"rows"`
}

// BouncesOp shows what came back about a sending: who says so, why, and when.
var BouncesOp = gate.New(gate.Op[ByID, BouncesOut]{
	Name: "dispatch.bounces", Mode: gate.Read,
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return target(x, in.ID) },
	Do: func(x *gate.Tx, in ByID) (BouncesOut, error) {
		p, err := bounces.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("package_id", in.ID)}, By: "arrived_at", Limit: 200})
		return BouncesOut{p.Rows}, err
	},
})

// TallyIn is what came in since the last time.
type TallyIn struct {
	Taken   int64 `json:"taken"`
	Doubled int64 `json:"doubled"`
	Forged  int64 `json:"forged"`
	Unread  int64 `json:"unread"`
}

// TallyOp adds to the counters of the day.
var TallyOp = gate.New(gate.Op[TallyIn, Tally]{
	Name: "dispatch.bounce_tally", Mode: gate.Write, Target: system[TallyIn],
	Alone: func(TallyIn) []string { return []string{"dispatch/bounce_tally"} },
	Do: func(x *gate.Tx, in TallyIn) (Tally, error) {
		if min(in.Taken, in.Doubled, in.Forged, in.Unread) < 0 {
			return Tally{}, fault.Invalid("dispatch.bounce_count")
		}
		day := civil.Of(x.Now()).String()
		t, err := tallies.Get(x, day)
		fresh := fault.Is(err, fault.KindNotFound)
		if err != nil && !fresh {
			return t, err
		}
		t.ID = day
		t.Taken, t.Doubled, t.Forged, t.Unread = t.Taken+in.Taken, t.Doubled+in.Doubled, t.Forged+in.Forged, t.Unread+in.Unread
		if fresh {
			return t, tallies.Insert(x, &t)
		}
		return t, tallies.Update(x, &t)
	},
})

// TalliesOut are the counters of the last days, newest first.
type TalliesOut struct {
	Rows []Tally `json:"rows"`
}

// TalliesOp shows how many messages came in on each of the last 14 days.
var TalliesOp = gate.New(gate.Op[struct{}, TalliesOut]{
	Name: "dispatch.bounce_counts", Mode: gate.List, Target: system[struct{}],
	Do: func(x *gate.Tx, _ struct{}) (TalliesOut, error) {
		list, err := tallies.Find(x, gate.In("id", lastDays(x.Now(), 14)))
		out := TalliesOut{}
		for _, d := range lastDays(x.Now(), 14) {
			for _, t := range list {
				if t.ID == d {
					out.Rows = append(out.Rows, t)
				}
			}
		}
		return out, err
	},
})

func lastDays(now time.Time, n int) []string {
	var out []string
	for k := range n {
		out = append(out, civil.Of(now).AddDays(-k).String())
	}
	return out
}

// What of a kind within a day is many.
const (
	manyBounced = 10
	manyForged  = 100
)

// ManyBounces tells whether so many mails came back, or so many bounces were
// forged, that somebody should look: words of an alarm's subject.
func ManyBounces(x *gate.Tx) (bounced, forged bool, err error) {
	n, err := bounces.Count(x, manyBounced, gate.Eq("kind", string(dsn.Failed)), gate.Eq("moved", true), gate.Ge("arrived_at", x.Now().Add(-24*time.Hour)))
	if err != nil {
		return false, false, err
	}
	t, err := tallies.Find(x, gate.Eq("id", civil.Of(x.Now()).String()))
	return n >= manyBounced, len(t) > 0 && t[0].Forged >= manyForged, err
}

// isBounceOf tells whether an envelope's sender is a recipient's bounce address.
func isBounceOf(x *gate.Tx, address, item string) bool {
	local, _, _ := strings.Cut(strings.ToLower(address), "@")
	return strings.HasSuffix(local, "+"+token(x.Ring(), item))
}

func bounceOps() []gate.Any {
	return []gate.Any{BounceFind, BounceOp, BouncesOp, TallyOp, TalliesOp}
}

func bounceTables() []gate.AnyTable { return []gate.AnyTable{bounces, tallies} }
