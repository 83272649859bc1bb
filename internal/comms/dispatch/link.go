package dispatch

import (
	"encoding/base32"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"sekisho/internal/base/document"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/text"
	"sekisho/internal/kernel/vault"
)

// Link is the channel of packages whose files stay in the house (受け取りリンク):
// the mail holds a link to the portal instead of them. All else is as with Mail,
// the recipient too: the mailbox of a verified delivery point.
const Link = "link"

// LinkRow is what one recipient got instead of the files. Of the secret in its
// address the server keeps a hash here; it is made anew from the key ring when a
// mail is tried again.
type LinkRow struct {
	gate.Row
	Package     string     `json:"package" col:"package_id" class:"internal,plain"`
	Item        string     `json:"item" col:"item_id" class:"internal,plain"`
	Party       string     `json:"party" col:"party_id" class:"internal,plain"`
	Owner       string     `json:"-" col:"owner_id" class:"internal,plain"`
	Department  string     `json:"-" col:"department_id" class:"internal,plain"`
	Point       string     `json:"point" col:"point_id" class:"internal,plain"`
	Serial      int64      `json:"serial" col:"serial" class:"internal,plain"` // 0, then one more for each that was asked for anew
	Locator     string     `json:"-" col:"locator" class:"internal,plain"`
	Hash        string     `json:"-" col:"hash" class:"internal,plain"` // of the secret
	Class       string     `json:"class" col:"class" class:"internal,plain"`
	Own         bool       `json:"own" col:"own" class:"internal,plain"`         // nothing but the addressee's own invoices
	Ends        civil.Date `json:"ends_on" col:"ends_on" class:"internal,plain"` // last day
	Most        int64      `json:"most" col:"most" class:"internal,plain"`       // downloads; 0: without count
	Opens       int64      `json:"opens" col:"opens" class:"internal,plain"`     // codes that were right
	Downloads   int64      `json:"downloads" col:"downloads" class:"internal,plain"`
	OpenedAt    time.Time  `json:"opened_at" col:"opened_at" class:"internal,plain"` // first
	WithdrawnAt time.Time  `json:"withdrawn_at" col:"withdrawn_at" class:"internal,plain"`
	WithdrawnBy string     `json:"withdrawn_by" col:"withdrawn_by" class:"internal,plain"` // person; "" for one that a newer one has replaced
	Reason      string     `json:"reason" col:"reason" class:"confidential"`
	LockedUntil time.Time  `json:"locked_until" col:"locked_until" class:"internal,plain"` // after too many wrong codes
	AskedOn     civil.Date `json:"-" col:"asked_on" class:"internal,plain"`                // day on which codes were last asked for …
	Asked       int64      `json:"-" col:"asked" class:"internal,plain"`                   // … and how many
}

var links = gate.NewTable[LinkRow]("dispatch_link", gate.Scoped("owner_id", "department_id", "party_id"), gate.Unit(vault.KindPersonal, "dispatch", "package_id"))

// The terms of links.
const (
	ownAfterDue = 60 // days that one's own invoice stays after it is due …
	ownAtLeast  = 90 // … and at least after it was sent
	otherDays   = 14
	otherTimes  = 3
)

// LinkTerm gives the last day of a link sent on a day, and how many downloads it
// allows, 0 for any number: an addressee's own invoices stay until well after
// they are due, anything else is for now.
func LinkTerm(own bool, due, sent civil.Date) (ends civil.Date, most int64) {
	if !own {
		return sent.AddDays(otherDays), otherTimes
	}
	return civil.Max(due.AddDays(ownAfterDue), sent.AddDays(ownAtLeast)), 0
}

