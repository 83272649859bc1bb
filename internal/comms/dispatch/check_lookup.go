package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/extract"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
)

// What the register in memory does not have is looked up exactly: accounts and
// contacts by the keyed index of the sealed column, numbers in the archive. Rows
// of an import that is not visible do not count.
type ownerRow struct {
	Index []byte
	Party string
}

type billedRow struct {
	ID, Number string
	Amount     int64
	Date       string
}

var (
	accountOwner = gate.NewQuery[ownerRow]("dispatch.account_owner", `SELECT a.number_x, a.party_id FROM {party_account a} WHERE a.number_x IN (`+askedTogether+`) ORDER BY a.id`)
	contactOwner = gate.NewQuery[ownerRow]("dispatch.contact_owner", `SELECT c.mail_x, c.party_id FROM {party_contact c} WHERE c.mail_x IN (`+askedTogether+`)
		AND (c.run = '' OR c.run IN (SELECT r.id FROM {party_run r} WHERE r.state = 'visible')) ORDER BY c.id`)
	billedBefore = gate.NewQuery[billedRow]("dispatch.billed_before", `SELECT d.id, d.number, d.amount, d.doc_date FROM {document d}
		WHERE d.party_id = $1 AND d.doc_date >= $2 AND d.doc_date <= $3 AND d.kind = 'invoice' AND d.direction = 'issued' AND d.latter_id = '' AND d.standing = ''
		ORDER BY d.doc_date DESC, d.id DESC LIMIT 200`)
)

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
	doc     extract.Doc
	text    string // all that was read
	compact string // compact, for finding what the file claims
	found   Found
	name    Found // in the file's name
	office  Office
}

// reader gives what reads and scans a package outside the transaction.
func (g *Gate) reader(x *gate.Tx, b bundle) (func(context.Context) (any, error), error) {
	r, stamp, err := g.snapshots.at(x)
	if err != nil {
		return nil, err
	}
	blobs := x.Blobs()
	return func(ctx context.Context) (any, error) {
		c := content{version: b.Version, register: r, stamp: stamp, files: map[string]fileContent{},
			subject: r.Scan(b.Subject, b.Party), body: r.Scan(b.Body, b.Party)}
		reads, errs := make([]fileContent, len(b.files)), make([]error, len(b.files))
		var all sync.WaitGroup
		for i, f := range b.files {
			all.Go(func() {
				defer func() {
					if p := recover(); p != nil { // beyond the gate's reach here: it would end the server
						errs[i] = fmt.Errorf("dispatch: panic (%T) reading a file at %s", p, debug.Stack())
					}
				}()
				if reads[i], errs[i] = readFile(ctx, blobs, f); errs[i] == nil {
					reads[i].found, reads[i].name = r.ScanFile(reads[i].text, b.Party), r.Scan(f.Name, b.Party)
				}
			})
		}
		all.Wait()
		for i, f := range b.files {
			c.files[f.ID] = reads[i]
		}
		return c, errors.Join(errs...)
	}, nil
}

func readFile(ctx context.Context, blobs *blob.Store, f File) (fileContent, error) {
	d, err := blob.ParseDigest(f.Digest)
	if err != nil {
		return fileContent{}, err
	}
	raw, err := blobs.Get(ctx, d)
	if err != nil {
		return fileContent{}, err
	}
	doc, err := extract.Text(ctx, f.Name, raw, extract.DefaultLimits())
	if err != nil {
		return fileContent{}, err
	}
	c := fileContent{doc: doc, compact: doc.Compact(), text: strings.Join(slices.Concat(doc.Pages, doc.Extra), "\n")}
	if doc.Kind == extract.Unknown {
		var text string
		c.office, text = inspectOffice(raw)
		c.text += "\n" + text
	}
	return c, nil
}

// known is what the database knows about everything a package speaks of.
type known struct {
	documents map[string][]document.Document // by number, upper case, and by id
	accounts  map[string][]string            // number → partners
	mails     map[string][]string
}

func (c content) look(x *gate.Tx) (known, error) {
	k := known{map[string][]document.Document{}, map[string][]string{}, map[string][]string{}}
	var numbers, ids []string
	founds := []Found{c.subject, c.body}
	for _, f := range c.files {
		founds = append(founds, f.found, f.name)
	}
	var accounts, mails []string
	for _, f := range founds {
		numbers, accounts, mails = append(numbers, f.Numbers...), append(accounts, f.Accounts...), append(mails, f.Mails...)
	}
	if err := owners(x, accountOwner, "party_account.number", accounts, k.accounts); err != nil {
		return k, err
	}
	if err := owners(x, contactOwner, "party_contact.mail", mails, k.mails); err != nil {
		return k, err
	}
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	for _, n := range numbers {
		if len(n) == idLength {
			ids = append(ids, strings.ToLower(n))
		}
	}
	list, err := document.Named(x, numbers, ids)
	for _, d := range list {
		k.documents[strings.ToUpper(d.Number)] = append(k.documents[strings.ToUpper(d.Number)], d)
		k.documents[strings.ToUpper(d.ID)] = append(k.documents[strings.ToUpper(d.ID)], d)
	}
	return k, err
}

