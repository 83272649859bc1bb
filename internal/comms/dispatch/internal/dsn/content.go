package dsn

import (
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
)

// content is what of a message can say something.
type content struct {
	subject   string
	text      string   // all text there is, decoded
	status    [][]byte // bodies of message/delivery-status
	messageID string   // of the mail returned
	answered  bool     // by an answering machine (RFC 3834)
	daemon    bool     // from whoever sends bounces
	parts     int
}

var (
	idLine  = regexp.MustCompile(`(?im)^[\t >]*message-id:\s*<([^<>\s]+)>`)
	htmlTag = regexp.MustCompile(`(?s)<(style|script|head)\b.*?</(style|script|head)\s*>|<[^<>]*>`)
	daemons = regexp.MustCompile(`(?i)mailer-daemon|postmaster|mail delivery (sub)?system|microsoftexchange|配信システム`)
)

func collect(m *mail.Message) *content {
	c := &content{subject: word(m.Header.Get("Subject"))}
	auto := strings.ToLower(m.Header.Get("Auto-Submitted"))
	c.answered = strings.HasPrefix(auto, "auto-replied") || m.Header.Get("X-Autoreply") != "" || m.Header.Get("X-Autorespond") != "" ||
		strings.EqualFold(m.Header.Get("Precedence"), "auto_reply")
	c.daemon = daemons.MatchString(word(m.Header.Get("From"))) || m.Header.Get("X-Failed-Recipients") != "" ||
		strings.TrimSpace(m.Header.Get("Return-Path")) == "<>" || strings.HasPrefix(auto, "auto-generated")
	if daemons.MatchString(word(m.Header.Get("From"))) {
		c.answered = false // qmail's own bounces may say auto-replied
	}
	c.part(textproto.MIMEHeader(m.Header), m.Body, 0)
	if c.messageID == "" {
		c.messageID = named([]byte(c.text))
	}
	return c
}

// named is the first Message-ID in b, "" if there is none of a sensible length.
func named(b []byte) string {
	if id := idLine.FindSubmatch(b); id != nil && len(id[1]) <= maxID {
		return string(id[1])
	}
	return ""
}

// say adds text, as long as there is room.
func (c *content) say(s string) {
	if room := maxText - len(c.text); len(s) > room {
		s = strings.ToValidUTF8(s[:max(room, 0)], "")
	}
	c.text += s
}

// part takes what one part says.
func (c *content) part(h textproto.MIMEHeader, body io.Reader, depth int) {
	if c.parts++; c.parts > maxParts || depth > maxDepth {
		return
	}
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil && kind == "" {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") {
		if params["boundary"] == "" {
			return
		}
		for r := multipart.NewReader(body, params["boundary"]); c.parts <= maxParts; {
			p, err := r.NextRawPart()
			if err != nil {
				return
			}
			c.part(p.Header, p, depth+1)
		}
		return
	}
	limit := int64(maxText)
	if !strings.HasPrefix(kind, "text/") && !strings.HasPrefix(kind, "message/") {
		return // a picture, a PDF: it says nothing
	}
	b, _ := io.ReadAll(io.LimitReader(transfer(h.Get("Content-Transfer-Encoding"), body), limit)) // what could be decoded
	switch kind {
	case "message/delivery-status", "message/global-delivery-status":
		c.status = append(c.status, b)
	case "message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers":
		if c.messageID == "" {
			c.messageID = named(headers(b))
		}
	case "text/html":
		c.say("\n" + htmlTag.ReplaceAllString(decode(b, params["charset"]), " "))
	case "text/plain":
		c.say("\n" + decode(b, params["charset"]))
	}
}

// headers is the part of a message before its first empty line.
func headers(b []byte) []byte {
	s := strings.ReplaceAll(string(b), "\r\n", "\n")
	h, _, _ := strings.Cut(strings.TrimLeft(s, "\n"), "\n\n")
	return []byte(h)
}

func transfer(how string, r io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(how)) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		return quotedprintable.NewReader(r)
	}
	return r
}

// charset gives the encoding of a name, nil for UTF-8 and what is not known.
func charset(name string) encoding.Encoding {
	switch strings.ToLower(name) {
	case "iso-2022-jp", "iso-2022-jp-ms", "iso-2022-jp-1", "cp50221":
		return japanese.ISO2022JP
	case "shift_jis", "shift-jis", "sjis", "cp932", "windows-31j", "ms932":
		return japanese.ShiftJIS
	case "euc-jp", "x-euc-jp", "cp51932":
		return japanese.EUCJP
	}
	return nil
}

func decode(b []byte, name string) string {
	e := charset(name)
	if e == nil && strings.Contains(string(b), "\x1b$") { // ISO-2022-JP that does not say so
		e = japanese.ISO2022JP
	}
	if e != nil {
		if u, err := e.NewDecoder().Bytes(b); err == nil {
			return string(u)
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// word decodes a header's encoded words.
func word(s string) string {
	d := mime.WordDecoder{CharsetReader: func(name string, r io.Reader) (io.Reader, error) {
		if e := charset(name); e != nil {
			return e.NewDecoder().Reader(r), nil
		}
		return r, nil
	}}
	if u, err := d.DecodeHeader(s); err == nil {
		return u
	}
	return s
}
