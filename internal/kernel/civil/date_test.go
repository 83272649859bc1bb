package civil

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
)

func day(t testing.TB, s string) Date {
	t.Helper()
	d, err := Parse(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return d
}

func anyDate(t *rapid.T, label string, from, to int) Date {
	y := rapid.IntRange(from, to).Draw(t, label+" year")
	m := time.Month(rapid.IntRange(1, 12).Draw(t, label+" month"))
	return monthDay(y, m, rapid.IntRange(1, 31).Draw(t, label+" day"))
}

func wantInvalid(t testing.TB, err error, key string) {
	t.Helper()
	if !fault.Is(err, fault.KindInvalid) || fault.Of(err).Key != key {
		t.Fatalf("want invalid %s, got %v", key, err)
	}
}

func TestParseIsStrict(t *testing.T) {
	for _, s := range []string{
		"", "2026-1-05", "2026-01-5", "26-01-05", "2026/01/05", "20260105", " 2026-01-05", "2026-01-05 ",
		"2026-01-05T00:00:00Z", "２０２６-01-05", "+026-01-05", "-026-01-05", "2026--1-05", "2026-01-0x",
	} {
		_, err := Parse(s)
		wantInvalid(t, err, "civil.bad_date")
	}
	for _, s := range []string{"2026-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "2026-01-00", "0000-01-01", "2100-02-29"} {
		_, err := Parse(s)
		wantInvalid(t, err, "civil.no_such_day")
	}
	for _, s := range []string{"0001-01-01", "2028-02-29", "2000-02-29", "9999-12-31"} {
		if got := day(t, s).String(); got != s {
			t.Errorf("%s came back as %s", s, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"2026-11-22", "2028-02-29", "", "2026-02-30", "0001-01-01", "9999-12-31"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := Parse(s)
		if err != nil {
			if !d.IsZero() {
				t.Fatalf("%q: a date beside an error", s)
			}
			return
		}
		if d.String() != s {
			t.Fatalf("%q was read as %s", s, d)
		}
		if std, err := time.Parse(time.DateOnly, s); err != nil || std.Weekday() != d.Weekday() {
			t.Fatalf("%q: %v, weekday %v", s, err, d.Weekday())
		}
	})
}

func TestZeroDateIsNone(t *testing.T) {
	var none Date
	if !none.IsZero() || none.String() != "" || none != Of(time.Time{}) {
		t.Error("zero is not none")
	}
	if none.AddDays(5) != none || none.AddMonths(-3) != none || none.EndOfMonth() != none {
		t.Error("arithmetic made a day out of none")
	}
	type row struct {
		On   Date `json:"on"`
		Left Date `json:"left,omitzero"`
	}
	b, err := json.Marshal(row{})
	if err != nil || string(b) != `{"on":""}` {
		t.Errorf("%s, %v", b, err)
	}
	back := row{On: firstDate()}
	if err := json.Unmarshal(b, &back); err != nil || !back.On.IsZero() {
		t.Errorf("%v, %v", back, err)
	}
	for _, in := range []string{`{"on":20261122}`, `{"on":"2026-11-31"}`, `{"on":"2026-1-2"}`} {
		if err := json.Unmarshal([]byte(in), &back); err == nil {
			t.Errorf("%s was taken", in)
		}
	}
}

// The day in Japan changes at 15:00 UTC, whatever zone the instant is written in.
func TestOfIsTheDayInJapan(t *testing.T) {
	newYork := time.FixedZone("", -5*60*60)
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2026, 11, 30, 14, 59, 59, 999, time.UTC), "2026-11-30"},
		{time.Date(2026, 11, 30, 15, 0, 0, 0, time.UTC), "2026-12-01"},
		{time.Date(2026, 12, 31, 10, 0, 0, 0, newYork), "2027-01-01"},
		{day(t, "2026-11-22").Start(), "2026-11-22"},
		{day(t, "2026-11-22").Start().Add(-1), "2026-11-21"},
	} {
		if got := Of(c.at).String(); got != c.want {
			t.Errorf("%v is %s, want %s", c.at, got, c.want)
		}
	}
}

