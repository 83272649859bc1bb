package mime

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	stdmime "mime"
	"mime/multipart"
	netmail "net/mail"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-message/mail"
	"pgregory.net/rapid"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
)

func invoiceMail() Mail {
	return Mail{
		From:    Mailbox{"北斗サプライ株式会社 経理部", "keiri@hokuto.example"},
		To:      []Mailbox{{"株式会社さくら商事 購買部 髙橋様", "takahashi@sakura.example"}},
		Cc:      []Mailbox{{`O"Brien, Pat`, "obrien@sakura.example"}, {"", "a..b.@mobile.example"}},
		Subject: "【請求書送付のご案内】2026年11月分 ご請求書（INV-2026-000123）をお送りいたします",
		Text:    "さくら商事　髙橋様\n\n平素よりお世話になっております。\n.\n..二つの点\nFrom here\n",
		Attachments: []Attachment{
			{"請求書_INV-2026-000123_株式会社さくら商事御中_2026年11月分.pdf", "application/pdf", []byte("%PDF-1.7\r\n\x00\xff")},
			{"lines.csv", "text/csv", []byte("a,b\n1,2\n")},
		},
		MessageID: "3f2a.1@hokuto.example",
		Date:      time.Date(2026, 11, 30, 15, 0, 0, 0, time.UTC),
		Auto:      Generated,
		Package:   strings.Repeat("ab", 32),
	}
}

// The digest was taken once and is written down: another process, another day
// and another machine must come to the same bytes.
func TestBuildIsPure(t *testing.T) {
	const want = "9bf4a1385839899110c53ef7b948ce5624e19f838c9a01e97d42d57b1e05d1ab"
	b, err := Build(invoiceMail())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("digest %s, want %s\n%s", got, want, b)
	}
	for range 20 {
		again, err := Build(invoiceMail())
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("two builds differ: %v", err)
		}
	}
	zone := invoiceMail()
	zone.Date = zone.Date.In(time.FixedZone("elsewhere", -7*3600))
	if other, _ := Build(zone); !bytes.Equal(other, b) {
		t.Error("the zone of the clock shows in the bytes")
	}
}

