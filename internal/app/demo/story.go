package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"sekisho/internal/kernel/text"
)

//go:embed files/story_partners.csv
var storyPartners []byte

// story plays the main job through the house's real doors and tells every step.
// Whatever Sekisho answers otherwise than it should ends the story: it is a test
// as well.
type story struct {
	*House
	t     Troupe
	out   io.Writer
	lang  text.Lang
	steps int

	importer, biller, controller *Person

	party   Shown   // the customer
	foreign string  // document of another customer
	invoice Invoice // to the customer
	digest  string  // of the invoice's PDF
	sending Sending
	trapped int // messages in the trap before
}

// The customer of the story, the other customer whose paper is attached, and the
// address as the old program's file has it: one letter is another.
const (
	storyCode = "000131"
	otherCode = "000102"
	storyMail = "keiri@tohoku-kikei.example"
)

// Play plays the story at a server that listens on url.
func (h *House) Play(ctx context.Context, url string, lang text.Lang, out io.Writer) error {
	s := &story{House: h, out: out, lang: lang, importer: h.of("accounting", 1), biller: h.of("accounting", 0), controller: h.of("controller", 0),
		t: Troupe{Door: HTTP{Base: url, Client: &http.Client{Timeout: time.Minute}, Lang: string(lang)}, Clock: h.Clock}, trapped: len(h.Trap.List())}
	for _, p := range h.cast {
		p.token = "" // those of the past are over
	}
	for _, step := range []func(context.Context) error{s.partners, s.addresses, s.open, s.bill, s.prepare, s.stopped, s.mend,
		s.confirm, s.approve, s.cancel, s.again, s.delivered, s.verify} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("%s: %w", text.T(lang, "demo.story_failed"), err)
		}
	}
	h.Clock.CatchUp()
	s.say("demo.story_end")
	return nil
}

func (s *story) step(key string, args ...any) {
	s.steps++
	fmt.Fprintf(s.out, "\n%2d. %s\n", s.steps, text.T(s.lang, key, args...))
}

func (s *story) say(key string, args ...any) {
	fmt.Fprintf(s.out, "    %s\n", text.T(s.lang, key, args...))
}

func (s *story) sub(key string, args ...any) {
	fmt.Fprintf(s.out, "      %s\n", text.T(s.lang, key, args...))
}

// who is a person as the story calls them.
func (s *story) who(p *Person) string {
	return text.T(s.lang, "demo.who", "name", p.Name, "role", text.T(s.lang, "demo.role."+p.Roles[0]))
}

// refused wants an act to be refused for a reason, and tells it.
func (s *story) refused(err error, code string) error {
	var stop *Stop
	if !errors.As(err, &stop) || stop.Code != code {
		return fmt.Errorf("want a refusal %s, got %v", code, err)
	}
	fmt.Fprintf(s.out, "    ✗ %s\n", stop.Detail)
	return nil
}

// wait asks again and again until something is so.
func (s *story) wait(ctx context.Context, what string, so func() (bool, error)) error {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		ok, err := so()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return errors.New(what)
}

// load takes a file over and waits until it is part of the books.
func (s *story) load(ctx context.Context, kind, name string, content []byte) (Imported, error) {
	got, err := s.t.importFile(ctx, s.importer, kind, name, content)
	if err != nil {
		return got, err
	}
	return got, s.wait(ctx, "the import of "+name+" did not end", func() (bool, error) {
		var run struct {
			State string `json:"state"`
		}
		err := s.t.Act(ctx, s.importer, "intake.show", map[string]string{"run": got.Run}, &run)
		return run.State == "published", err
	})
}

// partners imports a file of partners.
func (s *story) partners(ctx context.Context) error {
	s.step("demo.partners", "who", s.who(s.importer))
	got, err := s.load(ctx, "partners", "新しい得意先.csv", storyPartners)
	if err != nil {
		return err
	}
	s.say("demo.imported", "file", "新しい得意先.csv", "encoding", got.Encoding, "rows", got.Totals.Accepted, "new", got.Totals.New)
	s.step("demo.addresses", "who", s.who(s.importer), "second", s.who(s.controller))
	quiet, strange, err := s.t.firstVerify(ctx, s.importer, s.controller, got.Run, "契約書の送付先と見比べて確認しました")
	if err != nil {
		return err
	}
	s.say("demo.quiet", "quiet", quiet, "strange", len(strange))
	return nil
}

