package bundle

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/money"
)

// The labels that invoice forms print (弥生, PCA, 奉行, freee, マネーフォワード and
// sheets of Excel), and what stands behind them, on the line or below it.
var (
	codeLabel   = regexp.MustCompile(`(?:得意先|お?客様|顧客|取引先|請求先)\s?(?:コード|CD|No\.?|番号|ID)\s*[:.]?\s*([0-9A-Za-z][0-9A-Za-z_-]{0,19})`)
	numberLabel = regexp.MustCompile(`(?:ご?請求書?|伝票|書類|文書|明細)\s?(?:番号|No\.?|ナンバー|#)\s*[:.]?\s*([0-9A-Za-z][0-9A-Za-z._/-]{1,39})`)
	dateLabel   = regexp.MustCompile(`(?:ご?請求書?(?:年月)?日付?|発行(?:年月)?日|請求締切?日|締切日)\s*[:.]?\s*((?:\d{4}|(?:令和|平成)\s*(?:\d{1,2}|元)|[RH]\s*\d{1,2})\s*[年/.-]\s*\d{1,2}\s*[月/.-]\s*\d{1,2}\s*日?)`)
	amountLabel = regexp.MustCompile(`(前回|前月|先月)?(?:今回|当月)?([ごお御]?請求(?:金額|額|合計額?|総額)|差引請求額|[ごお御]?支払金額|税込合計(?:金額)?|合計金額|総合計|合計)\s*(?:\(?税込(?:み)?\)?)?\s*[:.]?\s*¥?\s*(-?\d{1,3}(?:,\d{3})+|-?\d+)(\s*[年月日件枚個本箱台式時%点/.]?)`)
	tNumber     = regexp.MustCompile(`T[- ]?\d(?:[- ]?\d){12}`)
	addressee   = regexp.MustCompile(`^(.{1,80}?)\s*(?:御中|様|殿)$`)
	pageMark    = regexp.MustCompile(`^[-(\s]*(?:Page|P\.?|ページ|頁)?\s*:?\s*(\d{1,3})\s*(?:/|of)\s*(\d{1,3})\s*(?:ページ|頁|枚)?[-)\s]*$`)
	pageWord    = regexp.MustCompile(`Page|P\.|ページ|頁|枚`)
)

// The labels of amounts by how surely they mean what is to be paid.
const (
	weightBilled = 1 // ご請求金額
	weightTotal  = 2 // 税込合計
	weightSum    = 3 // 合計: perhaps before tax
	weightNone   = 4
)

// most is how many different values of one thing are kept.
const most = 4

var dashes = strings.NewReplacer("−", "-", "‐", "-", "‑", "-", "–", "-", "—", "-", "―", "-", "ー/", "-/")

// plainly is a text in the width and with the dashes that the labels are looked for in.
func plainly(s string) string { return dashes.Replace(norm.NFKC.String(s)) }

// Read reads what a page says of itself. It never guesses: what no label tells
// stays empty.
func Read(text string) Said {
	plain := plainly(text)
	s := Said{Weight: weightNone}
	for _, m := range codeLabel.FindAllStringSubmatch(plain, most) {
		if c, err := jp.ParseCode(m[1]); err == nil {
			s.Codes = once(s.Codes, c)
		}
	}
	for _, m := range numberLabel.FindAllStringSubmatch(plain, most) {
		if n := strings.TrimRight(m[1], "._/-"); strings.ContainsAny(n, "0123456789") {
			s.Numbers = once(s.Numbers, n)
		}
	}
	for _, m := range dateLabel.FindAllStringSubmatch(plain, most) {
		if d, err := civil.ParseLoose(strings.Join(strings.Fields(m[1]), "")); err == nil {
			s.Dates = once(s.Dates, d)
		}
	}
	for _, m := range tNumber.FindAllString(plain, most) {
		if n, err := jp.ParseRegistrationNumber(m); err == nil {
			s.Registrations = once(s.Registrations, string(n))
		}
	}
	s.amounts(plain)
	s.lines(strings.Split(plain, "\n"))
	return s
}

