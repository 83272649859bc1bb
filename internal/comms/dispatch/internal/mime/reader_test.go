package mime

import (
	"bytes"
	"encoding/base64"
	"io"
	stdmime "mime"
	"mime/multipart"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"sekisho/internal/kernel/fault"
)

// readApart reads a message with the standard library alone, which shares no
// code with what wrote it, and compares everything that a person or a program
// put in: whoever could break out of a field would change one of these.
func readApart(t *testing.T, m Mail, b []byte) {
	t.Helper()
	for _, l := range bytes.Split(b, []byte("\r\n")) {
		if len(l) > 998 || bytes.ContainsAny(l, "\r\n\x00") {
			t.Fatalf("line of %d octets: %.80q", len(l), l)
		}
	}
	msg, err := netmail.ReadMessage(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%v in\n%s", err, b)
	}
	known := []string{"Auto-Submitted", "Cc", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To", "X-Sekisho-Package"}
	for name, values := range msg.Header {
		if !slices.Contains(known, name) || len(values) != 1 {
			t.Fatalf("%d of %s in\n%s", len(values), name, b)
		}
	}
	dec := new(stdmime.WordDecoder)
	if s, err := dec.DecodeHeader(msg.Header.Get("Subject")); err != nil || s != m.Subject {
		t.Fatalf("subject %q, %v, want %q", s, err, m.Subject)
	}
	for name, want := range map[string][]Mailbox{"From": {m.From}, "To": m.To, "Cc": m.Cc} {
		if len(want) > 0 {
			sameBoxes(t, name, msg.Header.Get(name), want)
		}
	}
	if id := msg.Header.Get("Message-Id"); id != "<"+m.MessageID+">" {
		t.Fatalf("id %q, want %q", id, m.MessageID)
	}
	if d, err := msg.Header.Date(); err != nil || !d.Equal(m.Date.Truncate(time.Second)) {
		t.Fatalf("date %v, %v, want %v", d, err, m.Date)
	}
	text := strings.ReplaceAll(strings.ReplaceAll(m.Text, "\r\n", "\n"), "\n", "\r\n")
	kind, params, err := stdmime.ParseMediaType(msg.Header.Get("Content-Type"))
	switch {
	case err != nil:
		t.Fatalf("%v", err)
	case len(m.Attachments) == 0:
		if got := plainly(t, msg.Header.Get("Content-Transfer-Encoding"), msg.Body); kind != "text/plain" || string(got) != text {
			t.Fatalf("%s %q, want %q", kind, got, text)
		}
	default:
		parts(t, m, text, multipart.NewReader(msg.Body, params["boundary"]))
	}
}

func sameBoxes(t *testing.T, name, value string, want []Mailbox) {
	t.Helper()
	got, err := netmail.ParseAddressList(value)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%s %q: %v, %d", name, value, err, len(got))
	}
	for i, w := range want {
		if w.Name == w.Addr {
			w.Name = ""
		}
		if got[i].Address != w.Addr || got[i].Name != w.Name {
			t.Fatalf("%s %q %q, want %q %q", name, got[i].Name, got[i].Address, w.Name, w.Addr)
		}
	}
}

func parts(t *testing.T, m Mail, text string, r *multipart.Reader) {
	t.Helper()
	for i := range len(m.Attachments) + 1 {
		p, err := r.NextRawPart()
		if err != nil {
			t.Fatalf("part %d: %v", i, err)
		}
		got := plainly(t, p.Header.Get("Content-Transfer-Encoding"), p)
		if i == 0 {
			if string(got) != text || p.Header.Get("Content-Disposition") != "" {
				t.Fatalf("%q, want %q", got, text)
			}
			continue
		}
		a := m.Attachments[i-1]
		kind, params, err := stdmime.ParseMediaType(p.Header.Get("Content-Type"))
		if err != nil || kind != a.MediaType || len(params) != 1 {
			t.Fatalf("%s %v, %v", kind, params, err)
		}
		old, err := new(stdmime.WordDecoder).DecodeHeader(params["name"])
		how, params, also := stdmime.ParseMediaType(p.Header.Get("Content-Disposition"))
		if err != nil || also != nil || how != "attachment" || len(params) != 1 || params["filename"] != a.Name || old != a.Name || !bytes.Equal(got, a.Bytes) || len(p.Header) != 3 {
			t.Fatalf("%v %v, want %q %q", p.Header, params, a.Name, a.Bytes)
		}
	}
	if _, err := r.NextRawPart(); err != io.EOF {
		t.Fatalf("one part too many: %v", err)
	}
}

func plainly(t *testing.T, encoding string, r io.Reader) []byte {
	t.Helper()
	got, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, r))
	if err != nil || encoding != "base64" {
		t.Fatalf("%s: %v", encoding, err)
	}
	return got
}

// FuzzMessage reads back with the standard library what Build has made of
// arbitrary header text, names, files and bodies.
func FuzzMessage(f *testing.F) {
	f.Add("件名", "経理部", "a@b.example", "北斗サプライ", "請求書.pdf", "明細 (1).csv", "本文\n", []byte("%PDF"), int64(0), byte(2))
	f.Add("a\r\nBcc: x@y", "\"x\" <y>", "a@b\r\n", "=?utf-8?b?", "a\"; x=\"", "b", ".\r\n", []byte{0}, int64(1<<40), byte(1))
	f.Add("=?utf-8?q?=0d=0a?=", ",", "a..b@c.d", "\\", "a;b*0=c", "請\\求\"書.pdf", "\r\n.\r\n--", []byte("\r\n.\r\n"), int64(1), byte(0))
	f.Add(strings.Repeat("請", 300), strings.Repeat("あ", 80), "経理@hokuto.example", "a  b", strings.Repeat("é", 100), " a", "\t", []byte(nil), int64(1794322800), byte(1))
	f.Fuzz(func(t *testing.T, subject, name, addr, from, file, file2, text string, content []byte, at int64, files byte) {
		m := invoiceMail()
		m.Subject, m.Text, m.Date, m.From.Name = subject, text, time.Unix(at%(200*365*86400), 0), from
		m.To = []Mailbox{{name, addr}, {"", "b@c.example"}}
		m.Cc = []Mailbox{{from, addr}}
		m.Attachments = []Attachment{{file, "application/pdf", content}, {file2, "text/csv", []byte(text)}}[:files%3]
		b, err := Build(m)
		if err != nil {
			if !fault.Is(err, fault.KindInvalid) {
				t.Fatal(err)
			}
			return
		}
		readApart(t, m, b)
	})
}

// FuzzAddrSpec: what is accepted is, to net/mail, exactly this address and
// nothing beside it, also among others.
func FuzzAddrSpec(f *testing.F) {
	for _, s := range []string{"keiri@example.co.jp", ".a..b.@c.example", "経理@b.example", "a@b", "a\"b@c.d", "a@b.c>,<x@y.z", "a @b.c", "a\\@b.c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		spec, err := AddrSpec(s)
		if err != nil {
			if !fault.Is(err, fault.KindInvalid) {
				t.Fatal(err)
			}
			return
		}
		list, err := netmail.ParseAddressList("<x@y.example>, <" + spec + ">")
		if err != nil || len(list) != 2 || list[1].Address != s || list[1].Name != "" {
			t.Fatalf("%q as %q: net/mail reads %v, %v", s, spec, list, err)
		}
		if strings.ContainsAny(spec, "\r\n\x00<>") || len(spec) > 256 {
			t.Fatalf("%q", spec)
		}
	})
}
