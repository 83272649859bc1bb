package demo

import (
	"bytes"
	"io"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-message"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
)

// Mail is a trapped one: what would have reached a recipient.
type Mail struct {
	ID      string // name of its file
	At      time.Time
	From    string
	To      []string // of the envelope
	Subject string
	Heads   []MailHead
	Text    string
	HTML    bool // there is a part in HTML, which is not shown
	Files   []MailFile
}

// MailHead is one line of the head.
type MailHead struct{ Name, Value string }

// MailFile is an attachment.
type MailFile struct {
	Name, Media string
	Size        int
	Digest      string
	content     []byte
}

const (
	mailsShown = 200
	textShown  = 64 << 10
)

// Mails are the trapped mails, newest first.
func (h *House) Mails() ([]Mail, error) {
	names, err := filepath.Glob(filepath.Join(h.mailDir(), "*.eml"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	slices.Reverse(names)
	var out []Mail
	for _, n := range names[:min(len(names), mailsShown)] {
		m, err := readMail(n)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// Mail is one of them; fault.NotFound if there is none.
func (h *House) Mail(id string) (Mail, error) {
	if strings.Trim(id, "0123456789") != "" || id == "" {
		return Mail{}, fault.NotFound()
	}
	m, err := readMail(filepath.Join(h.mailDir(), id+".eml"))
	if os.IsNotExist(err) {
		return m, fault.NotFound()
	}
	return m, err
}

// MailFile is the content of the nth attachment of a mail.
func (h *House) MailFile(id string, n int) (MailFile, []byte, error) {
	m, err := h.Mail(id)
	if err != nil || n < 0 || n >= len(m.Files) {
		return MailFile{}, nil, fault.NotFound().Because(err)
	}
	return m.Files[n], m.Files[n].content, nil
}

func (h *House) mailDir() string { return filepath.Join(h.home, "mail") }

func readMail(file string) (Mail, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return Mail{}, err
	}
	m := Mail{ID: strings.TrimSuffix(filepath.Base(file), ".eml")}
	e, err := message.Read(bytes.NewReader(raw))
	if err != nil {
		return m, err
	}
	for f := e.Header.Fields(); f.Next(); {
		v, err := f.Text()
		if err != nil {
			v = f.Value()
		}
		v = strings.ToValidUTF8(v, "\uFFFD")
		m.Heads = append(m.Heads, MailHead{f.Key(), v})
		switch f.Key() {
		case "Delivered-To":
			m.To = append(m.To, v)
		case "Subject":
			m.Subject = v
		case "From":
			m.From = v
		case "Received":
			if _, when, ok := strings.Cut(v, ";"); ok && m.At.IsZero() {
				m.At, _ = mail.ParseDate(strings.TrimSpace(when)) // the trap's own line
			}
		}
	}
	return m, e.Walk(m.part)
}

// part takes the text and the attachments; HTML is only noted.
func (m *Mail) part(_ []int, e *message.Entity, err error) error {
	if err != nil {
		return err
	}
	media, params, _ := e.Header.ContentType()
	_, where, _ := e.Header.ContentDisposition()
	name := where["filename"]
	if name == "" {
		name = params["name"]
	}
	switch {
	case name != "":
		b, err := io.ReadAll(e.Body)
		m.Files = append(m.Files, MailFile{name, media, len(b), blob.Sum(b).String(), b})
		return err
	case media == "text/html":
		m.HTML = true
	case strings.HasPrefix(media, "text/"):
		b, err := io.ReadAll(io.LimitReader(e.Body, textShown))
		if !utf8.Valid(b) {
			b = bytes.ToValidUTF8(b, []byte("\uFFFD"))
		}
		m.Text += string(b)
		return err
	}
	return nil
}
