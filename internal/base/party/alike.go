package party

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"unicode/utf8"

	"sekisho/internal/kernel/mailaddr"
)

// host is one domain of a comparison of many with many.
type host struct {
	domain string
	owners owners
	asked  bool // a proposed address is on it; pairs of known domains do not matter
	hit    bool
}

// longName is the length from which a name may differ by two edits, less the
// two by which the other may be longer; see mailaddr.LookAlike, which decides.
const longName = 8

// alike finds, for the domain of each proposed address, one domain of another
// partner that looks like it.
//
// Comparing 100,000 domains with one another pair by pair takes minutes. Two
// texts at most n edits apart have a text in common that each of them becomes
// by dropping at most n characters; so only domains that share such a remainder
// are compared, and mailaddr.LookAlike decides about those.
func alike(known, proposed []Proposal) map[string]Finding {
	hosts := distinct(known, proposed)
	out := map[string]Finding{}
	compare := func(a, b *host) {
		if !a.wanted() && !b.wanted() || a.owners == b.owners && a.owners[1] == "" {
			return
		}
		why, ok := mailaddr.LookAlike(a.domain, b.domain)
		if !ok {
			return
		}
		for _, p := range [][2]*host{{a, b}, {b, a}} {
			if p[0].wanted() {
				p[0].hit = true
				out[p[0].domain] = Finding{Kind: string(why), Near: p[1].domain, Party: p[1].owners.other(p[0].owners[0])}
			}
		}
	}
	inside(hosts, compare)
	blocks(hosts, compare)
	return out
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
				at[d] = &host{domain: d}
			}
			at[d].owners.add(p.Party)
			at[d].asked = at[d].asked || i == 1
		}
	}
	out := make([]host, 0, len(at))
	for _, h := range at {
		out = append(out, *h)
	}
	slices.SortFunc(out, func(a, b host) int { return cmp.Compare(a.domain, b.domain) })
	return out
}

// wanted tells whether something about h is still to be found.
func (h *host) wanted() bool { return h.asked && !h.hit }

// inside compares each domain with those that stand whole at its beginning:
// example.co.jp.evil.com.
func inside(hosts []host, compare func(a, b *host)) {
	at := make(map[string]*host, len(hosts))
	for i := range hosts {
		at[hosts[i].domain] = &hosts[i]
	}
	for i := range hosts {
		for j, r := range hosts[i].domain {
			if b := at[hosts[i].domain[:j]]; r == '.' && b != nil {
				compare(&hosts[i], b)
			}
		}
	}
}

// blockMax bounds the remainders held at once; more are done in several passes.
const blockMax = 1 << 20

// remainder is the hash of a text, and whose domain becomes it.
type remainder struct {
	hash uint64
	at   int32
}

// blocks compares all domains that share a remainder.
func blocks(hosts []host, compare func(a, b *host)) {
	seed := maphash.MakeSeed()
	forms, total := make([][]form, len(hosts)), 0
	for i := range hosts {
		forms[i] = formsOf(hosts[i].domain)
		for _, f := range forms[i] {
			total += f.remainders()
		}
	}
	passes := uint64(total/blockMax + 1)
	var list []remainder
	for pass := range passes {
		list = list[:0]
		for i := range hosts {
			for _, f := range forms[i] {
				f.drop(seed, func(h uint64) {
					if h%passes == pass {
						list = append(list, remainder{h, int32(i)})
					}
				})
			}
		}
		slices.SortFunc(list, func(a, b remainder) int { return cmp.Compare(a.hash, b.hash) })
		for i := range list {
			for j := i + 1; j < len(list) && list[j].hash == list[i].hash; j++ {
				if list[i].at != list[j].at {
					compare(&hosts[list[i].at], &hosts[list[j].at])
				}
			}
		}
	}
}

// form is one way of reading a domain, and how many of its characters another
// may have differently.
type form struct {
	kind  byte // 'd' of domains, 'n' of names: only forms of one kind are compared
	text  []rune
	edits int // 1 or 2
}

// formsOf gives the whole domain, one edit from another, and the name in it, as
// it is and as it looks, one edit from another or, if it is long, two.
func formsOf(domain string) []form {
	shown := shown(domain)
	out := []form{{'d', []rune(marks.Replace(shown)), 1}}
	if shown != domain {
		out = append(out, form{'d', []rune(marks.Replace(domain)), 1})
	}
	name, edits := nameOf(domain, shown), 1
	if len([]rune(name)) >= longName {
		edits = 2
	}
	bare := strings.ReplaceAll(name, "-", "")
	out = append(out, form{'n', []rune(bare), edits})
	if key := mailaddr.Skeleton(bare); key != bare {
		out = append(out, form{'n', []rune(key), edits})
	}
	return out
}

var marks = strings.NewReplacer(".", "", "-", "")

// shown is a domain as a person sees it, in U-labels.
func shown(domain string) string {
	if !strings.Contains(domain, "xn--") {
		return domain
	}
	a, err := mailaddr.Parse("x@" + domain)
	if err != nil {
		return domain
	}
	_, u, _ := strings.Cut(a.Unicode(), "@")
	return u
}

// nameOf is the label that somebody registered, below the public suffix.
func nameOf(domain, shown string) string {
	reg, err := mailaddr.Registrable(domain)
	if err != nil {
		reg = domain
	}
	labels := strings.Split(shown, ".")
	return labels[max(0, len(labels)-1-strings.Count(reg, "."))]
}

// remainders is how many hashes drop gives.
func (f form) remainders() int {
	n := len(f.text)
	if f.edits > 1 {
		return 1 + n + n*(n-1)/2
	}
	return 1 + n
}

// drop gives the hashes of the text and of all that it becomes by dropping up
// to as many characters as it has edits.
func (f form) drop(seed maphash.Seed, emit func(uint64)) {
	buf := make([]byte, 0, 128)
	put := func(not1, not2 int) {
		buf = append(buf[:0], f.kind)
		for i, r := range f.text {
			if i != not1 && i != not2 {
				buf = utf8.AppendRune(buf, r)
			}
		}
		emit(maphash.Bytes(seed, buf))
	}
	put(-1, -1)
	for i := range f.text {
		put(i, -1)
		for j := i + 1; f.edits > 1 && j < len(f.text); j++ {
			put(i, j)
		}
	}
}
