package pdf

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Clean gives s as it is drawn: line ends as \n, tabs as spaces, variation
// selectors (異体字セレクタ, IVS and SVS) dropped so that the base glyph is
// drawn, and a kana followed by a combining voiced mark as one kana. Nothing
// else is normalized: NFC would change the kanji of names (神 U+FA19 → U+795E).
// All functions of this package clean what they are given.
func Clean(s string) string {
	if isPlain(s) {
		return s
	}
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\t", " ").Replace(s)
	out := make([]rune, 0, len(s))
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Variation_Selector, r):
		case (r == '\u3099' || r == '\u309A') && len(out) > 0:
			last := len(out) - 1
			pair := []rune(norm.NFC.String(string([]rune{out[last], r})))
			out = append(out[:last], pair...)
		default:
			out = append(out, r)
		}
	}
	return string(out)
}

// isPlain tells that s has nothing for Clean to do, which is nearly always so.
func isPlain(s string) bool {
	for _, r := range s {
		if r == '\r' || r == '\t' || r == '\u3099' || r == '\u309A' ||
			unicode.Is(unicode.Variation_Selector, r) {
			return false
		}
	}
	return utf8.ValidString(s)
}

// Missing gives the first character of s that no font draws, for an error that
// names it; ok is false if every character can be drawn. A line end is no
// character here; bytes that are not UTF-8 count as U+FFFD.
func Missing(s string) (r rune, ok bool) {
	for _, r := range Clean(s) {
		if r == '\n' {
			continue
		}
		if _, found := find(r); !found || r == utf8.RuneError {
			return r, true
		}
	}
	return 0, false
}

// Show names a character for a sentence: 「𝄞」(U+1D11E), or its number alone
// where it has no visible form.
func Show(r rune) string {
	if unicode.IsGraphic(r) && !unicode.IsSpace(r) && r != utf8.RuneError {
		return fmt.Sprintf("「%c」(U+%04X)", r, r)
	}
	return fmt.Sprintf("U+%04X", r)
}

// Width is the width of s set in one line at the given font size.
func Width(s string, size Length) Length {
	return Length(advances([]rune(Clean(s)))) * size / 1000
}

// Fit gives the largest size from most down to least at which s fits into
// width in one line; ok is false if it does not even at least.
func Fit(s string, width, most, least Length) (size Length, ok bool) {
	thousandths := Length(advances([]rune(Clean(s))))
	if thousandths*most <= width*1000 {
		return most, true
	}
	size = width * 1000 / thousandths
	return max(size, least), size >= least
}

// advances is the width of rs in thousandths of the font size.
func advances(rs []rune) (sum int) {
	for _, r := range rs {
		p, _ := find(r)
		sum += p.advance
	}
	return sum
}
