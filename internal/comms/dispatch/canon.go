package dispatch

import (
	"encoding/binary"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/money"
)

// Package is everything that is sent, as a value: what approval is of.
type Package struct {
	Party       string
	Channel     string
	Purpose     Purpose
	Class       string
	From        Sender
	Subject     string
	Body        string
	Recipients  []Recipient
	Attachments []Attachment
}

// Sender is who the mail comes from (差出人).
type Sender struct {
	Name    string // as shown
	Address string // canonical
}

// Recipient is a verified delivery point as the register has it now.
type Recipient struct {
	Kind    string // To or Cc
	Point   string // id of the delivery point
	Address string // canonical
	Version int64  // of the register's row
}

// Attachment is one file with what it claims (請求番号, 金額, 日付).
type Attachment struct {
	Document string
	Digest   string // SHA-256 of the bytes, hex
	Name     string
	Media    string
	Kind     string
	Number   string
	Amount   money.Yen
	Date     civil.Date
}

// canonFormat begins every canonical package; a change of the layout below
// needs another one, so that an old approval never fits a new reading.
const canonFormat = "sekisho package 1"

// canon collects the parts of the canonical encoding: each part is its length in
// eight octets, big endian, and its octets. Lists begin with their length as a
// part of their own, so no two packages share an encoding.
type canon struct{ b []byte }

func (c *canon) text(ss ...string) {
	for _, s := range ss {
		c.b = binary.BigEndian.AppendUint64(c.b, uint64(len(s)))
		c.b = append(c.b, s...)
	}
}

func (c *canon) number(n int64) {
	c.b = binary.BigEndian.AppendUint64(c.b, 8)
	c.b = binary.BigEndian.AppendUint64(c.b, uint64(n))
}

// Canonical is the encoding the digest is taken of, in this order: format,
// party, channel, purpose, class, sender's name and address, subject, body;
// the recipients (kind, point, address, version); the attachments (document,
// digest, name, media, kind, number, amount, date).
func (p Package) Canonical() []byte {
	var c canon
	c.text(canonFormat, p.Party, p.Channel, string(p.Purpose), p.Class, p.From.Name, p.From.Address, p.Subject, p.Body)
	c.number(int64(len(p.Recipients)))
	for _, r := range p.Recipients {
		c.text(r.Kind, r.Point, r.Address)
		c.number(r.Version)
	}
	c.number(int64(len(p.Attachments)))
	for _, a := range p.Attachments {
		c.text(a.Document, a.Digest, a.Name, a.Media, a.Kind, a.Number)
		c.number(int64(a.Amount))
		c.text(a.Date.String())
	}
	return c.b
}

// Digest names the package: SHA-256 of its canonical encoding, 64 hex digits.
func (p Package) Digest() string { return blob.Sum(p.Canonical()).String() }

// MessageID is the Message-ID of the mail to one delivery point, the same at
// every try: RFC 5322 §3.6.4, without angle brackets.
func MessageID(digest, point, domain string) string {
	var c canon
	c.text("message id", digest, point)
	return blob.Sum(c.b).String()[:40] + "@" + domain
}
