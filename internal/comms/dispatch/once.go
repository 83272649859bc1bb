package dispatch

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/mailaddr"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"
)

// RuleOnce is for how many hours a one-off recipient is good.
const RuleOnce = "once_hours"

// inLength is the unit of a rule that counts hours.
const inLength unit = "hours"

// Once lets one sending go to one address that is not in the register (1回限りの
// 宛先): two people said so about exactly this package. It is no delivery point:
// nothing else finds it, and it ends by itself.
type Once struct {
	gate.Row
	Package    string    `json:"package" col:"package_id" class:"internal,plain"`
	Item       string    `json:"item" col:"item_id" class:"internal,plain"`
	Party      string    `json:"party" col:"party_id" class:"internal,plain"`
	Owner      string    `json:"-" col:"owner_id" class:"internal,plain"`
	Department string    `json:"-" col:"department_id" class:"internal,plain"`
	Address    string    `json:"address" col:"address" class:"personal,exact"` // canonical
	Content    string    `json:"-" col:"content" class:"internal,plain"`       // digest of address and package
	Reason     string    `json:"reason" col:"reason" class:"confidential"`
	Person     string    `json:"person" col:"person" class:"internal,plain"`
	Approver   string    `json:"approver" col:"approver" class:"internal,plain"`
	Until      time.Time `json:"until" col:"until_at" class:"internal,plain"`
	UsedAt     time.Time `json:"used_at" col:"used_at" class:"internal,plain"` // when it left, zero: not yet
}

var onces = gate.NewTable[Once]("dispatch_once", gate.Scoped("owner_id", "department_id", "party_id"), gate.Unit(vault.KindPersonal, "dispatch", "package_id"))

// point is what sendings see of it: like a delivery point for confidential papers
// and no higher.
func (o Once) point() party.DeliveryPoint {
	p := party.DeliveryPoint{Party: o.Party, Channel: Mail, Address: o.Address, MaxClass: policy.Confidential, State: party.Verified}
	p.ID, p.Version = o.ID, 1 // it never changes
	return p
}

// holds tells whether it is in force for a package: unchanged, and in time or on
// its way already.
func (o Once) holds(content string, now time.Time) bool {
	return o.Content == content && (now.Before(o.Until) || !o.UsedAt.IsZero())
}

// onceContent names one recipient of a package with all that goes there: whatever
// of it is changed, nobody has agreed to.
func (b *bundle) onceContent(item, address string) string {
	p := Package{Party: b.Party, Channel: b.route(), Purpose: b.Purpose, Class: b.Class, From: Sender{b.FromName, b.FromAddress}, Subject: b.Subject, Body: b.Body}
	for _, f := range b.files {
		p.Attachments = append(p.Attachments, Attachment{f.Document, f.Digest, f.Name, f.Media, f.Kind, f.Number, f.Amount, f.Date})
	}
	var c canon
	c.text("one-off recipient", b.ID, item, address)
	c.text(string(p.Canonical()))
	for _, i := range b.items {
		c.text(i.ID, i.Kind, i.Proposed)
	}
	return blob.Sum(c.b).String()
}

// onceOf is what lets a recipient go to an address that is not registered.
func (b *bundle) onceOf(x *gate.Tx, item, address string) (Once, bool, error) {
	list, err := onces.Find(x, gate.Eq("item_id", item))
	content := b.onceContent(item, address)
	i := slices.IndexFunc(list, func(o Once) bool { return o.Address == address && o.holds(content, x.Now()) })
	if err != nil || i < 0 {
		return Once{}, false, err
	}
	return list[i], true, nil
}

// spent tells whether an address had its one time in another sending.
func spent(x *gate.Tx, address, pack string) (bool, error) {
	list, err := onces.Find(x, gate.Eq("address", address))
	return slices.ContainsFunc(list, func(o Once) bool { return o.Package != pack && !o.UsedAt.IsZero() }), err
}

// onceOnly takes a one-off recipient into the facts, where there is one.
func (s *standing) onceOnly(x *gate.Tx, b bundle, i Item, f *RecipientFact) error {
	a, err := mailaddr.Parse(strings.TrimSpace(i.Proposed))
	if err != nil || f.Point != "" || f.Elsewhere || f.Pending || f.Alike != "" || f.Near.Reason != "" || b.toPaper() {
		return nil
	}
	o, ok, err := b.onceOf(x, i.ID, a.String())
	if err != nil {
		return err
	}
	if !ok {
		f.Spent, err = spent(x, a.String(), b.ID)
		return err
	}
	p := o.point()
	f.Point, f.Max, f.FreeMail, f.Once = p.ID, p.MaxClass, mailaddr.FreeMail(a.Domain()), o.Until
	s.once[p.ID] = p
	s.Recipients = append(s.Recipients, Recipient{i.Kind, p.ID, p.Address, p.Version})
	return nil
}

// at is the address of a recipient that matched.
func (s *standing) at(point string) string {
	return cmp.Or(s.points[point].Address, s.once[point].Address)
}

// onceAsks: what goes outside of the register is looked at by a second person,
// every time; no rule can set that aside.
func onceAsks(f Facts) []Finding {
	return eachMatched(f, func(r RecipientFact) bool { return !r.Once.IsZero() },
		func(r RecipientFact) Finding { return caution(r.Item, "once", true) })
}

// mailPoint loads a delivery point, or what stands for one in one sending.
func mailPoint(x *gate.Tx, id string) (party.DeliveryPoint, error) {
	p, err := party.DeliveryPointByID(x, id)
	if !fault.Is(err, fault.KindNotFound) {
		return p, err
	}
	o, err := onces.Get(x, id)
	return o.point(), err
}

// isOnce tells whether a point stands for one sending only.
func isOnce(x *gate.Tx, point string) (bool, error) { return onces.Has(x, gate.Eq("id", point)) }

// spend keeps that a one-off recipient had its one time.
func spend(x *gate.Tx, point string) error {
	list, err := onces.Find(x, gate.Eq("id", point))
	if err != nil || len(list) == 0 || !list[0].UsedAt.IsZero() {
		return err
	}
	list[0].UsedAt = x.Now()
	return onces.Update(x, &list[0])
}

// Once is how long a one-off recipient is good.
func (r Rules) Once() time.Duration { return time.Duration(r.of(RuleOnce)) * time.Hour }
