package record

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// None is the input of an op that needs none.
type None struct{}

// SweptIn is what a round found.
type SweptIn struct {
	Began   time.Time     `json:"began"`
	Ended   time.Time     `json:"ended"`
	Leaves  int64         `json:"leaves"`
	Rows    int64         `json:"rows"`
	Damaged int64         `json:"damaged"`
	Found   []gate.Damage `json:"found"`
}

// Swept keeps what a round of the server found. A round like the one before
// moves that one's end, so that only changes make rows.
var Swept = gate.New(gate.Op[SweptIn, Sweep]{
	Name: "record.swept", Mode: gate.Write, Target: whole[SweptIn],
	Alone: func(SweptIn) []string { return []string{"record.swept"} },
	Do: func(x *gate.Tx, in SweptIn) (Sweep, error) {
		last, ok, err := newest(x, false)
		if err != nil {
			return last, err
		}
		found := in.Found[:min(len(in.Found), foundMax)]
		s := Sweep{Began: in.Began, Ended: in.Ended, Rounds: 1, Leaves: in.Leaves, Rows: in.Rows, Damaged: in.Damaged, Found: found}
		if ok && last.Damaged == in.Damaged && slices.Equal(last.Found, found) {
			s.Row, s.Began, s.Rounds = last.Row, last.Began, last.Rounds+1
			return s, sweeps.Update(x, &s)
		}
		return s, sweeps.Insert(x, &s)
	},
})

// WitnessLine is one witness, as the server saw it last.
type WitnessLine struct {
	Place   string    `json:"place" class:"internal"`
	Size    int64     `json:"size" class:"internal"`
	Waiting int64     `json:"waiting_seconds" class:"internal"` // how long the oldest record it lacks has waited
	SeenAt  time.Time `json:"seen_at" class:"internal"`
	Problem string    `json:"problem" class:"internal"` // text key, "" if there is none
}

// Integrity is how well data and log are watched over.
type Integrity struct {
	Size      int64         `json:"size" class:"internal"`      // records sealed
	SealedAt  time.Time     `json:"sealed_at" class:"internal"` // of the last checkpoint
	Segments  int64         `json:"segments" class:"internal"`  // closed months
	SweptAt   time.Time     `json:"swept_at" class:"internal"`  // end of the last round; zero: none yet
	CleanAt   time.Time     `json:"clean_at" class:"internal"`  // end of the last round that found nothing
	Damaged   int64         `json:"damaged" class:"internal"`   // what the last round found
	Found     []gate.Damage `json:"found" class:"internal"`
	Witnesses []WitnessLine `json:"witnesses"`
}

// ShowIntegrity tells when log and rows were last found whole, and how far the
// witnesses are. It names rows by id only.
var ShowIntegrity = gate.New(gate.Op[None, Integrity]{
	Name: "record.integrity", Mode: gate.List, Target: whole[None],
	Do: func(x *gate.Tx, _ None) (Integrity, error) {
		var out Integrity
		size, sealed, err := gate.LogState(x)
		if err != nil {
			return out, err
		}
		segs, err := gate.LogSegments(x)
		if err != nil {
			return out, err
		}
		out.Size, out.SealedAt, out.Segments = size, sealed, int64(len(segs))
		last, _, err := newest(x, false)
		if err != nil {
			return out, err
		}
		clean, _, err := newest(x, true)
		if err != nil {
			return out, err
		}
		out.SweptAt, out.Damaged, out.Found, out.CleanAt = last.Ended, last.Damaged, last.Found, clean.Ended
		for _, w := range x.Witnesses() {
			out.Witnesses = append(out.Witnesses, WitnessLine{w.Place, w.Size, int64(w.Waiting / time.Second), w.SeenAt, w.Key})
		}
		return out, nil
	},
})

// SegmentList are the closed months of the log.
type SegmentList struct {
	Segments []gate.Segment `json:"segments"`
}

// Segments lists the closed months of the log, oldest first.
var Segments = gate.New(gate.Op[None, SegmentList]{
	Name: "record.segments", Mode: gate.List, Target: whole[None],
	Do: func(x *gate.Tx, _ None) (SegmentList, error) {
		list, err := gate.LogSegments(x)
		return SegmentList{list}, err
	},
})

// keptYears is how long sealed contents of the log stay at least, from the end
// of their month: the books' ten years (法人税法施行規則59条, 欠損金 57条10項) begin up
// to fifteen months after the act they record.
const keptYears = 12

// ExpireIn names a closed month.
type ExpireIn struct {
	Month  string `json:"month" required:"true" max:"7"`
	Reason string `json:"reason" max:"500"`
}

func segmentOf(x *gate.Tx, month string) (gate.Segment, error) {
	list, err := gate.LogSegments(x)
	if err != nil {
		return gate.Segment{}, err
	}
	for _, s := range list {
		if s.Month == month {
			return s, nil
		}
	}
	return gate.Segment{}, fault.Refused("record.not_closed", "month", month)
}

func mayExpire(x *gate.Tx, month string) (gate.Segment, error) {
	s, err := segmentOf(x, month)
	if err != nil {
		return s, err
	}
	if from := s.ClosedAt.AddDate(keptYears, 0, 0); x.Now().Before(from) {
		return s, fault.Refused("record.kept", "month", month, "years", keptYears, "from", from.Add(9*time.Hour).Format("2006-01-02"))
	}
	return s, nil
}

// Expire lets the sealed contents of a closed month of the log go (保存期限). Its
// records, marks and hashes stay, so verify still passes. Two persons.
var Expire = gate.New(gate.Op[ExpireIn, gate.Segment]{
	Name: gate.ExpireOp, Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Target: func(_ *gate.Tx, in ExpireIn) (gate.Target, error) {
		return gate.Target{Kind: "segment", ID: in.Month, Class: policy.Internal}, nil
	},
	FourEyes: func(x *gate.Tx, in ExpireIn) (gate.Second, error) {
		s, err := mayExpire(x, in.Month)
		d := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", s.Month, s.First, s.Size))
		return gate.Second{Needed: true, Digest: d[:], Class: policy.Internal, Before: s}, err
	},
	Do: func(x *gate.Tx, in ExpireIn) (gate.Segment, error) { return mayExpire(x, in.Month) },
})

// UpgradeIn names a table.
type UpgradeIn struct {
	Table string `json:"table" required:"true" max:"60"`
	Limit int    `json:"limit"`
}

// Upgraded says how many rows were written again.
type Upgraded struct {
	Rows int `json:"rows" class:"internal"`
}

// Upgrade writes rows in an older format again, a few at a time.
var Upgrade = gate.New(gate.Op[UpgradeIn, Upgraded]{
	Name: "record.upgrade", Mode: gate.Write,
	Target: func(_ *gate.Tx, in UpgradeIn) (gate.Target, error) {
		return gate.Target{Kind: "table", ID: in.Table}, nil
	},
	Do: func(x *gate.Tx, in UpgradeIn) (Upgraded, error) {
		n, err := gate.UpgradeRows(x, in.Table, min(max(in.Limit, 1), 500))
		return Upgraded{n}, err
	},
})
