package mailaddr

import (
	"bufio"
	_ "embed"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/text"
)

// registered are made-up partners and, for the shapes that really occur, a few
// well-known companies.
var registered = strings.Fields(`
	example.co.jp hokuto-supply.co.jp hokutosangyo.co.jp kita-denki.jp minami-kogyo.co.jp akagi.ne.jp
	sakura-foods.com yamamoto-seiki.co.jp tanakashoji.co.jp suzuki-unyu.jp mori.or.jp aoba-med.or.jp
	nihon-denso.co.jp kanto-kensetsu.co.jp fuji-printing.com umi.co.jp billing.orion-trading.co.jp
	3rd-floor.jp abc.co.jp company.tokyo xn--wgv71a119e.jp clover-vision.com`)

func mustDomain(t testing.TB, s string) string {
	t.Helper()
	d, err := CanonicalDomain(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return d
}

// flagged: refused by Parse, or named as near to the registered domain.
func flagged(reg, s string) bool {
	d, err := CanonicalDomain(s)
	if err != nil || d == reg {
		return true
	}
	_, near := LookAlike(d, reg)
	return near
}

// edits gives every domain one edit away from s.
func edits(s string) []string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-."
	var all []string
	for i := range len(s) + 1 {
		for _, c := range letters {
			all = append(all, s[:i]+string(c)+s[i:])
			if i < len(s) {
				all = append(all, s[:i]+string(c)+s[i+1:])
			}
		}
		if i < len(s) {
			all = append(all, s[:i]+s[i+1:])
		}
		if i+1 < len(s) {
			all = append(all, s[:i]+s[i+1:i+2]+s[i:i+1]+s[i+2:])
		}
	}
	return all
}

func TestSM32_H04_EveryOneEditIsFlagged(t *testing.T) {
	n := 0
	for _, reg := range registered {
		for _, e := range edits(reg) {
			n++
			if !flagged(reg, e) {
				t.Errorf("%s passes beside %s", e, reg)
			}
		}
	}
	t.Logf("%d edits of %d domains, all flagged", n, len(registered))
}

func TestSM32_H04_TwoEditsOfLongNamesAreFlagged(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, reg := range registered {
		site, err := Registrable(reg)
		if err != nil {
			t.Fatal(err)
		}
		name, suffix, _ := strings.Cut(site, ".")
		if len(name) < longName || strings.HasPrefix(name, "xn--") {
			continue
		}
		once := edits(name)
		for range 1000 {
			twice := edits(once[rng.IntN(len(once))])
			e := twice[rng.IntN(len(twice))]
			if strings.Contains(e, ".") {
				continue
			}
			if e += "." + suffix; !flagged(site, e) {
				t.Errorf("%s passes beside %s", e, site)
			}
		}
	}
}

func TestSM32_H04_SuffixSwapsAndHyphensAreFlagged(t *testing.T) {
	for _, reg := range registered {
		site, _ := Registrable(reg)
		name, _, _ := strings.Cut(site, ".")
		for _, suffix := range strings.Fields("co.jp ne.jp or.jp ac.jp go.jp gr.jp jp com net org biz info co cn tokyo.jp") {
			if !flagged(site, name+"."+suffix) {
				t.Errorf("%s.%s passes beside %s", name, suffix, site)
			}
		}
		for i := 1; i < len(name) && !strings.HasPrefix(name, "xn--"); i++ {
			if e := strings.Replace(site, name, name[:i]+"-"+name[i:], 1); !flagged(site, e) {
				t.Errorf("%s passes beside %s", e, site)
			}
		}
		if e := strings.ReplaceAll(site, "-", ""); !strings.HasPrefix(name, "xn--") && !flagged(site, e) {
			t.Errorf("%s passes beside %s", e, site)
		}
	}
}

