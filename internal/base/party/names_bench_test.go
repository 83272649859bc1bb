//go:build bench

package party

import (
	"slices"
	"testing"
	"time"

	"sekisho/internal/kernel/jp"
)

// A million names are searched within 30 ms whatever is asked, also when every
// one of them holds it and none may be seen.
func TestAMillionNamesAreSearchedAtOnce(t *testing.T) {
	n := million(1_000_000)
	t.Logf("%d MB of text", len(n.text)>>20)
	nobody := func(n *Index) reach { return reach{own: -1, runs: []int32{n.words[""]}} }
	some := make([]string, 3000)
	for i := range some {
		some[i] = n.ids[i*300]
	}
	assigned := func(n *Index) reach { return reach{runs: []int32{n.words[""]}, assigned: n.assign(some)} }
	for _, c := range []struct {
		what, q string
		in      func(*Index) reach
	}{{"in every name", "株式会社", everyone}, {"in every reading", "カブシキガイシャ", everyone}, {"in every one, none to be seen", "会社", nobody}, {"two characters", "山田", everyone},
		{"one kana", "シ", everyone}, {"one figure", "1", nobody}, {"nowhere", "ヱヱヱ", everyone}, {"one only", "青葉999990商事", everyone}, {"those assigned", "工務", assigned}, {"letters", "a", everyone}} {
		var took []time.Duration
		for range 20 {
			began := time.Now()
			n.find(jp.Fold(c.q), c.in, 20)
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		t.Logf("%-30s p20 %v, worst of 20 %v", c.what, took[4].Round(10*time.Microsecond), took[19].Round(10*time.Microsecond))
		if took[4] > 30*time.Millisecond {
			t.Errorf("%s takes %v", c.what, took[4])
		}
	}
}
