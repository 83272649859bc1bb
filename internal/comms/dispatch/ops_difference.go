package dispatch

import (
	"cmp"
	"slices"
	"time"

	"sekisho/internal/base/approval"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

// Version is a package as it passed a check, kept for the one who approves to see
// what was changed since (W-check).
type Version struct {
	gate.Row
	Package string  `col:"package_id" class:"internal,plain"`
	Digest  string  `col:"digest" class:"internal,plain"`
	Request string  `col:"request_id" class:"internal,plain"` // by which a second person was asked, "" if none was
	Content Content `col:"content" class:"personal"`
}

var versions = gate.NewTable[Version]("dispatch_version", gate.Unit(vault.KindPersonal, "dispatch", "package_id"))

func (b bundle) content() Content {
	c := Content{Sender: b.FromName + " <" + b.FromAddress + ">", Purpose: b.Purpose, Subject: b.Subject, Body: b.Body}
	for _, i := range b.items {
		c.Recipients = append(c.Recipients, Addressee{i.Kind, cmp.Or(i.Address, i.Proposed)})
	}
	for _, f := range b.files {
		c.Files = append(c.Files, askedFile{f.Name, f.Number, f.Amount, f.Date, f.Digest, f.Kind})
	}
	return c
}

// keepVersion keeps the package as it passed its check; the same once.
func (b bundle) keepVersion(x *gate.Tx) error {
	had, err := versions.Has(x, gate.Eq("package_id", b.ID), gate.Eq("digest", b.Digest))
	if err != nil || had {
		return err
	}
	return versions.Insert(x, &Version{Package: b.ID, Digest: b.Digest, Content: b.content()})
}

// versionAsked notes by which request a second person was asked about it.
func (b bundle) versionAsked(x *gate.Tx) error {
	v, err := versions.One(x, gate.Eq("package_id", b.ID), gate.Eq("digest", b.Digest))
	if fault.Is(err, fault.KindNotFound) { // checked before versions were kept
		return nil
	}
	if err != nil {
		return err
	}
	v.Request = b.Request
	return versions.Update(x, &v)
}

// Difference is a package beside another.
type Difference struct {
	Package string    `json:"package" class:"internal"` // the other one: the same id for an earlier version, "" if there is none
	At      time.Time `json:"at" class:"internal"`      // when that left, or was checked
	Reached string    `json:"reached" class:"internal"` // how far that got: the state of its sending or request, or "checked"
	Changes
}

// sinceEarlier compares with the version that last went before a second person,
// else with the one that last passed a check; nil if there was none but this.
func (b bundle) sinceEarlier(x *gate.Tx) (*Difference, error) {
	list, err := versions.Find(x, gate.Eq("package_id", b.ID), gate.Ne("digest", b.Digest))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	v := slices.MaxFunc(list, func(a, c Version) int {
		return cmp.Or(cmp.Compare(min(len(a.Request), 1), min(len(c.Request), 1)), a.UpdatedAt.Compare(c.UpdatedAt))
	})
	d := Difference{b.ID, v.CreatedAt, "checked", compare(v.Content, b.content())}
	if v.Request != "" {
		r, err := approval.Get(x, v.Request)
		if err != nil {
			return nil, err
		}
		d.Reached = string(r.State)
	}
	return &d, nil
}

// DifferenceOut are the two comparisons of a W-check.
type DifferenceOut struct {
	Last    Difference `json:"last"`    // with what last left for the partner, of the same purpose if there is one
	Earlier Difference `json:"earlier"` // with the requester's earlier version of this package
}

// DifferenceOp shows what differs from the last sending to the partner and from
// the requester's earlier version (差分確認): text line by line, recipients,
// attachments with what they claim, and amounts. What the requester ticked is
// no part of it: whoever looks second looks for themselves.
var DifferenceOp = gate.New(gate.Op[ByID, DifferenceOut]{
	Name: "dispatch.difference", Mode: gate.Read,
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return target(x, in.ID) },
	Do: func(x *gate.Tx, in ByID) (DifferenceOut, error) {
		var out DifferenceOut
		b, err := load(x, in.ID)
		if err != nil {
			return out, err
		}
		last, err := lastTo(x, b)
		if err != nil {
			return out, err
		}
		if last != nil {
			out.Last = Difference{last.ID, last.left(), string(last.State), compare(last.content(), b.content())}
		}
		earlier, err := b.sinceEarlier(x)
		if earlier != nil {
			out.Earlier = *earlier
		}
		return out, err
	},
})
