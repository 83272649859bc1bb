package mailaddr

import (
	"math/bits"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"
)

// Reason says in what way one address is nearly another. Its text is the key of
// a sentence in package text.
type Reason string

const (
	Homoglyph  Reason = "mailaddr.near.homoglyph" // letters that look alike: l and 1, rn and m, а and a
	Hyphen     Reason = "mailaddr.near.hyphen"    // a hyphen more or less
	SuffixSwap Reason = "mailaddr.near.suffix"    // the same name below another suffix: co.jp, ne.jp, com
	Typo       Reason = "mailaddr.near.typo"      // one letter wrong, missing, added or swapped
	Inside     Reason = "mailaddr.near.inside"    // example.co.jp.evil.com
	NearLocal  Reason = "mailaddr.near.local"     // the same domain, nearly the same local part
)

// longName is the length, in characters of the name below the public suffix,
// from which two edits still count as a slip, or one edit below another suffix;
// for shorter names that would join too many different companies.
const longName = 10

// word is a text with what makes comparing it cheap.
type word struct {
	s    string
	n    int    // characters
	mask uint64 // which characters occur, by their low six bits
}

func newWord(s string) word {
	w := word{s: s, n: utf8.RuneCountInString(s)}
	for _, r := range s {
		w.mask |= 1 << (r & 63)
	}
	return w
}

// within tells whether a and b are at most max edits apart. An edit changes at
// most two bits of the mask, which refuses nearly every pair without looking closer.
func (a *word) within(b *word, max int) bool {
	if a.n-b.n > max || b.n-a.n > max || bits.OnesCount64(a.mask^b.mask) > 2*max {
		return false
	}
	return apart(a.s, b.s, max)
}

// apart tells whether a and b are at most max edits apart, max being 2 at most.
// Inserting, deleting or replacing one character or swapping two neighbours is
// one edit, also where another edit parts the two (Damerau–Levenshtein distance).
// It takes a few walks along the texts instead of a table.
func apart(a, b string, max int) bool {
	for a != "" && b != "" {
		x, i := utf8.DecodeRuneInString(a)
		y, j := utf8.DecodeRuneInString(b)
		if x != y {
			return max > 0 && edited(a, b, i, j, max-1)
		}
		a, b = a[i:], b[j:]
	}
	return utf8.RuneCountInString(a+b) <= max
}

// edited tells whether one edit of the first characters, i and j bytes long and
// different, leaves at most max others to do.
func edited(a, b string, i, j, max int) bool {
	if apart(a[i:], b, max) || apart(a, b[j:], max) || apart(a[i:], b[j:], max) {
		return true
	}
	// Swapped: the first of each stands in the other, at once or behind one
	// character that was put between them.
	for between := range max + 1 {
		if rest, ok := behind(b[j:], a[:i], between); ok && strings.HasPrefix(a[i:], b[:j]) && apart(a[i+j:], rest, max-between) {
			return true
		}
		if rest, ok := behind(a[i:], b[:j], between); ok && strings.HasPrefix(b[j:], a[:i]) && apart(rest, b[i+j:], max-between) {
			return true
		}
	}
	return false
}

// behind gives what stands in s behind some characters and c.
func behind(s, c string, some int) (rest string, ok bool) {
	for range some {
		_, n := utf8.DecodeRuneInString(s)
		s = s[n:]
	}
	return strings.CutPrefix(s, c)
}

// Shape is a domain prepared for being compared with many others.
type Shape struct {
	domain string // canonical
	suffix string // public suffix
	wire   word   // the whole domain in A-labels
	host   word   // the whole domain in U-labels
	site   word   // the registrable domain
	name   word   // the label below the suffix
	bare   string // name without hyphens
	key    word   // skeleton of bare
}

// NewShape prepares a canonical domain.
func NewShape(domain string) Shape {
	s := Shape{domain: domain, wire: newWord(domain), host: newWord(unicodeDomain(domain))}
	s.suffix, _ = publicsuffix.PublicSuffix(domain)
	name, _ := strings.CutSuffix(domain, s.suffix)
	name = strings.TrimSuffix(name, ".")
	name = unicodeDomain(name[strings.LastIndexByte(name, '.')+1:])
	if place, ok := strings.CutSuffix(s.suffix, ".jp"); ok && name == "city" && len(place) > 2 {
		name, s.suffix = name+"."+place, "jp" // city.sapporo.jp, city.sendai.jp: the place is the name
	}
	s.name = newWord(name)
	s.site = newWord(name + "." + s.suffix)
	s.bare = strings.ReplaceAll(name, "-", "")
	s.key = newWord(Skeleton(s.bare))
	return s
}

// Domain is the canonical domain.
func (a *Shape) Domain() string { return a.domain }

// Host is the domain as a person sees it, in U-labels.
func (a *Shape) Host() string { return a.host.s }

// Site is the part of the domain that somebody registered, in U-labels.
func (a *Shape) Site() string { return a.site.s }

// Name is the site without its public suffix.
func (a *Shape) Name() string { return a.name.s }

// Key is what the name looks like: its skeleton, without hyphens.
func (a *Shape) Key() string { return a.key.s }

// LookAlike is LookAlike of the two domains.
func (a *Shape) LookAlike(b *Shape) (Reason, bool) {
	r := a.near(b)
	return r, r != ""
}

// near compares two different domains; "" if they do not look alike.
func (a *Shape) near(b *Shape) Reason {
	sameSite := a.site.s == b.site.s
	switch {
	case a.domain == b.domain:
		return ""
	case a.key.s == b.key.s && !sameSite:
		return a.sameKey(b)
	case a.host.within(&b.host, 1) || a.wire.within(&b.wire, 1) || !sameSite && a.site.within(&b.site, 1):
		return Typo
	case !sameSite && a.nearName(b):
		return Typo
	case strings.HasPrefix(a.domain, b.domain+".") || strings.HasPrefix(b.domain, a.domain+"."):
		return Inside
	}
	return ""
}

// sameKey says why two domains with the same skeleton differ.
func (a *Shape) sameKey(b *Shape) Reason {
	switch {
	case a.bare != b.bare:
		return Homoglyph
	case a.suffix == b.suffix:
		return Hyphen
	}
	return SuffixSwap
}

func (a *Shape) nearName(b *Shape) bool {
	long := max(a.name.n, b.name.n)
	limit := 1
	if long >= longName {
		limit = 2
	}
	if a.suffix != b.suffix {
		limit--
	}
	return limit > 0 && (a.name.within(&b.name, limit) || a.key.within(&b.key, limit))
}

// LookAlike tells whether two canonical domains are nearly, but not quite, the
// same, and in what way. Subdomains of one registrable domain belong to one
// owner and count only when they are a single edit apart.
func LookAlike(a, b string) (Reason, bool) {
	x, y := NewShape(a), NewShape(b)
	return x.LookAlike(&y)
}

// LookAlikeAddr compares two addresses: on one domain by their local parts,
// else by their domains.
func LookAlikeAddr(a, b Addr) (Reason, bool) {
	if a.domain != b.domain {
		return LookAlike(a.domain, b.domain)
	}
	if nearLocal(a.local, b.local) {
		return NearLocal, true
	}
	return "", false
}

// nearLocal: one edit apart, alike to the eye, or only separators differ.
func nearLocal(a, b string) bool {
	if a == b {
		return false
	}
	x, y := newWord(a), newWord(b)
	return x.within(&y, 1) || localKey(a) == localKey(b)
}

var separators = strings.NewReplacer(".", "", "-", "", "_", "")

func localKey(s string) string { return Skeleton(separators.Replace(s)) }