// channelFor decides how a package goes (送付方法). Where there is a portal, files
// go inside a mail only to a partner that has chosen so.
func channelFor(portal bool, want string, files int, way party.Way) (string, error) {
	if c, decided, err := byPaper(want, files, way); decided {
		return c, err
	}
	if want == Zip || want == SealedPDF { // see byPassword
		return want, nil
	}
	switch {
	case want == Link && !portal:
		return "", fault.Refused("dispatch.no_portal").At("channel")
	case want == Link && files == 0:
		return "", fault.Refused("dispatch.link_of_nothing").At("channel")
	case !portal || files == 0:
		return Mail, nil
	case want == Mail && !way.Attaches():
		return "", fault.Refused("dispatch.attachment_not_chosen").At("channel")
	case want == "" && way.Attaches():
		return Mail, nil
	case want == "":
		return Link, nil
	}
	return want, nil
}

// choose sets the channel of a package that is being made.
func (g *Gate) choose(x *gate.Tx, b *bundle, want string) error {
	c, err := party.ChoiceOf(x, b.Party)
	if err != nil {
		return err
	}
	kept, _, err := party.ProtectionOf(x, b.Party)
	if err != nil {
		return err
	}
	sealed, decided, err := byPassword(want, len(b.files), kept)
	if err != nil {
		return err
	}
	if decided {
		want = sealed
	}
	if b.Channel, err = channelFor(x.Outside() != "", want, len(b.files), c.Way); err != nil {
		return err
	}
	if b.Portal = ""; b.Channel == Link {
		b.Portal = x.Outside()
	}
	if b.FaxRelay = ""; b.Channel == Fax {
		b.FaxRelay = g.settings.FaxRelay
	}
	return nil
}

// route is the channel as it is approved: of a link, also where it leads.
func (s Sending) route() string {
	if s.Channel == Link {
		return Link + " " + s.Portal
	}
	if s.FaxRelay != "" {
		return Fax + " " + s.FaxRelay
	}
	return s.Channel
}

// locator and secret of a link come from the key ring, so that a mail that is
// tried again has the same one.
func locator(x *gate.Tx, item, digest string, serial int64) string {
	m := x.Ring().MAC("link locator", []byte(item), []byte(digest), []byte(strconv.FormatInt(serial, 10)))
	return strings.ToLower(base32.StdEncoding.EncodeToString(m[:10]))
}

func secret(x *gate.Tx, item, digest string, serial int64) string {
	return base64.RawURLEncoding.EncodeToString(x.Ring().MAC("link secret", []byte(item), []byte(digest), []byte(strconv.FormatInt(serial, 10))))
}

// own tells whether a package holds nothing but the addressee's own invoices, and
// when the last of them is due.
func (b *bundle) own(x *gate.Tx) (bool, civil.Date, error) {
	p, err := party.Get(x, b.Party)
	if err != nil {
		return false, civil.Date{}, err
	}
	var last civil.Date
	for _, f := range b.files {
		d, err := document.Get(x, f.Document)
		if err != nil {
			return false, last, err
		}
		if d.Direction != document.Issued || d.Party != b.Party || d.Kind != document.Invoice && d.Kind != document.Credit {
			return false, last, nil
		}
		last = civil.Max(last, dueOf(d, p.Terms))
	}
	return len(b.files) > 0, last, nil
}

// dueOf is when an invoice is to be paid: by what it says itself; by the partner's
// terms where the archive does not know that.
func dueOf(d document.Document, terms civil.Term) civil.Date {
	if !d.Due.IsZero() {
		return d.Due
	}
	due, err := terms.Due(d.Date)
	if err != nil {
		return d.Date
	}
	return due.Date
}

