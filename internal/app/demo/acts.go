package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/money"
)

// What the answers of the ops used here have in common with what the API gives.
type (
	// Invoice is an invoice as far as the demo looks at it.
	Invoice struct {
		ID       string    `json:"id"`
		Version  int64     `json:"version"`
		State    string    `json:"state"`
		Number   string    `json:"number"`
		Amount   money.Yen `json:"amount"`
		Document string    `json:"document"`
	}
	// Line is one line of a draft.
	Line struct {
		Date        civil.Date `json:"date"`
		Slip        string     `json:"slip"`
		Description string     `json:"description"`
		Quantity    string     `json:"quantity"`
		Unit        string     `json:"unit"`
		UnitPrice   string     `json:"unit_price"`
		Category    string     `json:"category"`
	}
	// Draft is what a person writes of an invoice.
	Draft struct {
		Party    string     `json:"party"`
		Subject  string     `json:"subject"`
		Date     civil.Date `json:"date"`
		Delivery bool       `json:"delivery"`
		Lines    []Line     `json:"lines"`
	}
	// Recipient is a proposed one, with its state once there is one.
	Recipient struct {
		ID      string `json:"id,omitzero"`
		Kind    string `json:"kind"`
		Address string `json:"address"`
		State   string `json:"state,omitzero"`
		TLS     string `json:"tls,omitzero"`
		Reply   string `json:"reply,omitzero"`
	}
	// Attachment is a document in a package.
	Attachment struct {
		ID       string `json:"id"`
		Document string `json:"document"`
		Name     string `json:"name"`
		Number   string `json:"number"`
		Digest   string `json:"digest"`
	}
	// Sending is a package on its way.
	Sending struct {
		ID          string       `json:"id"`
		Version     int64        `json:"version"`
		State       string       `json:"state"`
		Digest      string       `json:"digest"`
		Subject     string       `json:"subject"`
		Body        string       `json:"body"`
		HeldUntil   time.Time    `json:"held_until"`
		Recipients  []Recipient  `json:"recipients"`
		Attachments []Attachment `json:"attachments"`
	}
	// Package is one to be prepared.
	Package struct {
		Party      string      `json:"party"`
		Recipients []Recipient `json:"recipients"`
		Subject    string      `json:"subject"`
		Body       string      `json:"body"`
		Documents  []string    `json:"documents"`
		Purpose    string      `json:"purpose"`
	}
	// Finding is what a check found.
	Finding struct {
		Level      string   `json:"level"`
		Key        string   `json:"key"`
		Item       string   `json:"item"`
		Shown      string   `json:"shown"`
		Registered string   `json:"registered"`
		Point      string   `json:"point"`
		Reason     string   `json:"reason"`
		Ways       []string `json:"ways"`
	}
	// Check is the answer of a check.
	Check struct {
		State    string    `json:"state"`
		Digest   string    `json:"digest"`
		Findings []Finding `json:"findings"`
		Ticks    []struct {
			Tick string `json:"tick"`
		} `json:"ticks"`
	}
)

type byID struct {
	ID string `json:"id"`
}

// bill drafts and issues an invoice; a job renders it afterwards.
func (t *Troupe) bill(ctx context.Context, p *Person, d Draft) (Invoice, error) {
	var made Invoice
	if err := t.Act(ctx, p, "invoice.draft", d, &made); err != nil {
		return made, err
	}
	err := t.Act(ctx, p, "invoice.issue", map[string]any{"id": made.ID, "version": made.Version}, &made)
	return made, err
}

// confirmIn gives every tick of a check back.
func confirmIn(id string, c Check) map[string]any {
	ticks := []string{}
	for _, k := range c.Ticks {
		ticks = append(ticks, k.Tick)
	}
	return map[string]any{"id": id, "digest": c.Digest, "ticks": ticks}
}

