package party

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"

	"sekisho/internal/kernel/mailaddr"
)

// host is one domain of a comparison of many with many.
type host struct {
	shape  mailaddr.Shape
	owners owners
	asked  bool // a proposed address is on it; pairs of known domains do not matter
	hit    bool
}

// group are hosts that are compared as one: a single one by the whole domain,
// all of one site by the site's name, which is why 100,000 subdomains of one
// site cost as much as one.
type group struct {
	hosts []*host
	two   []*host // one or two of them, of different owners if there are such
	open  int     // hosts about which something is still to be found
	tries int
}

// patience is how many others a group is compared with before it counts as
// strange without a closer look, so that a file made of look-alikes costs no
// more than an ordinary one. Ordinary domains share a remainder with a few.
const patience = 2000

// longName is the length from which a name may differ by two edits, less the
// two by which the other may be longer; see mailaddr.LookAlike, which decides.
const longName = 8

// search finds, for the domain of each proposed address, one domain of another
// partner that looks like it.
//
// Comparing 100,000 domains with one another pair by pair takes minutes. Two
// texts at most n edits apart have a text in common that each of them becomes
// by dropping at most n characters; so only domains that share such a remainder
// are compared, and mailaddr.LookAlike decides about those.
type search struct{ found map[string]Finding }

func alike(known, proposed []Proposal) map[string]Finding {
	hosts := distinct(known, proposed)
	s := search{map[string]Finding{}}
	s.inside(hosts)
	s.blocks(singly(hosts), domainForms)
	s.blocks(bySite(hosts), siteForms)
	return s.found
}

// distinct lists the domains that are somebody's own, in the order of their names.
func distinct(known, proposed []Proposal) []host {
	at := map[string]*host{}
	for i, list := range [][]Proposal{known, proposed} {
		for _, p := range list {
			d := p.Address.Domain()
			if mailaddr.FreeMail(d) {
				continue
			}
			if at[d] == nil {
				at[d] = &host{shape: mailaddr.NewShape(d)}
			}
			at[d].owners.add(p.Party)
			at[d].asked = at[d].asked || i == 1
		}
	}
	out := make([]host, 0, len(at))
	for _, h := range at {
		out = append(out, *h)
	}
	slices.SortFunc(out, func(a, b host) int { return cmp.Compare(a.shape.Domain(), b.shape.Domain()) })
	return out
}

func singly(hosts []host) []*group {
	out := make([]*group, len(hosts))
	for i := range hosts {
		out[i] = &group{}
		out[i].add(&hosts[i])
	}
	return out
}

func bySite(hosts []host) []*group {
	var out []*group
	at := map[string]*group{}
	for i := range hosts {
		site := hosts[i].shape.Site()
		if at[site] == nil {
			at[site] = &group{}
			out = append(out, at[site])
		}
		at[site].add(&hosts[i])
	}
	return out
}

func (g *group) add(h *host) {
	g.hosts = append(g.hosts, h)
	if len(g.two) == 0 || len(g.two) == 1 && g.two[0].owners != h.owners {
		g.two = append(g.two, h)
	}
	if h.wanted() {
		g.open++
	}
}

// wanted tells whether something about h is still to be found.
func (h *host) wanted() bool { return h.asked && !h.hit }

// same tells whether all of a and b belong to one partner.
func same(a, b *host) bool { return a.owners == b.owners && a.owners[1] == "" }

func (s search) mark(h *host, f Finding) {
	h.hit = true
	s.found[h.shape.Domain()] = f
}

// compare looks for something about the hosts of g among those of other.
func (s search) compare(g, other *group) {
	if g.tries++; g.tries > patience {
		g.each(func(h *host) { s.mark(h, Finding{Kind: FindCrowded}) })
		return
	}
	if _, ok := g.two[0].shape.LookAlike(&other.two[0].shape); !ok {
		return
	}
	g.each(func(h *host) {
		for _, o := range other.two {
			if why, ok := h.shape.LookAlike(&o.shape); ok && !same(h, o) {
				s.mark(h, Finding{Kind: string(why), Near: o.shape.Domain(), Party: o.owners.other(h.owners[0])})
				return
			}
		}
	})
}

// each runs f on the hosts about which something is still to be found.
func (g *group) each(f func(*host)) {
	g.open = 0
	for _, h := range g.hosts {
		if h.wanted() {
			f(h)
		}
		if h.wanted() {
			g.open++
		}
	}
}

// inside compares each domain with those that stand whole at its beginning:
// example.co.jp.evil.com.
func (s search) inside(hosts []host) {
	at := make(map[string]*host, len(hosts))
	for i := range hosts {
		at[hosts[i].shape.Domain()] = &hosts[i]
	}
	for i := range hosts {
		a := &hosts[i]
		for j, r := range a.shape.Domain() {
			b := at[a.shape.Domain()[:j]]
			if r != '.' || b == nil || same(a, b) {
				continue
			}
			why, ok := a.shape.LookAlike(&b.shape)
			for _, p := range [][2]*host{{a, b}, {b, a}} {
				if ok && p[0].wanted() {
					s.mark(p[0], Finding{Kind: string(why), Near: p[1].shape.Domain(), Party: p[1].owners.other(p[0].owners[0])})
				}
			}
		}
	}
}

