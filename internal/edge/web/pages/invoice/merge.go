package invoice

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/text"
	trade "sekisho/internal/trade/invoice"
)

// Two people wrote at one draft. What each field was when this person began is
// known by its print, a few letters of its hash: so the page can tell who
// changed what, without carrying the whole draft along.

// field is one field of the head: how it reads, and how it is taken over.
type field struct {
	name string
	get  func(trade.Draft) string
	take func(to *trade.Draft, from trade.Draft)
}

var fieldsOfHead = []field{
	{"subject", func(d trade.Draft) string { return d.Subject }, func(to *trade.Draft, from trade.Draft) { to.Subject = from.Subject }},
	{"contact", func(d trade.Draft) string { return d.Contact }, func(to *trade.Draft, from trade.Draft) { to.Contact = from.Contact }},
	{"date", func(d trade.Draft) string { return page.Date(d.Date) }, func(to *trade.Draft, from trade.Draft) { to.Date = from.Date }},
	{"period_from", func(d trade.Draft) string { return page.Date(d.PeriodFrom) }, func(to *trade.Draft, from trade.Draft) { to.PeriodFrom = from.PeriodFrom }},
	{"period_to", func(d trade.Draft) string { return page.Date(d.PeriodTo) }, func(to *trade.Draft, from trade.Draft) { to.PeriodTo = from.PeriodTo }},
	{"due", func(d trade.Draft) string { return page.Date(d.Due) }, func(to *trade.Draft, from trade.Draft) { to.Due = from.Due }},
	{"returned", func(d trade.Draft) string { return page.Date(d.Returned) }, func(to *trade.Draft, from trade.Draft) { to.Returned = from.Returned }},
	{"delivery", func(d trade.Draft) string { return strconv.FormatBool(d.Delivery) }, func(to *trade.Draft, from trade.Draft) { to.Delivery = from.Delivery }},
	{"pricing", func(d trade.Draft) string { return pricing(d) }, func(to *trade.Draft, from trade.Draft) { to.Pricing = from.Pricing }},
	{"rounding", func(d trade.Draft) string { return string(d.Rounding) }, func(to *trade.Draft, from trade.Draft) { to.Rounding = from.Rounding }},
	{"account", func(d trade.Draft) string { return d.Account }, func(to *trade.Draft, from trade.Draft) { to.Account = from.Account }},
	{"discount", func(d trade.Draft) string { return page.Yen(d.Discount.Amount) }, func(to *trade.Draft, from trade.Draft) { to.Discount.Amount = from.Discount.Amount }},
	{"discount_text", func(d trade.Draft) string { return d.Discount.Description }, func(to *trade.Draft, from trade.Draft) { to.Discount.Description = from.Discount.Description }},
	{"message", func(d trade.Draft) string { return unix(d.Message) }, func(to *trade.Draft, from trade.Draft) { to.Message = from.Message }},
	{"notes", func(d trade.Draft) string { return unix(d.Notes) }, func(to *trade.Draft, from trade.Draft) { to.Notes = from.Notes }},
}

// pricing is the draft's, or the one that holds where it says nothing.
func pricing(d trade.Draft) string {
	return string(cmp.Or(d.Pricing, money.TaxExclusive))
}

