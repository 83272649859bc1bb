package demo

import (
	"errors"
	"regexp"
)

// linked are the partners that receive their invoices by link; all others of the
// past have asked for attachments. The second has not opened its yet.
var linked = []string{"000112", "000116"}

// choices records how the partners want to receive documents, as it was agreed
// with each when the portal was new.
func (s *seeder) choices() {
	s.on(4, 10)
	asks, agrees := s.of("controller", 0), s.of("controller", 2)
	for _, code := range s.codes() {
		s.together(asks, agrees, "party.choice_set", map[string]string{"party": s.ids[code], "way": "attachment",
			"said_by": "ご担当者様", "proof": "ご案内への返信（書面）で、メール添付でのお受け取りを希望"})
	}
}

var linkIn = regexp.MustCompile(`/s/([a-z2-7]{16})#([A-Za-z0-9_-]{43})`)
var codeIn = regexp.MustCompile(`(?m)^\s+(\d{6})\s*$`)

// links are sent to partners that have gone over to them; one was opened and the
// invoice taken.
func (s *seeder) links() {
	day := s.ago(8, 10)
	biller := s.of("accounting", 1)
	for n, code := range linked {
		s.do(s.of("controller", 0), "party.choice_set", map[string]string{"party": s.ids[code], "way": "link",
			"said_by": "経理ご担当者様", "proof": "受け取りリンクへの切り替えのご案内に、電話でご了承をいただいた"}, nil)
		s.do(s.of("controller", 0), "intro.note", map[string]any{"parties": []string{s.ids[code]}, "way": "phone",
			"reason": "経理ご担当者様に、差出人・リンク先・確認コードを電話でご案内した"}, nil)
		s.post(biller, code, s.issued(biller, code, day))
		if n == 0 {
			s.open()
		}
	}
}

// open is the recipient of the last mail: nobody, with a link and a code.
func (s *seeder) open() {
	locator, secret := s.lastMail(linkIn)
	at := map[string]string{"locator": locator, "secret": secret}
	var came struct {
		Ticket string `json:"ticket"`
		Device string `json:"device"`
		Papers []struct {
			ID string `json:"id"`
		} `json:"papers"`
	}
	s.outside("share.open", at, &came)
	s.outside("share.code", map[string]string{"locator": locator, "ticket": came.Ticket}, nil)
	if s.err == nil {
		_, _, err := s.sender.Notices(s.ctx)
		s.keep("machine mail", err)
	}
	code, _ := s.lastMail(codeIn)
	s.outside("share.verify", map[string]string{"locator": locator, "ticket": came.Ticket, "code": code}, &came)
	s.outside("share.show", map[string]string{"locator": locator, "device": came.Device}, &came)
	if s.err == nil && len(came.Papers) == 1 {
		s.outside("share.file", map[string]any{"locator": locator, "device": came.Device, "document": came.Papers[0].ID, "save": true}, nil)
	}
}

// outside runs an op as somebody outside, who is nobody to the gate.
func (s *seeder) outside(op string, in, out any) {
	if s.err == nil {
		s.keep(op, s.raw(s.ctx, "", op, in, out))
	}
}

// lastMail finds something in the mail that was trapped last.
func (s *seeder) lastMail(what *regexp.Regexp) (first, second string) {
	if s.err != nil {
		return "", ""
	}
	list, err := s.Mails()
	if err != nil || len(list) == 0 {
		s.keep("mail", errors.Join(err, errors.New("nothing was trapped")))
		return "", ""
	}
	m := what.FindStringSubmatch(list[0].Text)
	if m == nil {
		s.keep("mail", errors.New("the last mail holds no "+what.String()))
		return "", ""
	}
	return m[1], m[len(m)-1]
}
