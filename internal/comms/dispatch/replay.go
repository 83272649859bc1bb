package dispatch

import (
	"context"
	"slices"
	"strings"

	"sekisho/internal/kernel/extract"
	"sekisho/internal/kernel/mailaddr"
)

// Past is a mail that was sent without the gate, or a paper that lies about.
type Past struct {
	To      []string // addresses; none for a paper alone
	Subject string
	Body    string
	Files   []PastFile
}

// PastFile is a file of it.
type PastFile struct {
	Name    string
	Content []byte
}

// Replay asks the gate's questions about a mail of the past (過去の送付の点検), as
// far as the register in memory answers them: whether its addressees are of one
// partner, whether an address resembles a registered one, whether another
// partner's things stand in it. It stores nothing. What it finds is a stop of
// today's gate, or a file that nobody could have read.
func (r *Register) Replay(ctx context.Context, p Past) ([]Finding, error) {
	f := Facts{Words: Words{Subject: p.Subject, Body: p.Body}, SaysFile: saysFile(p.Body)}
	partner, out := r.addressed(p.To)
	f.Party = PartyFact{ID: partner, Name: r.called[partner], Active: true}
	for _, a := range p.Files {
		fact, err := r.past(ctx, a, partner, len(p.To) == 0)
		if err != nil {
			return nil, err
		}
		f.Files = append(f.Files, fact)
	}
	if partner != "" {
		f.Subject, f.Body = r.Scan(p.Subject, partner).Hits, r.Scan(p.Body, partner).Hits
	}
	f.explain(nil)
	for _, check := range []func(Facts) []Finding{fileForeign, textForeign, fileReadable, fileHonest, officeFile, officeVeiled, hiddenCharacters} {
		out = append(out, check(f)...)
	}
	if len(p.To) > 0 {
		out = append(out, attachmentSaid(f)...)
	}
	return slices.DeleteFunc(out, func(x Finding) bool { return x.Level == Match }), nil
}

// addressed tells the one partner that addresses belong to, and what is strange
// about them.
func (r *Register) addressed(to []string) (partner string, out []Finding) {
	var all []string
	for _, s := range to {
		a, err := mailaddr.Parse(s)
		if err != nil {
			x := stop(s, "no_address")
			x.Shown = s
			out = append(out, x)
			continue
		}
		var of []string
		for _, o := range r.owners[a] {
			of = once(of, o.Party)
		}
		if d, err := mailaddr.Registrable(a.Domain()); err == nil && len(of) == 0 {
			of = r.domains[d]
		}
		if n, ok := r.mails.Nearest(a); ok && len(r.owners[a]) == 0 && n.Reason != "" {
			x := stop(s, "near_other")
			x.Shown, x.Registered, x.Reason = s, n.Addr.Unicode(), string(n.Reason)
			out = append(out, x)
		}
		if len(of) == 1 {
			all = once(all, of[0])
		}
	}
	if len(all) > 1 {
		x := stop(ItemPackage, "two_partners")
		x.Shown = r.called[all[0]] + ", " + r.called[all[1]]
		return "", append(out, x)
	}
	if len(all) == 1 {
		partner = all[0]
	}
	return partner, out
}

// past reads a file. A paper alone is held against the addressee it names.
func (r *Register) past(ctx context.Context, a PastFile, partner string, alone bool) (FileFact, error) {
	doc, err := extract.Text(ctx, a.Name, a.Content, extract.DefaultLimits())
	if err != nil {
		return FileFact{}, err
	}
	read := fileContent{doc: doc, compact: doc.Compact(), text: strings.Join(slices.Concat(doc.Pages, doc.Extra), "\n")}
	if doc.Kind == extract.Unknown {
		var text string
		read.office, text = inspectOffice(a.Content)
		read.text += "\n" + text
	}
	if alone {
		partner = r.named(whatSays(read.text, OwnFact{}, "").Addressees)
	}
	if partner != "" {
		read.found = r.ScanFile(read.text, partner)
	}
	f := FileFact{Item: a.Name, Name: a.Name, Hits: read.found.Hits}
	f.content(read, Facts{})
	return f, nil
}

// named is the partner of the first name that is one's, "" if none is.
func (r *Register) named(names []string) string {
	for _, n := range names {
		for id, called := range r.called {
			if id != Ourselves && sameCompany(n, called) {
				return id
			}
		}
	}
	return ""
}
