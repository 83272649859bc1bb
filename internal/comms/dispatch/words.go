package dispatch

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/jp"
)

// folded is a text as names are looked for in it: one run of characters, so that
// a name broken across lines is found, which still knows where words ended.
type folded struct {
	runes []rune
	ends  map[int]bool // positions at which white space stood
	line  []int        // of each character
	lines []string     // as they were
}

// foldWords folds a text word by word. A voicing mark that stands alone belongs
// to the word before it (half-width ｶ ﾞ).
func foldWords(text string) folded {
	t := folded{ends: map[int]bool{}, lines: strings.Split(text, "\n")}
	type word struct {
		text string
		line int
	}
	var words []word
	for n, l := range t.lines {
		for _, w := range strings.Fields(l) {
			if len(words) > 0 && strings.ContainsAny(w[:min(3, len(w))], "ﾞﾟ゙゚") {
				words[len(words)-1].text += w
				continue
			}
			words = append(words, word{w, n})
		}
	}
	before := map[string]string{} // papers repeat their words
	for _, w := range words {
		f, ok := before[w.text]
		if !ok {
			f = foldWord(w.text)
			before[w.text] = f
		}
		t.ends[len(t.runes)] = true
		for _, r := range f {
			t.runes, t.line = append(t.runes, r), append(t.line, w.line)
		}
	}
	t.ends[len(t.runes)] = true
	return t
}

// foldWord is fold, which plain ASCII needs only a part of.
func foldWord(w string) string {
	for i := range len(w) {
		if w[i] >= 0x80 || w[i] < ' ' {
			return fold(w)
		}
	}
	return strings.ToLower(w)
}

// contains tells whether a folded name stands anywhere in it.
func (t folded) contains(name []rune) bool {
	if len(name) == 0 {
		return false
	}
	for i := 0; i+len(name) <= len(t.runes); i++ {
		if t.runes[i] == name[0] && slices.Equal(t.runes[i:i+len(name)], name) {
			return true
		}
	}
	return false
}

// bounded tells whether a name at [i, j) that is written in Latin letters, digits
// or katakana ends where the word ends: アルファ is no part of アルファベット.
func (t folded) bounded(i, j int) bool {
	joined := func(k int) bool {
		return !t.ends[k] && script(t.runes[k-1]) != 0 && script(t.runes[k-1]) == script(t.runes[k])
	}
	return !joined(i) && !joined(j)
}

// alone tells whether what stands at [i, j) is a name of its own: 株式会社東和 御中,
// but not 株式会社東和産業.
func (t folded) alone(i, j int) bool {
	word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	before := t.ends[i] || !word(t.runes[i-1])
	after := t.ends[j] || !word(t.runes[j]) ||
		slices.ContainsFunc([]string{jp.ToCompany, jp.ToPerson, "殿"}, func(h string) bool { return strings.HasPrefix(string(t.runes[j:min(j+2, len(t.runes))]), h) })
	return before && after
}

func script(r rune) int {
	switch {
	case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
		return 1
	case r >= 'ァ' && r <= 'ヺ':
		return 2
	}
	return 0
}

// plainly is a text as figures are looked for in it: NFKC, without invisible
// characters, and every dash between letters or digits is the hyphen; fonts and
// word processors put in many.
func plainly(text string) string {
	latin := false
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		if r >= '\u2010' && r <= '\u2015' || r == '\u2212' || r == 'ー' && latin {
			r = '-'
		}
		latin = script(unicode.ToLower(r)) == 1
		return r
	}, norm.NFKC.String(text))
}

const (
	corporateDigits = 13
	phoneChars      = 18 // +81 (0)90-1234-5678 and the like
)

// figures finds numbers of companies and phones. Where one begins and ends in a
// row of figures (a date before it, an amount behind it) cannot be known, so all
// places are tried.
func (s *scan) figures(plain string) {
	for _, m := range figureRows(plain) {
		digits := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", "+", "").Replace(m)
		for i := 0; i+corporateDigits <= len(digits); i++ {
			n := digits[i : i+corporateDigits]
			s.id(HitRegistration, n, n)
		}
		for i := range m {
			if i > 0 && digit(m[i-1]) || !digit(m[i]) && m[i] != '(' && m[i] != '+' {
				continue
			}
			for j := i + 10; j <= min(i+phoneChars, len(m)); j++ {
				if j < len(m) && digit(m[j]) || !digit(m[j-1]) {
					continue
				}
				if key, err := jp.PhoneKey(m[i:j]); err == nil {
					s.id(HitPhone, key, m[i:j])
				}
			}
		}
	}
}

// figureRows are digits that may belong together, nine or more: 03-1234-5678,
// 9 0000 1205 0003. Up to two brackets, hyphens or spaces may part them.
func figureRows(plain string) []string {
	var out []string
	for i := 0; i < len(plain); {
		if !digit(plain[i]) {
			i++
			continue
		}
		from, end, count := i, i+1, 1
		for j := end; j < len(plain) && j-end <= 2; j++ {
			switch {
			case digit(plain[j]):
				end, count = j+1, count+1
			case strings.IndexByte("() -", plain[j]) < 0:
				j = len(plain)
			}
		}
		for from > 0 && (plain[from-1] == '(' || plain[from-1] == '+') {
			from--
		}
		if count >= 9 {
			out = append(out, plain[from:end])
		}
		i = end
	}
	return out
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// codeHeading is what the column of partners' codes is called in a list.
var codeHeading = regexp.MustCompile(`^(?:得意先|お客様|顧客|取引先|請求先)(?:コード|CD|番号|ID|No\.?)$`)

// columns finds codes under such a heading, in lines parted by commas or tabs: a
// code of nothing but figures is known by its column alone.
func (s *scan) columns(plain string) {
	at := -1
	for line := range strings.Lines(plain) {
		cells := strings.Split(strings.ReplaceAll(line, "\t", ","), ",")
		for i := range cells {
			cells[i] = strings.Trim(cells[i], "\" \r\n")
		}
		if i := slices.IndexFunc(cells, codeHeading.MatchString); i >= 0 && len(cells) > 1 {
			at = i
			continue
		}
		if at < 0 || at >= len(cells) {
			continue
		}
		if c, err := jp.ParseCode(cells[at]); err == nil {
			s.id(HitCode, c, cells[at])
		}
	}
}

// goesOn tells whether a name without its legal form goes on in a longer word
// that names no part of the company: 中央印刷機用ローラー, サンライズ柄, テクノサポート契約.
func (t folded) goesOn(x span) bool {
	if t.ends[x.to] || !unicode.Is(unicode.Han, t.runes[x.to]) || t.formAt(x.from, x.to) != "" || x.sure == forItself {
		return false // kana may be a particle: 中央印刷の
	}
	word := x.to
	for word < len(t.runes) && !t.ends[word] && (unicode.Is(unicode.Han, t.runes[word]) || unicode.Is(unicode.Katakana, t.runes[word]) || t.runes[word] == 'ー' || t.runes[word] == '-') {
		word++
	}
	rest := string(t.runes[x.to:word])
	return !branchWords.MatchString(rest) && !partWords.MatchString(rest)
}

// partWords follow the name of a partner that is meant itself.
var partWords = regexp.MustCompile(`^(?:社|側|名|扱|控|経由|専用|注文|発注|受注|依頼|請求|納品|見積|支払|契約書|向|分|様|殿|御中|宛|行|納|邸|渡|直送|現場|新築|改修|ビル|倉庫|物流|流通|配送|株式|有限|合同|ホ-ルディングス|グル-プ|(?:北海道|東京|大阪|京都|[^県市]{2,3}[県市]))`)
