package jp

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/fault"
)

// twins are characters that CP932 has only as another of the same look. ¥ must
// not become 0x5C, which is a backslash.
var twins = strings.NewReplacer("〜", "～", "−", "－", "–", "－", "—", "―", "‖", "∥", "¢", "￠", "£", "￡", "¬", "￢", "¥", "￥", "‾", "￣", "¦", "￤")

// partedKana are kana with their mark as a character of its own, as file names
// of macOS have them. Only they are composed: composing all would also exchange
// compatibility kanji of names, which CP932 has.
var partedKana = regexp.MustCompile(`.[\x{3099}\x{309A}]`)

// EncodeCP932 writes text in CP932 (Windows-31J), the encoding of Japanese Excel
// and older programs, with the bytes Windows writes. Parted kana are composed and
// characters exchanged for their twins (〜 → ～); if any is still not there, the
// fault.Invalid names all of them. Nothing is ever replaced by "?".
func EncodeCP932(s string) ([]byte, error) {
	out, bad := encode(s)
	if len(bad) > 0 {
		return nil, fault.Invalid("jp.not_in_cp932", "chars", list(bad))
	}
	return out, nil
}

// NotInCP932 lists the characters of a text that CP932 lacks, each once, in order.
func NotInCP932(s string) []rune {
	_, bad := encode(s)
	return bad
}

func encode(s string) (out []byte, bad []rune) {
	s = twins.Replace(partedKana.ReplaceAllStringFunc(s, norm.NFC.String))
	enc := japanese.ShiftJIS.NewEncoder()
	var src, dst [utf8.UTFMax]byte
	out = make([]byte, 0, len(s))
	for _, r := range s {
		n, _, err := enc.Transform(dst[:], src[:utf8.EncodeRune(src[:], r)], true)
		switch {
		case err == nil && n == 2 && (dst[0] == 0xED || dst[0] == 0xEE):
			pair := ibmBytes()[[2]byte{dst[0], dst[1]}]
			out = append(out, pair[0], pair[1])
		case err == nil:
			out = append(out, dst[:n]...)
		case !slices.Contains(bad, r):
			bad = append(bad, r)
		}
	}
	return out, bad
}

// ibmBytes leads from the rows ED and EE (NEC selected IBM extensions) to the
// rows FA to FC with the same characters, which Windows and browsers write.
var ibmBytes = sync.OnceValue(func() map[[2]byte][2]byte {
	ibm := map[string][2]byte{}
	each := func(first, last int, f func(pair [2]byte, char string)) {
		for hi := first; hi <= last; hi++ {
			for lo := 0x40; lo <= 0xFC; lo++ {
				pair := [2]byte{byte(hi), byte(lo)}
				if s, err := DecodeCP932(pair[:]); err == nil {
					f(pair, s)
				}
			}
		}
	}
	each(0xFA, 0xFC, func(pair [2]byte, char string) { ibm[char] = pair })
	to := map[[2]byte][2]byte{}
	each(0xED, 0xEE, func(pair [2]byte, char string) { to[pair] = ibm[char] })
	return to
})

// list names at most ten characters.
func list(rs []rune) string {
	const most = 10
	var names []string
	for _, r := range rs[:min(len(rs), most)] {
		names = append(names, show(r))
	}
	if len(rs) > most {
		names = append(names, "…")
	}
	return strings.Join(names, " ")
}

// DecodeCP932 reads CP932. Bytes that are no character of it are fault.Invalid
// with the line they stand in, never U+FFFD.
func DecodeCP932(b []byte) (string, error) {
	s, err := japanese.ShiftJIS.NewDecoder().String(string(b))
	if err != nil {
		return "", fault.Failed(err) // the decoder replaces, it does not fail
	}
	if before, _, ok := strings.Cut(s, "\ufffd"); ok {
		return "", fault.Invalid("jp.bad_cp932", "line", strings.Count(before, "\n")+1)
	}
	return s, nil
}