// blockMax bounds the remainders held at once; more are done in several passes.
const blockMax = 1 << 22

// remainder is the hash of a text, and in its low bits whose text becomes it:
// one number, because sorting numbers is what takes the time. Two texts of one
// hash cost a comparison, nothing else.
type remainder uint64

const whose = 1<<24 - 1

func (r remainder) hash() uint64              { return uint64(r) &^ whose }
func (r remainder) of(groups []*group) *group { return groups[r&whose] }

// blocks compares all groups that share a remainder.
func (s search) blocks(groups []*group, formsOf func(*mailaddr.Shape) []form) {
	forms, total := make([][]form, len(groups)), 0
	for i, g := range groups {
		forms[i] = formsOf(&g.two[0].shape)
		for _, f := range forms[i] {
			total += f.remainders()
		}
	}
	roll := newRolling()
	passes := uint64(total/blockMax + 1)
	var list []remainder
	for pass := range passes {
		if !slices.ContainsFunc(groups, func(g *group) bool { return g.open > 0 }) {
			return
		}
		list = list[:0]
		for i := range groups {
			for _, f := range forms[i] {
				roll.drop(f, func(h uint64) {
					if (h&(1<<32-1))*passes>>32 == pass {
						list = append(list, remainder(h&^whose|uint64(i)))
					}
				})
			}
		}
		slices.Sort(list)
		for rest := slices.Compact(list); len(rest) > 0; {
			n := 1
			for n < len(rest) && rest[n].hash() == rest[0].hash() {
				n++
			}
			s.bucket(groups, rest[:n])
			rest = rest[n:]
		}
	}
}

// bucket compares the groups that share one remainder.
func (s search) bucket(groups []*group, list []remainder) {
	for i, a := range list {
		g := a.of(groups)
		// Each begins with its neighbour, which in a large bucket is the likeliest.
		for k := 1; k < len(list) && g.open > 0; k++ {
			s.compare(g, list[(i+k)%len(list)].of(groups))
		}
	}
}

// form is one way of reading a domain, and how many of its characters another
// may have differently.
type form struct {
	kind  uint64 // only forms of one kind are compared
	text  []rune
	edits int // 1 or 2
}

const (
	wholeForm = iota
	siteForm
	nameForm
)

// domainForms gives the whole domain as it is written and as it shows, one edit
// from another.
func domainForms(s *mailaddr.Shape) []form {
	out := []form{{wholeForm, []rune(marks.Replace(s.Host())), 1}}
	if s.Host() != s.Domain() {
		out = append(out, form{wholeForm, []rune(marks.Replace(s.Domain())), 1})
	}
	return out
}

// siteForms gives what somebody registered, one edit from another, and the name
// in it, as it is and as it looks, one edit from another or, if it is long, two.
func siteForms(s *mailaddr.Shape) []form {
	edits := 1
	if utf8.RuneCountInString(s.Name()) >= longName {
		edits = 2
	}
	bare := strings.ReplaceAll(s.Name(), "-", "")
	out := []form{{siteForm, []rune(marks.Replace(s.Site())), 1}, {nameForm, []rune(bare), edits}}
	if s.Key() != bare {
		out = append(out, form{nameForm, []rune(s.Key()), edits})
	}
	return out
}

var marks = strings.NewReplacer(".", "", "-", "")

// remainders is how many hashes drop gives.
func (f form) remainders() int {
	n := len(f.text)
	if f.edits > 1 {
		return 1 + n + n*(n-1)/2
	}
	return 1 + n
}

// rolling hashes a text as a polynomial in base, so that dropping a character
// costs a multiplication and not a text: what stands behind it is divided by
// base, which has an inverse because it is odd.
type rolling struct {
	key, base, inverse uint64
	powers, before     []uint64
}

func newRolling() *rolling {
	r := &rolling{key: rand.Uint64(), base: rand.Uint64() | 1, powers: []uint64{1}}
	r.inverse = r.base
	for range 6 { // Newton: each step doubles the bits that are right, from three
		r.inverse *= 2 - r.base*r.inverse
	}
	return r
}

// drop gives the hashes of the text and of all that it becomes by dropping up
// to as many characters as it has edits.
func (r *rolling) drop(f form, emit func(uint64)) {
	n := len(f.text)
	r.before = append(r.before[:0], 0) // before[i] is the hash of the first i characters
	for i, c := range f.text {
		if len(r.powers) <= i {
			r.powers = append(r.powers, r.powers[i-1]*r.base)
		}
		r.before = append(r.before, r.before[i]+mix(uint64(c)^r.key)*r.powers[i])
	}
	kind, all := mix(f.kind+r.key), r.before[n]
	emit(mix(all ^ kind))
	for i := range n {
		rest := (all - r.before[i+1]) * r.inverse
		emit(mix(r.before[i] + rest ^ kind))
		for j := i + 1; f.edits > 1 && j < n; j++ {
			middle, end := r.before[j]-r.before[i+1], all-r.before[j+1]
			emit(mix(r.before[i] + (middle+end*r.inverse)*r.inverse ^ kind))
		}
	}
}

// mix spreads every bit of x over all of them (Steele, Lea and Flood: SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
