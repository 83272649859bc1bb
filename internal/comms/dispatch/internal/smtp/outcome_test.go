package smtp

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	gosmtp "github.com/emersion/go-smtp"
)

func TestQueueID(t *testing.T) {
	for reply, id := range map[string]string{
		"250 2.0.0 Ok: queued as 4XyZ12abcdz9k":                               "4XyZ12abcdz9k",
		"250 2.6.0 <a@b> [InternalId=123456, Hostname=x] Queued mail":         "123456",
		"250 OK id=1rABcD-0001Xy-2Z":                                          "1rABcD-0001Xy-2Z",
		"250 OK id=1tABcD-00000001Xyz-2ZaB":                                   "1tABcD-00000001Xyz-2ZaB",
		"250 2.0.0 4AB1CD2e012345 Message accepted for delivery":              "4AB1CD2e012345",
		"250 ok 1700000000 qp 12345":                                          "12345",
		"250 2.0.0 OK 1700000000 d2e1a72fcca58-6b1-2si12b3a.1 - gsmtp":        "d2e1a72fcca58-6b1-2si12b3a.1",
		"250 Message Queued (8E1B2A3C-1111-2222-3333-444455556666.1)":         "8E1B2A3C-1111-2222-3333-444455556666.1",
		"250 Ok 0102018b12345678-01234567-89ab-cdef-0123-456789abcdef-000000": "0102018b12345678-01234567-89ab-cdef-0123-456789abcdef-000000",
		"250 2.0.0 Ok": "", "250": "", "250 queued as \x00": "",
	} {
		if got := queueID(reply); got != id {
			t.Errorf("%s: %q, want %q", reply, got, id)
		}
	}
}

func TestReplyLine(t *testing.T) {
	for _, c := range []struct {
		code     int
		enhanced [3]int
		msg      string
		want     string
	}{
		{550, [3]int{5, 1, 1}, "no such user", "550 5.1.1 no such user"},
		{421, [3]int{}, "a\nb", "421 a b"},
		{421, [3]int{-1, -1, -1}, "x", "421 x"},
		{550, [3]int{}, "\x1b[2J\u202egpj\u200b\xff\r\n", "550 [2J gpj \uFFFD"},
	} {
		if got := replyLine(c.code, c.enhanced, c.msg); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if long := replyLine(550, [3]int{}, strings.Repeat("あ", 300)); len(long) > maxReply || !utf8.ValidString(long) || !strings.HasSuffix(long, "…") {
		t.Errorf("%d octets: %s", len(long), long)
	}
}

// says is a relay that says b and hangs up; what is written to it is lost.
type says struct {
	net.Conn
	io.Reader
}

func (s says) Read(b []byte) (int, error)    { return s.Reader.Read(b) }
func (says) Write(b []byte) (int, error)     { return len(b), nil }
func (says) Close() error                    { return nil }
func (says) SetDeadline(time.Time) error     { return nil }
func (says) SetReadDeadline(time.Time) error { return nil }

// FuzzReply lets a relay say anything as the reply to the dot. Whatever it is,
// there is one outcome, it is HandedOver only on a complete 2xx reply, and its
// text is harmless.
func FuzzReply(f *testing.F) {
	for _, s := range []string{
		"250 2.0.0 Ok: queued as 4ABC\r\n", "250\r\n", "250-a\r\n250 b\r\n", "250-a\r\n551 b\r\n", "25", "250 x", "554 5.7.1 no\r\n",
		"421 bye\n", "354 go\r\n", "\x00\xff\r\n", "250-\r\n", "-250 x\r\n", "+25 x\r\n", strings.Repeat("9", 3000) + "\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w := newWire(says{Reader: strings.NewReader(string(b))}, nil)
		w.committed.Store(true)
		s := &sending{relay: Relay{Host: "relay.example"}, step: AtDot, wire: w, tls: "TLS 1.3"}
		code, msg, err := textproto.NewReader(bufio.NewReader(w)).ReadResponse(250)
		var o Outcome
		var pe *textproto.Error
		switch {
		case err == nil:
			o = s.handedOver(replyLine(code, [3]int{}, msg), code)
		case errors.As(err, &pe):
			o = s.outcome(t.Context(), &gosmtp.SMTPError{Code: pe.Code, Message: pe.Msg})
		default:
			o = s.outcome(t.Context(), err)
		}
		line, complete := strings.CutSuffix(string(b), "\n")
		if o.Kind == HandedOver && (!strings.Contains(string(b), "\n") || code/100 != 2 && o.Code/100 != 2) {
			t.Fatalf("%q is %s", b, o.Kind)
		}
		if o.Kind == Held || o.Kind == Deferred && o.Code/100 != 4 || o.Kind == Refused && o.Code/100 != 5 {
			t.Fatalf("%q is %s %d", b, o.Kind, o.Code)
		}
		if complete && len(line) > 3 && len(line) < 1000 && strings.HasPrefix(line, "250 ") && !strings.Contains(line, "\n") && o.Kind != HandedOver {
			t.Fatalf("%q is %s: %v", b, o.Kind, o.Cause)
		}
		if len(o.Reply) > maxReply || !utf8.ValidString(o.Reply) || strings.ContainsFunc(o.Reply+o.QueueID, unicode.IsControl) {
			t.Fatalf("reply %q, queue id %q", o.Reply, o.QueueID)
		}
	})
}