// linkTo gives the link of a recipient, made now if there is none for the
// package as it is, and its whole address.
func (b *bundle) linkTo(x *gate.Tx, i Item) (LinkRow, string, error) {
	rows, err := links.Find(x, gate.Eq("item_id", i.ID))
	if err != nil {
		return LinkRow{}, "", err
	}
	serial := int64(0)
	for _, l := range rows {
		if l.Locator == locator(x, i.ID, b.Digest, l.Serial) && l.WithdrawnAt.IsZero() {
			return l, b.address(x, l), nil
		}
		serial = max(serial, l.Serial+1)
		if err := replaceLink(x, l); err != nil {
			return l, "", err
		}
	}
	own, due, err := b.own(x)
	if err != nil {
		return LinkRow{}, "", err
	}
	once, err := isOnce(x, i.Point)
	if err != nil {
		return LinkRow{}, "", err
	}
	own = own && !once // what went there once neither stays nor is sent anew
	l := LinkRow{Package: b.ID, Item: i.ID, Party: b.Party, Owner: b.Owner, Department: b.Department, Point: i.Point, Serial: serial,
		Locator: locator(x, i.ID, b.Digest, serial), Hash: vault.HashTokenHex(secret(x, i.ID, b.Digest, serial)), Class: b.Class, Own: own}
	l.Ends, l.Most = LinkTerm(own, due, civil.Of(x.Now()))
	return l, b.address(x, l), links.Insert(x, &l)
}

func replaceLink(x *gate.Tx, l LinkRow) error {
	if !l.WithdrawnAt.IsZero() {
		return nil
	}
	l.WithdrawnAt = x.Now()
	return links.Update(x, &l)
}

func (b *bundle) address(x *gate.Tx, l LinkRow) string {
	return b.Portal + "/s/" + l.Locator + "#" + secret(x, l.Item, b.Digest, l.Serial)
}

// JobLink is what the mail says about a link.
type JobLink struct {
	URL  string     `json:"url" class:"internal"` // with its secret; for the worker only, which puts it into the mail
	Ends civil.Date `json:"ends_on" class:"internal"`
}

// letter is the text of the mail: the body, and below it the link with who sent
// it, what it is about, until when it is good and how it can be checked.
func (j Job) letter() string {
	if j.Link.URL == "" {
		return j.Body
	}
	return strings.TrimRight(j.Body, "\n") + "\n\n" + text.T(text.JA, "dispatch.link_letter", "br", "\n", "url", j.Link.URL, "from", j.From.Name,
		"subject", j.Subject, "until", j.Link.Ends, "files", len(j.Files)) + "\n"
}

// Linked is a link with the package it is of, as they stand now.
type Linked struct {
	LinkRow
	Sending Sending
	Files   []File
	Address string // of the delivery point
}

// Gone is the one refusal of a link that is unknown, dead or guessed.
func Gone() *fault.Error { return fault.Refused("dispatch.link_gone") }

// FindLink loads a link by what its address names; Gone if there is none. A dead
// one is Gone too, but is given with it.
func FindLink(x *gate.Tx, where string) (Linked, error) {
	rows, err := links.Find(x, gate.Eq("locator", where))
	if err != nil || len(rows) == 0 {
		if err == nil {
			err = Gone()
		}
		return Linked{}, err
	}
	l := Linked{LinkRow: rows[0]}
	b, err := load(x, l.Package)
	if err != nil {
		return l, err
	}
	l.Sending, l.Files = b.Sending, b.files
	p, err := mailPoint(x, l.Point)
	if err != nil {
		return l, err
	}
	l.Address = p.Address
	if !l.WithdrawnAt.IsZero() || !p.Verified() || civil.Of(x.Now()).After(l.Ends) {
		return l, Gone()
	}
	i, err := b.item(l.Item)
	if err != nil || !i.mayBeOpen() || l.Locator != locator(x, l.Item, b.Digest, l.Serial) {
		return l, Gone()
	}
	frozen, err := freezes.Has(x, gate.In("mark", b.marks(x)), gate.Eq("active", true))
	if err == nil && frozen {
		err = Gone()
	}
	return l, err
}

// mayBeOpen tells whether the mail with the link is out, or may be.
func (i Item) mayBeOpen() bool {
	return i.State == Claimed && !i.MarkedAt.IsZero() || slices.Contains([]State{Unknown, Handed, Delivered, Opened}, i.State)
}

