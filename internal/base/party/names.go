package party

import (
	"bytes"
	"slices"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"

	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
)

// Index is the register's names in memory, for searching: in the database they
// are sealed, and an index of their parts there would tell what they are.
//
// The names lie folded (jp.Fold) and packed one behind the other, and every
// search goes over all of them once: it costs the same whatever is asked, and
// the memory of a million names is some 60 MB. Beside each name lie the columns
// that decide who may see it, so that what the actor may not see is left out
// before anything is fetched.
type Index struct {
	Module gate.Module
	Search *gate.UseCase[SearchIn, SearchOut]

	mu     sync.RWMutex
	text   []byte           // name 0 kana 0 code 0, of each entry in turn
	counts [256]int         // how often each byte stands in text
	all    []listed         // in the order of text
	ids    []string         // of all
	late   map[string]int32 // where those are that came after the fill, which is in the order of ids
	sorted int              // so many of all are in the order of their ids
	dead   int              // so many of all are replaced or gone
	words  map[string]int32 // owners, departments and runs, as numbers
	filled bool
}

// listed is one partner in memory.
type listed struct {
	end                    uint32 // of its text
	owner, department, run int32  // in words; run 0: replaced or gone
}

// NewIndex makes an empty index; Run fills it and keeps it current.
func NewIndex() *Index {
	n := &Index{}
	n.clear()
	n.Search = n.searchOp()
	n.Module = gate.Module{Name: "party", Ops: []gate.Any{IndexOp, n.Search}, Queries: []gate.AnyQuery{within}}
	return n
}

func (n *Index) clear() {
	n.text, n.all, n.ids, n.counts, n.sorted, n.dead = nil, nil, nil, [256]int{}, 0, 0
	n.late, n.words = map[string]int32{}, map[string]int32{}
}

// pack writes a folded text so that it is short and can be searched as bytes:
// katakana, of which readings consist, is one byte (0x80 to 0xDF), ASCII itself,
// and all else begins with a byte from 0xE0 on and goes on with two or three below.
func pack(to []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf:
			to = append(to, byte(r))
		case r >= 'ァ'-1 && r < 'ァ'-1+0x60:
			to = append(to, byte(r-('ァ'-1))+0x80)
		case r < 0x10000:
			to = append(to, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F)
		default:
			to = append(to, 0xF0|byte(r>>18), 0x80|byte(r>>12)&0x3F, 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F)
		}
	}
	return to
}

// whole tells whether a character begins at i, and not the rest of one.
func whole(text []byte, i int) bool {
	return !(i >= 1 && text[i-1] >= 0xE0 || i >= 2 && text[i-2] >= 0xE0 || i >= 3 && text[i-3] >= 0xF0)
}

func (n *Index) number(word string) int32 {
	k, ok := n.words[word]
	if !ok {
		k = int32(len(n.words)) + 1
		n.words[word] = k
	}
	return k
}

// put takes rows in as they now are; those of them it knew are replaced.
func (n *Index) put(rows []IndexRow) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range rows {
		n.drop(r.ID)
		n.add(r)
	}
	n.tidy()
}

func (n *Index) add(r IndexRow) {
	from := len(n.text)
	for _, s := range []string{r.Name, r.Kana, r.Code} {
		n.text = append(pack(n.text, strings.ReplaceAll(jp.Fold(s), "\x00", "")), 0)
	}
	for _, b := range n.text[from:] {
		n.counts[b]++
	}
	if n.sorted == len(n.all) && (n.sorted == 0 || n.ids[n.sorted-1] < r.ID) {
		n.sorted++
	} else {
		n.late[r.ID] = int32(len(n.all))
	}
	n.ids = append(n.ids, strings.Clone(r.ID))
	n.all = append(n.all, listed{uint32(len(n.text)), n.number(r.Owner), n.number(r.Department), n.number(r.Run)})
}

// remove forgets partners that are gone.
func (n *Index) remove(ids []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, id := range ids {
		n.drop(id)
	}
	n.tidy()
}

// drop overwrites a partner's text, so that nothing is found there any more.
func (n *Index) drop(id string) {
	at := n.at(id)
	if at < 0 {
		return
	}
	delete(n.late, id)
	for i := n.begin(at); i < int(n.all[at].end); i++ {
		n.counts[n.text[i]]--
		n.text[i] = 0
		n.counts[0]++
	}
	n.all[at].owner, n.all[at].department, n.all[at].run = 0, 0, 0
	n.dead++
}

