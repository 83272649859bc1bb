package mailsign

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sekisho/internal/kernel/vault"
)

// Key is a DKIM key with its selector, the name under which it stands in DNS.
type Key struct {
	Selector string
	key      vault.MailKey
}

// Algorithm is how it signs.
func (k Key) Algorithm() string { return string(k.key.Algorithm()) }

// Name is where the record stands in DNS.
func (k Key) Name(domain string) string { return k.Selector + "._domainkey." + domain }

// Record is the TXT record to publish.
func (k Key) Record() (string, error) {
	p, err := k.key.Public()
	kind, _, _ := strings.Cut(k.Algorithm(), "-")
	return "v=DKIM1; k=" + kind + "; p=" + base64.StdEncoding.EncodeToString(p), err
}

// signed are the fields a signature covers. Those of oversigned are named once
// more than they occur, absent ones too, so that nobody can add a second From or
// a Reply-To on the way (RFC 6376, section 8.15).
func oversigned() []string {
	return []string{"from", "to", "cc", "reply-to", "subject", "date", "message-id", "mime-version", "content-type", "content-transfer-encoding"}
}

func signed() []string { return append(oversigned(), "auto-submitted", "x-sekisho-package") }

// The header is signed relaxed, since servers on the way fold lines anew; the
// body simple, that is to the octet: it is base64 in short lines, which nobody has
// a reason to touch.
const canonicalization = "relaxed/simple"

var errNoHeader = errors.New("mailsign: no header to sign")

// sign makes the field DKIM-Signature that belongs before raw.
func (k Key) sign(raw []byte, domain string, at time.Time) (string, error) {
	header, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		return "", errNoHeader
	}
	fields := split(string(header) + "\r\n")
	var names []string
	var input strings.Builder
	for _, name := range signed() {
		for _, f := range slices.Backward(fields) { // of several the last counts first (section 5.4.2)
			if n, _, _ := strings.Cut(f, ":"); strings.EqualFold(strings.TrimSpace(n), name) {
				names = append(names, name)
				input.WriteString(relaxed(f) + "\r\n")
			}
		}
		if slices.Contains(oversigned(), name) {
			names = append(names, name)
		}
	}
	field := fmt.Sprintf("DKIM-Signature: v=1; a=%s; c=%s;\r\n\td=%s; s=%s; t=%d;\r\n\th=%s;\r\n\tbh=%s;\r\n\tb=",
		k.Algorithm(), canonicalization, domain, k.Selector, at.Unix(), fold(names, ":"), base64.StdEncoding.EncodeToString(bodyHash(body)))
	input.WriteString(relaxed(field))
	sig, err := k.key.Sign(sha256.Sum256([]byte(input.String())))
	if err != nil {
		return "", err
	}
	lines := slices.Collect(slices.Chunk([]byte(base64.StdEncoding.EncodeToString(sig)), 70))
	return field + string(bytes.Join(lines, []byte("\r\n\t "))) + "\r\n", nil
}

// split gives a header's fields, each with its folds.
func split(header string) []string {
	var out []string
	for l := range strings.SplitAfterSeq(header, "\r\n") {
		switch {
		case l == "":
		case len(out) > 0 && (l[0] == ' ' || l[0] == '\t'):
			out[len(out)-1] += l
		default:
			out = append(out, l)
		}
	}
	return out
}

// relaxed is section 3.4.2, without the line's end.
func relaxed(field string) string {
	name, value, _ := strings.Cut(field, ":")
	value = strings.NewReplacer("\r\n", "", "\t", " ").Replace(value)
	words := slices.DeleteFunc(strings.Split(value, " "), func(w string) bool { return w == "" })
	return strings.ToLower(strings.TrimRight(name, " \t")) + ":" + strings.Join(words, " ")
}

// bodyHash is over the body as it is, but for empty lines at its end (section 3.4.3).
func bodyHash(body []byte) []byte {
	for bytes.HasSuffix(body, []byte("\r\n")) {
		body = body[:len(body)-2]
	}
	sum := sha256.Sum256(append(slices.Clip(body), "\r\n"...))
	return sum[:]
}

// fold joins words into lines that continue a field.
func fold(words []string, sep string) string {
	var b strings.Builder
	line := 2
	for i, w := range words {
		if i > 0 {
			b.WriteString(sep)
			line += len(sep)
		}
		if line+len(w) > 70 {
			b.WriteString("\r\n\t ")
			line = 2
		}
		b.WriteString(w)
		line += len(w)
	}
	return b.String()
}
