package page

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/text"
)

// funcs are what templates can say, in one language. They give text, which is
// escaped where it stands; only icon gives markup, of this package's own.
func (h *House) funcs(l text.Lang) template.FuncMap {
	return template.FuncMap{
		"t":      func(key string, args ...any) string { return text.T(l, key, flat(args)...) },
		"word":   func(family string, v any) string { return Word(l, family, v) },
		"yen":    Yen,
		"num":    Number,
		"reason": func(key string) string { return Blanked(text.T(l, key)) },
		"date":   Date,
		"day":    func(d civil.Date) string { return Day(l, d) },
		"era":    func(d civil.Date) string { return Era(l, d) },
		"when":   When,
		"moment": Moment,
		"clock":  func(t time.Time) string { return t.In(civil.JST()).Format("15:04") },
		"iso":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"icon":   icon,
		"static": h.Static,
		"lang":   func() string { return string(l) },
		"marks":  Marks,
		"size":   Size,
		"short":  short,
		"join":   strings.Join,
		"args":   args,
		"add":    func(a, b int) int { return a + b },
		"chart":  Chart.svg,
	}
}

// flat lets a page hand over names and values it has in a list.
func flat(args []any) []any {
	if len(args) == 1 {
		list, _ := args[0].([]any)
		return list
	}
	return args
}

// Word is a state or a kind in the reader's language: text key
// "<family>_<value>"; the value itself when there is no such sentence.
func Word(l text.Lang, family string, v any) string {
	s := fmt.Sprint(v)
	if key := family + "_" + s; s != "" && text.Has(key) {
		return text.T(l, key)
	}
	return s
}

// Yen is an amount with commas, ▲ before a negative one (1,316,060, ▲25,000).
func Yen(n any) string {
	var v int64
	switch n := n.(type) {
	case money.Yen:
		v = int64(n)
	case int64:
		v = n
	case int:
		v = int64(n)
	default:
		return fmt.Sprint(n)
	}
	if v < 0 {
		return "▲" + group(strconv.FormatInt(-v, 10))
	}
	return group(strconv.FormatInt(v, 10))
}

// Number is a number with commas.
func Number(n any) string { return group(fmt.Sprint(n)) }

// Blanked is the sentence of something that was kept by its key alone: … stands
// for what is not known any more.
func Blanked(s string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		_, s, _ = strings.Cut(rest, "}")
		b.WriteString("…")
	}
}

func group(s string) string {
	whole, rest, _ := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "▲", whole[1:]
	}
	var b strings.Builder
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	if rest != "" {
		b.WriteString("." + rest)
	}
	return sign + b.String()
}

// Date is a civil date as people here write it (2026/11/30); "" for none.
func Date(d civil.Date) string {
	if d.IsZero() {
		return ""
	}
	return strings.ReplaceAll(d.String(), "-", "/")
}

// Day is Date with the day of the week: 2026/11/30(月).
func Day(l text.Lang, d civil.Date) string {
	if d.IsZero() {
		return ""
	}
	return Date(d) + "(" + text.T(l, "web.weekday_"+strconv.Itoa(int(d.Weekday()))) + ")"
}

// Era is the hint under a date: 令和8年・月曜日.
func Era(l text.Lang, d civil.Date) string {
	w, err := d.Wareki()
	if d.IsZero() || err != nil {
		return ""
	}
	year, _, _ := strings.Cut(w.String(), "年")
	return text.T(l, "web.era", "year", year, "weekday", text.T(l, "web.weekday_long_"+strconv.Itoa(int(d.Weekday()))))
}

// When is a moment in Japan: 2026/11/20 17:40; "" for none.
func When(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(civil.JST()).Format("2006/01/02 15:04")
}

// Moment is When to the second: 2026/11/20 17:40:05.
func Moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(civil.JST()).Format("2006/01/02 15:04:05")
}

// Size is a number of bytes in words.
func Size(n any) string {
	v, err := strconv.ParseInt(fmt.Sprint(n), 10, 64)
	switch {
	case err != nil:
		return ""
	case v < 1<<10:
		return strconv.FormatInt(v, 10) + " B"
	case v < 1<<20:
		return strconv.FormatInt((v+1<<9)>>10, 10) + " KB"
	}
	return strconv.FormatFloat(float64(v)/(1<<20), 'f', 1, 64) + " MB"
}

// short is the end of an id, enough to tell two apart.
func short(id string) string {
	if len(id) > 8 {
		return id[len(id)-8:]
	}
	return id
}

func args(kv ...any) (map[string]any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(kv); i += 2 {
		k, ok := kv[i].(string)
		if !ok {
			return nil, fmt.Errorf("args: %v is no name", kv[i])
		}
		m[k] = kv[i+1]
	}
	return m, nil
}

// Run of text that is, or is not, like the other side's.
type Mark struct {
	Text    string
	Differs bool
}

// Marks cuts a into runs that stand in b and runs that do not (longest common
// subsequence), so that the one letter that differs can be lit.
func Marks(a, b string) []Mark {
	x, y := []rune(a), []rune(b)
	if len(x)*len(y) > 1<<18 {
		return []Mark{{Text: a, Differs: a != b}}
	}
	n := make([][]int, len(x)+1)
	for i := range n {
		n[i] = make([]int, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if n[i][j] = max(n[i+1][j], n[i][j+1]); x[i] == y[j] {
				n[i][j] = n[i+1][j+1] + 1
			}
		}
	}
	var out []Mark
	put := func(r rune, differs bool) {
		if k := len(out) - 1; k >= 0 && out[k].Differs == differs {
			out[k].Text += string(r)
			return
		}
		out = append(out, Mark{string(r), differs})
	}
	for i, j := 0, 0; i < len(x); {
		switch {
		case j < len(y) && x[i] == y[j]:
			put(x[i], false)
			i, j = i+1, j+1
		case j < len(y) && n[i][j+1] >= n[i+1][j]:
			j++
		default:
			put(x[i], true)
			i++
		}
	}
	return out
}