// unix is a text without the line ends of a form.
func unix(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

func printOf(s string) string {
	h := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(h[:6])
}

func lineText(l trade.Line) string {
	b, err := json.Marshal(l, json.Deterministic(true))
	if err != nil {
		return l.Description // a line of plain values always has a JSON form
	}
	return string(b)
}

// prints are those of a draft: of the head's fields, then of its lines.
func prints(d trade.Draft) string {
	var out []string
	for _, f := range fieldsOfHead {
		out = append(out, printOf(f.get(d)))
	}
	for _, l := range d.Lines {
		out = append(out, printOf(lineText(l)))
	}
	return strings.Join(out, ".")
}

// The sides of a choice.
const (
	mine   = "mine"
	theirs = "theirs"
	both   = "both" // of lines only
)

// choice is one thing in which the two drafts differ. Pick is the side that is
// taken: the one that changed it where only one did, "" where the person must say.
type choice struct {
	Name, Label    string
	Mine, Theirs   string
	MyLines, Other []trade.Line
	Lines          bool
	Pick           string
}

// merge puts two drafts together: picked says which side to take, "" for what
// nobody has picked yet.
func merge(base string, my, other trade.Draft, picked func(name string) string) (trade.Draft, []choice) {
	was := strings.Split(base, ".")
	var head []string
	if len(was) >= len(fieldsOfHead) {
		head, was = was[:len(fieldsOfHead)], was[len(fieldsOfHead):]
	} else {
		was = nil
	}
	out := other
	var all []choice
	for i, f := range fieldsOfHead {
		c := choice{Name: f.name, Mine: f.get(my), Theirs: f.get(other), Pick: picked(f.name)}
		if c.Mine == c.Theirs {
			continue
		}
		if c.Pick != mine && c.Pick != theirs {
			c.Pick = changed(head != nil && printOf(c.Mine) == head[i], head != nil && printOf(c.Theirs) == head[i])
		}
		if c.Pick == mine {
			f.take(&out, my)
		}
		all = append(all, c)
	}
	var lines []choice
	out.Lines, lines = mergeLines(was, my.Lines, other.Lines, picked)
	return out, append(all, lines...)
}

// changed is the side to take when one of the two is as it was.
func changed(mineIsOld, theirsIsOld bool) string {
	switch {
	case mineIsOld && !theirsIsOld:
		return theirs
	case theirsIsOld && !mineIsOld:
		return mine
	}
	return ""
}

// mergeLines goes along the lines both drafts have: where such a line differs it
// is one choice, and what lies between two of them is another.
func mergeLines(was []string, my, other []trade.Line, picked func(string) string) (out []trade.Line, all []choice) {
	old := func(list []trade.Line) bool {
		return len(list) > 0 && !slices.ContainsFunc(list, func(l trade.Line) bool { return !slices.Contains(was, printOf(lineText(l))) })
	}
	i, j := 0, 0
	between := func(toI, toJ int) {
		if i == toI && j == toJ {
			return
		}
		c := choice{Name: "lines" + strconv.Itoa(len(all)), Lines: true, MyLines: my[i:toI], Other: other[j:toJ]}
		c.Pick = picked(c.Name)
		if c.Pick != mine && c.Pick != theirs && c.Pick != both {
			c.Pick = side(old(c.MyLines), old(c.Other), len(c.MyLines), len(c.Other))
		}
		if c.Pick != mine {
			out = append(out, c.Other...)
		}
		if c.Pick == mine || c.Pick == both {
			out = append(out, c.MyLines...)
		}
		all = append(all, c)
		i, j = toI, toJ
	}
	for _, s := range shared(my, other) {
		between(s[0], s[1])
		if lineText(my[s[0]]) != lineText(other[s[1]]) {
			between(s[0]+1, s[1]+1)
			continue
		}
		out = append(out, my[s[0]])
		i, j = s[0]+1, s[1]+1
	}
	between(len(my), len(other))
	return out, all
}

// side is the one to take of two runs of lines. Where one has none, the other has
// added them if they are new; if they are old, one of the two has deleted them,
// and the person says whether that is right.
func side(mineIsOld, theirsIsOld bool, n, m int) string {
	switch {
	case n == 0 && !theirsIsOld:
		return theirs
	case m == 0 && !mineIsOld:
		return mine
	case n == 0 || m == 0:
		return ""
	}
	return changed(mineIsOld, theirsIsOld)
}

// shared are the pairs of places of the longest run of lines that both have: those
// of one slip and description are the same line, whatever else was changed in it.
func shared(a, b []trade.Line) (pairs [][2]int) {
	x, y := make([]string, len(a)), make([]string, len(b))
	for i, l := range a {
		x[i] = l.Slip + "\x00" + l.Description
	}
	for j, l := range b {
		y[j] = l.Slip + "\x00" + l.Description
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
	for i, j := 0, 0; i < len(x) && j < len(y); {
		switch {
		case x[i] == y[j]:
			pairs = append(pairs, [2]int{i, j})
			i, j = i+1, j+1
		case n[i+1][j] >= n[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}

// words puts names and values of the choices into the reader's language.
func words(q *page.Req, e *editor, all []choice) []choice {
	for i := range all {
		c := &all[i]
		if c.Label = label(q, c.Name); c.Lines {
			c.Label = q.T("web.invoice.lines")
			continue
		}
		for _, side := range []*string{&c.Mine, &c.Theirs} {
			switch key := "web.invoice." + c.Name + "_" + *side; {
			case c.Name == "contact" || c.Name == "account":
				*side = e.nameOf(c.Name, *side)
			case *side != "" && text.Has(key):
				*side = q.T(key)
			}
		}
	}
	return all
}
