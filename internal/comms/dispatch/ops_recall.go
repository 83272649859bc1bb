package dispatch

import (
	"encoding/hex"
	"slices"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// Freeze keeps a package, a document that was in it, or the bytes of one, from
// going out (again) until the mis-send it belongs to is decided.
type Freeze struct {
	gate.Row
	Package string `json:"package" col:"package_id" class:"internal,plain"`
	Mark    string `json:"mark" col:"mark" class:"internal,plain"` // what is frozen, see marks
	Active  bool   `json:"active" col:"active" class:"internal,plain"`
}

var freezes = gate.NewTable[Freeze]("dispatch_freeze", gate.Unscoped())

// A mark names what is frozen. Bytes are named by a keyed hash, since the digest
// of a known file tells the file.
func packageMark(id string) string { return "package/" + id }
func documentMark(f File) string   { return "document/" + f.Document }
func bytesMark(x *gate.Tx, f File) string {
	return "bytes/" + hex.EncodeToString(x.Ring().Index("dispatch_freeze.mark", []byte(f.Digest)))
}

// marks are all that a package can be frozen by.
func (b *bundle) marks(x *gate.Tx) []string {
	list := []string{packageMark(b.ID)}
	for _, f := range b.files {
		list = once(once(list, documentMark(f)), bytesMark(x, f))
	}
	return list
}

// RecallIn names a package that should not have gone out like this.
type RecallIn struct {
	ID     string `json:"id" required:"true" max:"40"`
	Cause  string `json:"cause" required:"true" enum:"wrong_recipient,wrong_document,wrong_content,wrong_amount,duplicate,other"`
	Reason string `json:"reason" required:"true" text:"multiline" max:"2000"`
}

// RecallOp calls a package back after the hold (誤送信の回収): what has not left
// never leaves, what was handed over is marked as recalled, an unknown stays
// unknown until somebody resolves it, and nothing of it goes out again until the
// report is decided. It may be pressed again; the second time brings in what has
// settled since. What a mail server took cannot be fetched back: recalled means
// that the addressee is to be asked to delete it.
var RecallOp = gate.New(gate.Op[RecallIn, Shown]{
	Name: "dispatch.recall", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(in RecallIn) []string { return alone(in.ID) },
	Target: func(x *gate.Tx, in RecallIn) (gate.Target, error) { return target(x, in.ID) },
	Do: func(x *gate.Tx, in RecallIn) (Shown, error) {
		return CallBack(x, in.ID, in.Cause)
	},
})

// CallBack is what RecallOp does, for an op of another module whose very purpose
// it is.
func CallBack(x *gate.Tx, id, cause string) (Shown, error) {
	b, err := load(x, id)
	if err != nil {
		return Shown{}, err
	}
	if !b.underway() {
		return Shown{}, fault.Refused("dispatch.not_left", "state", b.State.word())
	}
	if err := b.freeze(x); err != nil {
		return Shown{}, err
	}
	if err := nearMiss(x, b.Sending, NearRecall, "", "dispatch.near.recall_"+cause); err != nil {
		return Shown{}, err
	}
	b.recall(x)
	return b.after(b.summarise(x))
}

// underway tells whether anything of it has left, may have, or is about to.
func (b *bundle) underway() bool {
	may := append(gone(), Held, Claimed, Unknown)
	return slices.ContainsFunc(b.items, func(i Item) bool { return slices.Contains(may, i.State) })
}

// recall moves every recipient as far back as it can go.
func (b *bundle) recall(x *gate.Tx) {
	for i := range b.items {
		r := &b.items[i]
		switch {
		case r.State.Can(Cancel):
			r.State, r.SettledAt, r.Reason = Cancelled, x.Now(), "dispatch.recalled_unsent"
		case r.State.Can(Recall):
			r.State, r.Reason = Recalled, "dispatch.recalled"
		}
	}
	b.Reason = "dispatch.recalled"
}

// freeze keeps package and documents where they are.
func (b *bundle) freeze(x *gate.Tx) error {
	had, err := freezes.Find(x, gate.Eq("package_id", b.ID))
	if err != nil {
		return err
	}
	if len(had) > 0 {
		return turn(x, had, true)
	}
	for _, m := range b.marks(x) {
		if err := freezes.Insert(x, &Freeze{Package: b.ID, Mark: m, Active: true}); err != nil {
			return err
		}
	}
	return nil
}

func turn(x *gate.Tx, rows []Freeze, active bool) error {
	for i := range rows {
		if rows[i].Active == active {
			continue
		}
		rows[i].Active = active
		if err := freezes.Update(x, &rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// Get loads a sending; NotFound when there is none.
func Get(x *gate.Tx, id string) (Sending, error) { return sendings.Get(x, id) }

// Items are the recipients of a sending as they stand now, in their order.
func Items(x *gate.Tx, id string) ([]Item, error) {
	b, err := load(x, id)
	return b.items, err
}

// Settled is fault.Refused while nobody knows of a recipient whether it was sent,
// or a worker has it.
func Settled(x *gate.Tx, id string) error {
	list, err := Items(x, id)
	if err != nil {
		return err
	}
	for _, i := range list {
		if i.State == Unknown || i.State == Claimed {
			return fault.Refused("dispatch.undecided", "state", i.State.word())
		}
	}
	return nil
}

// Thaw ends the freeze of a package once its mis-send is decided, by an op of two
// people. It must be Settled; what was handed over since the recall is recalled.
func Thaw(x *gate.Tx, id string) error {
	if err := Settled(x, id); err != nil {
		return err
	}
	b, err := load(x, id)
	if err != nil {
		return err
	}
	b.recall(x)
	if err := b.summarise(x); err != nil {
		return err
	}
	rows, err := freezes.Find(x, gate.Eq("package_id", id))
	if err != nil {
		return err
	}
	return turn(x, rows, false)
}

// SendingLock is what an op must be Alone on that changes a sending.
func SendingLock(id string) string { return alone(id)[0] }
