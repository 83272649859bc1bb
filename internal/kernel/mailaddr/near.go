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
	return Distance(a.s, b.s) <= max
}

// shape is a domain prepared for comparison.
type shape struct {
	domain string // canonical
	suffix string // public suffix
	wire   word   // the whole domain in A-labels
	host   word   // the whole domain in U-labels
	site   word   // the registrable domain
	name   word   // the label below the suffix
	bare   string // name without hyphens
	key    word   // skeleton of bare
}

func newShape(domain string) shape {
	s := shape{domain: domain, wire: newWord(domain), host: newWord(unicodeDomain(domain))}
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

// near compares two different domains; "" if they do not look alike.
func (a *shape) near(b *shape) Reason {
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
func (a *shape) sameKey(b *shape) Reason {
	switch {
	case a.bare != b.bare:
		return Homoglyph
	case a.suffix == b.suffix:
		return Hyphen
	}
	return SuffixSwap
}

func (a *shape) nearName(b *shape) bool {
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
	x, y := newShape(a), newShape(b)
	r := x.near(&y)
	return r, r != ""
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

// Distance is the Damerau–Levenshtein distance in characters: inserting, deleting
// or replacing one character or swapping two neighbours is one edit, also where
// another edit parts the two.
func Distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	inf := len(x) + len(y)
	cols := len(y) + 2
	// d is the table of Lowrance and Wagner (1975) with a border of inf above and to the left
	d := make([]int, (len(x)+2)*cols)
	d[0] = inf
	for i := range len(x) + 1 {
		d[(i+1)*cols], d[(i+1)*cols+1] = inf, i
	}
	for j := range len(y) + 1 {
		d[j+1], d[cols+j+1] = inf, j
	}
	row := map[rune]int{} // the last row in which a character of y's alphabet stood
	for i := 1; i <= len(x); i++ {
		col := 0 // the last column of this row that matched
		for j := 1; j <= len(y); j++ {
			i1, j1 := row[y[j-1]], col
			cost := 1
			if x[i-1] == y[j-1] {
				cost, col = 0, j
			}
			d[(i+1)*cols+j+1] = min(
				d[i*cols+j]+cost,
				d[(i+1)*cols+j]+1,
				d[i*cols+j+1]+1,
				d[i1*cols+j1]+(i-i1-1)+1+(j-j1-1))
		}
		row[x[i-1]] = i
	}
	return d[len(d)-1]
}
