package dispatch

import (
	"cmp"
	"context"
	"strings"
	"time"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/extract"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// What the register in memory does not have is looked up exactly, one indexed
// row each: accounts and contacts by the keyed index of the sealed column. Rows
// of an import that is not visible do not count.
type ownerRow struct{ Party string }

var (
	accountOwner = gate.NewQuery[ownerRow]("dispatch.account_owner", `SELECT a.party_id FROM {party_account a} WHERE a.number_x = $1 ORDER BY a.id`)
	contactOwner = gate.NewQuery[ownerRow]("dispatch.contact_owner", `SELECT c.party_id FROM {party_contact c} WHERE c.mail_x = $1
		AND (c.run = '' OR c.run IN (SELECT r.id FROM {party_run r} WHERE r.state = 'visible')) ORDER BY c.id`)
	numberOwner = gate.NewQuery[ownerRow]("dispatch.number_owner", `SELECT d.party_id FROM {document d}
		WHERE d.number = $1 AND d.direction = 'issued' AND d.party_id <> '' ORDER BY d.id`)
)

// CheckOut is what a check found, and the ticks to give back if nothing stops.
type CheckOut struct {
	State     State     `json:"state" class:"internal"`
	Digest    string    `json:"digest" class:"internal"`
	Findings  []Finding `json:"findings"`
	Ticks     []Tick    `json:"ticks"`
	ExpiresAt time.Time `json:"expires_at" class:"internal"`
	Friction  Friction  `json:"friction" class:"internal"` // what it asks of people
	Rules     string    `json:"rules" class:"internal"`    // version of the rules of sending (SM-33)
}

// content is what was read of a package outside the transaction.
type content struct {
	version  int64 // of the sending whose content it is
	register *Register
	stamp    string
	subject  Found
	body     Found
	files    map[string]fileContent // by id of the file
}

type fileContent struct {
	doc   extract.Doc
	text  string // compact, for finding what the file claims
	found Found
}

// checkOp compares a package with the register (送付前チェック). It may be run as
// often as one likes; the ticks of the last one count.
func (g *Gate) checkOp() *gate.UseCase[ByID, CheckOut] {
	return gate.New(gate.Op[ByID, CheckOut]{
		Name: "dispatch.check", Mode: gate.Write,
		Alone:  func(in ByID) []string { return alone(in.ID) },
		Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return target(x, in.ID) },
		Work:   g.read,
		Do:     check,
	})
}

func (g *Gate) read(x *gate.Tx, in ByID) (func(context.Context) (any, error), error) {
	b, err := load(x, in.ID)
	if err != nil {
		return nil, err
	}
	r, stamp, err := g.snapshots.at(x)
	if err != nil {
		return nil, err
	}
	blobs := x.Blobs()
	return func(ctx context.Context) (any, error) {
		c := content{version: b.Version, register: r, stamp: stamp, files: map[string]fileContent{},
			subject: r.Scan(b.Subject, b.Party), body: r.Scan(b.Body, b.Party)}
		for _, f := range b.files {
			d, err := readFile(ctx, blobs, f)
			if err != nil {
				return nil, err
			}
			text := strings.Join(append(append([]string{f.Name}, d.Pages...), d.Extra...), "\n")
			c.files[f.ID] = fileContent{d, d.Compact(), r.Scan(text, b.Party)}
		}
		return c, nil
	}, nil
}

func readFile(ctx context.Context, blobs *blob.Store, f File) (extract.Doc, error) {
	d, err := blob.ParseDigest(f.Digest)
	if err != nil {
		return extract.Doc{}, err
	}
	raw, err := blobs.Get(ctx, d)
	if err != nil {
		return extract.Doc{}, err
	}
	return extract.Text(ctx, f.Name, raw, extract.DefaultLimits())
}

