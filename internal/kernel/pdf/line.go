package pdf

import (
	"strings"
	"unicode"
)

// Line breaking by 禁則処理 (JIS X 4051; W3C JLREQ 3.1.7, appendix A): what may
// not begin a line is carried over together with the character before it
// (追い出し).
const (
	neverFirst = "’”）〕］｝〉》」』】〙〗〟｠»)]}｣" + // closing brackets
		"‐〜゠–～" + // hyphens and ranges
		"！？‼⁇⁈⁉!?" +
		"・：；･:;" +
		"。．｡." + "、，､," +
		"ヽヾゝゞ々〻" +
		"ーｰ" +
		"ぁぃぅぇぉァィゥェォっゃゅょゎゕゖッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ" +
		"ｧｨｩｪｫｬｭｮｯﾞﾟ゙゚゛゜" +
		"％‰℃"
	neverLast = "‘“（〔［｛〈《「『【〘〖〝｟«([{｢" + "￥＄￡＃№¥$£"
	unparted  = "…‥―—" // a run of one of these stays together
	urlParts  = "/?&=-_.,:;#@+%"
)

// Break cuts s into lines not wider than width at the given font size. Words
// of Western letters stay whole where they can; a word longer than a line is
// cut behind its punctuation (URLs), else anywhere: nothing is ever left out
// but the spaces at a cut. Every \n ends a line; "" is one empty line.
func Break(s string, size, width Length) []string {
	limit := int(width * 1000 / size)
	var lines []string
	for _, para := range strings.Split(Clean(s), "\n") {
		lines = appendLines(lines, []rune(para), limit)
	}
	return lines
}

func appendLines(lines []string, rs []rune, limit int) []string {
	for {
		n := fitting(rs, limit)
		if n == len(rs) {
			return append(lines, string(rs))
		}
		at := cut(rs, n)
		lines = append(lines, strings.TrimRight(string(rs[:at]), " \u3000"))
		for at < len(rs) && (rs[at] == ' ' || rs[at] == '\u3000') {
			at++
		}
		if at == len(rs) {
			return lines
		}
		rs = rs[at:]
	}
}

// fitting counts the runes that fit into limit, at least one.
func fitting(rs []rune, limit int) int {
	sum := 0
	for i, r := range rs {
		p, _ := find(r)
		if sum += p.advance; sum > limit && i > 0 {
			return i
		}
	}
	return len(rs)
}

// cut gives the last place up to n where a line may end, by the strictest rule
// that knows one.
func cut(rs []rune, n int) int {
	for _, may := range []func(a, b rune) bool{mayPart, mayPartURL, mayPartWord} {
		for i := n; i > 0; i-- {
			if may(rs[i-1], rs[i]) {
				return i
			}
		}
	}
	return n
}

// mayPart tells whether a line may end between a and b.
func mayPart(a, b rune) bool {
	switch {
	case !mayPartWord(a, b):
		return false
	case a == b && strings.ContainsRune(unparted, a):
		return false
	}
	return !(inWord(a) && inWord(b))
}

func mayPartURL(a, b rune) bool { return mayPartWord(a, b) && strings.ContainsRune(urlParts, a) }

func mayPartWord(a, b rune) bool {
	return !strings.ContainsRune(neverLast, a) && !strings.ContainsRune(neverFirst, b) && !unicode.Is(unicode.Mn, b)
}

// inWord is true of what Western words and numbers consist of.
func inWord(r rune) bool { return r > ' ' && r < 0x2000 && r != 0xA0 }
