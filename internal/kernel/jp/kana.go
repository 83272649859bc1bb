package jp

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/fault"
)

// Fold gives the key under which a name or word is searched and compared: width,
// case, hiragana and katakana, small kana, hyphens and long vowels, old and
// variant kanji, variation selectors, spaces and middle dots make no difference.
// It is for comparing only, is never shown, and folding twice changes nothing.
func Fold(s string) string {
	fold := func(r rune) rune {
		switch {
		case isSpace(r) || r == '・' || isVariationSelector(r):
			return -1
		case isHyphen(r):
			return '-'
		}
		r = unicode.ToLower(largeKana(toKatakana(r)))
		if v, ok := variants[r]; ok {
			return v
		}
		return r
	}
	// Dropping a character can bring a letter and a mark together, or a letter
	// and one that composes; the second round settles them.
	once := strings.Map(fold, norm.NFKC.String(s))
	return strings.Map(fold, norm.NFKC.String(once))
}

// toKatakana maps hiragana, and leaves the rest.
func toKatakana(r rune) rune {
	if r >= 'ぁ' && r <= 'ゖ' || r == 'ゝ' || r == 'ゞ' {
		return r + ('ァ' - 'ぁ')
	}
	return r
}

// largeKana maps small katakana to large (ャ → ヤ), and leaves the rest.
func largeKana(r rune) rune {
	switch r {
	case 'ァ', 'ィ', 'ゥ', 'ェ', 'ォ', 'ッ', 'ャ', 'ュ', 'ョ', 'ヮ':
		return r + 1
	case 'ヵ':
		return 'カ'
	case 'ヶ':
		return 'ケ'
	}
	return r
}

// variants are kanji of names, each followed by the form it is searched under.
// It may join what differs (斎 and 斉): a search then finds one name too many,
// which is better than one too few.
var variants = pairs("髙高 﨑崎 嵜崎 碕崎 𠮷吉 邊辺 邉辺 齋斉 齊斉 斎斉 濱浜 濵浜 澤沢 廣広 嶋島 嶌島 國国 圀国 眞真 惠恵 榮栄 學学 櫻桜 " +
	"圓円 豐豊 瀨瀬 瀧滝 德徳 桒桑 槇槙 冨富 渕淵 舘館 曾曽 會会 藏蔵 壽寿 實実 彥彦 淸清 靜静 爲為 萬万 與与 " +
	"條条 龍竜 鐵鉄 關関 總総 縣県 假仮 證証 讓譲 鹽塩 驛駅 戶戸 吳呉 黑黒 祿禄 鷗鴎 麴麹 蘆芦 檜桧")

func pairs(list string) map[rune]rune {
	m := map[rune]rune{}
	for _, p := range strings.Fields(list) {
		r := []rune(p)
		m[r[0]] = r[1]
	}
	return m
}

// Furigana normalises a reading (フリガナ): katakana in full width, letters and
// digits in half width, hyphens within kana as long vowels, runs of spaces as
// one. Kanji and other characters are fault.Invalid: a reading is never guessed.
func Furigana(s string) (string, error) {
	words := strings.FieldsFunc(norm.NFKC.String(s), isSpace)
	var b strings.Builder
	kana := false
	for _, r := range strings.Join(words, " ") {
		r = toKatakana(r)
		if isHyphen(r) {
			r = map[bool]rune{true: 'ー', false: '-'}[kana]
		}
		kana = r >= 'ァ' && r <= 'ヺ' || r == 'ー'
		if !kana && !strings.ContainsRune(furiganaOthers, r) {
			return "", fault.Invalid("jp.bad_furigana", "char", show(r))
		}
		b.WriteRune(r)
	}
	return b.String(), nil
}

const furiganaOthers = " ・-.,&'()/ヽヾ0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
