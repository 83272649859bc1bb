// Package mime makes the bytes of a message (電子メール) that leaves through the
// outer gate.
//
// Build is a pure function: the same Mail gives the same bytes in every
// process, so the digest of what was sent can be recomputed from the approved
// package. Nothing in it is random and nothing asks the clock. The messages are
// plain text with attachments: no HTML, no pictures fetched from outside,
// nothing that reports the reading of the mail.
package mime

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"time"

	"github.com/emersion/go-message"

	"sekisho/internal/kernel/fault"
)

// Mailbox is an address with the name shown beside it (表示名と宛先).
type Mailbox struct {
	Name string // as a person reads it; may be empty
	Addr string // local@domain, the domain in A-labels (RFC 5890)
}

// Attachment is one attached file (添付ファイル).
type Attachment struct {
	Name      string // file name without folders, as a person reads it
	MediaType string // type/subtype in lower case, without parameters
	Bytes     []byte
}

// Auto says whether a machine wrote the mail (RFC 3834, section 5).
type Auto string

// The values of Auto. ByPerson writes no Auto-Submitted field.
const (
	ByPerson  Auto = ""
	Generated Auto = "auto-generated"
	Replied   Auto = "auto-replied"
)

// Mail is everything a message is made of.
type Mail struct {
	From        Mailbox
	To          []Mailbox // at least one
	Cc          []Mailbox
	Subject     string
	Text        string // lines end in LF or CRLF
	Attachments []Attachment
	MessageID   string    // id-left@id-right without angle brackets (RFC 5322, 3.6.4)
	Date        time.Time // written in Japanese time
	Auto        Auto
	Package     string // SHA-256 of the package in lower-case hex; "" writes no field
}

// Build gives the message in canonical form: CRLF line ends, no line over 998
// octets (RFC 5322, 2.1.1), bodies in base64, header text in UTF-8 encoded
// words (RFC 2047). Only an address whose local part is not ASCII brings 8-bit
// octets into the header, and then the message needs SMTPUTF8 (RFC 6531).
//
// The error is a fault.Invalid whose Field is the JSON path of what is wrong:
// line breaks, control or direction characters where one line of text belongs,
// a malformed address, file name, media type or id, something missing or too
// long.
func Build(m Mail) ([]byte, error) {
	text, err := check(m)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if len(m.Attachments) == 0 {
		err = single(&out, m, text)
	} else {
		err = mixed(&out, m, text)
	}
	if err != nil {
		return nil, fault.Failed(err)
	}
	// base64 leaves the last line of a message without parts open.
	if !bytes.HasSuffix(out.Bytes(), []byte("\r\n")) {
		out.WriteString("\r\n")
	}
	if err := Canonical(out.Bytes()); err != nil {
		return nil, fault.Failed(err)
	}
	return out.Bytes(), nil
}

func single(out io.Writer, m Mail, text []byte) error {
	w, err := message.CreateWriter(out, header(append(m.fields(), textFields()...)))
	if err != nil {
		return err
	}
	return writeAndClose(w, text)
}

func mixed(out io.Writer, m Mail, text []byte) error {
	kind := field{"Content-Type", `multipart/mixed; boundary="` + boundary(m, text) + `"`}
	w, err := message.CreateWriter(out, header(append(m.fields(), kind)))
	if err != nil {
		return err
	}
	p, err := w.CreatePart(header(textFields()))
	if err != nil {
		return err
	}
	if err := writeAndClose(p, text); err != nil {
		return err
	}
	for _, a := range m.Attachments {
		p, err := w.CreatePart(header(a.fields()))
		if err != nil {
			return err
		}
		if err := writeAndClose(p, a.Bytes); err != nil {
			return err
		}
	}
	return w.Close()
}

func writeAndClose(w io.WriteCloser, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return err
	}
	return w.Close()
}

// boundary is a digest of the content. Its first letters hold a hyphen, which
// base64 never contains, so it cannot stand in a body.
func boundary(m Mail, text []byte) string {
	h := sha256.New()
	part := func(b []byte) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		h.Write(b)
	}
	part([]byte(m.MessageID))
	part(text)
	for _, a := range m.Attachments {
		part([]byte(a.Name))
		part(a.Bytes)
	}
	return "sekisho-" + hex.EncodeToString(h.Sum(nil)[:24])
}
