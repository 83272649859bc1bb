package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
)

// Attempts are the five ways to leak that the tour tries.
func Attempts() []string { return []string{"alike", "foreign", "account", "edited", "twice"} }

// Attempt is what happened when the people of the demo tried to leak.
type Attempt struct {
	Name    string
	Asks    string // who tried it
	Agrees  string // who had approved it
	Partner string
	Number  string // of the invoice
	Shown   string // what was put in
	Beside  string // what the register says
	Stops   []Said // what stopped it
	Before  string // its state before …
	After   string // … and after
	Package string
	First   string // the package that was there before
}

// Said is one sentence of the house: a key with its words.
type Said struct {
	Key    string
	Args   []any
	Reason string // key of why
}

// tourist tries to leak, and wants to be stopped.
type tourist struct {
	*House
	t              *Troupe
	asks, agrees   *Person
	party, foreign Shown
}

// The customer of the tour, and the other one.
const (
	tourCode    = "000102"
	tourForeign = "000105"
	tourAccount = "見本中央銀行 本店 普通 7654321"
)

// Try lets the people try to leak in one of the five ways. An attempt that is
// not stopped is an error: it is a test as well.
func (h *House) Try(ctx context.Context, name string) error {
	ways := map[string]func(*tourist, context.Context, *Attempt) error{
		"alike": (*tourist).alike, "foreign": (*tourist).otherFile, "account": (*tourist).account, "edited": (*tourist).edited, "twice": (*tourist).twice}
	way := ways[name]
	if way == nil {
		return fault.NotFound()
	}
	h.acting.Lock()
	defer h.acting.Unlock()
	v := &tourist{House: h, t: h.troupe(), asks: h.of("accounting", 2), agrees: h.of("controller", 2)}
	if err := v.meet(ctx); err != nil {
		return err
	}
	a := Attempt{Name: name, Asks: v.asks.Name, Partner: v.party.Party.Name}
	if err := way(v, ctx, &a); err != nil {
		return fmt.Errorf("the attempt %q: %w", name, err)
	}
	if len(a.Stops) == 0 {
		return fmt.Errorf("the attempt %q was not stopped", name)
	}
	h.tour[name] = a
	return h.keepTime()
}

// Tried are the attempts that were made since the demo was opened.
func (h *House) Tried() map[string]Attempt {
	h.acting.Lock()
	defer h.acting.Unlock()
	return maps.Clone(h.tour)
}

func (v *tourist) do(ctx context.Context, op string, in, out any) error {
	return v.t.Act(ctx, v.asks, op, in, out)
}

// meet looks up both customers.
func (v *tourist) meet(ctx context.Context) error {
	for code, p := range map[string]*Shown{tourCode: &v.party, tourForeign: &v.foreign} {
		var page struct {
			Rows []byID `json:"rows"`
		}
		if err := v.do(ctx, "party.list", map[string]string{"code": code}, &page); err != nil {
			return err
		}
		if len(page.Rows) != 1 {
			return fault.NotFound()
		}
		if err := v.do(ctx, "party.show", byID{page.Rows[0].ID}, p); err != nil {
			return err
		}
	}
	return nil
}

// bill issues an invoice to a customer and waits for its PDF.
func (v *tourist) bill(ctx context.Context, to Shown) (Invoice, error) {
	day := civil.Of(v.House.Clock.Now())
	i, err := v.t.bill(ctx, v.asks, Draft{Party: to.Party.ID, Subject: "コピー用紙 ご請求", Date: day, Delivery: true, Lines: []Line{
		{Date: day.AddDays(-1), Slip: "D-80001", Description: "コピー用紙 A4 500枚×10冊", Quantity: "4", Unit: "箱", UnitPrice: "2980", Category: "standard"}}})
	if err != nil {
		return i, err
	}
	if _, err := v.Work(ctx); err != nil {
		return i, err
	}
	for range 200 { // the house's own worker may have taken the job
		if err = v.do(ctx, "invoice.show", byID{i.ID}, &i); err != nil || i.State == "ready" {
			return i, err
		}
		if err := pause(ctx); err != nil {
			return i, err
		}
	}
	return i, errors.New("the invoice was not rendered")
}

// prepare bills and builds a package; change makes it what it should not be.
func (v *tourist) prepare(ctx context.Context, a *Attempt, change func(*Package)) (Sending, error) {
	var s Sending
	i, err := v.bill(ctx, v.party)
	if err != nil {
		return s, err
	}
	a.Number = i.Number
	p := Package{Party: v.party.Party.ID, Recipients: []Recipient{{Kind: "to", Address: v.party.verified().Address}}, Documents: []string{i.Document},
		Subject: "ご請求書（" + i.Number + "）の送付", Body: letter(v.party.Party.Name), Purpose: "invoice"}
	if change != nil {
		change(&p)
	}
	err = v.do(ctx, "dispatch.prepare", p, &s)
	a.Package = s.ID
	return s, err
}