// addresses finds the customer with its verified address.
func (s *story) addresses(ctx context.Context) error {
	id, err := s.partyID(ctx, storyCode)
	if err == nil {
		err = s.t.Act(ctx, s.importer, "party.show", byID{id}, &s.party)
	}
	if err == nil && s.party.verified().Address == "" {
		err = errors.New("no verified address")
	}
	if err != nil {
		return err
	}
	s.say("demo.registered", "partner", s.party.Party.Name, "address", s.party.verified().Address)
	return nil
}

func (s *story) partyID(ctx context.Context, code string) (string, error) {
	var page struct {
		Rows []byID `json:"rows"`
	}
	err := s.t.Act(ctx, s.importer, "party.list", map[string]string{"code": code}, &page)
	if err == nil && len(page.Rows) != 1 {
		err = fmt.Errorf("partner %s: %d rows", code, len(page.Rows))
	}
	if err != nil {
		return "", err
	}
	return page.Rows[0].ID, nil
}

// open imports the old program's open invoices, whose address has a slip in it.
func (s *story) open(ctx context.Context) error {
	s.step("demo.open", "who", s.who(s.importer))
	today := s.today()
	file := "得意先コード,請求番号,請求日,請求金額,支払期限,メールアドレス\r\n" +
		fmt.Sprintf("%s,K-20311,%s,88000,%s,%s\r\n", storyCode, today.AddDays(-20), today.AddDays(20), storyMail)
	got, err := s.load(ctx, "open_invoices", "旧システム_未回収一覧.csv", []byte(file))
	if err == nil {
		err = s.t.Act(ctx, s.importer, "party.show", byID{s.party.Party.ID}, &s.party)
	}
	if err != nil {
		return err
	}
	if s.party.inState("proposed").Address != storyMail {
		return errors.New("the imported address is not among the proposed ones")
	}
	s.say("demo.imported", "file", "旧システム_未回収一覧.csv", "encoding", got.Encoding, "rows", got.Totals.Accepted, "new", got.Totals.New)
	s.say("demo.open_address", "address", storyMail)
	return nil
}

// bill drafts and issues the invoice; a job renders it.
func (s *story) bill(ctx context.Context) error {
	s.step("demo.bill", "who", s.who(s.biller), "partner", s.party.Party.Name)
	day := s.today()
	i, err := s.t.bill(ctx, s.biller, Draft{Party: s.party.Party.ID, Subject: "業務用洗剤ほか ご請求", Date: day, Delivery: true, Lines: []Line{
		{Date: day.AddDays(-2), Slip: "D-60117", Description: "業務用中性洗剤 18L", Quantity: "20", Unit: "缶", UnitPrice: "6450", Category: "standard"},
		{Date: day.AddDays(-2), Slip: "D-60117", Description: "煎茶ティーバッグ 100P", Quantity: "12", Unit: "袋", UnitPrice: "1250", Category: "reduced"}}})
	if err != nil {
		return err
	}
	err = s.wait(ctx, "the invoice was not rendered", func() (bool, error) {
		err := s.t.Act(ctx, s.biller, "invoice.show", byID{i.ID}, &i)
		return i.State == "ready", err
	})
	if err != nil {
		return err
	}
	var pdf struct {
		Name   string `json:"name"`
		Digest string `json:"digest"`
		Size   int64  `json:"size"`
	}
	if err := s.t.Act(ctx, s.biller, "document.show", byID{i.Document}, &pdf); err != nil {
		return err
	}
	s.invoice, s.digest = i, pdf.Digest
	s.say("demo.issued", "number", i.Number, "amount", i.Amount)
	s.say("demo.rendered", "file", pdf.Name, "size", pdf.Size, "digest", pdf.Digest)
	return nil
}
