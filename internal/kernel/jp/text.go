package jp

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/fault"
)

// Clean is fault.Invalid unless a text may be stored and shown: valid UTF-8
// without control characters, line breaks (unless multiline: then LF, CRLF and
// tab are allowed), characters that turn the direction of writing (UAX #9),
// invisible characters, private use and noncharacters. Variation selectors are
// allowed after a kanji, where names need them (IVS, UTS #37).
//
// It changes nothing: what looks different from what it is, is refused and not
// repaired.
func Clean(s string, multiline bool) error {
	if !utf8.ValidString(s) {
		return fault.Invalid("jp.text_utf8")
	}
	before := rune(0)
	pos := 0
	for i, r := range s {
		pos++
		if key := unclean(r, before, s[i:], multiline); key != "" {
			return fault.Invalid(key, "at", pos, "char", codePoint(r))
		}
		before = r
	}
	return nil
}

// unclean gives the key of what is wrong with r, "" if nothing is. rest begins
// with r.
func unclean(r, before rune, rest string, multiline bool) string {
	switch {
	case r == '\n' || r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029':
		if multiline && (r == '\n' || strings.HasPrefix(rest, "\r\n")) {
			return ""
		}
		return "jp.text_newline"
	case r == '\t' && multiline:
		return ""
	case unicode.IsControl(r):
		return "jp.text_control"
	case unicode.Is(unicode.Bidi_Control, r):
		return "jp.text_bidi"
	case isVariationSelector(r) && r >= '\ufe00':
		if unicode.Is(unicode.Han, before) {
			return ""
		}
		return "jp.text_invisible"
	case isInvisible(r):
		return "jp.text_invisible"
	case r == utf8.RuneError:
		return "jp.text_garbled"
	case unicode.Is(unicode.Co, r) || unicode.Is(unicode.Noncharacter_Code_Point, r):
		return "jp.text_private"
	}
	return ""
}

// isInvisible knows what takes no ink: format characters, fillers, and all that
// Unicode lets a program leave out (Default_Ignorable_Code_Point).
func isInvisible(r rune) bool {
	const brailleBlank = '\u2800'
	return r == brailleBlank || isVariationSelector(r) || unicode.Is(unicode.Cf, r) ||
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

func isVariationSelector(r rune) bool { return unicode.Is(unicode.Variation_Selector, r) }

// codePoint names a character by its number, for what cannot be seen.
func codePoint(r rune) string { return fmt.Sprintf("U+%04X", r) }

// show names a character by itself where it can be seen, and by its number.
func show(r rune) string {
	if unicode.IsGraphic(r) && !isInvisible(r) && !unicode.Is(unicode.Mn, r) {
		return fmt.Sprintf("%c（%s）", r, codePoint(r))
	}
	return codePoint(r)
}

// MaxFileName is the most bytes of UTF-8 a file name may have; every common file
// system takes it.
const MaxFileName = 255

// FileName is fault.Invalid unless a name is one file's name everywhere: clean
// (so without a turned ending, RTLO), without folders, without characters, ends
// and device names that Windows forbids, not hidden, at most MaxFileName bytes.
func FileName(s string) error {
	if err := Clean(s, false); err != nil {
		return err
	}
	if len(s) > MaxFileName {
		return fault.Invalid("jp.file_too_long", "max", MaxFileName, "bytes", len(s))
	}
	if i := strings.IndexAny(s, `/\:*?"<>|`); i >= 0 {
		return fault.Invalid("jp.file_char", "char", s[i:i+1])
	}
	bare := strings.TrimFunc(s, unicode.IsSpace)
	if bare == "" || bare != s || strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") {
		return fault.Invalid("jp.file_ends")
	}
	if i := strings.IndexFunc(s, oddSpace); i >= 0 {
		return fault.Invalid("jp.text_invisible", "at", utf8.RuneCountInString(s[:i])+1, "char", codePoint([]rune(s[i:])[0]))
	}
	device, _, _ := strings.Cut(strings.ToUpper(norm.NFKC.String(s)), ".")
	if isDevice(strings.TrimSpace(device)) {
		return fault.Invalid("jp.file_device")
	}
	return nil
}

// oddSpace is any space but the two of a Japanese keyboard.
func oddSpace(r rune) bool { return unicode.IsSpace(r) && r != ' ' && r != '\u3000' }

// isDevice knows the names Windows keeps for devices, with any ending.
func isDevice(s string) bool {
	switch s {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return true
	}
	return len(s) == 4 && (s[:3] == "COM" || s[:3] == "LPT") && s[3] >= '0' && s[3] <= '9'
}
