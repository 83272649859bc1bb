package sending

import (
	"cmp"
	"io"
	"slices"
	"strings"

	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
	"sekisho/internal/trade/invoice"
)

// draft is a package as it is being written.
type draft struct {
	Partner  party.Shown
	Invoice  invoice.Shown
	Points   []point
	Typed    string // addresses that were typed or pasted, one on a line
	TypedAs  string
	Subject  string
	Body     string
	Purpose  string
	Channel  string
	Way      string // how the partner wants to receive
	Portal   bool
	Sealed   string // form of the exception for encrypted files, "" if none is in force
	Files    []document.Document
	Findings []found // of the draft, if it was asked
	Asked    bool
}

// point is a verified delivery point with what it is chosen as.
type point struct {
	party.DeliveryPoint
	As string // "", to or cc
}

func newPage(q *page.Req) (page.Answer, error) {
	d := draft{Purpose: string(dispatch.ForNotice), TypedAs: dispatch.To}
	id, err := d.about(q)
	if err == nil {
		err = d.address(q, id)
	}
	if err != nil {
		return page.Answer{}, err
	}
	if len(d.Points) > 0 && d.Typed == "" {
		d.first()
	}
	us, err := page.Run(q, org.IssuerShow, org.Nothing{})
	if err != nil {
		return page.Answer{}, err
	}
	d.words(us.Name)
	return d.page(q)
}

// byLink tells whether it usually goes by link.
func (d draft) byLink() bool { return d.Portal && len(d.Files) > 0 && !party.Way(d.Way).Attaches() }

func (d draft) page(q *page.Req) (page.Answer, error) {
	return q.Show("sending/new", q.T("web.sending.new"), d)
}

// about finds what the address of the page is about: an invoice, a document, an
// earlier package, or only a partner, whose id it gives.
func (d *draft) about(q *page.Req) (id string, err error) {
	id = q.Query("party")
	docs := []string{q.Query("document")}
	if inv := q.Query("invoice"); inv != "" {
		if d.Invoice, err = page.Run(q, invoice.Show, invoice.ByID{ID: inv}); err != nil {
			return "", err
		}
		id, docs, d.Purpose = cmp.Or(id, d.Invoice.Party), append([]string{d.Invoice.Document}, docs...), string(dispatch.ForInvoice)
	}
	for _, doc := range docs {
		if doc == "" {
			continue
		}
		if err := d.attach(q, doc); err != nil {
			return "", err
		}
		id = cmp.Or(id, d.Files[0].Party)
		if d.Files[0].Kind == document.Invoice {
			d.Purpose = string(dispatch.ForInvoice)
		}
	}
	if old := q.Query("again"); old != "" {
		s, err := page.Run(q, dispatch.Show, dispatch.ByID{ID: old})
		if err != nil {
			return "", err
		}
		id = cmp.Or(id, s.Party)
		if id == s.Party {
			d.Subject, d.Body, d.Purpose = s.Subject, s.Body, string(s.Purpose)
			for _, f := range s.Attachments {
				if err := d.attach(q, f.Document); err != nil {
					return "", err
				}
			}
		}
		for _, i := range s.Recipients {
			if i.ID == q.Query("to") {
				d.Typed = i.Proposed
			}
		}
	}
	if id == "" {
		return "", fault.NotFound()
	}
	return id, nil
}

func (d *draft) attach(q *page.Req, id string) error {
	f, err := page.Run(q, document.Show, document.ByID{ID: id})
	if err == nil && !slices.ContainsFunc(d.Files, func(o document.Document) bool { return o.ID == id }) {
		d.Files = append(d.Files, f)
	}
	return err
}

// address loads the partner with its verified delivery points.
func (d *draft) address(q *page.Req, id string) (err error) {
	if d.Partner, err = page.Run(q, party.ShowOp, party.ByID{ID: id}); err != nil {
		return err
	}
	if d.Portal = q.House.Gate.Outside() != ""; d.Portal {
		c, err := page.Run(q, party.Choices, party.ChoicesIn{Party: id, Limit: 1})
		if err != nil {
			return err
		}
		if len(c.Rows) > 0 {
			d.Way = string(c.Rows[0].Way)
		}
	}
	for _, p := range d.Partner.Points {
		if p.Verified() && p.Channel == dispatch.Mail {
			d.Points = append(d.Points, point{DeliveryPoint: p})
		}
	}
	return d.onPaper(q)
}

// words are what a mail usually says, in the language of the partner.
func (d *draft) words(us string) {
	what := map[bool]string{true: "invoice", false: "notice"}[d.Purpose == string(dispatch.ForInvoice)]
	number := d.Invoice.Number
	if number == "" && len(d.Files) > 0 {
		number = d.Files[0].Number
	}
	if d.Subject == "" && number != "" {
		d.Subject = text.T(text.JA, "web.sending.subject_"+what, "number", number)
	}
	if what == "invoice" && d.byLink() {
		what = "invoice_link"
	}
	if d.Body == "" {
		d.Body = text.T(text.JA, "web.sending.body_"+what, "partner", d.Partner.Party.Name+" "+d.Partner.Party.Honorific, "us", us, "br", "\n")
	}
}

