package jp

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/fault"
)

// BankField is a kind of text field in bank files (全銀フォーマット); each has its
// own characters.
type BankField string

const (
	BankPlain  BankField = "plain"  // 銀行名: kana, capitals, digits, space
	BankBranch BankField = "branch" // 店舗名: also the hyphen
	BankHolder BankField = "holder" // 受取人名, 委託者名: also ( ) - .
	BankSalary BankField = "salary" // 給与の受取人名: kana and space only
	BankEDI    BankField = "edi"    // EDI情報: also \ ｢ ｣ ( ) - / . and ｦ
)

func (f BankField) allows(r rune) bool {
	kana := r >= 'ｱ' && r <= 'ﾟ' || r == ' '
	if f == BankSalary || kana {
		return kana
	}
	if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' {
		return true
	}
	switch f {
	case BankBranch:
		return r == '-'
	case BankHolder:
		return strings.ContainsRune("()-.", r)
	case BankEDI:
		return strings.ContainsRune("\\｢｣()-/.ｦ", r)
	}
	return false
}

// halfKana are the full-width kana of ｦ and ｱ to ﾝ, in the order of JIS X 0201.
const halfKana = "ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン"

// ToBankText converts text to the half-width characters of a bank file (JIS X
// 0201): hiragana and katakana, capitals, small kana large (キャノン → ｷﾔﾉﾝ), every
// hyphen and long vowel as -. Kanji and whatever else the field does not have are
// fault.Invalid: a reading is never guessed.
func ToBankText(s string, f BankField) (string, error) {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToUpper(norm.NFKC.String(s))) {
		h := bankRune(r)
		if !f.allows(h) {
			return "", fault.Invalid("jp.bank_char", "char", show(r))
		}
		b.WriteRune(h)
	}
	return b.String(), CheckBankText(b.String(), f)
}

// bankRune maps one character of a decomposed text to its half-width one.
func bankRune(r rune) rune {
	r = largeKana(toKatakana(r))
	switch {
	case isSpace(r):
		return ' '
	case isHyphen(r):
		return '-'
	}
	switch r {
	case '\u3099':
		return 'ﾞ'
	case '\u309a':
		return 'ﾟ'
	case '・':
		return '.'
	case 'ヱ':
		return 'ｴ'
	case 'ヰ':
		return 'ｲ'
	case '「':
		return '｢'
	case '」':
		return '｣'
	case '¥':
		return '\\'
	}
	if i := strings.IndexRune(halfKana, r); i >= 0 {
		return 'ｦ' + rune(utf8.RuneCountInString(halfKana[:i]))
	}
	return r
}

// CheckBankText is fault.Invalid for a text with characters a bank field does not
// have, or a ﾞ or ﾟ that does not follow a kana that takes it.
func CheckBankText(s string, f BankField) error {
	if !utf8.ValidString(s) {
		return fault.Invalid("jp.text_utf8")
	}
	before := rune(0)
	for _, r := range s {
		lone := r == 'ﾞ' && !strings.ContainsRune("ｳｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾊﾋﾌﾍﾎ", before) ||
			r == 'ﾟ' && !strings.ContainsRune("ﾊﾋﾌﾍﾎ", before)
		if lone || !f.allows(r) {
			return fault.Invalid("jp.bank_char", "char", show(r))
		}
		before = r
	}
	return nil
}

// FitBankText cuts a bank text to n bytes of the file (one per character) without
// parting a kana from its mark, and tells whether it had to.
func FitBankText(s string, n int) (fitted string, cut bool) {
	rs := []rune(s)
	if len(rs) <= n {
		return s, false
	}
	if n > 0 && (rs[n] == 'ﾞ' || rs[n] == 'ﾟ') {
		n--
	}
	return string(rs[:n]), true
}

// ToBankName converts the kana name of an account holder or company, writing its
// legal form the banks' way: カブシキガイシャケイヨウ or 株式会社ケイヨウ → ｶ)ｹｲﾖｳ, ケイヨウ株式会社
// → ｹｲﾖｳ(ｶ, ケイヨウ株式会社チバシテン → ｹｲﾖｳ(ｶ)ﾁﾊﾞｼﾃﾝ. Errors are those of ToBankText.
func ToBankName(s string) (string, error) {
	s = norm.NFKC.String(s)
	word, bank := longestForm(s)
	if word == "" {
		return ToBankText(s, BankHolder)
	}
	before, after, _ := strings.Cut(s, word)
	before, after = strings.TrimFunc(before, isSpace), strings.TrimFunc(after, isSpace)
	switch {
	case before == "":
		s = bank + ")" + after
	case after == "":
		s = before + "(" + bank
	default:
		s = before + "(" + bank + ")" + after
	}
	return ToBankText(s, BankHolder)
}

// longestForm finds the longest legal form written in s, and its abbreviation.
func longestForm(s string) (word, bank string) {
	for _, f := range forms {
		for _, w := range append([]string{f.name}, f.more...) {
			if len(w) > len(word) && len(w) < len(s) && strings.Contains(s, w) {
				word, bank = w, f.bank
			}
		}
	}
	return word, bank
}