func check(x *gate.Tx, in ByID) (CheckOut, error) {
	c := gate.Worked[content](x)
	b, err := load(x, in.ID)
	if err != nil {
		return CheckOut{}, err
	}
	if b.Version != c.version {
		return CheckOut{}, fault.Conflict("gate.conflict")
	}
	if b.State == Confirmed || b.State == Rejected {
		if err := b.change(x, ""); err != nil {
			return CheckOut{}, err
		}
	}
	if !b.State.Can(Pass) {
		_, err := Next(b.State, Pass)
		return CheckOut{}, err
	}
	s, err := stand(x, b, c.register)
	if err == nil {
		err = c.fill(x, &s)
	}
	if err != nil {
		return CheckOut{}, err
	}
	k, err := c.checking(x, b, s)
	if err != nil {
		return CheckOut{}, err
	}
	return b.judged(x, s, k)
}

// judged writes what a check found and moves the package.
func (b *bundle) judged(x *gate.Tx, s standing, k Checking) (CheckOut, error) {
	for i, r := range s.facts.Recipients {
		b.items[i].Point, b.items[i].Address = r.Point, ""
		if r.Point != "" {
			b.items[i].Address = s.points[r.Point].Address
		}
	}
	event := Stop
	b.Digest, b.Check, b.Reason = "", "", "dispatch.stopped"
	if !Stops(k.Findings) {
		event = Pass
		b.Digest, b.Reason = s.Digest(), ""
	}
	k.Digest = b.Digest
	if event == Pass {
		if err := b.keepVersion(x); err != nil {
			return CheckOut{}, err
		}
	}
	if err := checked.Insert(x, &k); err != nil {
		return CheckOut{}, err
	}
	b.Check = k.ID
	if err := nearMiss(x, b.Sending, NearStop, s.content(), halts(k.Findings)...); err != nil {
		return CheckOut{}, err
	}
	if err := b.advance(x, event); err != nil {
		return CheckOut{}, err
	}
	out := CheckOut{State: b.State, Digest: b.Digest, Findings: k.Findings, ExpiresAt: k.ExpiresAt,
		Friction: k.Friction, Rules: Rules{Version: k.Rules}.name()}
	if event == Pass {
		out.Ticks = ticks(x, *b, k)
	}
	return out, nil
}

// fill adds what was read of the content to the facts, with what only the
// database knows about it.
func (c content) fill(x *gate.Tx, s *standing) error {
	related, err := relatedTo(x, s.Party)
	if err != nil {
		return err
	}
	add := func(f Found) (hits []Hit, err error) {
		if hits, err = resolve(x, f, s.Party); err != nil {
			return nil, err
		}
		for i := range hits {
			hits[i].Related = related[hits[i].Party]
		}
		return hits, nil
	}
	if s.facts.Subject, err = add(c.subject); err != nil {
		return err
	}
	if s.facts.Body, err = add(c.body); err != nil {
		return err
	}
	for i := range s.facts.Files {
		f, a := &s.facts.Files[i], s.Attachments[i]
		read := c.files[f.Item]
		if f.Hits, err = add(read.found); err != nil {
			return err
		}
		f.Unreadable, f.Disguised, f.Active = read.doc.Unreadable, read.doc.NameMismatch, read.doc.Active || read.doc.Embedded
		f.Pictures = len(read.doc.Pictures) > 0
		f.HasName = Holds(read.text, s.facts.Party.Name)
		f.HasNumber = a.Number != "" && strings.Contains(read.text, extract.Compact(a.Number))
		f.HasAmount = strings.Contains(read.text, a.Amount.String()) || strings.Contains(read.text, strings.ReplaceAll(a.Amount.String(), ",", ""))
	}
	return nil
}

// relatedTo are the partners whose names may rightly stand in this one's papers.
func relatedTo(x *gate.Tx, id string) (map[string]bool, error) {
	list, err := party.Relations(x, id)
	related, today := map[string]bool{}, civil.Of(x.Now())
	for _, r := range list {
		if r.From.After(today) || !r.Ended.IsZero() && r.Ended.Before(today) {
			continue
		}
		related[r.Party], related[r.Other] = true, true
	}
	delete(related, id)
	delete(related, "")
	return related, err
}