// prepare keeps the package, checks it and shows what was found. Files are taken
// into the archive first and stay on the form whatever happens to the rest.
func prepare(q *page.Req) (page.Answer, error) {
	d := draft{Subject: q.Form.Get("subject"), Body: q.Form.Get("body"), Purpose: q.Form.Get("purpose"), Typed: q.Form.Get("typed"), TypedAs: q.Form.Get("typed_as"), Channel: q.Form.Get("channel")}
	if err := d.address(q, q.Form.Get("party")); err != nil {
		return page.Answer{}, err
	}
	for _, id := range q.Form["document"] {
		if err := d.attach(q, id); err != nil {
			return page.Answer{}, err
		}
	}
	in := dispatch.PrepareIn{Party: d.Partner.Party.ID, Subject: d.Subject, Body: d.Body, Purpose: dispatch.Purpose(d.Purpose), Recipients: d.chosen(q), Documents: []string{}}
	in.Channel = d.route()
	err := d.upload(q)
	for _, f := range d.Files {
		in.Documents = append(in.Documents, f.ID)
	}
	switch {
	case err != nil:
	case q.Form.Get("do") == "attach":
	case q.Form.Get("do") == "preview":
		err = d.preview(q, in)
	default:
		var s dispatch.Shown
		if s, err = page.Named[dispatch.Shown](q, "dispatch.prepare", in); err == nil {
			return look(q, s.ID, "")
		}
	}
	a, bad := d.page(q)
	if err == nil || bad != nil {
		return a, bad
	}
	return q.Again(err, a)
}

// chosen are the recipients: points of the register as chosen, and what was
// typed, each line a proposal.
func (d *draft) chosen(q *page.Req) []dispatch.Proposal {
	out := []dispatch.Proposal{}
	for i := range d.Points {
		p := &d.Points[i]
		if p.As = q.Form.Get("as-" + p.ID); p.As == dispatch.To || p.As == dispatch.Cc {
			out = append(out, dispatch.Proposal{Kind: p.As, Address: p.Address})
		}
	}
	for _, line := range strings.FieldsFunc(d.Typed, func(r rune) bool { return strings.ContainsRune("\r\n,;、，；", r) }) {
		if line = bare(line); line != "" {
			out = append(out, dispatch.Proposal{Kind: cmp.Or(d.TypedAs, dispatch.To), Address: line})
		}
	}
	return out
}

// bare is an address without the name before <address>: what is shown and
// compared is the address.
func bare(line string) string {
	if _, in, ok := strings.Cut(line, "<"); ok {
		line, _, _ = strings.Cut(in, ">")
	}
	return strings.TrimSpace(line)
}

// upload takes files into the archive as papers of this partner.
func (d *draft) upload(q *page.Req) error {
	got, err := upload(q, d.Partner.Party.ID)
	d.Files = append(d.Files, got...)
	return err
}

func upload(q *page.Req, partner string) ([]document.Document, error) {
	var out []document.Document
	if q.MultipartForm == nil {
		return nil, nil
	}
	for _, head := range q.MultipartForm.File["files"] {
		f, err := head.Open()
		if err != nil {
			return out, err
		}
		content, err := io.ReadAll(io.LimitReader(f, document.MaxSize+1))
		if err = cmp.Or(err, f.Close()); err != nil {
			return out, err
		}
		doc, err := page.Run(q, document.Upload, document.UploadIn{Name: head.Filename, Content: content, Kind: document.Attachment, Direction: document.Internal, Party: partner})
		if err != nil {
			return out, fault.Of(err).At("files")
		}
		out = append(out, doc)
	}
	return out, nil
}

// preview says what a check would find, without keeping anything.
func (d *draft) preview(q *page.Req, in dispatch.PrepareIn) error {
	got, err := page.Named[dispatch.PreviewOut](q, "dispatch.preview", dispatch.PreviewIn{Party: in.Party, Recipients: in.Recipients,
		Subject: in.Subject, Body: in.Body, Documents: in.Documents, Purpose: in.Purpose, Channel: in.Channel})
	if err != nil {
		return err
	}
	d.Asked = true
	c := card{}
	for _, f := range got.Findings {
		if f.Level != dispatch.Match {
			c.add(q.Lang, f)
		}
	}
	slices.SortStableFunc(c.Findings, func(a, b found) int { return weight(b.Level) - weight(a.Level) })
	d.Findings = c.Findings
	return nil
}

// Channels are the ways it can go, the usual one first.
func (d draft) Channels() []string {
	out := []string{""}
	if d.Portal {
		out = append(out, dispatch.Link, dispatch.Mail)
	}
	out = append(out, dispatch.Post, dispatch.Fax)
	if d.Sealed != "" {
		out = append(out, d.Sealed)
	}
	return out
}

// Purposes are those a package can have.
func (draft) Purposes() []string {
	return []string{string(dispatch.ForInvoice), string(dispatch.ForQuote), string(dispatch.ForNotice)}
}
