package batch

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"
)

// Tick stands for one thing a person has looked at: a caution about a package, or
// a package of the sample. It is a MAC over exactly what was shown.
type Tick struct {
	Key  string `json:"key" class:"internal"`  // sentence of the caution, or drawnKey
	Tick string `json:"tick" class:"internal"` // good once, for this person only
}

// drawnKey is of a package drawn into the sample.
const drawnKey = "drawn"

// Line is one package to be looked at, with its ticks.
type Line struct {
	Item  Item   `json:"item"`
	Drawn bool   `json:"drawn" class:"internal"` // of the sample
	Ticks []Tick `json:"ticks"`
}

// ReviewOut is what a confirmation asks to be looked at.
type ReviewOut struct {
	Batch     Batch     `json:"batch"`
	Digest    string    `json:"digest" class:"internal"`
	Lines     []Line    `json:"lines"`
	ExpiresAt time.Time `json:"expires_at" class:"internal"`
}

// Review draws the sample and gives out the ticks (確認する一通ずつ): every package
// with something to look at, which includes every first recipient, and ten of the
// others drawn by the server. A new draw makes the ticks of the last one void.
var Review = gate.New(gate.Op[ByID, ReviewOut]{
	Name: "batch.review", Mode: gate.Write,
	Alone:  func(in ByID) []string { return lock(in.ID) },
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return about(x, in.ID) },
	Do: func(x *gate.Tx, in ByID) (ReviewOut, error) {
		b, err := batches.Get(x, in.ID)
		if err == nil {
			err = b.State.needs(Rehearsed)
		}
		if err != nil {
			return ReviewOut{}, err
		}
		rows, err := b.standing(x)
		if err != nil {
			return ReviewOut{}, b.void(x, err)
		}
		if len(rows) == 0 {
			return ReviewOut{}, fault.Refused("batch.none_go")
		}
		b.Nonce, b.DrawnFor, b.ExpiresAt = x.NewID(), x.Actor().Person, x.Now().Add(tickLife)
		if err := batches.Update(x, &b); err != nil {
			return ReviewOut{}, err
		}
		lines, err := b.lines(x, rows)
		return ReviewOut{b, b.Digest, lines, b.ExpiresAt}, err
	},
})

// lines are the packages to be looked at, in the plan's order.
func (b Batch) lines(x *gate.Tx, rows []liveRow) ([]Line, error) {
	must := slices.DeleteFunc(slices.Clone(rows), func(r liveRow) bool { return r.Cautions == 0 })
	sample := draw(x.Ring(), "batch sample", b.Nonce, rows)
	var out []Line
	for n, list := range [][]liveRow{must, sample} {
		for _, r := range list {
			i, err := items.Get(x, r.ID)
			if err != nil {
				return nil, err
			}
			l := Line{Item: i, Drawn: n == 1}
			for _, f := range i.Findings {
				if Asks(f) {
					l.Ticks = append(l.Ticks, Tick{f.Key, b.tick(x.Ring(), i, f.Key+" "+f.Item+" "+f.Shown)})
				}
			}
			if l.Drawn {
				l.Ticks = append(l.Ticks, Tick{drawnKey, b.tick(x.Ring(), i, drawnKey)})
			}
			out = append(out, l)
		}
	}
	return out, nil
}

// draw takes ten of the packages about which nothing is to be looked at. Nobody
// can tell which before: the order is a MAC over a fresh number.
func draw(r *vault.Ring, purpose, nonce string, rows []liveRow) []liveRow {
	type lot struct {
		row liveRow
		mac []byte
	}
	var lots []lot
	for _, row := range rows {
		if row.Cautions == 0 {
			lots = append(lots, lot{row, r.MAC(purpose, []byte(nonce), []byte(row.ID))})
		}
	}
	slices.SortFunc(lots, func(a, b lot) int { return bytes.Compare(a.mac, b.mac) })
	var out []liveRow
	for _, l := range lots[:min(len(lots), drawn)] {
		out = append(out, l.row)
	}
	return out
}

// tick covers the plan as a whole, the draw (whose number makes it good once), the
// person, the expiry, the package and everything shown with it.
func (b Batch) tick(r *vault.Ring, i Item, key string) string {
	var shown canon
	shown.text(i.ID, i.Name, i.Amount.String(), i.Sending, i.Digest, i.Check)
	shown.text(i.Recipients...)
	for _, f := range i.Findings {
		shown.text(string(f.Level), f.Key, f.Item, f.Shown, f.Registered, f.Point, f.Reason)
	}
	mac := r.MAC("batch tick", []byte(b.ID), []byte(b.Digest), []byte(b.Nonce), []byte(b.DrawnFor),
		[]byte(strconv.FormatInt(b.ExpiresAt.UnixMicro(), 10)), []byte(key), shown)
	return base64.RawURLEncoding.EncodeToString(mac)
}

// ConfirmIn gives the ticks back.
type ConfirmIn struct {
	ID     string   `json:"id" required:"true"`
	Digest string   `json:"digest" required:"true"`
	Ticks  []string `json:"ticks" required:"true" max:"20000"`
}

// Confirm takes the ticks of a plan (一括送付の確認): exactly all of the last draw, of
// this person, in time, once, with one fresh code for the plan's digest.
var Confirm = gate.New(gate.Op[ConfirmIn, Batch]{
	Name: "batch.confirm", Mode: gate.Write, Needs: gate.Needs{StepUp: true},
	Alone:  func(in ConfirmIn) []string { return lock(in.ID) },
	Target: func(x *gate.Tx, in ConfirmIn) (gate.Target, error) { return about(x, in.ID) },
	Do: func(x *gate.Tx, in ConfirmIn) (Batch, error) {
		if x.Actor().Via == policy.ViaClient {
			return Batch{}, fault.Denied("dispatch.person_only")
		}
		b, err := batches.Get(x, in.ID)
		if err == nil {
			err = b.State.needs(Rehearsed)
		}
		if err != nil {
			return b, err
		}
		rows, err := b.standing(x)
		if err != nil {
			return b, b.void(x, err)
		}
		lines, err := b.lines(x, rows)
		if err != nil {
			return b, err
		}
		switch {
		case b.Nonce == "" || b.DrawnFor != x.Actor().Person || in.Digest != b.Digest || !complete(lines, in.Ticks):
			x.Note("ticks", len(in.Ticks))
			return b, gate.Refused(x, fault.Refused("batch.ticks"))
		case !x.Now().Before(b.ExpiresAt):
			return b, gate.Refused(x, fault.Refused("batch.ticks_expired", "minutes", int(tickLife.Minutes())))
		}
		x.Note("plan", b.Digest)
		b.State, b.ConfirmedBy, b.ConfirmedAt, b.Nonce = Confirmed, x.Actor().Person, x.Now(), ""
		return b, batches.Update(x, &b)
	},
})

// complete tells whether given are exactly the wanted ticks, each once.
func complete(lines []Line, given []string) bool {
	var wanted []string
	for _, l := range lines {
		for _, t := range l.Ticks {
			wanted = append(wanted, t.Tick)
		}
	}
	if len(wanted) == 0 || len(wanted) != len(given) {
		return false
	}
	given = slices.Clone(given)
	slices.Sort(wanted)
	slices.Sort(given)
	same := true
	for n := range wanted {
		same = vault.Equal([]byte(wanted[n]), []byte(given[n])) && same
	}
	return same
}
