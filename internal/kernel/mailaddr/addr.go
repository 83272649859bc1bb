// Package mailaddr reads mail addresses strictly and finds those that look like
// a registered one without being it (メールアドレスの照合).
//
// It accepts a part of RFC 5321's Mailbox: an ASCII dot-atom, "@" and a domain
// name. Quoted local parts, address literals, display names and non-ASCII local
// parts (SMTPUTF8) are refused, because no business address needs them and each
// of them has carried a spoof. Whatever this package accepts, net/mail accepts.
package mailaddr

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/fault"
)

// Limits in octets: RFC 5321 §4.5.3.1.1 and §4.5.3.1.3 (a path of 256 with its
// angle brackets leaves 254).
const (
	maxLocal = 64
	maxAddr  = 254
)

// Addr is a mail address in canonical form. Two addresses that reach the same
// mailbox by every mail system in use are equal under ==. The zero Addr is none.
type Addr struct{ local, domain string }

// strict validates labels without mapping them: what would need mapping is
// refused before, so that a person sees what was wrong.
var strict = idna.New(idna.ValidateLabels(true), idna.CheckHyphens(true), idna.CheckJoiners(true),
	idna.StrictDomainName(true), idna.BidiRule(), idna.VerifyDNSLength(true))

// Parse reads one address. It folds the case of both parts (RFC 5321 §2.4 calls
// the local part case-sensitive, but no mail system in use treats it so) and
// writes the domain as A-labels (RFC 5890). Every error is a fault.Invalid that
// names what is wrong.
func Parse(s string) (Addr, error) {
	if err := checkRunes(s); err != nil {
		return Addr{}, err
	}
	if strings.ContainsAny(s, "<>,;:\"()[]\\") {
		return Addr{}, fault.Invalid("mailaddr.only_address")
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 || strings.IndexByte(s, '@') != at {
		return Addr{}, fault.Invalid("mailaddr.one_at")
	}
	local := s[:at]
	if err := checkLocal(local); err != nil {
		return Addr{}, err
	}
	domain, err := CanonicalDomain(s[at+1:])
	if err != nil {
		return Addr{}, err
	}
	a := Addr{strings.ToLower(local), domain}
	if len(a.String()) > maxAddr {
		return Addr{}, fault.Invalid("mailaddr.too_long")
	}
	return a, nil
}

// checkRunes refuses what a person cannot see, or sees as something else.
func checkRunes(s string) error {
	if s == "" {
		return fault.Invalid("mailaddr.empty")
	}
	if len(s) > 4*maxAddr { // a Unicode domain may be longer than its A-labels, never by so much
		return fault.Invalid("mailaddr.too_long")
	}
	if !utf8.ValidString(s) {
		return fault.Invalid("mailaddr.encoding")
	}
	for _, r := range s {
		switch {
		case r == ' ' || r == '\u3000':
			return fault.Invalid("mailaddr.space")
		case invisible(r):
			return fault.Invalid("mailaddr.invisible", "code", fmt.Sprintf("U+%04X", r))
		}
	}
	if f := norm.NFKC.String(s); f != s {
		return fault.Invalid("mailaddr.width")
	}
	return nil
}

// invisible tells whether r shows nothing or turns the direction of writing:
// controls, format characters (U+200B, U+202E), private use, line separators,
// spaces, variation selectors and the other ignorable code points.
func invisible(r rune) bool {
	return unicode.In(r, unicode.C, unicode.Z, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

func checkLocal(local string) error {
	if local == "" {
		return fault.Invalid("mailaddr.local_empty")
	}
	if len(local) > maxLocal {
		return fault.Invalid("mailaddr.too_long")
	}
	for _, r := range local {
		if !isAtext(r) && r != '.' {
			return fault.Invalid("mailaddr.local", "char", string(r))
		}
	}
	if local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return fault.Invalid("mailaddr.dots")
	}
	return nil
}

// isAtext is RFC 5322 §3.2.3.
func isAtext(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
		r < utf8.RuneSelf && strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

// CanonicalDomain gives the lower-case A-label form of a mail domain. It refuses
// labels that mix scripts and domains that are only a public suffix (co.jp).
func CanonicalDomain(s string) (string, error) {
	if err := checkRunes(s); err != nil {
		return "", err
	}
	low := strings.ToLower(s)
	d, err := strict.ToASCII(low)
	if err != nil || strings.HasSuffix(d, ".") || !strings.Contains(d, ".") || strings.ContainsFunc(d, notLDH) {
		return "", fault.Invalid("mailaddr.domain")
	}
	u, err := strict.ToUnicode(d)
	if err != nil {
		return "", fault.Invalid("mailaddr.domain")
	}
	// An A-label must be the encoding of what it shows, and that in lower case (some
	// scripts' capitals are letters of their own), or two spellings of one domain would differ.
	if back, err := strict.ToASCII(u); err != nil || back != d || strings.ToLower(u) != u {
		return "", fault.Invalid("mailaddr.domain")
	}
	labels := strings.Split(u, ".")
	for _, l := range labels {
		if MixedScript(l) {
			return "", fault.Invalid("mailaddr.mixed")
		}
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" { // an address, not a name
		return "", fault.Invalid("mailaddr.domain")
	}
	if suffix, icann := publicsuffix.PublicSuffix(d); icann && suffix == d {
		return "", fault.Invalid("mailaddr.suffix", "suffix", suffix)
	}
	return d, nil
}

// notLDH is what may not stand in a host name (RFC 1123 §2.1); idna checks it
// only where it maps.
func notLDH(r rune) bool {
	return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '.')
}

// String is the canonical form: what is stored, compared, indexed and sent to.
func (a Addr) String() string {
	if a == (Addr{}) {
		return ""
	}
	return a.local + "@" + a.domain
}

// Local is the canonical part before "@".
func (a Addr) Local() string { return a.local }

// Domain is the canonical domain in A-labels.
func (a Addr) Domain() string { return a.domain }

// Unicode is the address as shown to a person: the domain in U-labels.
func (a Addr) Unicode() string {
	if a == (Addr{}) {
		return ""
	}
	return a.local + "@" + unicodeDomain(a.domain)
}

// MarshalText gives String.
func (a Addr) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText is Parse; an empty text gives the zero Addr.
func (a *Addr) UnmarshalText(b []byte) error {
	*a = Addr{}
	if len(b) == 0 {
		return nil
	}
	p, err := Parse(string(b))
	if err == nil {
		*a = p
	}
	return err
}

// unicodeDomain gives the U-labels of a domain, or the domain itself when it has none.
func unicodeDomain(d string) string {
	if u, err := strict.ToUnicode(d); err == nil {
		return u
	}
	return d
}
