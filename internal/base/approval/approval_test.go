package approval

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/civil"
)

func TestCM36_ChangesNameEveryDifference(t *testing.T) {
	for _, c := range []struct {
		before, after string
		want          []Change
	}{
		{`{"a":1}`, `{"a":1}`, nil},
		{`{"a":1}`, `{"a":2}`, []Change{{"a", "1", "2"}}},
		{`null`, `{"name":"北斗"}`, []Change{{"name", "", "北斗"}}},
		{`{"x":{"y":["p","q"]}}`, `{"x":{"y":["p"]}}`, []Change{{"x.y[1]", "q", ""}}},
		{`{"x":[{"n":"1"},{"n":"2"}]}`, `{"x":[{"n":"1"},{"n":"3"}]}`, []Change{{"x[1].n", "2", "3"}}},
		{`{"a":null}`, `{"a":true}`, []Change{{"a", "", "true"}}},
		{`{"a":""}`, `{}`, nil},
		{``, `"x"`, []Change{{"", "", "x"}}},
	} {
		got, err := Changes([]byte(c.before), []byte(c.after))
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s → %s: %v %v", c.before, c.after, got, err)
		}
	}
	if _, err := Changes([]byte(`{"a":`), []byte(`{}`)); err == nil {
		t.Error("a torn text has no differences to show")
	}
}

// Two flat objects differ in exactly the fields Changes names.
func TestCM36_ChangesIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-z漢"\\]{1,3}`)
		m := rapid.MapOf(rapid.StringMatching(`[a-e]`), text)
		before, after := m.Draw(t, "before"), m.Draw(t, "after")
		b, _ := json.Marshal(before)
		a, _ := json.Marshal(after)
		got, err := Changes(b, a)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range got {
			if before[c.Field] != c.Before || after[c.Field] != c.After || c.Before == c.After {
				t.Fatal(c)
			}
			before[c.Field] = c.After
		}
		for k, v := range after {
			if before[k] != v {
				t.Fatal("not named", k)
			}
		}
	})
}

func FuzzChanges(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":null}]}`), []byte(`{"a":[2]}`))
	f.Add([]byte(`[[[`), []byte(`}`))
	f.Fuzz(func(t *testing.T, before, after []byte) {
		one, err := Changes(before, after)
		other, err2 := Changes(after, before)
		if (err == nil) != (err2 == nil) || err == nil && len(one) != len(other) {
			t.Fatal("a difference has two sides", one, other, err, err2)
		}
	})
}

func TestSM41_ChainsOfDelegation(t *testing.T) {
	ds := []Delegation{{From: "a", To: "b"}, {From: "b", To: "c"}, {From: "x", To: "b"}, {From: "c", To: "a"}}
	for _, c := range []struct {
		from, to string
		want     bool
	}{{"a", "b", true}, {"a", "c", true}, {"c", "b", true}, {"b", "x", false}, {"a", "x", false}, {"x", "a", true}, {"y", "a", false}, {"c", "x", false}} {
		if got := chained(ds, c.from, c.to); got != c.want {
			t.Error(c, got)
		}
	}
}

func TestSM41_DelegationPeriod(t *testing.T) {
	today := civil.MustParse("2026-11-22")
	for _, c := range []struct {
		from, until string
		ok          bool
	}{
		{"2026-11-22", "2026-11-22", true}, {"2026-11-22", "2026-12-22", true}, {"2026-11-22", "2026-12-23", false},
		{"2026-11-21", "2026-11-25", false}, {"2026-11-25", "2026-11-24", false}, {"2027-01-01", "2027-01-31", true},
	} {
		if err := checkPeriod(civil.MustParse(c.from), civil.MustParse(c.until), today); (err == nil) != c.ok {
			t.Error(c, err)
		}
	}
}
