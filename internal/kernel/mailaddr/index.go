package mailaddr

import (
	"cmp"
	"slices"
)

// Near is a registered address that another one resembles.
type Near struct {
	Addr   Addr
	Reason Reason
}

// Index holds registered addresses for comparing one address with all of them.
// It is built once and then read-only, so it may be shared.
type Index struct {
	shapes   []Shape           // one per domain, by domain
	byDomain map[string][]Addr // by address
}

// NewIndex builds the index of registered.
func NewIndex(registered []Addr) *Index {
	x := &Index{byDomain: map[string][]Addr{}}
	for _, a := range registered {
		if len(x.byDomain[a.domain]) == 0 {
			x.shapes = append(x.shapes, NewShape(a.domain))
		}
		x.byDomain[a.domain] = append(x.byDomain[a.domain], a)
	}
	slices.SortFunc(x.shapes, func(a, b Shape) int { return cmp.Compare(a.domain, b.domain) })
	for _, as := range x.byDomain {
		slices.SortFunc(as, func(a, b Addr) int { return cmp.Compare(a.local, b.local) })
	}
	return x
}

// Nearest gives the registered address that a most resembles. An address that is
// registered resembles none. On a registered domain only local parts are
// compared: the domain itself is known to be right.
func (x *Index) Nearest(a Addr) (Near, bool) {
	if same := x.byDomain[a.domain]; same != nil {
		return nearestLocal(a, same)
	}
	best, found, bestRank := Near{}, false, 0
	s := NewShape(a.domain)
	for i := range x.shapes {
		r := s.near(&x.shapes[i])
		if r == "" {
			continue
		}
		to, dist := closest(a.local, x.byDomain[x.shapes[i].domain])
		if rank := weight(r) + 2*dist; !found || rank < bestRank {
			best, found, bestRank = Near{to, r}, true, rank
		}
	}
	return best, found
}

// Nearest compares a with registered once; for more than one comparison build
// an Index.
func Nearest(a Addr, registered []Addr) (Near, bool) { return NewIndex(registered).Nearest(a) }

func nearestLocal(a Addr, same []Addr) (Near, bool) {
	if slices.Contains(same, a) {
		return Near{}, false
	}
	for _, b := range same {
		if nearLocal(a.local, b.local) {
			return Near{b, NearLocal}, true
		}
	}
	return Near{}, false
}

// closest gives the address whose local part is the fewest edits from local, and
// how many, counting at most three.
func closest(local string, as []Addr) (Addr, int) {
	best, bestDist := as[0], 3
	l := newWord(local)
	for _, b := range as {
		w := newWord(b.local)
		for d := range bestDist {
			if l.within(&w, d) {
				best, bestDist = b, d
				break
			}
		}
	}
	return best, bestDist
}

// weight orders reasons: what is harder to see comes first.
func weight(r Reason) int {
	return slices.Index([]Reason{Homoglyph, Hyphen, SuffixSwap, Typo, Inside}, r)
}
