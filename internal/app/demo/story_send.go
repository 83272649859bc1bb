package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/text"
)

func (s *story) today() civil.Date { return civil.Of(s.House.Clock.Now()) }

func (s *story) act(ctx context.Context, p *Person, op string, in, out any) error {
	return s.t.Act(ctx, p, op, in, out)
}

// change does something to the package and looks at it as it is then.
func (s *story) change(ctx context.Context, op string, in any) error {
	if err := s.act(ctx, s.biller, op, in, nil); err != nil {
		return err
	}
	return s.act(ctx, s.biller, "dispatch.show", byID{s.sending.ID}, &s.sending)
}

// pack is the package to the customer with these documents.
func (s *story) pack(address string, documents ...string) Package {
	return Package{Party: s.party.Party.ID, Recipients: []Recipient{{Kind: "to", Address: address}}, Documents: documents,
		Subject: "ご請求書（" + s.invoice.Number + "）の送付", Body: letter(s.party.Party.Name), Purpose: "invoice"}
}

// prepare builds the package as it goes wrong in offices: with the address from
// the file, and with the PDF of somebody else.
func (s *story) prepare(ctx context.Context) error {
	other, err := s.partyID(ctx, otherCode)
	if err != nil {
		return err
	}
	var list struct {
		Invoices []Invoice `json:"invoices"`
	}
	if err := s.act(ctx, s.biller, "invoice.list", map[string]any{"party": other, "state": "ready"}, &list); err != nil {
		return err
	}
	if len(list.Invoices) == 0 {
		return errors.New("the other customer has no invoice")
	}
	s.foreign = list.Invoices[0].Document
	// The customer has asked for attachments; otherwise it would get a link.
	if err := s.t.Together(ctx, s.biller, s.controller, "party.choice_set", map[string]string{"party": s.party.Party.ID, "way": "attachment",
		"said_by": "経理ご担当者様", "proof": "取引開始の書面で、メール添付でのお受け取りを希望"}); err != nil {
		return err
	}
	s.step("demo.prepare", "who", s.who(s.biller))
	if err := s.act(ctx, s.biller, "dispatch.prepare", s.pack(storyMail, s.invoice.Document, s.foreign), &s.sending); err != nil {
		return err
	}
	s.say("demo.prepared_to", "address", storyMail)
	for _, a := range s.sending.Attachments {
		s.say("demo.prepared_file", "file", a.Name)
	}
	return nil
}

// stopped checks the package: both slips are found, and nothing leads past them.
func (s *story) stopped(ctx context.Context) error {
	s.step("demo.check", "who", s.who(s.biller))
	var c Check
	if err := s.act(ctx, s.biller, "dispatch.check", byID{s.sending.ID}, &c); err != nil {
		return err
	}
	address, file := false, false
	for _, f := range c.Findings {
		if f.Level != "stop" {
			continue
		}
		s.finding(f)
		address = address || f.Item == s.sending.Recipients[0].ID && f.Shown == storyMail && f.Registered == s.party.verified().Address && f.Reason == "mailaddr.near.typo"
		file = file || f.Item == s.sending.Attachments[1].ID && f.Key == "dispatch.found.file_of_other"
	}
	if c.State != "stopped" || !address || !file {
		return fmt.Errorf("not stopped for both reasons: %s %+v", c.State, c.Findings)
	}
	s.say("demo.stopped_twice")
	err := s.act(ctx, s.biller, "dispatch.confirm", map[string]any{"id": s.sending.ID, "digest": "none", "ticks": []string{"anyway"}}, nil)
	return s.refused(err, "dispatch.state")
}

// finding shows a stop with both values side by side and the safe ways out.
func (s *story) finding(f Finding) {
	args := []any{"shown", f.Shown, "registered", f.Registered}
	fmt.Fprintf(s.out, "    ■ %s\n", text.T(s.lang, f.Key, args...))
	if f.Reason != "" {
		fmt.Fprintf(s.out, "      %s\n", text.T(s.lang, f.Reason, args...))
	}
	beside, key := f.Registered, "demo.beside_registered"
	if beside == "" {
		beside, key = s.party.Party.Name, "demo.beside_partner"
	}
	s.sub("demo.beside_shown", "value", f.Shown)
	s.sub(key, "value", beside)
	for _, w := range f.Ways {
		s.sub("demo.way", "op", w, "title", text.T(s.lang, "op."+w))
	}
}

// mend takes the safe ways: the registered address, and only the own document.
func (s *story) mend(ctx context.Context) error {
	s.step("demo.mend", "who", s.who(s.biller))
	in := map[string]string{"id": s.sending.ID, "item": s.sending.Recipients[0].ID, "point": s.party.verified().ID}
	if err := s.change(ctx, "dispatch.take_registered", in); err != nil {
		return err
	}
	s.say("demo.took", "address", s.party.verified().Address)
	edit := map[string]any{"id": s.sending.ID, "version": s.sending.Version, "subject": s.sending.Subject, "body": s.sending.Body,
		"documents": []string{s.invoice.Document}}
	if err := s.change(ctx, "dispatch.edit", edit); err != nil {
		return err
	}
	s.say("demo.removed")
	return nil
}

