// Package evidence makes papers that prove what passed: the certificate of a
// sending (送付証明書).
package evidence

import (
	"strconv"
	"time"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/vault"
)

// Facts are all that a certificate says, frozen at one moment.
type Facts struct {
	Sending   string
	Company   string // ours
	Partner   string
	Honorific string
	Subject   string
	Digest    string // of the package as approved, 64 hex digits
	Rules     string // version of the rules of sending in force
	State     dispatch.State

	Prepared, Ticked, Approved Act

	Recipients []Recipient
	Documents  []Document

	Log  Log
	Made time.Time // when this paper was made
}

// Act is what a person did; a zero time: nobody did, or nobody had to.
type Act struct {
	Name string
	At   time.Time
}

// Recipient is one address with what became of it.
type Recipient struct {
	Kind, Address string
	State         dispatch.State
	At            time.Time // of the last outcome
	Relay, Reply  string
	TLS           string
	Bytes         string // digest of exactly what was sent, "" if nothing was
}

// Document is one file that went along.
type Document struct {
	Name, Number string
	Amount       money.Yen
	Date         civil.Date
	Digest       string // SHA-256 of its bytes
}

// Log is where the record stood when the paper was made.
type Log struct {
	Origin string
	Size   int64
	Root   string // base64
	At     time.Time
}

// Code is the check code (確認コード) of a certificate: a MAC over what it says of
// the sending, so it is the same on every copy until the sending's state
// changes, and only this house can tell a true one. Four groups of five.
func (f Facts) Code(r *vault.Ring) string {
	part := func(ss ...string) []byte {
		var b []byte
		for _, s := range ss {
			b = append(append(strconv.AppendInt(b, int64(len(s)), 10), ':'), s...)
		}
		return b
	}
	at := func(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }
	said := [][]byte{part(f.Sending, f.Digest, f.Rules, string(f.State), f.Prepared.Name, at(f.Prepared.At), f.Ticked.Name, at(f.Ticked.At), f.Approved.Name, at(f.Approved.At))}
	for _, p := range f.Recipients {
		said = append(said, part(p.Kind, p.Address, string(p.State), at(p.At), p.Relay, p.Bytes))
	}
	for _, d := range f.Documents {
		said = append(said, part(d.Name, d.Number, d.Amount.String(), d.Date.String(), d.Digest))
	}
	return vault.Spell(r.MAC("sending certificate", said...), 20, 5)
}