// askedTogether are as many values as one question about owners holds.
const askedTogether = "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16"

const atOnce = 16

// owners finds the partners that values belong to, many at a time.
func owners(x *gate.Tx, q *gate.Query[ownerRow], column string, values []string, to map[string][]string) error {
	slices.Sort(values)
	for part := range slices.Chunk(slices.Compact(values), atOnce) {
		by := map[string]string{}
		args := make([]any, atOnce)
		for i := range args {
			v := part[min(i, len(part)-1)] // the last one fills the rest
			index := x.Ring().Index(column, []byte(v))
			args[i], by[string(index)], to[v] = index, v, []string{}
		}
		rows, err := q.Rows(x, args...)
		if err != nil {
			return err
		}
		for _, r := range rows {
			v := by[string(r.Index)]
			to[v] = append(to[v], r.Party)
		}
	}
	return nil
}

// idLength is the length of the ids of rows.
const idLength = 26

// hits adds to what was found what only the database knows. stray are accounts
// that are surely meant and that nobody has registered.
func (k known) hits(f Found, ours string, own []string) (hits []Hit, stray []string) {
	hits = slices.Clone(f.Hits)
	other := func(kind HitKind, value string, parties []string) {
		if len(parties) > 0 && !slices.Contains(parties, ours) {
			hits = append(hits, Hit{Kind: kind, Value: value, Party: parties[0], Others: parties[1:]})
		}
	}
	for _, n := range f.Accounts {
		if slices.Contains(own, n) {
			continue
		}
		other(HitAccount, n, k.accounts[n])
		if len(k.accounts[n]) == 0 && slices.Contains(f.Paid, n) {
			stray = append(stray, n)
		}
	}
	for _, m := range f.Mails {
		other(HitMail, m, k.mails[m])
	}
	for _, n := range f.Numbers {
		var parties []string
		for _, d := range k.documents[n] {
			if d.Party != "" && (d.Direction == document.Issued || strings.EqualFold(d.ID, n)) {
				parties = append(parties, d.Party)
			}
		}
		other(HitNumber, n, parties)
	}
	return hits, stray
}

// fill adds what was read of the content to the facts, with what only the
// database knows about it.
func (c content) fill(x *gate.Tx, s *standing) error {
	k, err := c.look(x)
	if err != nil {
		return err
	}
	f := &s.facts
	var stray []string
	f.Subject, stray = k.hits(c.subject, s.Party, f.Own.Accounts)
	f.Body, f.Stray = k.hits(c.body, s.Party, f.Own.Accounts)
	f.Stray = append(f.Stray, stray...)
	for i := range f.Files {
		a := &f.Files[i]
		read := c.files[a.Item]
		a.Hits, a.Stray = k.hits(read.found, s.Party, f.Own.Accounts)
		named, _ := k.hits(read.name, s.Party, f.Own.Accounts)
		a.Hits = append(a.Hits, named...)
		a.content(read, *f)
		k.archived(a, read, s.Attachments[i], s.Party)
	}
	f.Named = k.named(c.subject, *s)
	f.explain(s.related)
	if err := s.billed(x); err != nil {
		return err
	}
	if err := s.twins(x); err != nil {
		return err
	}
	calendar, err := org.Calendar(x)
	if err != nil {
		return err
	}
	open, err := calendar.Open(civil.Of(x.Now()))
	f.Late = late(x.Now(), open || err != nil, f.Rules) // err: beyond the years whose holidays can be told
	return nil
}

// content adds what the bytes of a file say.
func (a *FileFact) content(read fileContent, f Facts) {
	a.Unreadable, a.Disguised, a.Active = read.doc.Unreadable, read.doc.NameMismatch, read.doc.Active || read.doc.Embedded
	a.Pictures, a.Office, a.Text = len(read.doc.Pictures) > 0, read.office, read.text
	a.HasName = read.found.Ours
	a.HasNumber = a.Number != "" && strings.Contains(read.compact, extract.Compact(a.Number))
	a.HasAmount = says(read.compact, a.Amount)
	if !a.Ours {
		return
	}
	a.Said = whatSays(read.text, f.Own, f.Party.Name)
	for _, n := range read.found.Accounts {
		if slices.Contains(f.Own.Accounts, n) {
			a.Said.Accounts = append(a.Said.Accounts, n)
		}
	}
}

