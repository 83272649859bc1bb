package invoice

import (
	"testing"

	"pgregory.net/rapid"

	trade "sekisho/internal/trade/invoice"
)

func lines(names ...string) trade.Draft {
	d := trade.Draft{Party: "p"}
	for _, n := range names {
		d.Lines = append(d.Lines, trade.Line{Description: n[:1], Unit: n[1:]})
	}
	return d
}

func written(d trade.Draft) string {
	s := ""
	for _, l := range d.Lines {
		s += l.Description + l.Unit + " "
	}
	return s
}

func nobody(string) string { return "" }

// What only one of the two has changed is taken; where both have, or one has
// deleted something, the person is asked.
func TestMergeOfLines(t *testing.T) {
	for _, c := range []struct {
		base, my, other []string
		want            string // "" when the person is asked
	}{
		{[]string{"a", "b"}, []string{"a", "b1"}, []string{"a", "b", "c"}, "a b1 c "},
		{[]string{"a", "b"}, []string{"x", "a", "b"}, []string{"a", "b", "c"}, "x a b c "},
		{[]string{"a", "b"}, []string{"a1", "b"}, []string{"a", "b1"}, "a1 b1 "},
		{[]string{"a"}, []string{"a1"}, []string{"a2"}, ""},
		{[]string{"a", "b"}, []string{"a"}, []string{"a", "b"}, ""},
		{[]string{"a", "b"}, []string{"a", "b"}, []string{"a"}, ""},
		{[]string{"a"}, []string{"a"}, []string{"a"}, "a "},
		{nil, []string{"x"}, []string{"y"}, ""},
	} {
		d, all := merge(prints(lines(c.base...)), lines(c.my...), lines(c.other...), nobody)
		if asked := open(all); asked != (c.want == "") || !asked && written(d) != c.want {
			t.Errorf("%v, %v, %v: %q, asked: %v", c.base, c.my, c.other, written(d), asked)
		}
	}
}

// Whichever drafts meet: taking one side everywhere gives that side, and no print
// of the base can break it.
func TestMergeTakesASideWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOfN(rapid.StringMatching(`[a-d][0-2]?`), 0, 8)
		draft := func(name string) trade.Draft {
			d := lines(some.Draw(t, name)...)
			d.Subject, d.Notes = rapid.StringMatching(`[ab]`).Draw(t, name+" subject"), rapid.StringMatching(`[ab]`).Draw(t, name+" notes")
			return d
		}
		my, other := draft("mine"), draft("theirs")
		base := rapid.OneOf(rapid.Just(prints(draft("base"))), rapid.String()).Draw(t, "base")
		for side, want := range map[string]trade.Draft{mine: my, theirs: other} {
			got, all := merge(base, my, other, func(string) string { return side })
			if prints(got) != prints(want) || open(all) {
				t.Fatalf("taking %s: %s, want %s", side, written(got), written(want))
			}
		}
	})
}
