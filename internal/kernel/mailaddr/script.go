package mailaddr

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// together are the sets of scripts that may share a label: "highly restrictive"
// of UTS #39 §5.2 (Japanese, Chinese, Korean, each with Latin).
var together = [][]string{
	{"Latin", "Han", "Hiragana", "Katakana"},
	{"Latin", "Han", "Bopomofo"},
	{"Latin", "Han", "Hangul"},
}

// MixedScript tells whether a label, in U- or A-form, mixes scripts that no
// language writes together, such as Latin and Cyrillic.
func MixedScript(label string) bool {
	if strings.HasPrefix(label, "xn--") {
		label = unicodeDomain(label)
	}
	var seen []string
	for _, r := range label {
		if s := script(r); s != "" {
			seen = append(seen, s)
		}
	}
	if !containsOther(seen, seen[:min(1, len(seen))]) {
		return false
	}
	for _, set := range together {
		if !containsOther(seen, set) {
			return false
		}
	}
	return true
}

// script names the script of a letter; "" for digits and signs, which any script shares.
func script(r rune) string {
	if r < utf8.RuneSelf {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return "Latin"
		}
		return ""
	}
	for name, t := range unicode.Scripts {
		if unicode.Is(t, r) {
			if name == "Common" || name == "Inherited" {
				return ""
			}
			return name
		}
	}
	return "Unknown"
}

func containsOther(seen, set []string) bool {
next:
	for _, s := range seen {
		for _, t := range set {
			if s == t {
				continue next
			}
		}
		return true
	}
	return false
}

// lookAlike maps a character to the one it is mistaken for.
var lookAlike = func() map[rune]rune {
	m := map[rune]rune{}
	for to, from := range confusable {
		for _, r := range from {
			m[r] = to
		}
	}
	return m
}()

// pairs are read as one letter in most typefaces.
var pairs = strings.NewReplacer("rn", "m", "vv", "w", "cl", "d")

// Skeleton gives the text that every look-alike of s shares (UTS #39 §4, with a
// coarser table): compatibility forms and accents folded, case folded, and each
// confusable character or pair replaced. Equal skeletons look alike; the
// skeleton itself is never shown.
func Skeleton(s string) string {
	if strings.Contains(s, "xn--") {
		s = unicodeDomain(s)
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(s) {
		if unicode.Is(unicode.Mn, r) {
			continue
		}
		r = unicode.ToLower(r)
		if t, ok := lookAlike[r]; ok {
			r = t
		}
		b.WriteRune(r)
	}
	return pairs.Replace(b.String())
}