// confirm checks a package and ticks everything in it.
func (t *Troupe) confirm(ctx context.Context, p *Person, id string) (c Check, err error) {
	if err := t.Act(ctx, p, "dispatch.check", byID{id}, &c); err != nil {
		return c, err
	}
	if c.State != "checked" {
		return c, fmt.Errorf("package %s is %s: %+v", id, c.State, c.Findings)
	}
	return c, t.Act(ctx, p, "dispatch.confirm", confirmIn(id, c), nil)
}

// ask asks for the release of a confirmed package and gives the request that a
// second person decides about.
func (t *Troupe) ask(ctx context.Context, p *Person, id, digest string) (string, error) {
	err := t.Act(ctx, p, "dispatch.release", map[string]string{"id": id, "digest": digest}, nil)
	var s *Stop
	if errors.As(err, &s) && s.Request != "" {
		return s.Request, nil
	}
	if err == nil {
		err = errors.New("package " + id + " was released without a second person")
	}
	return "", err
}

// send lets one person prepare and confirm a package and another approve it,
// where the rules ask for one.
func (t *Troupe) send(ctx context.Context, asks, agrees *Person, in Package) (Sending, error) {
	var s Sending
	if err := t.Act(ctx, asks, "dispatch.prepare", in, &s); err != nil {
		return s, err
	}
	c, err := t.confirm(ctx, asks, s.ID)
	if err != nil {
		return s, err
	}
	let := map[string]string{"id": s.ID, "digest": c.Digest}
	if err := t.Together(ctx, asks, agrees, "dispatch.release", let); err != nil {
		return s, err
	}
	return s, t.Act(ctx, asks, "dispatch.show", byID{s.ID}, &s)
}

// Totals are the control totals of a file.
type Totals struct {
	Rows     int       `json:"rows"`
	Accepted int       `json:"accepted"`
	Refused  int       `json:"refused"`
	New      int       `json:"new"`
	Total    money.Yen `json:"total"`
}

// Imported is a file taken over.
type Imported struct {
	Run      string
	Encoding string
	Totals   Totals
}

// importFile uploads a file, looks at what would come of it and begins to take it over.
func (t *Troupe) importFile(ctx context.Context, p *Person, kind, name string, content []byte) (Imported, error) {
	var up struct {
		ID       string `json:"id"`
		Encoding string `json:"encoding"`
	}
	if err := t.Act(ctx, p, "intake.upload", map[string]any{"kind": kind, "name": name, "content": content}, &up); err != nil {
		return Imported{}, err
	}
	out := Imported{Run: up.ID, Encoding: up.Encoding}
	var pre struct {
		Totals Totals `json:"totals"`
	}
	if err := t.Act(ctx, p, "intake.preview", map[string]string{"run": up.ID}, &pre); err != nil {
		return out, err
	}
	out.Totals = pre.Totals
	return out, t.Act(ctx, p, "intake.start", map[string]any{"run": up.ID, "skip_bad": pre.Totals.Refused > 0,
		"expect": map[string]any{"rows": pre.Totals.Accepted, "total": pre.Totals.Total}}, nil)
}

// Address is an imported or proposed one with its partner.
type Address struct {
	Point    string `json:"point"`
	Version  int64  `json:"version"`
	Code     string `json:"code"`
	Name     string `json:"name"`
	Address  string `json:"address"`
	Findings []struct {
		Kind string `json:"kind"`
		Near string `json:"near"`
	} `json:"findings"`
}

// firstVerify has the quiet addresses of an import verified in one act, and
// gives how many they were and the strange ones.
func (t *Troupe) firstVerify(ctx context.Context, asks, agrees *Person, run, reason string) (quiet int64, strange []Address, err error) {
	var list struct {
		Rows   []Address `json:"rows"`
		Quiet  int64     `json:"quiet"`
		Digest string    `json:"digest"`
	}
	if err := t.Act(ctx, asks, "party.first_verification_list", map[string]any{"run": run, "kind": "strange"}, &list); err != nil {
		return 0, nil, err
	}
	return list.Quiet, list.Rows, t.Together(ctx, asks, agrees, "party.first_verify_quiet",
		map[string]string{"run": run, "digest": list.Digest, "reason": reason})
}