// resolve adds to the hits what must be looked up.
func resolve(x *gate.Tx, f Found, ours string) ([]Hit, error) {
	hits := f.Hits
	look := func(q *gate.Query[ownerRow], k HitKind, values []string, key func(string) any) error {
		for _, v := range values {
			rows, err := q.Rows(x, key(v))
			if err != nil {
				return err
			}
			other := ""
			for _, r := range rows {
				if r.Party == ours {
					other = ""
					break
				}
				other = cmp.Or(other, r.Party)
			}
			if other != "" {
				hits = append(hits, Hit{Kind: k, Value: v, Party: other})
			}
		}
		return nil
	}
	index := func(column string) func(string) any {
		return func(v string) any { return x.Ring().Index(column, []byte(v)) }
	}
	if err := look(accountOwner, HitAccount, f.Accounts, index("party_account.number")); err != nil {
		return nil, err
	}
	if err := look(contactOwner, HitMail, f.Mails, index("party_contact.mail")); err != nil {
		return nil, err
	}
	return hits, look(numberOwner, HitNumber, f.Numbers, func(v string) any { return v })
}

// ConfirmIn gives the ticks back.
type ConfirmIn struct {
	ID     string   `json:"id" required:"true"`
	Digest string   `json:"digest" required:"true"`
	Ticks  []string `json:"ticks" required:"true" max:"200"`
}

// ConfirmOp takes the ticks of every item and caution of the last check
// (項目ごとの確認): exactly all, of this person, in time, once.
var ConfirmOp = gate.New(gate.Op[ConfirmIn, Shown]{
	Name: "dispatch.confirm", Mode: gate.Write,
	Alone:  func(in ConfirmIn) []string { return alone(in.ID) },
	Target: func(x *gate.Tx, in ConfirmIn) (gate.Target, error) { return target(x, in.ID) },
	Do:     confirm,
})

func confirm(x *gate.Tx, in ConfirmIn) (Shown, error) {
	if x.Actor().Via == policy.ViaClient {
		return Shown{}, fault.Denied("dispatch.person_only")
	}
	b, err := load(x, in.ID)
	if err != nil {
		return Shown{}, err
	}
	return b.after(b.confirm(x, in.Digest, in.Ticks))
}

// confirm takes the ticks of the last check, or refuses and keeps that it was tried.
func (b *bundle) confirm(x *gate.Tx, digest string, given []string) error {
	if !b.State.Can(Confirm) {
		_, err := Next(b.State, Confirm)
		return gate.Refused(x, fault.Of(err))
	}
	c, err := checked.Get(x, b.Check)
	if err != nil {
		return err
	}
	switch {
	case c.Used || c.Person != x.Actor().Person || digest != b.Digest || !complete(ticks(x, *b, c), given):
		x.Note("ticks", len(given))
		return gate.Refused(x, fault.Refused("dispatch.ticks"))
	case !x.Now().Before(c.ExpiresAt):
		return gate.Refused(x, fault.Refused("dispatch.ticks_expired", "minutes", int(c.ExpiresAt.Sub(c.CreatedAt).Minutes())))
	}
	if _, err := unchanged(x, *b); err != nil {
		return b.refuse(x, err)
	}
	c.Used = true
	if err := checked.Update(x, &c); err != nil {
		return err
	}
	// From here on it may leave: the import that brought the partner stays.
	if err := party.Hold(x, b.Party); err != nil {
		return err
	}
	b.ConfirmedBy, b.ConfirmedAt = x.Actor().Person, x.Now()
	return b.advance(x, Confirm)
}

// refuse sends a package back whose foundation has changed, and keeps that.
func (b *bundle) refuse(x *gate.Tx, err error) error {
	if !fault.Is(err, fault.KindRefused) {
		return err
	}
	if err := b.void(x); err != nil {
		return err
	}
	return gate.Refused(x, fault.Of(err))
}
