//go:build torture

package torture

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"
)

// TestExaminer plants every kind of wrong before the examiner: one that sees
// nothing would find every house in order.
func TestExaminer(t *testing.T) {
	raw := []byte("Subject: x\r\n\r\nhello\r\n")
	sum := sha256.Sum256(raw)
	world := func() (*book, sight) {
		k := newBook()
		b := &bill{mark: "TORTURE-00001", id: "b1", issued: true, number: "INV-1"}
		k.bills = []*bill{b}
		k.parcels = []*parcel{{mark: b.mark, id: "p1", bill: b, address: "a@b.example", approved: "d1", released: true}}
		v := sight{bills: []billState{{ID: "b1", State: "ready", Number: "INV-1", Subject: "ご請求 TORTURE-00001"}},
			parcels: map[string]parcelState{"p1": {ID: "p1"}}, unknown: map[string]bool{}, got: map[string][]got{"m1": {{"m1", "d1", "a@b.example", raw, time.Time{}}}}}
		s := v.parcels["p1"]
		s.Recipients = append(s.Recipients, recipientState{ID: "r1", State: "handed_over", MessageID: "m1", Bytes: hex.EncodeToString(sum[:])})
		v.parcels["p1"] = s
		return k, v
	}
	state := func(v sight, state string) { v.parcels["p1"].Recipients[0].State = state }
	for name, c := range map[string]struct {
		plant func(k *book, v *sight)
		where func(f *findings) []string
	}{
		"an invoice is gone":            {func(_ *book, v *sight) { v.bills = nil }, func(f *findings) []string { return f.lost }},
		"an issued one is a draft":      {func(_ *book, v *sight) { v.bills[0].State = "draft" }, func(f *findings) []string { return f.lost }},
		"it has another number":         {func(_ *book, v *sight) { v.bills[0].Number = "INV-2" }, func(f *findings) []string { return f.lost }},
		"it is there twice":             {func(_ *book, v *sight) { v.bills = append(v.bills, v.bills[0]) }, func(f *findings) []string { return f.doubled }},
		"handed over, and not received": {func(_ *book, v *sight) { delete(v.got, "m1") }, func(f *findings) []string { return f.lost }},
		"received twice":                {func(_ *book, v *sight) { v.got["m1"] = append(v.got["m1"], v.got["m1"][0]) }, func(f *findings) []string { return f.doubled }},
		"left under two names":          {func(_ *book, v *sight) { v.got["m2"] = v.got["m1"] }, func(f *findings) []string { return f.doubled }},
		"unknown, and not listed":       {func(_ *book, v *sight) { state(*v, "unknown") }, func(f *findings) []string { return f.hidden }},
		"cancelled, and received":       {func(k *book, v *sight) { k.parcels[0].cancelled = true; state(*v, "cancelled") }, func(f *findings) []string { return f.doubled }},
		"still held":                    {func(_ *book, v *sight) { state(*v, "held"); delete(v.got, "m1") }, func(f *findings) []string { return f.lost }},
		"another digest":                {func(_ *book, v *sight) { v.got["m1"][0].packageDigest = "d2" }, func(f *findings) []string { return f.foreign }},
		"other bytes":                   {func(_ *book, v *sight) { v.got["m1"][0].raw = []byte("Subject: y\r\n\r\n") }, func(f *findings) []string { return f.foreign }},
		"another's mail":                {func(_ *book, v *sight) { v.got["m9"] = []got{{"m9", "d9", "x@y.example", raw, time.Time{}}} }, func(f *findings) []string { return f.foreign }},
	} {
		k, v := world()
		c.plant(k, &v)
		f := &findings{}
		f.billing(k, v)
		f.sending(k, v)
		if len(c.where(f)) == 0 {
			t.Errorf("%s: the examiner saw nothing: %+v", name, f)
		}
	}
	k, v := world()
	f := &findings{}
	f.billing(k, v)
	f.sending(k, v)
	if n := len(f.lost) + len(f.doubled) + len(f.hidden) + len(f.foreign); n != 0 {
		t.Errorf("the examiner saw %d wrongs in a house in order: %+v", n, f)
	}
}
