// Package dsn reads what mail servers send back (不達の知らせ): delivery reports
// (RFC 3464), and what servers write that keep to no form: qmail, old Exchange,
// Japanese carriers and their ISO-2022-JP.
//
// It judges words of strangers, so it is bounded in size, parts and depth, it
// follows nothing, and what it does not understand is unclear, never a failure.
package dsn

import (
	"bytes"
	"errors"
	"net/mail"
	"regexp"
	"strings"
	"unicode"
)

// Kind is what a report says about the mail.
type Kind string

// The kinds.
const (
	Failed    Kind = "failed"    // it did not arrive, and nobody tries any more
	Delayed   Kind = "delayed"   // somebody still tries
	Delivered Kind = "delivered" // it lies in the mailbox
	Passed    Kind = "passed"    // to where nobody reports from, or to a list
	Reply     Kind = "reply"     // an answering machine's; it says nothing about arriving
	Unclear   Kind = "unclear"
)

// Report is what was understood of one message.
type Report struct {
	Kind       Kind
	Why        Why
	Status     string // "5.1.1", "" if it says none
	Recipient  string // as the report names it: it may be another than we wrote to
	Reporter   string // the server that says so
	Diagnostic string // its words: one printable line
	MessageID  string // of the mail that came back, without brackets, "" if it is not named
	Standard   bool   // a delivery report by RFC 3464
}

// The limits of a message.
const (
	MaxBytes = 1 << 20
	maxParts = 20
	maxDepth = 4
	maxText  = 64 << 10 // of one part, and of all together
	maxSaid  = 4 << 10  // of a server's own words, in which reasons are looked for
	maxID    = 250
	maxLine  = 500 // of a diagnostic
	maxRcpts = 50
)

// What cannot be a report.
var (
	ErrSize = errors.New("dsn: too long")
	ErrForm = errors.New("dsn: not a mail message")
)

// Parse reads a message. Its error says that it is no mail at all.
func Parse(raw []byte) (Report, error) {
	if len(raw) > MaxBytes {
		return Report{}, ErrSize
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Report{}, ErrForm
	}
	c := collect(m)
	r := Report{Kind: Unclear, Why: Other, MessageID: c.messageID}
	switch {
	case len(c.status) > 0 && c.standard(&r):
	case c.answered:
		r.Kind = Reply
	default:
		c.freely(&r)
	}
	return r, nil
}

// standard reads the groups of message/delivery-status. It is false if there is
// no recipient in them.
func (c *content) standard(r *Report) bool {
	all := groups(c.status)
	if len(all) == 0 {
		return false
	}
	r.Reporter = typed(all[0]["reporting-mta"])
	best, rank := "", map[string]int{"": -1, "expanded": 1, "relayed": 1, "delivered": 2, "delayed": 3, "failed": 4}
	found := false
	for n, g := range all {
		to, action := g["final-recipient"], action(g)
		if to == "" && g["original-recipient"] == "" && (n == 0 || action == "") {
			continue // the group about the message as a whole
		}
		if known, ok := rank[action]; found && (!ok || known <= rank[best]) {
			continue
		}
		found, best = true, action
		r.Status = status(g["status"] + " " + g["diagnostic-code"])
		r.Recipient, r.Diagnostic = Clean(typed(either(to, g["original-recipient"]))), Clean(typed(g["diagnostic-code"]))
		if by := typed(g["remote-mta"]); by != "" {
			r.Reporter = by
		}
	}
	kinds := map[string]Kind{"failed": Failed, "delayed": Delayed, "delivered": Delivered, "relayed": Passed, "expanded": Passed}
	if k, ok := kinds[best]; ok {
		r.Kind = k
	}
	r.Reporter, r.Standard = Clean(r.Reporter), found
	r.Why = why(r.Status, r.Diagnostic)
	if r.Why == Other { // Exchange puts the reason into the text only
		r.Why = why("", firstLines(c.text, 40))
	}
	return found
}

// action is the word for what happened; a server that says none gives a status.
func action(g map[string]string) string {
	a := strings.ToLower(strings.TrimSpace(g["action"]))
	if a == "failure" {
		return "failed"
	}
	if a == "" {
		switch s := status(g["status"]); {
		case strings.HasPrefix(s, "5."):
			return "failed"
		case strings.HasPrefix(s, "4."):
			return "delayed"
		}
	}
	return a
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// typed takes the type off a value: "rfc822; keiri@example.co.jp".
func typed(s string) string {
	if _, v, ok := strings.Cut(s, ";"); ok {
		s = v
	}
	return strings.Trim(strings.TrimSpace(s), "<>")
}

var enhanced = regexp.MustCompile(`(?:^|[^\d.])([245]\.\d{1,3}\.\d{1,3})(?:$|[^\d.])`)

// status finds the first code of RFC 3463.
func status(s string) string {
	if m := enhanced.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	return ""
}

// groups splits a delivery-status body into its groups of fields, keys in lower
// case; a field that stands twice keeps its first value.
func groups(bodies [][]byte) []map[string]string {
	var out []map[string]string
	for _, b := range bodies {
		var g map[string]string
		last := ""
		for line := range strings.SplitSeq(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n") {
			switch name, value, ok := strings.Cut(line, ":"); {
			case strings.TrimSpace(line) == "":
				g, last = nil, ""
			case (line[0] == ' ' || line[0] == '\t') && last != "":
				if len(g[last]) < 4*maxLine {
					g[last] += " " + strings.TrimSpace(line)
				}
			case ok && len(name) < 80:
				if g == nil {
					if len(out) == maxRcpts {
						return out
					}
					g = map[string]string{}
					out = append(out, g)
				}
				name = strings.ToLower(strings.TrimSpace(name))
				if _, twice := g[name]; twice {
					last = ""
					continue
				}
				last, g[name] = name, strings.TrimSpace(value)
			}
		}
	}
	return out
}

// Clean makes a stranger's words one printable line, bounded.
func Clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxLine {
		s = strings.ToValidUTF8(s[:maxLine-len("…")], "") + "…"
	}
	return s
}