// stopped checks a package and wants a stop with a certain sentence.
func (v *tourist) stopped(ctx context.Context, a *Attempt, s Sending, key string) error {
	var c Check
	if err := v.do(ctx, "dispatch.check", byID{s.ID}, &c); err != nil {
		return err
	}
	found := false
	for _, f := range c.Findings {
		if f.Level == "stop" {
			a.Stops = append(a.Stops, Said{f.Key, []any{"shown", f.Shown, "registered", f.Registered}, f.Reason})
			found = found || f.Key == key
		}
		if f.Key == key {
			a.Shown, a.Beside = f.Shown, f.Registered
		}
	}
	a.After = c.State
	if c.State != "stopped" || !found {
		return fmt.Errorf("%s is %s: %+v", s.ID, c.State, c.Findings)
	}
	// "Send it anyway" is no way either.
	return v.refused(a, v.do(ctx, "dispatch.confirm", map[string]any{"id": s.ID, "digest": "none", "ticks": []string{"anyway"}}, nil))
}

// refused wants an act to be refused, and keeps the house's sentence.
func (v *tourist) refused(a *Attempt, err error) error {
	var s *Stop
	if !errors.As(err, &s) || s.fault == nil || s.fault.Kind != fault.KindRefused {
		return fmt.Errorf("not refused: %w", err)
	}
	a.Stops = append(a.Stops, Said{Key: s.fault.Key, Args: s.fault.Args})
	return nil
}

// alike sends to an address that differs by a letter.
func (v *tourist) alike(ctx context.Context, a *Attempt) error {
	s, err := v.prepare(ctx, a, func(p *Package) { p.Recipients[0].Address = slip(p.Recipients[0].Address) })
	if err != nil {
		return err
	}
	return v.stopped(ctx, a, s, "dispatch.found.near_registered")
}

// otherFile attaches another customer's invoice.
func (v *tourist) otherFile(ctx context.Context, a *Attempt) error {
	other, err := v.bill(ctx, v.foreign)
	if err != nil {
		return err
	}
	s, err := v.prepare(ctx, a, func(p *Package) { p.Documents = append(p.Documents, other.Document) })
	if err != nil {
		return err
	}
	if err := v.stopped(ctx, a, s, "dispatch.found.file_of_other"); err != nil {
		return err
	}
	a.Beside = v.party.Party.Name
	return nil
}

// account asks in the mail for payment into an account that is not ours.
func (v *tourist) account(ctx context.Context, a *Attempt) error {
	s, err := v.prepare(ctx, a, func(p *Package) {
		p.Body += "\n振込先が変わりました。今月から次の口座へお振り込みください。\n" + tourAccount + "\n"
	})
	if err != nil {
		return err
	}
	return v.stopped(ctx, a, s, "dispatch.found.account_unknown")
}

// release confirms a package, has it approved, and gives the digest that was.
func (v *tourist) release(ctx context.Context, s Sending) (digest string, err error) {
	c, err := v.t.confirm(ctx, v.asks, s.ID)
	if err != nil {
		return "", err
	}
	return c.Digest, v.t.Together(ctx, v.asks, v.agrees, "dispatch.release", map[string]string{"id": s.ID, "digest": c.Digest})
}

// edited changes what was approved, and lets it go on the old approval.
func (v *tourist) edited(ctx context.Context, a *Attempt) error {
	s, err := v.prepare(ctx, a, nil)
	if err != nil {
		return err
	}
	digest, err := v.release(ctx, s)
	if err == nil {
		err = v.do(ctx, "dispatch.show", byID{s.ID}, &s)
	}
	if err != nil {
		return err
	}
	a.Agrees, a.Before = v.agrees.Name, s.State
	files := []string{}
	for _, f := range s.Attachments {
		files = append(files, f.Document)
	}
	a.Shown = "お支払いは来月でかまいません。"
	if err := v.do(ctx, "dispatch.edit", map[string]any{"id": s.ID, "version": s.Version, "subject": s.Subject, "body": s.Body + "\n" + a.Shown + "\n", "documents": files}, &s); err != nil {
		return err
	}
	if a.After = s.State; s.State != "prepared" {
		return fmt.Errorf("after the edit it is %s", s.State)
	}
	return v.refused(a, v.do(ctx, "dispatch.release", map[string]string{"id": s.ID, "digest": digest}, nil))
}

// twice sends what is on its way already: by another package, and by pressing again.
func (v *tourist) twice(ctx context.Context, a *Attempt) error {
	first, err := v.prepare(ctx, a, nil)
	if err != nil {
		return err
	}
	digest, err := v.release(ctx, first)
	if err != nil {
		return err
	}
	a.Agrees, a.First = v.agrees.Name, first.ID
	var second Sending
	p := Package{Party: v.party.Party.ID, Recipients: []Recipient{{Kind: "to", Address: v.party.verified().Address}},
		Documents: []string{first.Attachments[0].Document}, Subject: first.Subject, Body: strings.TrimSpace(first.Body), Purpose: "invoice"}
	if err := v.do(ctx, "dispatch.prepare", p, &second); err != nil {
		return err
	}
	a.Package = second.ID
	if err := v.stopped(ctx, a, second, "dispatch.found.underway"); err != nil {
		return err
	}
	return v.refused(a, v.do(ctx, "dispatch.release", map[string]string{"id": first.ID, "digest": digest}, nil))
}
