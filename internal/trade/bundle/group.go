package bundle

import (
	"slices"
	"strconv"
)

// Group is a document as its pages make it.
type Group struct {
	Pages    []Page
	Said     Said
	Findings []Finding // what is wrong with its pages
}

// Rest is a leftover (残り): a page that is in no document, with the reason.
type Rest struct {
	Page Page
	Why  string // text key
	Like int    // of a doubled page: the page of the same file it repeats, 0 if of another
}

// Divide parts pages into documents, at 得意先コード, number and page marks. Each
// page is in exactly one document or among the leftovers. It repairs nothing: a
// page that lies in a wrong place is a leftover, and its document says that it
// lacks it.
func Divide(pages []Page) ([]Group, []Rest) {
	d := divider{byNumber: map[string]int{}, byCode: map[string]int{}}
	source := -1
	for _, p := range pages {
		if p.Source != source {
			source, d.at = p.Source, -1
		}
		d.take(p)
	}
	for i := range d.groups {
		d.groups[i].complete()
	}
	for i, r := range d.rest {
		if r.Why == strayPage && d.home(r.Page) < 0 {
			d.rest[i].Why = orphanPage
		}
	}
	return d.groups, d.rest
}

// Why a page is left over.
const (
	strayPage   = "bundle.rest.stray"   // between the pages of another document
	doubledPage = "bundle.rest.doubled" // the same page again
	orphanPage  = "bundle.rest.orphan"  // the first page of its document is not there
	namelessWhy = "bundle.rest.nameless"
	noTextWhy   = "bundle.rest.no_text"
	glyphsWhy   = "bundle.rest.glyphs"
)

type divider struct {
	groups   []Group
	rest     []Rest
	at       int            // the document whose pages are coming; -1: none
	byNumber map[string]int // number → document
	byCode   map[string]int // code → the last document of it without a number
}

func (d *divider) leave(p Page, why string, like int) { d.rest = append(d.rest, Rest{p, why, like}) }

func (d *divider) take(p Page) {
	if p.Why != "" {
		d.leave(p, p.Why, 0)
		return
	}
	if d.at >= 0 && d.groups[d.at].has(p) {
		d.add(d.at, p)
		return
	}
	if p.code() == "" && p.number() == "" {
		d.leave(p, namelessWhy, 0)
		return
	}
	if home := d.home(p); home >= 0 {
		if like, doubled := d.groups[home].repeats(p); doubled {
			d.leave(p, doubledPage, like)
		} else {
			d.leave(p, strayPage, 0)
		}
		return
	}
	if p.Mark.No > 1 {
		d.leave(p, strayPage, 0)
		return
	}
	d.at = len(d.groups)
	d.groups = append(d.groups, Group{Pages: []Page{p}, Said: p.Said})
	if n := p.number(); n != "" {
		d.byNumber[n] = d.at
	} else {
		d.byCode[p.code()] = d.at
	}
}

// add appends a page, unless it is there already.
func (d *divider) add(at int, p Page) {
	g := &d.groups[at]
	if like, doubled := g.repeats(p); doubled {
		d.leave(p, doubledPage, like)
		return
	}
	g.Pages, g.Said = append(g.Pages, p), g.Said.with(p.Said)
	if _, known := d.byNumber[p.number()]; p.number() != "" && !known {
		d.byNumber[p.number()] = at
	}
}

// home is the document that a page says it belongs to, -1 if there is none.
func (d *divider) home(p Page) int {
	if n := p.number(); n != "" {
		if i, ok := d.byNumber[n]; ok {
			return i
		}
		return -1
	}
	if i, ok := d.byCode[p.code()]; ok && p.code() != "" && p.Mark.No > 1 {
		return i
	}
	return -1
}

// has tells whether a page goes on with the document whose pages are coming.
func (g Group) has(p Page) bool {
	last := g.Pages[len(g.Pages)-1]
	follows := p.Mark.No == last.Mark.No+1 && p.Mark.Of == last.Mark.Of && p.Mark.No > 1
	switch n, c := p.number(), p.code(); {
	case n != "" && g.Said.number() != "":
		return n == g.Said.number() && (c == "" || g.Said.code() == "" || c == g.Said.code())
	case c != "" && g.Said.code() != "":
		return c == g.Said.code() && (follows || p.Mark.No != 1 && p.Mark.Of == g.Pages[0].Mark.Of || p.Mark == g.Pages[0].Mark && p.Text == g.Pages[0].Text)
	default:
		return follows
	}
}

// repeats tells whether a document has a page already: the same mark, or the
// same words, and on which page of its own file.
func (g Group) repeats(p Page) (like int, doubled bool) {
	i := slices.IndexFunc(g.Pages, func(o Page) bool { return p.Mark.Of > 0 && o.Mark == p.Mark || o.Text == p.Text })
	if i < 0 {
		return 0, false
	}
	if g.Pages[i].Source == p.Source {
		like = g.Pages[i].No
	}
	return like, true
}

// complete notes what the marks of the pages say is missing or out of order.
func (g *Group) complete() {
	of := 0
	for _, p := range g.Pages {
		of = max(of, p.Mark.Of)
	}
	if of == 0 {
		return
	}
	for no := 1; no <= of; no++ {
		if !slices.ContainsFunc(g.Pages, func(p Page) bool { return p.Mark.No == no }) {
			g.Findings = append(g.Findings, Finding{Key: FoundPageMissing, Read: strconv.Itoa(no) + "/" + strconv.Itoa(of)})
		}
	}
	for i, p := range g.Pages {
		if p.Mark.Of != 0 && (p.Mark.Of != of || i > 0 && p.Mark.No < g.Pages[i-1].Mark.No) {
			g.Findings = append(g.Findings, Finding{Key: FoundPageOrder, Read: mark(p.Mark), List: strconv.Itoa(p.No)})
		}
	}
}

func mark(m Mark) string { return strconv.Itoa(m.No) + "/" + strconv.Itoa(m.Of) }

// place puts a left-over page of the same file into a document, by its mark. ok
// is false if it does not say that it belongs there.
func (g Group) place(p Page) (out Group, ok bool) {
	sameNumber := p.number() != "" && p.number() == g.Said.number()
	sameCode := p.number() == "" && p.code() != "" && p.code() == g.Said.code()
	if _, doubled := g.repeats(p); doubled || !sameNumber && !sameCode || p.Source != g.Pages[0].Source || p.Mark.No == 0 {
		return g, false
	}
	return sorted(append(slices.Clone(g.Pages), p)), true
}

// sorted is the document of these pages in the order of their marks.
func sorted(pages []Page) Group {
	slices.SortStableFunc(pages, func(a, b Page) int { return a.Mark.No - b.Mark.No })
	out := Group{Pages: pages, Said: pages[0].Said}
	for _, p := range pages[1:] {
		out.Said = out.Said.with(p.Said)
	}
	out.complete()
	return out
}
