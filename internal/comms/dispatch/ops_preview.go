package dispatch

import (
	"context"
	"fmt"

	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// PreviewIn is a package to be, or the id of one that is kept. Whoever writes a
// mail asks while writing, so most stops come before anything is prepared.
type PreviewIn struct {
	ID         string     `json:"id"` // of a sending; then nothing else is read
	Party      string     `json:"party"`
	Recipients []Proposal `json:"recipients" max:"40"`
	Subject    string     `json:"subject"`
	Body       string     `json:"body" text:"multiline"`
	Documents  []string   `json:"documents" max:"20"`
	Purpose    Purpose    `json:"purpose" enum:"invoice,quote,notice"`
	Channel    string     `json:"channel" enum:"mail,link,post,fax,zip,sealed_pdf"`
}

// PreviewOut is what a check would find. It gives no ticks: nothing is confirmed
// by it.
type PreviewOut struct {
	Stops    bool      `json:"stops" class:"internal"`
	Second   bool      `json:"second" class:"internal"` // a second person would have to look
	Findings []Finding `json:"findings"`
}

// previewOp checks without keeping anything (下書きのチェック).
func (g *Gate) previewOp() *gate.UseCase[PreviewIn, PreviewOut] {
	return gate.New(gate.Op[PreviewIn, PreviewOut]{
		Name: "dispatch.preview", Mode: gate.Read,
		Target: func(x *gate.Tx, in PreviewIn) (gate.Target, error) {
			if in.ID != "" {
				return target(x, in.ID)
			}
			if in.Party == "" {
				return gate.Target{}, fault.Invalid("gate.required", "field", "party").At("party")
			}
			p, err := party.Get(x, in.Party)
			return gate.Target{Kind: "party", ID: p.ID, Owner: p.Owner, Department: p.Department, Subject: p.ID, Class: policy.Confidential}, err
		},
		Work: func(x *gate.Tx, in PreviewIn) (func(context.Context) (any, error), error) {
			b, err := g.wouldBe(x, in)
			if err != nil {
				return nil, err
			}
			return g.reader(x, b)
		},
		Do: func(x *gate.Tx, in PreviewIn) (PreviewOut, error) {
			c := gate.Worked[content](x)
			b, err := g.wouldBe(x, in)
			if err != nil {
				return PreviewOut{}, err
			}
			if b.Version != c.version {
				return PreviewOut{}, fault.Conflict("gate.conflict")
			}
			s, err := stand(x, b, c.register)
			if err == nil {
				err = c.fill(x, &s)
			}
			if err != nil {
				return PreviewOut{}, err
			}
			fs := Examine(s.facts)
			return PreviewOut{Stops(fs), NeedsSecond(fs), b.steps(s, fs)}, nil
		},
	})
}

// wouldBe is the package as it would be prepared. Its recipients are called by
// their place, its attachments by their documents.
func (g *Gate) wouldBe(x *gate.Tx, in PreviewIn) (bundle, error) {
	if in.ID != "" {
		return load(x, in.ID)
	}
	b := bundle{Sending: Sending{Party: in.Party, Purpose: in.Purpose, FromName: g.settings.From.Name,
		FromAddress: g.settings.From.Address, Subject: in.Subject, Body: in.Body}}
	if b.FromName == "" {
		c, err := org.Issuer(x)
		if err != nil {
			return b, err
		}
		b.FromName = c.Name
	}
	for i, r := range in.Recipients {
		b.items = append(b.items, Item{Row: gate.Row{ID: fmt.Sprintf("recipients[%d]", i)}, Kind: r.Kind, Proposed: r.Address})
	}
	var err error
	if b.files, b.Class, err = gather(x, in.Documents); err != nil {
		return b, err
	}
	if err := g.choose(x, &b, in.Channel); err != nil {
		return b, err
	}
	for i := range b.files {
		b.files[i].ID = b.files[i].Document
	}
	return b, nil
}
