package mime

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"sekisho/internal/kernel/fault"
)

// Limits in octets of UTF-8.
const (
	maxName    = 255
	maxSubject = 1000
	maxText    = 1 << 20
	maxLine    = 998 // RFC 5322, 2.1.1, without CRLF
)

var (
	mediaType = regexp.MustCompile(`^(application|audio|font|image|text|video)/[a-z0-9][a-z0-9.+-]{0,99}$`)
	messageID = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*$")
	digest    = regexp.MustCompile(`^[0-9a-f]{64}$`)
	address   = regexp.MustCompile(`[^\s<>]+[@＠][^\s<>]+[.．。｡][^\s<>]+`)
	label     = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
)

// check gives the text with CRLF line ends, or every fault of m at once.
func check(m Mail) ([]byte, error) {
	var bad []*fault.Error
	add := func(path string, e *fault.Error) {
		if e != nil {
			bad = append(bad, e.At(path))
		}
	}
	add("subject", oneLine(m.Subject, maxSubject, true))
	box := func(path string, b Mailbox) {
		add(path+".name", displayName(b))
		if _, err := AddrSpec(b.Addr); err != nil {
			add(path+".addr", fault.Of(err))
		}
	}
	box("from", m.From)
	if len(m.To) == 0 {
		add("to", fault.Invalid("mime.empty"))
	}
	for i, b := range m.To {
		box(fmt.Sprintf("to[%d]", i), b)
	}
	for i, b := range m.Cc {
		box(fmt.Sprintf("cc[%d]", i), b)
	}
	for i, a := range m.Attachments {
		path := fmt.Sprintf("attachments[%d]", i)
		add(path+".name", fileName(a.Name))
		if !mediaType.MatchString(a.MediaType) {
			add(path+".media_type", fault.Invalid("mime.media_type"))
		}
	}
	add("message_id", when(len(m.MessageID) > 250 || !messageID.MatchString(m.MessageID), "mime.message_id"))
	add("date", when(m.Date.IsZero() || m.Date.Year() < 1970 || m.Date.Year() > 9998, "mime.date"))
	add("auto", when(m.Auto != ByPerson && m.Auto != Generated && m.Auto != Replied, "mime.auto"))
	add("package", when(m.Package != "" && !digest.MatchString(m.Package), "mime.digest"))
	text, e := body(m.Text)
	add("text", e)
	return text, fault.Several(bad...)
}

func when(wrong bool, key string) *fault.Error {
	if wrong {
		return fault.Invalid(key)
	}
	return nil
}

// oneLine is for text that stands in a header. Format characters (Cf) are
// refused with the control characters: they turn the reading direction or
// cannot be seen at all.
func oneLine(s string, max int, required bool) *fault.Error {
	if strings.TrimSpace(s) == "" && (required || s != "") {
		return fault.Invalid("mime.empty")
	}
	if len(s) > max {
		return fault.Invalid("mime.too_long", "max", max)
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unseen) {
		return fault.Invalid("mime.control")
	}
	return nil
}

func unseen(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// displayName refuses a name that shows an address other than the one the mail
// goes to: many clients show the name only.
func displayName(b Mailbox) *fault.Error {
	if e := oneLine(b.Name, maxName, false); e != nil {
		return e
	}
	return when(address.MatchString(b.Name) && b.Name != b.Addr, "mime.name_is_address")
}

func fileName(s string) *fault.Error {
	if e := oneLine(s, maxName, true); e != nil {
		return e
	}
	return when(strings.ContainsAny(s, `/\`) || strings.Contains(s, "=?") || strings.Trim(s, ".") == "", "mime.file_name")
}

func body(s string) ([]byte, *fault.Error) {
	if strings.TrimSpace(s) == "" {
		return nil, fault.Invalid("mime.empty")
	}
	if len(s) > maxText {
		return nil, fault.Invalid("mime.too_long", "max", maxText)
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	control := func(r rune) bool { return unicode.Is(unicode.Cc, r) && r != '\n' && r != '\t' }
	if !utf8.ValidString(s) || strings.ContainsFunc(s, control) {
		return nil, fault.Invalid("mime.control")
	}
	return []byte(strings.ReplaceAll(s, "\n", "\r\n")), nil
}

// AddrSpec writes an address as header and envelope want it (RFC 5321, 4.1.2).
// Local parts with dots at an end or side by side, which Japanese mobile
// carriers once gave out, come back quoted. The domain must be in A-labels; IP
// literals, comments and ready-made quotes are refused as fault.Invalid.
func AddrSpec(addr string) (string, error) {
	bad := fault.Invalid("mime.address")
	at := strings.LastIndexByte(addr, '@')
	if at < 1 || len(addr) > 254 || !utf8.ValidString(addr) {
		return "", bad
	}
	local, domain := addr[:at], addr[at+1:]
	if len(local) > 64 || len(domain) > 253 {
		return "", bad
	}
	for _, l := range strings.Split(domain, ".") {
		if !label.MatchString(l) {
			return "", bad
		}
	}
	for _, r := range local {
		ascii := r <= '~' && r > ' ' && !strings.ContainsRune(`()<>[]:;@\,"`, r)
		if !ascii && (r < 0xA0 || unseen(r) || unicode.IsSpace(r)) {
			return "", bad
		}
	}
	if strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		return `"` + local + `"@` + domain, nil
	}
	return addr, nil
}

// Canonical tells what keeps b from being sent octet by octet as it is: a CR or
// LF outside CRLF (the way messages are smuggled into each other), NUL, a line
// over 998 octets, or a last line left open.
func Canonical(b []byte) error {
	if !bytes.HasSuffix(b, []byte("\r\n")) {
		return fmt.Errorf("mime: the last line is open")
	}
	for n, line := range bytes.Split(bytes.TrimSuffix(b, []byte("\r\n")), []byte("\r\n")) {
		if bytes.ContainsAny(line, "\r\n\x00") {
			return fmt.Errorf("mime: line %d holds a bare CR, LF or NUL", n+1)
		}
		if len(line) > maxLine {
			return fmt.Errorf("mime: line %d has %d octets", n+1, len(line))
		}
	}
	return nil
}
