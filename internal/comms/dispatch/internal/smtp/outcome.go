package smtp

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Kind is how a sending ended; the list is closed.
type Kind string

// The kinds. Only Deferred may be sent again without a person's decision.
const (
	HandedOver Kind = "handed_over" // the relay took the responsibility (2xx to the final dot)
	Refused    Kind = "refused"     // the relay refused this message for good (5xx)
	Deferred   Kind = "deferred"    // surely not accepted: 4xx, or broken off before the dot
	Held       Kind = "held"        // surely not accepted: TLS, certificate, sign-in, settings, policy
	Unknown    Kind = "unknown"     // the dot may have been written and no reply was read
)

// Step is the part of the dialogue an outcome arose in.
type Step string

// The steps in their order.
const (
	AtSettings Step = "settings"
	AtConnect  Step = "connect"
	AtTLS      Step = "tls"
	AtHello    Step = "hello"
	AtAuth     Step = "auth"
	AtMail     Step = "mail"
	AtRcpt     Step = "rcpt"
	AtData     Step = "data" // the command
	AtBody     Step = "body" // the message, up to the mark
	AtDot      Step = "dot"  // from the mark to the final reply
)

// Outcome is what Send found out.
type Outcome struct {
	Kind    Kind
	Key     string // sentence in package text
	Args    []any  // its arguments: relay, reply
	Step    Step
	Code    int    // SMTP code of the deciding reply, 0 if there was none
	Reply   string // the deciding reply: one printable line of at most 500 octets. It may name the recipient
	QueueID string // the relay's own number of the message, "" if it told none we recognise
	TLS     string // protocol and cipher suite, "" if the connection was not encrypted
	Cause   error  // for the operator's log; never shown
}

// OfRelay tells whether the outcome is about the relay and not about this one
// message: it would meet any other message in the same way, so the relay is
// left alone for a while. A reply to MAIL or DATA is about the relay unless it
// refuses for good; one to RCPT is about the recipient, but for 421, with which
// a relay closes at any time (RFC 5321, 3.8).
func (o Outcome) OfRelay() bool {
	switch {
	case o.Kind == Held:
		return o.Key != "smtp.message" && o.Key != "smtp.no_smtputf8"
	case o.Kind == Unknown: // else one that hangs up too early would leave a hundred unknowns
		return true
	case o.Kind != Deferred || o.Key == "smtp.mark_failed" || o.Key == "smtp.cancelled":
		return false
	case o.Code == 0 || o.Code == 421:
		return true
	}
	return o.Step != AtRcpt && o.Step != AtBody && o.Step != AtDot
}

// Elsewhere tells whether another relay may be tried at once: surely nothing
// was accepted here, and the reason need not hold there. Whoever asks must know
// beside it that the mark was not made.
func (o Outcome) Elsewhere() bool {
	return o.Step != AtDot && (o.OfRelay() || o.Key == "smtp.no_smtputf8")
}

const maxReply = 500

// clean makes a relay's words harmless: one line, nothing invisible, bounded.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxReply {
		s = strings.ToValidUTF8(s[:maxReply-len("…")], "") + "…"
	}
	return s
}

func replyLine(code int, enhanced [3]int, msg string) string {
	if enhanced[0] > 0 {
		msg = fmt.Sprintf("%d.%d.%d %s", enhanced[0], enhanced[1], enhanced[2], msg)
	}
	return clean(fmt.Sprintf("%d %s", code, msg))
}

// queueIDs are the forms in which common relays name the message they took.
var queueIDs = [...]*regexp.Regexp{
	regexp.MustCompile(`(?i)\bqueued as <?([0-9A-Za-z][0-9A-Za-z._-]{2,63})`),           // Postfix, amavis
	regexp.MustCompile(`\bid=([0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4})\b`),    // Exim
	regexp.MustCompile(`\b([0-9A-Za-z]{8,20}) Message accepted for delivery`),           // Sendmail
	regexp.MustCompile(`\bInternalId=([0-9]{1,20})\b`),                                  // Exchange
	regexp.MustCompile(`\bqp ([0-9]{1,20})\b`),                                          // qmail
	regexp.MustCompile(`\b([0-9A-Za-z.-]{8,64}) - gsmtp\b`),                             // Google
	regexp.MustCompile(`(?i)\bqueued[!.]? \(?([0-9A-F]{8}-[0-9A-F-]{27}(?:\.[0-9]+)?)`), // Haraka
	regexp.MustCompile(`^250 Ok ([0-9a-f]{16}-[0-9a-f-]{36}-[0-9]{6})$`),                // Amazon SES
}

func queueID(reply string) string {
	for _, re := range queueIDs {
		if m := re.FindStringSubmatch(reply); m != nil {
			return m[1]
		}
	}
	return ""
}