// archived adds what the archive has of documents that a file names.
func (k known) archived(a *FileFact, read fileContent, at Attachment, ours string) {
	for _, title := range read.doc.Extra {
		m := issuedTitle.FindStringSubmatch(title)
		if m == nil {
			continue
		}
		for _, d := range k.documents[strings.ToUpper(m[1])] {
			if d.Direction == document.Issued && d.ID != at.Document && d.Digest != at.Digest && !a.Issued {
				a.Copy = d.Number
			}
		}
	}
	for _, n := range read.found.Numbers {
		for _, d := range k.documents[n] {
			if d.Kind == document.Order && d.Party == ours && d.Amount > 0 && d.ID != at.Document {
				a.Ordered, a.OrderNo = max(a.Ordered, d.Amount), cmp.Or(d.Number, d.ID)
			}
		}
	}
}

// named are the numbers in the subject that are of invoices to this partner that
// are not attached.
func (k known) named(f Found, s standing) []string {
	var out []string
	for _, n := range f.Numbers {
		attached := slices.ContainsFunc(s.Attachments, func(a Attachment) bool { return strings.EqualFold(a.Number, n) })
		if !attached && slices.ContainsFunc(k.documents[n], func(d document.Document) bool {
			return d.Party == s.Party && d.Direction == document.Issued && d.Kind == document.Invoice
		}) {
			out = append(out, n)
		}
	}
	return out
}

// billed adds the invoices of the last months, unless they are there already.
func (s *standing) billed(x *gate.Tx) error {
	var from, to civil.Date
	for _, a := range s.facts.Files {
		if a.Invoice && a.Issued {
			to = civil.Max(to, a.Date)
		}
	}
	if to.IsZero() || len(s.facts.History) > 0 {
		return nil
	}
	from = to.AddMonths(-habitMonths)
	rows, err := billedBefore.Rows(x, s.Party, from, to.AddMonths(1))
	if err != nil {
		return err
	}
	for _, r := range rows {
		day, err := civil.Parse(r.Date)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(s.Attachments, func(a Attachment) bool { return a.Document == r.ID }) {
			continue
		}
		s.facts.History = append(s.facts.History, Billed{r.Number, money.Yen(r.Amount), day})
	}
	return nil
}

// twins finds documents over the same amount in the same month that went to the
// partner or are about to. For what was confirmed already, those confirmed later
// do not count: whoever confirmed them was shown this one.
func (s *standing) twins(x *gate.Tx) error {
	for i := range s.facts.Files {
		a := &s.facts.Files[i]
		for _, b := range s.facts.History {
			if a.Kind != document.Invoice || b.Amount != a.Amount || b.Number == a.Number || b.Date.Year() != a.Date.Year() || b.Date.Month() != a.Date.Month() {
				continue
			}
			same, err := files.Find(x, gate.Eq("number", b.Number), gate.Eq("document_party", s.Party))
			if err != nil {
				return err
			}
			for _, f := range same {
				before, err := s.went(x, f.Package)
				if err != nil {
					return err
				}
				if before && a.Twin == "" {
					a.Twin = b.Number
				}
			}
		}
	}
	return nil
}

// went tells whether another package went, or is about to, before this one was
// confirmed; if it was not yet, whether it did at all.
func (s *standing) went(x *gate.Tx, id string) (bool, error) {
	sent, err := items.Has(x, gate.Eq("package_id", id), gate.In("state", append(gone(), underway()...)))
	if err != nil || !sent || s.confirmed.IsZero() {
		return sent, err
	}
	o, err := sendings.Get(x, id)
	return !o.ConfirmedAt.After(s.confirmed), err
}

// relatedTo are the partners whose names may rightly stand in this one's papers.
func relatedTo(x *gate.Tx, id string) (map[string]relation, error) {
	list, err := party.Relations(x, id)
	related, today := map[string]relation{}, civil.Of(x.Now())
	for _, r := range list {
		if r.From.After(today) || !r.Ended.IsZero() && r.Ended.Before(today) {
			continue
		}
		for _, o := range []string{r.Party, r.Other} {
			if o == "" || o == id {
				continue
			}
			k := related[o]
			k.maker, k.other = k.maker || r.Kind == party.Maker, k.other || r.Kind != party.Maker
			related[o] = k
		}
	}
	return related, err
}
