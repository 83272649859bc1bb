package dispatch

import (
	"slices"

	"github.com/go-json-experiment/json"
)

// Step is a way out as a call: POST /api/v1/<op> with input, completed where a
// person has to decide something.
type Step struct {
	Op    string `json:"op" class:"internal"`
	Label string `json:"label" class:"internal"` // key of its name in package text
	Input string `json:"input" class:"personal"` // JSON, filled in as far as it is known
}

// steps gives the ways out of findings with their input. A package that is not
// kept has no id, so only what mends the register can be called for it.
func (b bundle) steps(s standing, fs []Finding) []Finding {
	out := slices.Clone(fs)
	for i, f := range out {
		for _, way := range f.Ways {
			input := b.input(s, f, way)
			if input == nil {
				continue
			}
			j, err := json.Marshal(input, json.Deterministic(true))
			if err != nil { // maps of text, numbers and lists
				continue
			}
			out[i].Steps = append(out[i].Steps, Step{way, "op." + way, string(j)})
		}
	}
	return out
}

// input is what is known of the input of a way out, nil where the op cannot be
// called.
func (b bundle) input(s standing, f Finding, way string) map[string]any {
	item := slices.ContainsFunc(b.items, func(i Item) bool { return i.ID == f.Item })
	switch {
	case way == WayPropose && item:
		return map[string]any{"party": b.Party, "address": f.Shown}
	case way == WayUpdate:
		return map[string]any{"id": b.Party, "version": s.version}
	case way == WaySplit:
		return map[string]any{"party": b.Party, "recipients": b.proposals(f.Item), "subject": b.Subject, "body": b.Body,
			"documents": b.documents(f.Item), "purpose": split(b.Purpose, f.Key)}
	case way == WayIntroduce:
		return map[string]any{"parties": []string{b.Party}, "way": string(TellMail)}
	case b.ID == "":
		return nil
	case way == WayRegistered && item && f.Point != "":
		return map[string]any{"id": b.ID, "item": f.Item, "point": f.Point}
	case way == WayRemove && item:
		return map[string]any{"id": b.ID, "item": f.Item}
	case way == WayRemove && len(b.items) > 0:
		return map[string]any{"id": b.ID, "item": b.items[len(b.items)-1].ID}
	case way == WayEdit:
		return map[string]any{"id": b.ID, "version": b.Version, "subject": b.Subject, "body": b.Body, "documents": b.documents(f.Item)}
	case way == WayRelation && f.Other != "":
		return map[string]any{"id": b.ID, "item": f.Item, "other": f.Other, "kind": "group", "reason": ""}
	case way == WayOnce && item:
		return map[string]any{"id": b.ID, "item": f.Item, "reason": ""}
	case way == WayEnd:
		return map[string]any{"id": b.ID, "reason": ""}
	}
	return nil
}

// split is the purpose of the package that is prepared instead.
func split(p Purpose, key string) Purpose {
	switch key {
	case "dispatch.found.purpose_quote_invoice", "dispatch.found.purpose_notice_invoice":
		return ForInvoice
	case "dispatch.found.purpose_no_invoice":
		return ForNotice
	}
	return p
}

// documents are those of the package without the one a finding is about.
func (b bundle) documents(item string) []string {
	out := []string{}
	for _, f := range b.files {
		if f.ID != item {
			out = append(out, f.Document)
		}
	}
	return out
}

// proposals are its recipients, or only the one a finding is about.
func (b bundle) proposals(item string) []Proposal {
	out := []Proposal{}
	for _, i := range b.items {
		if i.ID == item {
			return []Proposal{{To, i.Proposed}}
		}
		out = append(out, Proposal{i.Kind, i.Proposed})
	}
	return out
}
