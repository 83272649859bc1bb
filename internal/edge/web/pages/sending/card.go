package sending

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/text"
)

// card is one thing to look at: a recipient, an attachment, the words, or the
// package as a whole, with all that was found about it.
type card struct {
	ID       string // of the item; the anchor of the card
	Kind     string // recipient, file, subject, body, package
	Level    dispatch.Level
	Item     dispatch.Item
	File     dispatch.File
	Beside   string // registered address to stand below the one to be sent to
	Findings []found
	Tick     box
	Ways     []way
	Relation []dispatch.Finding // names a recorded relation would explain
	Once     bool               // this one sending may go there, if a second person agrees
	Register bool               // the register could be what is wrong
}

// found is one finding in words.
type found struct {
	dispatch.Finding
	Say  string
	Why  string // the second sentence, "" if none
	Asks bool   // the short sentence does not say that a second person must look
	Box  box
}

// box is a tick to set.
type box struct {
	Value string
	Set   bool
}

// way is a safe way out that is one press.
type way struct {
	Op, Key, Item, Point, To string // To: a page to go to instead
}

// safest is the order in which ways are offered: the first is the blue one.
func safest() []string {
	return []string{dispatch.WayRegistered, dispatch.WayRemove, dispatch.WayEdit, dispatch.WayIntroduce, dispatch.WaySplit, dispatch.WayEnd}
}

// sort makes the cards, worst first: what stops, what is to be looked at, what
// agrees. Recipients stand in an order that differs from check to check, so that
// nobody ticks by habit.
func (d *sheet) sort(l text.Lang, given []string) {
	cards := d.cards()
	for i := range cards {
		c := &cards[i]
		c.Level = dispatch.Match
		c.Tick = d.box(given, c.ID, "")
		for _, f := range d.Check.Findings {
			if f.Item != c.ID {
				continue
			}
			c.add(l, f)
			if f.Level == dispatch.Caution {
				c.Findings[len(c.Findings)-1].Box = d.box(given, f.Item, f.Key+" "+f.Shown)
			}
		}
		c.offer(d)
		d.count(c)
	}
	for _, c := range cards {
		switch {
		case c.Level == dispatch.Halt:
			d.Stops = append(d.Stops, c)
		case c.Level == dispatch.Caution || c.Tick.Value != "":
			d.Open = append(d.Open, c)
		case c.Item.ID != "" || c.File.ID != "" || len(c.Findings) > 0:
			d.Match = append(d.Match, c)
		}
	}
	for _, t := range d.Check.Ticks {
		if t.Key == "whole" {
			d.Whole = t.Tick
		}
	}
}

// cards are one for each thing there is, without what was found.
func (d *sheet) cards() []card {
	var out []card
	for _, i := range d.Recipients {
		out = append(out, card{ID: i.ID, Kind: "recipient", Item: i})
	}
	slices.SortFunc(out, func(a, b card) int {
		return cmp.Or(cmp.Compare(d.tick(a.ID, ""), d.tick(b.ID, "")), cmp.Compare(a.Item.Place, b.Item.Place))
	})
	for _, f := range d.Attachments {
		out = append(out, card{ID: f.ID, Kind: "file", File: f})
	}
	for _, k := range []string{dispatch.ItemSubject, dispatch.ItemBody, dispatch.ItemPackage} {
		out = append(out, card{ID: k, Kind: k})
	}
	return out
}

func (d *sheet) tick(item, key string) string {
	for _, t := range d.Check.Ticks {
		if t.Item == item && t.Key == key {
			return t.Tick
		}
	}
	return ""
}

func (d *sheet) box(given []string, item, key string) box {
	v := d.tick(item, key)
	return box{v, v != "" && slices.Contains(given, v)}
}

func (d *sheet) count(c *card) {
	boxes := []box{c.Tick}
	for _, f := range c.Findings {
		boxes = append(boxes, f.Box)
		switch f.Level {
		case dispatch.Halt:
			d.Counts[0]++
		case dispatch.Match:
			d.Counts[2]++
		case dispatch.Caution:
			if len(d.Check.Ticks) == 0 && d.Before() {
				d.Counts[1]++
			}
		}
	}
	for _, b := range boxes {
		if b.Value != "" && !b.Set {
			d.Counts[1]++
		}
	}
}

// add puts a finding on the card; what weighs most stands first.
func (c *card) add(l text.Lang, f dispatch.Finding) {
	x := found{Finding: f, Say: text.T(l, f.Key, "shown", f.Shown, "registered", f.Registered)}
	if short := "web.sending.why." + strings.TrimPrefix(f.Key, "dispatch.found."); text.Has(short) {
		x.Say, x.Asks = text.T(l, short, "shown", f.Shown, "registered", f.Registered), f.Second
	}
	if f.Reason != "" && text.Has(f.Reason) {
		x.Why = text.T(l, "web.sending.and", "more", text.T(l, f.Reason, "shown", f.Shown, "registered", f.Registered))
	}
	c.Findings = append(c.Findings, x)
	if weight(f.Level) > weight(c.Level) {
		c.Level = f.Level
	}
	if c.Kind == "recipient" && f.Level == dispatch.Halt && f.Registered != "" && f.Point != "" {
		c.Beside = f.Registered
	}
}

func weight(l dispatch.Level) int {
	return map[dispatch.Level]int{dispatch.Caution: 1, dispatch.Halt: 2}[l]
}

// offer collects the ways out of everything found, each once and the safest first.
func (c *card) offer(d *sheet) {
	for _, op := range safest() {
		for _, f := range c.Findings {
			if slices.Contains(f.Ways, op) && !slices.ContainsFunc(c.Ways, func(w way) bool { return w.Op == op }) {
				if w, ok := c.way(d, op, f.Finding); ok {
					c.Ways = append(c.Ways, w)
				}
			}
		}
	}
	for _, f := range c.Findings {
		c.Register = c.Register || slices.Contains(f.Ways, dispatch.WayPropose) || slices.Contains(f.Ways, dispatch.WayUpdate)
		c.Once = c.Once || slices.Contains(f.Ways, dispatch.WayOnce)
		if slices.Contains(f.Ways, dispatch.WayRelation) && f.Other != "" {
			c.Relation = append(c.Relation, f.Finding)
		}
	}
	slices.SortStableFunc(c.Findings, func(a, b found) int { return weight(b.Level) - weight(a.Level) })
}

func (c *card) way(d *sheet, op string, f dispatch.Finding) (way, bool) {
	w := way{Op: op, Key: "web.sending.way." + op, Item: f.Item, Point: f.Point}
	switch op {
	case dispatch.WayRegistered:
		return w, f.Point != ""
	case dispatch.WayRemove:
		if c.Kind == "package" && len(d.Recipients) > 0 {
			return w, false // which one is for a person to say
		}
		return w, c.Kind == "recipient"
	case dispatch.WayEdit:
		if c.Kind != "file" {
			w.To, w.Key = at(d.ID)+"/edit", "web.sending.way.words"
		}
	case dispatch.WaySplit:
		w.To = fmt.Sprintf("/sendings/new?party=%s&again=%s", cmp.Or(f.Other, d.Party), d.ID)
		if c.Kind == "recipient" {
			w.To += "&to=" + c.Item.ID
		}
	case dispatch.WayEnd:
		w.To, w.Key = "#cancel", "web.sending.way.end"
	}
	return w, true
}