// at is where a partner lies, -1 if nowhere. One of the ordered part that was
// dropped keeps its id, for the order's sake, and no run.
func (n *Index) at(id string) int {
	if i, ok := n.late[id]; ok {
		return int(i)
	}
	i := sort.Search(n.sorted, func(i int) bool { return n.ids[i] >= id })
	if i < n.sorted && n.ids[i] == id && n.all[i].run != 0 {
		return i
	}
	return -1
}

func (n *Index) begin(at int) int {
	if at == 0 {
		return 0
	}
	return int(n.all[at-1].end)
}

// tidy packs anew once a quarter of what lies there is dead.
func (n *Index) tidy() {
	if n.dead < 1000 || n.dead*4 < len(n.all) {
		return
	}
	old, text, ids := n.all, n.text, n.ids
	live := make([]int, 0, len(old)-n.dead)
	for i, e := range old {
		if e.run != 0 {
			live = append(live, i)
		}
	}
	slices.SortFunc(live, func(a, b int) int { return strings.Compare(ids[a], ids[b]) })
	n.text, n.all, n.ids = make([]byte, 0, len(text)), make([]listed, 0, len(live)), make([]string, 0, len(live))
	n.counts, n.late, n.dead = [256]int{}, map[string]int32{}, 0
	for _, i := range live {
		from := uint32(0)
		if i > 0 {
			from = old[i-1].end
		}
		n.text = append(n.text, text[from:old[i].end]...)
		e := old[i]
		e.end = uint32(len(n.text))
		n.all, n.ids = append(n.all, e), append(n.ids, ids[i])
	}
	for _, b := range n.text {
		n.counts[b]++
	}
	n.sorted = len(n.all)
}

// reach is whom a search may find, in the index's numbers.
type reach struct {
	all         bool
	own         int32
	departments []int32
	runs        []int32
	assigned    []uint64 // a bit for each of Index.all
}

func (r reach) has(e listed, at int) bool {
	if e.run == 0 || !slices.Contains(r.runs, e.run) {
		return false
	}
	return r.all || r.own != 0 && e.owner == r.own || slices.Contains(r.departments, e.department) ||
		r.assigned != nil && r.assigned[at/64]&(1<<(at%64)) != 0
}

// How well a partner fits: its name, reading or code is what was asked, begins
// with it, or holds it somewhere.
const (
	fitsWhole = iota
	fitsStart
	fitsInside
	fits
)

// find gives up to limit partners in reach that hold a folded text, the best
// first, and whether there are more. It goes over the text once, whatever is in it.
func (n *Index) find(folded string, in func(n *Index) reach, limit int) (ids []string, more bool) {
	want := pack(nil, folded)
	n.mu.RLock()
	defer n.mu.RUnlock()
	if len(want) == 0 || bytes.IndexByte(want, 0) >= 0 {
		return nil, false
	}
	r := in(n)
	var best [fits][]int
	rare := n.rarest(want)
	at, next := -1, 0 // the entry best looked at, and where the next begins
	for i := rare; i < len(n.text); {
		k := bytes.IndexByte(n.text[i:], want[rare])
		if k < 0 {
			break
		}
		from := i + k - rare
		i += k + 1
		if !bytes.HasPrefix(n.text[from:], want) || !whole(n.text, from) {
			continue
		}
		for next <= from {
			at++
			next = int(n.all[at].end)
		}
		i = next + rare
		if !r.has(n.all[at], at) {
			continue
		}
		fit := n.fit(from, len(want))
		if len(best[fit]) < limit {
			best[fit] = append(best[fit], at)
		} else {
			more = true
		}
	}
	for _, list := range best {
		for _, at := range list {
			if len(ids) == limit {
				return ids, true
			}
			ids = append(ids, n.ids[at])
		}
	}
	return ids, more
}

func (n *Index) fit(from, size int) int {
	switch {
	case from > 0 && n.text[from-1] != 0:
		return fitsInside
	case n.text[from+size] != 0:
		return fitsStart
	}
	return fitsWhole
}

// rarest is the place of the byte that stands least often in the text: looking
// for that one is what makes a search fast.
func (n *Index) rarest(want []byte) int {
	best := 0
	for i, b := range want {
		if n.counts[b] < n.counts[want[best]] {
			best = i
		}
	}
	return best
}

// assign gives the bits of some partners.
func (n *Index) assign(ids []string) []uint64 {
	out := make([]uint64, len(n.all)/64+1)
	for _, id := range ids {
		if at := n.at(id); at >= 0 {
			out[at/64] |= 1 << (at % 64)
		}
	}
	return out
}

// Filled tells whether everybody is in.
func (n *Index) Filled() bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.filled
}