// twins are the look-alikes of Unicode's own table, by ASCII character.
func twins(t *testing.T) map[rune][]rune {
	f, err := os.Open("testdata/confusables.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := map[rune][]rune{'o': {'0'}, '0': {'o'}, 'l': {'1', 'i'}, '1': {'l', 'i'}, 'i': {'l', '1'}}
	for s := bufio.NewScanner(f); s.Scan(); {
		hex, to, ok := strings.Cut(s.Text(), "\t")
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(hex, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		m[rune(to[0])] = append(m[rune(to[0])], rune(n))
	}
	if len(m) < 30 || len(m['a']) < 10 {
		t.Fatalf("the table is short: %d", len(m))
	}
	return m
}

func TestSM32_H04_HomoglyphsAreFlagged(t *testing.T) {
	table := twins(t)
	n := 0
	for _, reg := range registered {
		site, _ := Registrable(reg)
		name, suffix, _ := strings.Cut(site, ".")
		if strings.HasPrefix(name, "xn--") {
			continue
		}
		// each character alone, and one after another until every one is replaced:
		// the last step of a name wholly in one other script is what Parse cannot refuse
		all := []rune(name)
		for i, c := range []rune(name) {
			for _, twin := range table[c] {
				one := []rune(name)
				one[i] = twin
				all[i] = twin
				for _, e := range []string{string(one), string(all)} {
					n++
					if !flagged(site, e+"."+suffix) {
						t.Errorf("%s.%s passes beside %s", e, suffix, site)
					}
					if Skeleton(e) != Skeleton(name) {
						t.Errorf("%s and %s have different skeletons: %s, %s", e, name, Skeleton(e), Skeleton(name))
					}
				}
			}
		}
		for from, to := range map[string]string{"m": "rn", "rn": "m", "w": "vv", "vv": "w", "d": "cl", "cl": "d"} {
			if e := strings.ReplaceAll(site, from, to); !flagged(site, e) {
				t.Errorf("%s passes beside %s", e, site)
			}
		}
	}
	t.Logf("%d homoglyph names, all flagged", n)
}

func TestSM32_LookAlikeReasons(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want Reason
	}{
		{"examp1e.co.jp", "example.co.jp", Homoglyph},
		{"exarnple.co.jp", "example.co.jp", Homoglyph},
		{"exarnple.com", "example.co.jp", Homoglyph},
		{"xn--80ak6aa92e.com", "apple.com", Homoglyph}, // аррӏе
		{"xn--80ak6aa92e.com", "аррӏе.com", ""},
		{"ニ幸.jp", "二幸.jp", Homoglyph},
		{"exämple.co.jp", "example.co.jp", Homoglyph},
		{"hokutosupply.co.jp", "hokuto-supply.co.jp", Hyphen},
		{"example.ne.jp", "example.co.jp", SuffixSwap},
		{"example.com", "example.co.jp", SuffixSwap},
		{"exapmle.co.jp", "example.co.jp", Typo},
		{"example.co.jo", "example.co.jp", Typo},
		{"examplec.o.jp", "example.co.jp", Typo},
		{"hokuto-sapplie.co.jp", "hokuto-supplie.co.jp", Typo},
		{"example.co.jp.evil.com", "example.co.jp", Inside},
		{"mail.example.co.jp", "example.co.jp", ""},
		{"mai.example.co.jp", "mail.example.co.jp", Typo},
		{"example.co.jp", "example.co.jp", ""},
		{"kita-denki.jp", "minami-kogyo.co.jp", ""},
		{"city.sendai.jp", "city.sapporo.jp", ""},
		{"city.ne.jp", "city.co.jp", SuffixSwap},
		{"city.sapporo.co.jp", "city.sapporo.jp", ""},
		{"nissay.co.jp", "nissan.co.jp", Typo}, // two companies: both have to be registered
	} {
		r, ok := LookAlike(mustDomain(t, c.a), mustDomain(t, c.b))
		if r != c.want || ok != (c.want != "") {
			t.Errorf("%s beside %s: %q, want %q", c.a, c.b, r, c.want)
		}
		if ok && !text.Has(string(r)) {
			t.Errorf("%s has no sentence", r)
		}
	}
}

//go:embed testdata/different.txt
var differentList string

func TestSM32_H04_DifferentDomainsAreNotFlagged(t *testing.T) {
	var ds []string
	for line := range strings.Lines(differentList) {
		if !strings.HasPrefix(line, "#") {
			ds = append(ds, strings.Fields(line)...)
		}
	}
	if len(ds) < 200 {
		t.Fatalf("only %d domains", len(ds))
	}
	pairs := 0
	for i, a := range ds {
		mustDomain(t, a)
		for _, b := range ds[i+1:] {
			pairs++
			if r, ok := LookAlike(a, b); ok {
				t.Errorf("%s beside %s: %s", a, b, r)
			}
		}
	}
	t.Logf("%d domains, %d pairs, no false alarm", len(ds), pairs)
}

// The walks find what the table does, also around swapped letters.
func TestApartIsDistance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOfN(rapid.RuneFrom([]rune("abc東")), 0, 8, -1)
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		for most := range 3 {
			if got, want := apart(a, b, most), distance(a, b) <= most; got != want {
				t.Fatalf("%q %q: within %d edits %v, the table says %v", a, b, most, got, want)
			}
		}
	})
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"ab", "ba", 1}, {"abc", "axc", 1}, {"example", "exmaple", 1}, {"ca", "abc", 2}, {"sakura", "skbaura", 2}, {"日本", "本日", 1}, {"kitten", "sitting", 3}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[ab1-]{0,8}`)
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		d := distance(a, b)
		if d != distance(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) {
			t.Fatalf("%q %q: %d, back %d", a, b, d, distance(b, a))
		}
		x, y := newWord(a), newWord(b)
		for k := range 4 {
			if x.within(&y, k) != (d <= k) {
				t.Fatalf("%q %q: within %d is %v at distance %d", a, b, k, x.within(&y, k), d)
			}
		}
	})
}

func addr(t testing.TB, s string) Addr {
	t.Helper()
	a, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestSM32_Nearest(t *testing.T) {
	reg := []Addr{addr(t, "keiri@example.co.jp"), addr(t, "soumu@example.co.jp"), addr(t, "keiri1@gmail.com"), addr(t, "keiri@hokuto-supply.co.jp"),
		addr(t, "keiri@nissan.co.jp"), addr(t, "keiri@nissay.co.jp")}
	x := NewIndex(reg)
	for _, c := range []struct {
		in, want string
		r        Reason
	}{
		{"keiri@example.co.jp", "", ""},
		{"KEIRI@Example.co.jp", "", ""},
		{"keiri@examp1e.co.jp", "keiri@example.co.jp", Homoglyph},
		{"soumu@examp1e.co.jp", "soumu@example.co.jp", Homoglyph},
		{"tanaka@example.com", "keiri@example.co.jp", SuffixSwap},
		{"kelri@example.co.jp", "keiri@example.co.jp", NearLocal},
		{"kei.ri@example.co.jp", "keiri@example.co.jp", NearLocal},
		{"tanaka@example.co.jp", "", ""},
		{"keiril@gmail.com", "keiri1@gmail.com", NearLocal},
		{"keiri1@gmail.co", "keiri1@gmail.com", SuffixSwap},
		{"keiri@hokutosupply.co.jp", "keiri@hokuto-supply.co.jp", Hyphen},
		{"keiri@akagi.ne.jp", "", ""},
		{"keiri@nissan.co.jp", "", ""},
		{"keiri@nissay.co.jp", "", ""},
		{"keiri@nissax.co.jp", "keiri@nissan.co.jp", Typo},
	} {
		n, ok := x.Nearest(addr(t, c.in))
		if n.Addr.String() != c.want || n.Reason != c.r || ok != (c.want != "") {
			t.Errorf("%s: %q %q, want %q %q", c.in, n.Addr, n.Reason, c.want, c.r)
		}
		if m, _ := Nearest(addr(t, c.in), reg); m != n {
			t.Errorf("%s: Nearest and Index differ", c.in)
		}
	}
	if r, ok := LookAlikeAddr(reg[0], addr(t, "keirj@example.co.jp")); !ok || r != NearLocal {
		t.Errorf("keirj: %q", r)
	}
	if _, ok := LookAlikeAddr(reg[0], reg[0]); ok {
		t.Error("an address is near itself")
	}
	if r, _ := LookAlikeAddr(reg[0], addr(t, "x@examp1e.co.jp")); r != Homoglyph {
		t.Errorf("examp1e: %q", r)
	}
}

// hundredThousand are made-up addresses on as many domains, with the lengths and
// endings of company domains.
func hundredThousand(t testing.TB) []Addr {
	parts := strings.Fields("hokuto kita minami azuma nishi yama kawa mori hayashi ishi sato suzuki taka hashi denki kogyo sangyo shoji foods printing seiki unyu kensetsu")
	ends := strings.Fields("co.jp co.jp co.jp jp com ne.jp or.jp")
	rng := rand.New(rand.NewPCG(1, 2))
	as := make([]Addr, 0, 100_000)
	for i := range 100_000 {
		name := parts[rng.IntN(len(parts))] + parts[rng.IntN(len(parts))] + fmt.Sprintf("%c%c%c", 'a'+rng.IntN(26), 'a'+rng.IntN(26), 'a'+rng.IntN(26))
		as = append(as, Addr{"keiri", fmt.Sprintf("%s%d.%s", name, i%7, ends[rng.IntN(len(ends))])})
	}
	return as
}

func TestSM32_HundredThousandRegisteredIn50ms(t *testing.T) {
	reg := hundredThousand(t)
	x := NewIndex(reg)
	best := time.Hour
	for i := range 20 {
		a := Addr{"keiri", "x" + reg[i*1000].domain}
		start := time.Now()
		if _, ok := x.Nearest(a); !ok {
			t.Errorf("%s passes", a)
		}
		best = min(best, time.Since(start))
	}
	t.Logf("%d domains: one comparison %v", len(x.shapes), best)
	if best > 50*time.Millisecond {
		t.Errorf("one comparison takes %v, want at most 50 ms", best)
	}
}

func BenchmarkNearest100k(b *testing.B) {
	x := NewIndex(hundredThousand(b))
	a := Addr{"keiri", "hokutosangyoxyz.co.jp"}
	for b.Loop() {
		x.Nearest(a)
	}
}

// distance is the Damerau–Levenshtein distance in characters: inserting, deleting
// or replacing one character or swapping two neighbours is one edit, also where
// another edit parts the two.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	inf := len(x) + len(y)
	cols := len(y) + 2
	// d is the table of Lowrance and Wagner (1975) with a border of inf above and to the left
	d := make([]int, (len(x)+2)*cols)
	d[0] = inf
	for i := range len(x) + 1 {
		d[(i+1)*cols], d[(i+1)*cols+1] = inf, i
	}
	for j := range len(y) + 1 {
		d[j+1], d[cols+j+1] = inf, j
	}
	row := map[rune]int{} // the last row in which a character of y's alphabet stood
	for i := 1; i <= len(x); i++ {
		col := 0 // the last column of this row that matched
		for j := 1; j <= len(y); j++ {
			i1, j1 := row[y[j-1]], col
			cost := 1
			if x[i-1] == y[j-1] {
				cost, col = 0, j
			}
			d[(i+1)*cols+j+1] = min(
				d[i*cols+j]+cost,
				d[(i+1)*cols+j]+1,
				d[i*cols+j+1]+1,
				d[i1*cols+j1]+(i-i1-1)+1+(j-j1-1))
		}
		row[x[i-1]] = i
	}
	return d[len(d)-1]
}
