package document

import (
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// Standing is whether a document of ours still counts (書類の効力). One that does
// not stays in the archive as it is.
type Standing string

// The standings.
const (
	InForce    Standing = ""
	Superseded Standing = "superseded" // 修正: a corrected one took its place
	Cancelled  Standing = "cancelled"  // 取消: a document of its own says so
	Void       Standing = "void"       // 無効: its number was given up before anybody had got its bytes
)

// Retire says that a document counts no more. Only one in force is retired.
func Retire(x *gate.Tx, id string, s Standing) error {
	d, err := documents.Get(x, id)
	if err == nil && d.Standing != InForce {
		err = fault.Refused("document.retired", "number", d.Number)
	}
	if err != nil {
		return err
	}
	d.Standing = s
	return documents.Update(x, &d)
}

// Replace archives d as what was made in the place of a former document, and
// links the two.
func Replace(x *gate.Tx, d *Document, former, reason string) error {
	old, err := documents.Get(x, former)
	if err == nil && old.Latter != "" {
		err = fault.Conflict("document.corrected")
	}
	if err != nil {
		return err
	}
	d.Former, d.Reason = former, reason
	if err := Archive(x, d); err != nil {
		return err
	}
	old.Latter = d.ID
	return documents.Update(x, &old)
}

// How a document was given out, where that is no op.
const (
	Unknown = ""      // it was archived before that was kept: nobody can tell that it never was
	Never   = "never" // not yet
)

// Give marks that the bytes of a document leave, by the op named; the first time
// is kept. Whatever hands bytes to a person, a program or a mail server calls it in
// the transaction without whose commit they do not leave: so a document without
// the mark has been seen by nobody.
func Give(x *gate.Tx, id, op string) error {
	d, err := documents.Get(x, id)
	if err != nil || d.GivenHow != Never {
		return err
	}
	d.GivenAt, d.GivenBy, d.GivenHow = x.Now(), x.Actor().Person, op
	return documents.Update(x, &d)
}
