// Package mailsign signs the mail that leaves (送信メールの署名): the company's own
// S/MIME signature inside, if it has a certificate (RFC 8551), and around it DKIM
// signatures of the sender's domain (RFC 6376, RFC 8463).
//
// What is signed are the bytes that were built from the approved package, and they
// stay as they are: a signature is put before or around them. DKIM alone keeps the
// promise of the mime package: the same mail, keys and date give the same bytes in
// every process.
package mailsign

import (
	"bytes"
	"errors"
	"time"

	"sekisho/internal/kernel/fault"
)

// Signer signs all mail of one sender. The zero Signer and nil sign nothing.
type Signer struct {
	Domain  string       // of the DKIM signatures (SDID)
	Keys    []Key        // each signs; best one of each algorithm
	Company *Certificate // nil: no S/MIME
}

// Mail signs a whole message: what people read with the company's certificate,
// and that with the domain's keys. at is the mail's own date.
func (s *Signer) Mail(raw []byte, at time.Time) ([]byte, error) {
	if s != nil && s.Company != nil {
		var err error
		raw, err = s.Company.sign(raw, at)
		switch {
		case errors.Is(err, errOver):
			return nil, fault.Unavailable("mailsign.over").Because(err)
		case err != nil:
			return nil, fault.Unavailable("mailsign.company").Because(err)
		}
	}
	return s.Transport(raw, at)
}

// Transport signs for the way only (DKIM): for machines that would take a
// company's signature for one more page, such as a FAX service.
func (s *Signer) Transport(raw []byte, at time.Time) ([]byte, error) {
	if s == nil || len(s.Keys) == 0 {
		return raw, nil
	}
	var out bytes.Buffer
	for _, k := range s.Keys {
		field, err := k.sign(raw, s.Domain, at)
		if err != nil {
			return nil, fault.Unavailable("mailsign.key").Because(err)
		}
		out.WriteString(field)
	}
	out.Write(raw)
	return out.Bytes(), nil
}