func TestArithmetic(t *testing.T) {
	for _, c := range []struct {
		from   string
		months int
		want   string
	}{
		{"2026-01-31", 1, "2026-02-28"}, {"2028-01-31", 1, "2028-02-29"}, {"2026-12-31", 2, "2027-02-28"},
		{"2026-03-31", -1, "2026-02-28"}, {"2026-01-15", -1, "2025-12-15"}, {"2026-11-22", 0, "2026-11-22"},
		{"9999-11-30", 2, "9999-12-31"}, {"0001-01-05", -1, "0001-01-01"}, {"2026-01-01", 1 << 40, "9999-12-31"},
	} {
		if got := day(t, c.from).AddMonths(c.months).String(); got != c.want {
			t.Errorf("%s + %d months = %s, want %s", c.from, c.months, got, c.want)
		}
	}
	if got := day(t, "2026-12-31").AddDays(59).String(); got != "2027-02-28" {
		t.Errorf("got %s", got)
	}
	if day(t, "9999-12-31").AddDays(1) != lastDate() || day(t, "0001-01-01").AddDays(-1<<60) != firstDate() {
		t.Error("days did not stop at the ends of the calendar")
	}
	if day(t, "2026-02-10").EndOfMonth() != day(t, "2026-02-28") {
		t.Error("end of month")
	}
}

func TestDateProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, e := anyDate(t, "d", 1, 9999), anyDate(t, "e", 1, 9999)
		if d.AddDays(d.DaysUntil(e)) != e || d.DaysUntil(e) != -e.DaysUntil(d) {
			t.Fatalf("%s to %s is %d days", d, e, d.DaysUntil(e))
		}
		sign := map[bool]int{true: -1, false: 1}[d.DaysUntil(e) > 0]
		if d == e {
			sign = 0
		}
		if d.Compare(e) != sign || d.Before(e) != (sign < 0) || d.After(e) != (sign > 0) {
			t.Fatalf("order of %s and %s", d, e)
		}
		if m := Max(d, e); m.Before(d) || m.Before(e) || m != d && m != e {
			t.Fatalf("the later of %s and %s is %s", d, e, m)
		}
		if end := d.EndOfMonth(); end.Month() != d.Month() || end != lastDate() && end.AddDays(1).Day() != 1 {
			t.Fatalf("%s ends its month on %s", d, end)
		}
		b, _ := d.MarshalText()
		var back Date
		if err := back.UnmarshalText(b); err != nil || back != d {
			t.Fatalf("%s came back as %s (%v)", d, back, err)
		}
	})
}

func TestTableRows(t *testing.T) {
	base := Table[int]{
		{From: day(t, "2020-01-01"), To: day(t, "2020-12-31"), Value: 1, Source: "a", Status: Enacted},
		{From: day(t, "2021-01-01"), Value: 2, Source: "b", Status: Enacted},
		{From: day(t, "2022-01-01"), Value: 3, Source: "bill", Status: Pending},
	}
	at := func(tab Table[int], s string) int {
		r, err := tab.At(day(t, s))
		if err != nil {
			wantInvalid(t, err, "civil.no_rule")
			return -1
		}
		return r.Value
	}
	over, err := base.With(Row[int]{From: day(t, "2020-07-01"), To: day(t, "2020-07-31"), Value: 9, Source: "c", Status: Provisional})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		tab  Table[int]
		on   string
		want int
	}{
		{base, "2019-12-31", -1}, {base, "2020-01-01", 1}, {base, "2020-12-31", 1}, {base, "2021-01-01", 2},
		{base, "2022-01-01", 2}, {base.WithPending(), "2022-01-01", 3}, {base.WithPending(), "2021-12-31", 2},
		{over, "2020-06-30", 1}, {over, "2020-07-01", 9}, {over, "2020-07-31", 9}, {over, "2020-08-01", 1}, {base, "2020-07-01", 1},
	} {
		if got := at(c.tab, c.on); got != c.want {
			t.Errorf("%s: %d, want %d", c.on, got, c.want)
		}
	}
	if _, err := base.At(Date{}); err == nil {
		t.Error("none has a rule")
	}
	for _, r := range []Row[int]{
		{Source: "s", Status: Enacted},
		{From: day(t, "2020-01-01"), Status: Enacted},
		{From: day(t, "2020-01-01"), Source: "s"},
		{From: day(t, "2020-01-01"), To: day(t, "2019-12-31"), Source: "s", Status: Enacted},
	} {
		_, err := base.With(r)
		wantInvalid(t, err, "civil.bad_row")
	}
}

// Every key this package raises has a sentence.
func TestSentencesExist(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	keys := regexp.MustCompile(`fault\.\w+\("([a-z_.]+)"`)
	seen := 0
	for _, f := range files {
		if f.IsDir() {
			continue
		}
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range keys.FindAllSubmatch(b, -1) {
			seen++
			if !text.Has(string(m[1])) {
				t.Errorf("%s: no sentence %s", f.Name(), m[1])
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d keys found", seen)
	}
}
