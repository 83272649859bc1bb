package mime

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-message"
)

// wordBytes is how much text one encoded word holds. Its 60 characters leave
// room for "Subject: " in a line of 76, so go-message never has to fold inside
// a word (RFC 2047, section 2).
const wordBytes = 36

type field struct{ name, value string }

// header keeps the order of the fields; go-message prepends what is added.
func header(fields []field) message.Header {
	var h message.Header
	for i := len(fields) - 1; i >= 0; i-- {
		h.Add(fields[i].name, fields[i].value)
	}
	return h
}

func (m Mail) fields() []field {
	jst := time.FixedZone("JST", 9*60*60)
	fs := []field{
		{"Date", m.Date.In(jst).Format("Mon, 02 Jan 2006 15:04:05 -0700")},
		{"From", m.From.String()},
		{"To", mailboxes(m.To)},
	}
	if len(m.Cc) > 0 {
		fs = append(fs, field{"Cc", mailboxes(m.Cc)})
	}
	fs = append(fs,
		field{"Message-ID", "<" + m.MessageID + ">"},
		field{"Subject", unstructured(m.Subject)})
	if m.Auto != ByPerson {
		fs = append(fs, field{"Auto-Submitted", string(m.Auto)})
	}
	if m.Package != "" {
		fs = append(fs, field{"X-Sekisho-Package", m.Package})
	}
	return append(fs, field{"MIME-Version", "1.0"})
}

func textFields() []field {
	return []field{
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "base64"},
	}
}

// fields names the file twice: filename in RFC 2231 for every client of today,
// name in RFC 2047 for older Japanese ones that know only that.
func (a Attachment) fields() []field {
	return []field{
		{"Content-Type", a.MediaType + `; name="` + quotable(a.Name) + `"`},
		{"Content-Disposition", "attachment; " + filename(a.Name)},
		{"Content-Transfer-Encoding", "base64"},
	}
}

// String writes the mailbox for a header field (RFC 5322, 3.4). It is for
// mailboxes that Build has checked; a malformed address gives "".
func (b Mailbox) String() string {
	spec, err := AddrSpec(b.Addr)
	if err != nil {
		return ""
	}
	switch {
	case b.Name == "" || b.Name == b.Addr:
		return "<" + spec + ">"
	case plain(b.Name):
		return `"` + quoted(b.Name) + `" <` + spec + ">"
	}
	return words(b.Name) + " <" + spec + ">"
}

func mailboxes(list []Mailbox) string {
	each := make([]string, len(list))
	for i, b := range list {
		each[i] = b.String()
	}
	return strings.Join(each, ", ")
}

func unstructured(s string) string {
	if plain(s) {
		return s
	}
	return words(s)
}

func quotable(s string) string {
	if plain(s) {
		return quoted(s)
	}
	return words(s)
}

func quoted(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
}

// plain tells whether s reads the same unencoded: printable ASCII that folding
// leaves as it is and that no reader takes for an encoded word.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= wordBytes*2 && strings.TrimSpace(s) == s && s != "" &&
		!strings.Contains(s, "  ") && !strings.Contains(s, "=?")
}

// words writes s as UTF-8 encoded words in base64, split between characters.
func words(s string) string {
	var b strings.Builder
	for _, p := range split(s, wordBytes, func(r rune) int { return utf8.RuneLen(r) }) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString("=?UTF-8?B?" + base64.StdEncoding.EncodeToString([]byte(p)) + "?=")
	}
	return b.String()
}

// filename writes the parameter of Content-Disposition (RFC 2231, sections 3
// and 4), in pieces of a line each when it is long.
func filename(s string) string {
	if plain(s) {
		return `filename="` + quoted(s) + `"`
	}
	pieces := split(s, 48, func(r rune) int { return len(percent(string(r))) })
	if len(pieces) == 1 {
		return "filename*=utf-8''" + percent(s)
	}
	for i, p := range pieces {
		charset := ""
		if i == 0 {
			charset = "utf-8''"
		}
		pieces[i] = fmt.Sprintf("filename*%d*=%s%s", i, charset, percent(p))
	}
	return strings.Join(pieces, "; ")
}

// percent writes every octet that is no attribute-char of RFC 2231 as %XX.
func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// split cuts s between characters into pieces whose sizes add up to at most max.
func split(s string, max int, size func(rune) int) []string {
	var pieces []string
	start, sum := 0, 0
	for i, r := range s {
		n := size(r)
		if sum+n > max {
			pieces = append(pieces, s[start:i])
			start, sum = i, 0
		}
		sum += n
	}
	return append(pieces, s[start:])
}
