package intro

import (
	"context"
	"strconv"

	"sekisho/internal/base/document"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// many is the target of an op about several partners: each is decided about by
// itself, in Tell.
func many[In any](x *gate.Tx, _ In) (gate.Target, error) {
	return gate.Target{Kind: "intro", ID: "*", Owner: x.Actor().Person, Class: policy.Personal}, nil
}

func about(x *gate.Tx, id string) (gate.Target, error) {
	p, err := party.Get(x, id)
	return gate.Target{Kind: "party", ID: p.ID, Owner: p.Owner, Department: p.Department, Subject: p.ID, Class: policy.Personal}, err
}

// lock keeps two people from telling partners at the same time.
const lock = "intro"

// TellIn keeps one telling of one partner.
type TellIn struct {
	Party   string           `json:"party" required:"true" max:"40"`
	Way     dispatch.TellWay `json:"way" required:"true" enum:"mail,post,print,paper,phone,visit,other"`
	Package string           `json:"package" max:"40"`
	On      civil.Date       `json:"told_on"`
	Reason  string           `json:"reason" text:"multiline" max:"500"`
}

// Tell keeps how one partner is told; the ops about several run it for each.
var Tell = gate.New(gate.Op[TellIn, dispatch.Told]{
	Name: "intro.tell", Mode: gate.Write,
	Target: func(x *gate.Tx, in TellIn) (gate.Target, error) { return about(x, in.Party) },
	Do: func(x *gate.Tx, in TellIn) (dispatch.Told, error) {
		if in.On.After(civil.Of(x.Now())) {
			return dispatch.Told{}, fault.Invalid("intro.future").At("told_on")
		}
		sends := in.Way == dispatch.TellMail || in.Way == dispatch.TellPost
		if sends {
			if err := carries(x, in); err != nil {
				return dispatch.Told{}, err
			}
		} else if in.Package != "" || in.Reason == "" && in.Way != dispatch.TellPrint {
			return dispatch.Told{}, fault.Invalid("gate.required").At("reason")
		}
		t := dispatch.Told{Party: in.Party, Way: in.Way, Package: in.Package, On: in.On, Reason: in.Reason}
		return t, dispatch.Tell(x, &t)
	},
})

// carries is NotFound unless the sending that is named is a letter to the partner.
func carries(x *gate.Tx, in TellIn) error {
	s, err := gate.Call(x, dispatch.Show, dispatch.ByID{ID: in.Package})
	if err == nil && (s.Party != in.Party || s.Subject != label("subject")) {
		err = fault.NotFound()
	}
	return err
}

// PrepareIn names whom to send a letter, and how.
type PrepareIn struct {
	Parties []string         `json:"parties" required:"true" max:"100"`
	Way     dispatch.TellWay `json:"way" required:"true" enum:"mail,post"`
}

// Made is a letter that is a sending now: to be checked and let go as any other.
type Made struct {
	Party   string `json:"party" class:"internal"`
	Sending string `json:"sending" class:"internal"`
}

// Left is a partner that gets none, with the key of the sentence that says why.
type Left struct {
	Party string `json:"party" class:"internal"`
	Name  string `json:"name" class:"confidential"`
	Why   string `json:"why" class:"internal"`
}

// Done is what came of it.
type Done struct {
	Made []Made `json:"made"`
	Left []Left `json:"left"`
}

// drawn is a letter of the post in the blob store.
type drawn struct {
	digest string
	size   int64
}

// prepareOp makes letters of introduction (案内状を準備する), each a sending of its
// own that goes through the outer gate.
func (h *House) prepareOp() *gate.UseCase[PrepareIn, Done] {
	return gate.New(gate.Op[PrepareIn, Done]{
		Name: "intro.prepare", Mode: gate.Write,
		Alone:  func(PrepareIn) []string { return []string{lock} },
		Target: many[PrepareIn],
		Work: func(x *gate.Tx, in PrepareIn) (func(context.Context) (any, error), error) {
			list, err := h.plans(x, in.Parties)
			if err != nil || in.Way != dispatch.TellPost {
				return nil, err
			}
			return func(ctx context.Context) (any, error) {
				out := map[string]drawn{}
				for _, p := range list {
					if p.reason(in.Way) != "" {
						continue
					}
					b, err := sheet([]letter{p.letter})
					if err != nil {
						return nil, err
					}
					d, err := x.Blobs().Put(ctx, b)
					if err != nil {
						return nil, err
					}
					out[p.party.ID] = drawn{d.String(), int64(len(b))}
				}
				return out, nil
			}, nil
		},
		Do: func(x *gate.Tx, in PrepareIn) (Done, error) {
			list, err := h.plans(x, in.Parties)
			out := Done{Made: []Made{}, Left: []Left{}}
			if err != nil {
				return out, err
			}
			files := map[string]drawn{}
			if in.Way == dispatch.TellPost {
				files = gate.Worked[map[string]drawn](x)
			}
			for _, p := range list {
				if why := p.reason(in.Way); why != "" {
					out.Left = append(out.Left, Left{p.party.ID, p.party.Name, why})
					continue
				}
				s, err := h.send(x, p, in.Way, files[p.party.ID])
				if err != nil {
					return out, err
				}
				out.Made = append(out.Made, Made{p.party.ID, s})
			}
			x.Note("letters", len(out.Made))
			return out, nil
		},
	})
}

// reason is why a partner gets no letter by a way.
func (p plan) reason(way dispatch.TellWay) string {
	switch {
	case p.why != "":
		return p.why
	case way == dispatch.TellMail && len(p.mails) == 0:
		return "intro.no_address"
	case way == dispatch.TellPost && len(p.posts) == 0:
		return "intro.no_postal"
	case way == dispatch.TellPrint && len(p.letter.To) == 0:
		return "intro.nowhere"
	}
	return ""
}

// send prepares the sending of one letter.
func (h *House) send(x *gate.Tx, p plan, way dispatch.TellWay, f drawn) (string, error) {
	in := dispatch.PrepareIn{Party: p.party.ID, Recipients: p.mails, Subject: label("subject"), Body: p.letter.mail(), Purpose: dispatch.ForNotice, Channel: dispatch.Mail}
	if way == dispatch.TellPost {
		if f.digest == "" { // what was drawn was drawn for other partners
			return "", fault.Conflict("gate.conflict")
		}
		d := document.Document{Kind: document.Other, Direction: document.Issued, Party: p.party.ID, Name: label("file") + "_" + p.party.Code + ".pdf", Media: "application/pdf",
			Digest: f.digest, Size: f.size, Department: p.party.Department}
		if err := document.Archive(x, &d); err != nil {
			return "", err
		}
		in.Channel, in.Documents = dispatch.Post, []string{d.ID}
		in.Body = p.letter.Partner + "\n\n" + label("cover") + "\n"
		in.Recipients = []dispatch.Proposal{{Kind: dispatch.To, Address: p.posts[0].Shown()}}
	}
	s, err := gate.Call(x, h.d.Prepare, in)
	if err != nil {
		return "", err
	}
	_, err = gate.Call(x, Tell, TellIn{Party: p.party.ID, Way: way, Package: s.ID})
	return s.ID, err
}

// PrintIn names whose letters to print.
type PrintIn struct {
	Parties []string `json:"parties" required:"true" max:"100"`
}

// Printed is one PDF with a sheet for each letter, in envelope order.
type Printed struct {
	Name    string `json:"name" class:"internal"`
	Content []byte `json:"content" class:"personal"`
	Letters int    `json:"letters" class:"internal"`
	Left    []Left `json:"left"`
}

// printOp makes one PDF of the letters (案内状を印刷する). The partners are being
// told from then on; that the letters were posted, a person notes.
func (h *House) printOp() *gate.UseCase[PrintIn, Printed] {
	return gate.New(gate.Op[PrintIn, Printed]{
		Name: "intro.print", Mode: gate.Write,
		Alone:  func(PrintIn) []string { return []string{lock} },
		Target: many[PrintIn],
		Do: func(x *gate.Tx, in PrintIn) (Printed, error) {
			list, err := h.plans(x, in.Parties)
			out := Printed{Left: []Left{}}
			if err != nil {
				return out, err
			}
			var letters []letter
			for _, p := range list {
				if why := p.reason(dispatch.TellPrint); why != "" {
					out.Left = append(out.Left, Left{p.party.ID, p.party.Name, why})
					continue
				}
				if _, err := gate.Call(x, Tell, TellIn{Party: p.party.ID, Way: dispatch.TellPrint}); err != nil {
					return out, err
				}
				letters = append(letters, p.letter)
			}
			if len(letters) == 0 {
				return out, fault.Refused("intro.none_printed", "name", out.Left[0].Name, "why", fault.Word(out.Left[0].Why))
			}
			out.Letters, out.Name = len(letters), "letters-"+civil.Of(x.Now()).String()+"-"+strconv.Itoa(len(letters))+".pdf"
			out.Content, err = sheet(letters)
			return out, err
		},
	})
}

// NoteIn says that partners were told otherwise, or their printed letters posted.
type NoteIn struct {
	Parties []string         `json:"parties" required:"true" max:"100"`
	Way     dispatch.TellWay `json:"way" required:"true" enum:"paper,phone,visit,other"`
	On      civil.Date       `json:"told_on"` // today if empty
	Reason  string           `json:"reason" text:"multiline" max:"500"`
}

// Noted says how many.
type Noted struct {
	Parties int `json:"parties" class:"internal"`
}

// Note keeps that partners were told (案内済みの記録), with how one knows.
var Note = gate.New(gate.Op[NoteIn, Noted]{
	Name: "intro.note", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(NoteIn) []string { return []string{lock} },
	Target: many[NoteIn],
	Do: func(x *gate.Tx, in NoteIn) (Noted, error) {
		for _, id := range in.Parties {
			if _, err := gate.Call(x, Tell, TellIn{Party: id, Way: in.Way, On: in.On, Reason: in.Reason}); err != nil {
				return Noted{}, err
			}
		}
		return Noted{len(in.Parties)}, nil
	},
})