func TestBuildReadsBackTheSame(t *testing.T) {
	m := invoiceMail()
	b, err := Build(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range bytes.Split(b, []byte("\r\n")) {
		if len(line) > 200 {
			t.Errorf("line of %d octets: %s", len(line), line)
		}
		for _, c := range line {
			if c >= 0x80 || c < ' ' && c != '\t' {
				t.Fatalf("octet %#x in %q", c, line)
			}
		}
	}
	readWithGoMessage(t, m, b)
	readWithStandardLibrary(t, m, b)
	for _, never := range []string{"http", "<img", "Disposition-Notification", "Return-Receipt", "Bcc"} {
		if bytes.Contains(b, []byte(never)) {
			t.Errorf("the mail holds %q", never)
		}
	}
}

func wantText(m Mail) string {
	return strings.ReplaceAll(strings.ReplaceAll(m.Text, "\r\n", "\n"), "\n", "\r\n")
}

func readWithGoMessage(t testing.TB, m Mail, b []byte) {
	t.Helper()
	r, err := mail.CreateReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := r.Header.Subject(); err != nil || s != m.Subject {
		t.Errorf("subject %q, %v; want %q", s, err, m.Subject)
	}
	if id, err := r.Header.MessageID(); err != nil || id != m.MessageID {
		t.Errorf("message id %q, %v", id, err)
	}
	if d, err := r.Header.Date(); err != nil || d.Unix() != m.Date.Unix() {
		t.Errorf("date %v, %v", d, err)
	}
	for key, want := range map[string][]Mailbox{"From": {m.From}, "To": m.To, "Cc": m.Cc} {
		list, err := r.Header.AddressList(key)
		if err != nil || len(list) != len(want) {
			t.Fatalf("%s: %v, %v; want %v", key, list, err, want)
		}
		for i, a := range list {
			name := want[i].Name
			if name == want[i].Addr {
				name = ""
			}
			if a.Name != name || a.Address != want[i].Addr {
				t.Errorf("%s: %+v, want %+v", key, *a, want[i])
			}
		}
	}
	p, err := r.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(p.Body); string(got) != wantText(m) {
		t.Errorf("text %q, want %q", got, wantText(m))
	}
	for _, a := range m.Attachments {
		p, err := r.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		h, ok := p.Header.(*mail.AttachmentHeader)
		if !ok {
			t.Fatalf("%T is no attachment", p.Header)
		}
		name, err := h.Filename()
		_, params, _ := h.ContentType()
		body, _ := io.ReadAll(p.Body)
		if err != nil || name != a.Name || params["name"] != a.Name || !bytes.Equal(body, a.Bytes) {
			t.Errorf("attachment %q %q %q, %v; want %q", name, params["name"], body, err, a.Name)
		}
	}
	if _, err := r.NextPart(); !errors.Is(err, io.EOF) {
		t.Errorf("one part more: %v", err)
	}
}

func readWithStandardLibrary(t testing.TB, m Mail, b []byte) {
	t.Helper()
	msg, err := netmail.ReadMessage(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	known := "Date From To Cc Message-Id Subject Auto-Submitted X-Sekisho-Package Mime-Version Content-Type Content-Transfer-Encoding"
	for k, v := range msg.Header {
		if !strings.Contains(" "+known+" ", " "+k+" ") || len(v) != 1 {
			t.Errorf("header %s: %q", k, v)
		}
	}
	subject, err := new(stdmime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	if err != nil || subject != m.Subject {
		t.Errorf("subject %q, %v; want %q", subject, err, m.Subject)
	}
	if list, err := msg.Header.AddressList("To"); err != nil || len(list) != len(m.To) {
		t.Errorf("To %v, %v", list, err)
	}
	kind, params, err := stdmime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Attachments) == 0 {
		if kind != "text/plain" || params["charset"] != "utf-8" {
			t.Errorf("%s %v", kind, params)
		}
		got, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, msg.Body))
		if err != nil || string(got) != wantText(m) {
			t.Errorf("text %q, %v", got, err)
		}
		return
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	n := 0
	for ; ; n++ {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 && p.FileName() != m.Attachments[n-1].Name {
			t.Errorf("file name %q, want %q", p.FileName(), m.Attachments[n-1].Name)
		}
	}
	if n != 1+len(m.Attachments) {
		t.Errorf("%d parts, want %d", n, 1+len(m.Attachments))
	}
}

type refusal struct {
	field, key string
	change     func(*Mail)
}

func refusals() []refusal {
	return []refusal{
		{"subject", "mime.control", func(m *Mail) { m.Subject = "a\r\nBcc: x@evil.example" }},
		{"subject", "mime.control", func(m *Mail) { m.Subject = "a\rb" }},
		{"subject", "mime.control", func(m *Mail) { m.Subject = "a\u0085b" }},
		{"subject", "mime.control", func(m *Mail) { m.Subject = "a\u2028b" }},
		{"subject", "mime.control", func(m *Mail) { m.Subject = "a\u202efdp" }},
		{"subject", "mime.control", func(m *Mail) { m.Subject = "a\u200bb" }},
		{"subject", "mime.control", func(m *Mail) { m.Subject = "a\xff" }},
		{"subject", "mime.empty", func(m *Mail) { m.Subject = "　" }},
		{"subject", "mime.too_long", func(m *Mail) { m.Subject = strings.Repeat("あ", 334) }},
		{"from.name", "mime.control", func(m *Mail) { m.From.Name = "a\nb" }},
		{"from.name", "mime.name_is_address", func(m *Mail) { m.From.Name = "keiri@bank.example" }},
		{"to[0].name", "mime.name_is_address", func(m *Mail) { m.To[0].Name = "経理＠bank．example" }},
		{"to[0].addr", "mime.address", func(m *Mail) { m.To[0].Addr = "a@b.example>\r\nBcc: <x@evil.example" }},
		{"to[0].addr", "mime.address", func(m *Mail) { m.To[0].Addr = "a@b.example, x@evil.example" }},
		{"to[0].addr", "mime.address", func(m *Mail) { m.To[0].Addr = "a@さくら.example" }},
		{"to[0].addr", "mime.address", func(m *Mail) { m.To[0].Addr = "a\u202e@b.example" }},
		{"to[0].addr", "mime.address", func(m *Mail) { m.To[0].Addr = "a@[127.0.0.1]" }},
		{"to[0].addr", "mime.address", func(m *Mail) { m.To[0].Addr = "a@-b.example" }},
		{"to[0].addr", "mime.address", func(m *Mail) { m.To[0].Addr = "@b.example" }},
		{"to[0].addr", "mime.address", func(m *Mail) { m.To[0].Addr = "a b@b.example" }},
		{"to[0].addr", "mime.address", func(m *Mail) { m.To[0].Addr = strings.Repeat("a", 65) + "@b.example" }},
		{"cc[1].addr", "mime.address", func(m *Mail) { m.Cc[1].Addr = "" }},
		{"to", "mime.empty", func(m *Mail) { m.To = nil }},
		{"attachments[0].name", "mime.file_name", func(m *Mail) { m.Attachments[0].Name = "../請求書.pdf" }},
		{"attachments[0].name", "mime.file_name", func(m *Mail) { m.Attachments[0].Name = `c:\請求書.pdf` }},
		{"attachments[0].name", "mime.file_name", func(m *Mail) { m.Attachments[0].Name = ".." }},
		{"attachments[0].name", "mime.file_name", func(m *Mail) { m.Attachments[0].Name = "=?UTF-8?B?YS5leGU=?=" }},
		{"attachments[0].name", "mime.control", func(m *Mail) { m.Attachments[0].Name = "a\"\r\nX: y.pdf" }},
		{"attachments[0].name", "mime.control", func(m *Mail) { m.Attachments[0].Name = "invoice_\u202efdp.exe" }},
		{"attachments[0].name", "mime.too_long", func(m *Mail) { m.Attachments[0].Name = strings.Repeat("あ", 86) }},
		{"attachments[1].media_type", "mime.media_type", func(m *Mail) { m.Attachments[1].MediaType = "text/csv\r\nX: y" }},
		{"attachments[1].media_type", "mime.media_type", func(m *Mail) { m.Attachments[1].MediaType = "multipart/mixed" }},
		{"message_id", "mime.message_id", func(m *Mail) { m.MessageID = "a@b>\r\nX: <y" }},
		{"message_id", "mime.message_id", func(m *Mail) { m.MessageID = "" }},
		{"date", "mime.date", func(m *Mail) { m.Date = time.Time{} }},
		{"auto", "mime.auto", func(m *Mail) { m.Auto = "no\r\nX: y" }},
		{"package", "mime.digest", func(m *Mail) { m.Package = "x\r\ny" }},
		{"text", "mime.control", func(m *Mail) { m.Text = "a\x00b" }},
		{"text", "mime.control", func(m *Mail) { m.Text = "a\rb" }},
		{"text", "mime.empty", func(m *Mail) { m.Text = "\n" }},
		{"text", "mime.too_long", func(m *Mail) { m.Text = strings.Repeat("a", maxText+1) }},
	}
}

func TestBuildRefuses(t *testing.T) {
	for _, c := range refusals() {
		m := invoiceMail()
		c.change(&m)
		b, err := Build(m)
		e := fault.Of(err)
		if b != nil || err == nil || e.Kind != fault.KindInvalid || e.Key != c.key || e.Field != c.field {
			t.Errorf("%s %s: %v", c.field, c.key, err)
		}
		if !text.Has(c.key) {
			t.Errorf("%s has no sentence", c.key)
		}
	}
	m := invoiceMail()
	m.Subject, m.To = "a\nb", nil
	if _, err := Build(m); len(fault.Of(err).Parts) != 2 {
		t.Errorf("two faults at once: %v", err)
	}
}

// Text that only looks encoded, or that folding would change, arrives as typed.
func TestHeaderTextArrivesAsTyped(t *testing.T) {
	for _, s := range []string{
		"=?UTF-8?B?5pSv5omV44GE?=", "two  spaces", " lead", "trail ", strings.Repeat("x", 900),
		strings.Repeat("word ", 60) + "end", "𩸽と葛󠄀", "100%", `"quoted" \ back`, "＠コスメ株式会社",
	} {
		m := invoiceMail()
		m.Subject = s
		if len(s) <= maxName {
			m.To[0].Name, m.Attachments[0].Name = s, strings.NewReplacer(`\`, "", "=?", "").Replace(s)
		}
		b, err := Build(m)
		if err != nil {
			t.Errorf("%q: %v", s, err)
			continue
		}
		readWithGoMessage(t, m, b)
	}
}

func TestAddrSpec(t *testing.T) {
	for in, want := range map[string]string{
		"keiri@hokuto.example":     "keiri@hokuto.example",
		"a.b+c@xn--xyz.example":    "a.b+c@xn--xyz.example",
		"a..b@mobile.example":      `"a..b"@mobile.example`,
		".a@mobile.example":        `".a"@mobile.example`,
		"a.@mobile.example":        `"a."@mobile.example`,
		"経理@hokuto.example":        "経理@hokuto.example",
		"o'brien/x=y@host.example": "o'brien/x=y@host.example",
	} {
		if got, err := AddrSpec(in); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", in, got, err, want)
		}
	}
}

func TestCanonical(t *testing.T) {
	for in, ok := range map[string]bool{
		"a\r\n": true, "\r\n": true, "a\r\n\r\n.\r\n": true,
		"": false, "a": false, "a\n": false, "a\rb\r\n": false, "a\nb\r\n": false, "\x00\r\n": false, "a\r\r\n": false,
		strings.Repeat("x", 998) + "\r\n": true, strings.Repeat("x", 999) + "\r\n": false,
	} {
		if err := Canonical([]byte(in)); (err == nil) != ok {
			t.Errorf("%.20q: %v", in, err)
		}
	}
}

func TestWhateverIsBuiltReadsBack(t *testing.T) {
	line := rapid.StringOfN(rapid.RuneFrom([]rune("aZ0 .=?_%'\"()<>,;あ請髙𩸽ｱ")), 1, 60, -1)
	rapid.Check(t, func(t *rapid.T) {
		m := invoiceMail()
		m.Subject, m.Text = line.Draw(t, "subject"), rapid.String().Draw(t, "text")
		m.To[0].Name = line.Draw(t, "name")
		m.Attachments[0].Name = line.Draw(t, "file")
		m.Attachments[1].Bytes = rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		b, err := Build(m)
		if err != nil {
			if !fault.Is(err, fault.KindInvalid) {
				t.Fatal(err)
			}
			return
		}
		readBack(t, m, b)
	})
}

// readBack compares the fields an attacker would break out of.
func readBack(t interface{ Fatalf(string, ...any) }, m Mail, b []byte) {
	r, err := mail.CreateReader(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%v", err)
	}
	subject, _ := r.Header.Subject()
	to, err := r.Header.AddressList("To")
	if subject != m.Subject || err != nil || len(to) != 1 || to[0].Name != m.To[0].Name || to[0].Address != m.To[0].Addr {
		t.Fatalf("%q %v %v from %+v", subject, to, err, m)
	}
	for n, want := range m.Attachments {
		for n == 0 {
			if p, err := r.NextPart(); err != nil {
				t.Fatalf("%v", err)
			} else if _, inline := p.Header.(*mail.InlineHeader); inline {
				break
			}
		}
		p, err := r.NextPart()
		if err != nil {
			t.Fatalf("%v", err)
		}
		name, err := p.Header.(*mail.AttachmentHeader).Filename()
		got, _ := io.ReadAll(p.Body)
		if err != nil || name != want.Name || !bytes.Equal(got, want.Bytes) {
			t.Fatalf("%q %q %v, want %q %q", name, got, err, want.Name, want.Bytes)
		}
	}
	if fs := r.Header.Fields(); fs.Len() != 10 {
		t.Fatalf("%d header fields in\n%s", fs.Len(), b)
	}
}

func FuzzBuild(f *testing.F) {
	f.Add("件名", "経理部", "a@b.example", "請求書.pdf", "application/pdf", "本文\n", []byte("%PDF"), "1@x.example")
	f.Add("a\r\nBcc: x@y", "\"x\" <y>", "a@b\r\n", "a\"; x=\"", "a/b; c=d", ".\r\n", []byte{0}, "<>")
	f.Add("=?utf-8?q?=0d=0a?=", "=?utf-8?q?x?=", "a..b@c.d", "a;b*0=c", "text/csv", "\r\n.\r\n", []byte("\r\n.\r\n"), "a@b")
	f.Fuzz(func(t *testing.T, subject, name, addr, file, kind, text string, content []byte, id string) {
		m := invoiceMail()
		m.Subject, m.Text, m.MessageID, m.Cc = subject, text, id, m.Cc[:1]
		m.To = []Mailbox{{name, addr}}
		m.Attachments = []Attachment{{file, kind, content}}
		b, err := Build(m)
		if err != nil {
			if !fault.Is(err, fault.KindInvalid) {
				t.Fatal(err)
			}
			return
		}
		if err := Canonical(b); err != nil || !utf8.Valid(b) {
			t.Fatal(err)
		}
		if name == "" || name == addr {
			m.To[0].Name = ""
		}
		readBack(t, m, b)
	})
}