// Shows tells whether secret is that of the link; for a link that is not there
// it compares as well.
func (l LinkRow) Shows(secret string) bool {
	return vault.Equal([]byte(vault.HashTokenHex(secret)), []byte(l.Hash)) && l.Hash != ""
}

// Changed keeps what was counted on a link.
func (l *LinkRow) Changed(x *gate.Tx) error { return links.Update(x, l) }

// OpenedBy counts an opening proven by the op named (開封). Whoever has proven
// himself reads what is behind the link, so from now on all of it is given out.
func (l *LinkRow) OpenedBy(x *gate.Tx, op string) error {
	l.Opens++
	b, err := l.reached(x)
	if err == nil {
		err = b.given(x, op)
	}
	return err
}

// TakenBy counts a document behind the link that the op named gives away.
func (l *LinkRow) TakenBy(x *gate.Tx, op, doc string) error {
	l.Downloads++
	if _, err := l.reached(x); err != nil {
		return err
	}
	return document.Give(x, doc, op)
}

// reached says at the recipient that somebody there has got to what the link is of.
func (l *LinkRow) reached(x *gate.Tx) (*bundle, error) {
	if l.OpenedAt.IsZero() {
		l.OpenedAt = x.Now()
	}
	if err := links.Update(x, l); err != nil {
		return nil, err
	}
	b, i, err := loadItem(x, l.Package, l.Item)
	if err != nil || !i.State.Can(Open) {
		return b, err
	}
	i.State = Opened
	return b, b.summarise(x)
}

// LinksOf are the links of a package.
func LinksOf(x *gate.Tx, id string) ([]LinkRow, error) {
	return links.Find(x, gate.Eq("package_id", id))
}

// LinksWith are the links behind which a document lies and that nobody has made
// dead, with their packages.
func LinksWith(x *gate.Tx, doc string) ([]Linked, error) {
	in, err := files.Find(x, gate.Eq("document_id", doc))
	if err != nil {
		return nil, err
	}
	var out []Linked
	for _, f := range in {
		rows, err := LinksOf(x, f.Package)
		if err != nil {
			return nil, err
		}
		for _, l := range rows {
			if !l.WithdrawnAt.IsZero() {
				continue
			}
			b, err := load(x, l.Package)
			if err != nil {
				return nil, err
			}
			out = append(out, Linked{LinkRow: l, Sending: b.Sending, Files: b.files})
		}
	}
	return out, nil
}

// LinkByID loads one.
func LinkByID(x *gate.Tx, id string) (LinkRow, error) { return links.Get(x, id) }

// LinksTo are the links that a delivery point has got.
func LinksTo(x *gate.Tx, point string) ([]LinkRow, error) {
	return links.Find(x, gate.Eq("point_id", point))
}

// Renewed puts a new link in the place of l, and has it mailed to the same
// delivery point.
func (l Linked) Renewed(x *gate.Tx) error {
	b, i, err := loadItem(x, l.Package, l.Item)
	if err != nil {
		return err
	}
	if err := replaceLink(x, l.LinkRow); err != nil {
		return err
	}
	n := l.LinkRow
	n.Row, n.Serial = gate.Row{}, l.Serial+1
	n.Locator, n.Hash = locator(x, i.ID, b.Digest, n.Serial), vault.HashTokenHex(secret(x, i.ID, b.Digest, n.Serial))
	if err := links.Insert(x, &n); err != nil {
		return err
	}
	return Notice{Template: LinkMail, Leaf: -1, Point: l.Point, Secret: b.address(x, n), Until: n.Ends.AddDays(1).Start()}.mailPoint(x)
}

// MailCode has a one-time code mailed to the delivery point of a link.
func (l LinkRow) MailCode(x *gate.Tx, code string, until time.Time) error {
	return Notice{Template: CodeMail, Leaf: -1, Point: l.Point, Secret: code, Until: until}.mailPoint(x)
}

// MayGive is Refused while all sending is stopped: what a portal hands out leaves too.
func MayGive(x *gate.Tx) error { return running(x) }