// amounts keeps those of the surest label.
func (s *Said) amounts(plain string) {
	for _, m := range amountLabel.FindAllStringSubmatch(plain, 40) {
		if m[1] != "" || strings.TrimSpace(m[4]) != "" { // last month's; a quantity or a day
			continue
		}
		w := weightBilled
		switch {
		case m[2] == "合計":
			w = weightSum
		case strings.Contains(m[2], "合計") && !strings.Contains(m[2], "請求"):
			w = weightTotal
		}
		y, err := money.ParseYen(m[3])
		if err != nil || w > s.Weight {
			continue
		}
		if w < s.Weight {
			s.Weight, s.Amounts = w, nil
		}
		s.Amounts = once(s.Amounts, y)
	}
}

// lines reads what stands on a line of its own: the addressee, and the mark.
func (s *Said) lines(lines []string) {
	worded := false
	for _, l := range lines {
		l = strings.TrimSpace(l)
		if m := addressee.FindStringSubmatch(l); m != nil && s.Addressee == "" {
			s.Addressee = strings.TrimSpace(m[1])
		}
		m := pageMark.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		no, _ := strconv.Atoi(m[1])
		of, _ := strconv.Atoi(m[2])
		if word := pageWord.MatchString(l); no >= 1 && no <= of && (word || !worded) {
			s.Mark, worded = Mark{no, of}, word // the last one, at the foot; one with the word for page before others
		}
	}
}

// with adds what another page of the same document says.
func (s Said) with(o Said) Said {
	s.Codes, s.Numbers, s.Registrations = union(s.Codes, o.Codes), union(s.Numbers, o.Numbers), union(s.Registrations, o.Registrations)
	s.Dates = union(s.Dates, o.Dates)
	switch {
	case o.Weight < s.Weight:
		s.Weight, s.Amounts = o.Weight, o.Amounts
	case o.Weight == s.Weight:
		s.Amounts = union(s.Amounts, o.Amounts)
	}
	if s.Addressee == "" {
		s.Addressee = o.Addressee
	}
	return s
}

func union[T comparable](a, b []T) []T {
	out := slices.Clone(a)
	for _, v := range b {
		out = once(out, v)
	}
	return out
}

func once[T comparable](list []T, v T) []T {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}

// states tells whether an amount stands in a text as an amount, not within a
// longer figure.
func states(text string, y money.Yen) bool {
	plain := plainly(text)
	for _, w := range []string{y.String(), strconv.FormatInt(int64(y), 10)} {
		if standsIn(plain, w, "0123456789,.") {
			return true
		}
	}
	return false
}

// standsIn tells whether w stands in plain without any of beside next to it.
func standsIn(plain, w, beside string) bool {
	if w == "" {
		return false
	}
	for from := 0; ; {
		i := strings.Index(plain[from:], w)
		if i < 0 {
			return false
		}
		i += from
		before, after := plain[:i], plain[i+len(w):]
		if (before == "" || !strings.Contains(beside, before[len(before)-1:])) && (after == "" || !strings.Contains(beside, after[:1])) {
			return true
		}
		from = i + len(w)
	}
}

var anyDate = regexp.MustCompile(`(?:\d{4}|(?:令和|平成)\s*(?:\d{1,2}|元)|[RH]\s*\d{1,2})\s*[年/.-]\s*\d{1,2}\s*[月/.-]\s*\d{1,2}\s*日?`)

// dated tells whether a day stands in a text.
func dated(plain string, day civil.Date) bool {
	return slices.ContainsFunc(anyDate.FindAllString(plain, 200), func(s string) bool {
		d, err := civil.ParseLoose(strings.Join(strings.Fields(s), ""))
		return err == nil && d == day
	})
}