// confirm checks again, ticks every item, and tries the same ticks twice.
func (s *story) confirm(ctx context.Context) error {
	s.step("demo.confirm", "who", s.who(s.biller))
	c, err := s.t.confirm(ctx, s.biller, s.sending.ID)
	if err != nil {
		return err
	}
	for _, f := range c.Findings {
		mark := map[string]string{"match": "✓", "caution": "△"}[f.Level]
		fmt.Fprintf(s.out, "    %s %s\n", mark, text.T(s.lang, f.Key, "shown", f.Shown, "registered", f.Registered))
	}
	s.say("demo.confirmed", "ticks", len(c.Ticks))
	s.sending.Digest = c.Digest
	return s.refused(s.act(ctx, s.biller, "dispatch.confirm", confirmIn(s.sending.ID, c), nil), "dispatch.state")
}

// approve asks for the release: not for oneself, and not for another digest.
func (s *story) approve(ctx context.Context) error {
	request, err := s.t.ask(ctx, s.biller, s.sending.ID, s.sending.Digest)
	if err != nil {
		return err
	}
	s.step("demo.own", "who", s.who(s.biller))
	if err := s.refused(s.t.Approve(ctx, s.biller, request), "approval.own"); err != nil {
		return err
	}
	s.step("demo.approve", "who", s.who(s.controller))
	var seen struct {
		Digest string `json:"digest"`
		After  string `json:"after"`
	}
	if err := s.act(ctx, s.controller, "approval.show", byID{request}, &seen); err != nil {
		return err
	}
	s.digestSeen(seen.After)
	stale := map[string]string{"id": request, "digest": reversed(seen.Digest)}
	if err := s.refused(s.act(ctx, s.controller, "approval.approve", stale, nil), "approval.digest"); err != nil {
		return err
	}
	if err := s.t.Approve(ctx, s.controller, request); err != nil {
		return err
	}
	return s.held(ctx)
}

// digestSeen tells what the approver agrees to.
func (s *story) digestSeen(after string) {
	var p struct {
		Party      string   `json:"party"`
		Recipients []string `json:"recipients"`
		Digest     string   `json:"digest"`
	}
	if json.Unmarshal([]byte(after), &p) == nil && len(p.Recipients) > 0 {
		s.say("demo.seen", "partner", p.Party, "recipient", p.Recipients[0], "digest", p.Digest)
	}
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// held looks at the countdown.
func (s *story) held(ctx context.Context) error {
	if err := s.act(ctx, s.biller, "dispatch.show", byID{s.sending.ID}, &s.sending); err != nil {
		return err
	}
	left := s.sending.HeldUntil.Sub(s.House.Clock.Now())
	if s.sending.State != "held" || left <= 0 {
		return fmt.Errorf("the package is %s for %v", s.sending.State, left)
	}
	s.say("demo.held", "seconds", int(left/time.Second)+1)
	return nil
}

// cancel takes the package back while it is held.
func (s *story) cancel(ctx context.Context) error {
	s.step("demo.cancel", "who", s.who(s.biller))
	in := map[string]string{"id": s.sending.ID, "reason": "本文の日付を直すため"}
	if err := s.change(ctx, "dispatch.cancel", in); err != nil {
		return err
	}
	s.House.Clock.Pass(s.App.Config.Mail.Hold())
	if _, err := s.Work(ctx); err != nil {
		return err
	}
	if n := len(s.Trap.List()) - s.trapped; s.sending.State != "cancelled" || n != 0 {
		return fmt.Errorf("the package is %s, and %d messages were sent", s.sending.State, n)
	}
	s.say("demo.cancelled")
	return nil
}

// again prepares the mended package anew and lets the countdown end.
func (s *story) again(ctx context.Context) error {
	s.step("demo.again", "who", s.who(s.biller), "second", s.who(s.controller))
	var err error
	if s.sending, err = s.t.send(ctx, s.biller, s.controller, s.pack(s.party.verified().Address, s.invoice.Document)); err != nil {
		return err
	}
	if err := s.held(ctx); err != nil {
		return err
	}
	s.say("demo.pass")
	s.House.Clock.Pass(s.App.Config.Mail.Hold())
	err = s.wait(ctx, "the package was not sent", func() (bool, error) {
		if _, err := s.Work(ctx); err != nil {
			return false, err
		}
		err := s.act(ctx, s.biller, "dispatch.show", byID{s.sending.ID}, &s.sending)
		return s.sending.State == "handed_over", err
	})
	if err != nil {
		return err
	}
	s.say("demo.sent", "address", s.sending.Recipients[0].Address, "tls", s.sending.Recipients[0].TLS)
	return nil
}
