package money

import (
	"encoding/json"
	"math/big"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/civil"
)

type taxVector struct {
	Amount Yen
	Rate   Percent
	Floor  Yen
	HalfUp Yen `json:"half_up"`
	Ceil   Yen
}

type vectorFile struct {
	Exclusive   []taxVector `json:"tax_exclusive"`
	Inclusive   []taxVector `json:"tax_inclusive"`
	Withholding []struct{ A, Tax Yen }
	Transition  []struct {
		On      civil.Date `json:"purchase_date"`
		Percent Percent
	} `json:"transition_pct"`
}

func vectors(t *testing.T) vectorFile {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectorFile
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Exclusive) != 21 || len(v.Inclusive) != 20 || len(v.Withholding) != 18 || len(v.Transition) != 9 {
		t.Fatalf("%d, %d, %d, %d vectors", len(v.Exclusive), len(v.Inclusive), len(v.Withholding), len(v.Transition))
	}
	return v
}

func TestTaxVectors(t *testing.T) {
	v := vectors(t)
	for pricing, list := range map[Pricing][]taxVector{TaxExclusive: v.Exclusive, TaxInclusive: v.Inclusive} {
		for _, c := range list {
			for r, want := range map[Rounding]Yen{Floor: c.Floor, HalfUp: c.HalfUp, Ceil: c.Ceil} {
				if got, err := Tax(c.Amount, c.Rate, pricing, r); err != nil || got != want {
					t.Errorf("%d at %s %s %s: %d %v, want %d", c.Amount, c.Rate, pricing, r, got, err, want)
				}
				if got, err := Tax(-c.Amount, c.Rate, pricing, r); err != nil || got != -want {
					t.Errorf("the return of %d at %s %s %s: %d %v", c.Amount, c.Rate, pricing, r, got, err)
				}
			}
		}
	}
}

func TestTaxRefuses(t *testing.T) {
	_, err := Tax(1, 10, "", Floor)
	wantInvalid(t, err, "money.bad_pricing")
	_, err = Tax(1, 10, TaxExclusive, "")
	wantInvalid(t, err, "money.bad_rounding")
	for _, p := range []Percent{-1, 101} {
		_, err = Tax(1, p, TaxExclusive, Floor)
		wantInvalid(t, err, "money.bad_percent")
		_, err = p.Of(1, Floor)
		wantInvalid(t, err, "money.bad_percent")
	}
	_, err = Tax(MaxYen+1, 0, TaxExclusive, Floor)
	wantInvalid(t, err, "money.too_large")
}

func TestTaxIsExactlyRounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, p := anyYen(t, "amount"), rapid.IntRange(0, 100).Draw(t, "percent")
		r := rapid.SampledFrom([]Rounding{Floor, HalfUp, Ceil}).Draw(t, "rounding")
		x := big.NewRat(int64(a), 1)
		for pricing, ratio := range map[Pricing]*big.Rat{TaxExclusive: big.NewRat(int64(p), 100), TaxInclusive: big.NewRat(int64(p), int64(100+p))} {
			got, err := Tax(a, Percent(p), pricing, r)
			if want := round(new(big.Rat).Mul(x, ratio), r); err != nil || want.Cmp(big.NewInt(int64(got))) != 0 {
				t.Fatalf("%d at %d %s %s: %d (%v), want %s", a, p, pricing, r, got, err, want)
			}
		}
	})
}

func TestRatesByDate(t *testing.T) {
	builtin := BuiltinRates()
	flagged := builtin.WithPending()
	std := func(p Percent) Class { return Class{Standard, p} }
	for _, c := range []struct {
		rates Rates
		cat   Category
		on    string
		want  Class
	}{
		{builtin, Standard, "1989-04-01", std(3)}, {builtin, Standard, "1997-03-31", std(3)}, {builtin, Standard, "1997-04-01", std(5)},
		{builtin, Standard, "2014-03-31", std(5)}, {builtin, Standard, "2014-04-01", std(8)}, {builtin, Standard, "2019-09-30", std(8)},
		{builtin, Standard, "2019-10-01", std(10)}, {builtin, Standard, "2026-11-22", std(10)}, {flagged, Standard, "2028-01-01", std(10)},
		{builtin, Reduced, "2019-10-01", Class{Reduced, 8}}, {builtin, Food, "2019-10-01", Class{Reduced, 8}},
		{builtin, Food, "2027-04-01", Class{Reduced, 8}}, {flagged, Food, "2027-03-31", Class{Reduced, 8}}, {flagged, Food, "2027-04-01", Class{Food, 1}},
		{flagged, Food, "2029-03-31", Class{Food, 1}}, {flagged, Food, "2029-04-01", Class{Reduced, 8}}, {flagged, Reduced, "2027-04-01", Class{Reduced, 8}},
		{builtin, Exempt, "2026-11-22", Class{Exempt, 0}}, {builtin, Outside, "2026-11-22", Class{Outside, 0}}, {builtin, Export, "2026-11-22", Class{Export, 0}},
	} {
		if got, err := c.rates.At(c.cat, civil.MustParse(c.on)); err != nil || got != c.want {
			t.Errorf("%s on %s: %v %v, want %v", c.cat, c.on, got, err, c.want)
		}
	}
	for cat, on := range map[Category]string{Standard: "1989-03-31", Reduced: "2019-09-30", Food: "2019-09-30", Exempt: "1989-03-31", "luxury": "2026-11-22"} {
		_, err := builtin.At(cat, civil.MustParse(on))
		wantInvalid(t, err, "money.no_rate")
	}
	_, err := builtin.At(Standard, civil.Date{})
	wantInvalid(t, err, "money.no_rate")
}

func TestFutureRateCanBeAdded(t *testing.T) {
	row := civil.Row[Percent]{From: civil.MustParse("2031-04-01"), Value: 12, Source: "a later law", Status: civil.Enacted}
	before := BuiltinRates()
	after, err := before.With(Standard, row)
	if err != nil {
		t.Fatal(err)
	}
	after, err = after.With("transitional", civil.Row[Percent]{From: civil.MustParse("2031-04-01"), Value: 10, Source: "its annex", Status: civil.Enacted})
	if err != nil {
		t.Fatal(err)
	}
	eve, day := civil.MustParse("2031-03-31"), row.From
	for _, c := range []struct {
		rates Rates
		cat   Category
		on    civil.Date
		want  Percent
	}{{before, Standard, day, 10}, {after, Standard, eve, 10}, {after, Standard, day, 12}, {after, "transitional", day, 10}} {
		if got, err := c.rates.At(c.cat, c.on); err != nil || got.Percent != c.want {
			t.Errorf("%s on %s: %v %v", c.cat, c.on, got, err)
		}
	}
	row.Value = 101
	_, err = before.With(Standard, row)
	wantInvalid(t, err, "money.bad_class")
	_, err = before.With(Standard, civil.Row[Percent]{Value: 5})
	wantInvalid(t, err, "civil.bad_row")
}

// Built-in tables hold on every day from their first, one row a day, each with
// its source.
func TestBuiltinTablesHaveNoGaps(t *testing.T) {
	for cat, table := range BuiltinRates() {
		wellFormed(t, string(cat), table)
	}
	wellFormed(t, "transition", Transition())
	wellFormed(t, "withholding", WithholdingRates())
}

func wellFormed[T any](t *testing.T, name string, table civil.Table[T]) {
	t.Helper()
	if _, err := (civil.Table[T]{}).With(table...); err != nil || len(table) == 0 {
		t.Errorf("%s: %v", name, err)
	}
	for i := 1; i < len(table); i++ {
		if table[i-1].To.AddDays(1) != table[i].From {
			t.Errorf("%s: %s does not follow %s", name, table[i].From, table[i-1].To)
		}
	}
}

func TestWithholdingVectors(t *testing.T) {
	for _, on := range []string{"2026-12-31", "2027-01-01"} {
		row, err := WithholdingRates().At(civil.MustParse(on))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range vectors(t).Withholding {
			if got, err := row.Value.Of(c.A); err != nil || got != c.Tax {
				t.Errorf("%d: %d %v, want %d", c.A, got, err, c.Tax)
			}
		}
		// The whole document: 100,000 + tax 10,000 − withheld 10,210.
		for pay, want := range map[Yen]Yen{100_000: 99_790, 110_000: 98_769} {
			withheld, err := row.Value.Of(pay)
			if err != nil || 110_000-withheld != want {
				t.Errorf("on %d: pays %d (%v), want %d", pay, 110_000-withheld, err, want)
			}
		}
		_, err = row.Value.Of(-1)
		wantInvalid(t, err, "money.negative_fee")
		_, err = row.Value.Of(MaxYen + 1)
		wantInvalid(t, err, "money.too_large")
	}
	for _, on := range []string{"2012-12-31", "2038-01-01"} {
		_, err := WithholdingRates().At(civil.MustParse(on))
		wantInvalid(t, err, "civil.no_rule")
	}
	a, _ := WithholdingRates().At(civil.MustParse("2026-12-31"))
	b, _ := WithholdingRates().At(civil.MustParse("2027-01-01"))
	if a.Value.Label == b.Value.Label {
		t.Error("the tax did not change its name in 2027")
	}
}

func TestTransitionVectors(t *testing.T) {
	for _, c := range vectors(t).Transition {
		row, err := Transition().At(c.On)
		if err != nil || row.Value != c.Percent {
			t.Errorf("%s: %v %v, want %d", c.On, row.Value, err, c.Percent)
			continue
		}
		if got, err := row.Value.Of(1000, Floor); err != nil || got != Yen(c.Percent)*10 {
			t.Errorf("%s: %d of 1,000 (%v)", c.On, got, err)
		}
	}
	_, err := Transition().At(civil.MustParse("2023-09-30"))
	wantInvalid(t, err, "civil.no_rule")
}

func TestTallyMixedInvoice(t *testing.T) {
	std, red := Class{Standard, 10}, Class{Reduced, 8}
	lines := []Line{{red, 99}, {std, 12_345}, {std, 23_456}}
	for r, want := range map[Rounding][]Group{
		Floor:  {{std, 35_801, 3_580, 39_381}, {red, 99, 7, 106}},
		HalfUp: {{std, 35_801, 3_580, 39_381}, {red, 99, 8, 107}},
		Ceil:   {{std, 35_801, 3_581, 39_382}, {red, 99, 8, 107}},
	} {
		got, err := Tally(lines, TaxExclusive, r)
		total := map[Rounding]Yen{Floor: 39_487, HalfUp: 39_488, Ceil: 39_489}[r]
		if err != nil || !slices.Equal(got.Groups, want) || got.Base != 35_900 || got.Total != total || got.Tax != total-35_900 {
			t.Errorf("%s: %+v %v", r, got, err)
		}
	}
	three, err := Tally([]Line{{std, 105}, {std, 105}, {std, 105}}, TaxExclusive, Floor)
	if err != nil || three.Tax != 31 { // rounding per line would give 30
		t.Errorf("%+v %v", three, err)
	}
	gross, err := Tally([]Line{{std, 400}, {std, 600}}, TaxInclusive, Floor)
	if err != nil || gross.Groups[0] != (Group{std, 910, 90, 1000}) {
		t.Errorf("%+v %v", gross, err)
	}
}

func TestTallyKeepsRatesApart(t *testing.T) {
	lines := []Line{
		{Class{Food, 1}, 1000}, {Class{Reduced, 8}, 1000}, {Class{"transitional", 8}, 1000}, {Class{Standard, 10}, 1000},
		{Class{Exempt, 0}, 500}, {Class{Outside, 0}, 300}, {Class{Export, 0}, 200}, {Class{Standard, 10}, -1000},
	}
	got, err := Tally(lines, TaxExclusive, HalfUp)
	want := []Group{
		{Class{Standard, 10}, 0, 0, 0}, {Class{Reduced, 8}, 1000, 80, 1080}, {Class{"transitional", 8}, 1000, 80, 1080}, {Class{Food, 1}, 1000, 10, 1010},
		{Class{Exempt, 0}, 500, 0, 500}, {Class{Export, 0}, 200, 0, 200}, {Class{Outside, 0}, 300, 0, 300},
	}
	if err != nil || !slices.Equal(got.Groups, want) || got.Total != 4170 {
		t.Errorf("%+v %v", got, err)
	}
	none, err := Tally(nil, TaxExclusive, HalfUp)
	if err != nil || len(none.Groups) != 0 || none.Total != 0 {
		t.Errorf("%+v %v", none, err)
	}
	_, err = Tally([]Line{{Amount: 5}}, TaxExclusive, HalfUp)
	wantInvalid(t, err, "money.bad_class")
	_, err = Tally([]Line{{Class{Standard, 10}, MaxYen}}, TaxExclusive, HalfUp)
	wantInvalid(t, err, "money.too_large")
}

func TestTallyProperties(t *testing.T) {
	classes := []Class{{Standard, 10}, {Reduced, 8}, {Food, 1}, {Exempt, 0}}
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Line {
			return Line{rapid.SampledFrom(classes).Draw(t, "class"), Yen(rapid.Int64Range(-1e9, 1e9).Draw(t, "amount"))}
		}), 0, 20).Draw(t, "lines")
		r := rapid.SampledFrom([]Rounding{Floor, HalfUp, Ceil}).Draw(t, "rounding")
		pricing := rapid.SampledFrom([]Pricing{TaxExclusive, TaxInclusive}).Draw(t, "pricing")
		got, err := Tally(lines, pricing, r)
		if err != nil {
			t.Fatal(err)
		}
		var sum, base, tax, total Yen
		for _, l := range lines {
			sum += l.Amount
		}
		for _, g := range got.Groups {
			base, tax, total = base+g.Base, tax+g.Tax, total+g.Total
			if g.Total != g.Base+g.Tax {
				t.Fatalf("%+v does not add up", g)
			}
			consistent(t, g, pricing, r)
		}
		if base != got.Base || tax != got.Tax || total != got.Total || got.Total != got.Base+got.Tax {
			t.Fatalf("%+v does not add up", got)
		}
		if pricing == TaxExclusive && got.Base != sum || pricing == TaxInclusive && got.Total != sum {
			t.Fatalf("lines make %d, document %+v", sum, got)
		}
		again := slices.Clone(lines)
		slices.Reverse(again)
		if other, err := Tally(again, pricing, r); err != nil || !slices.Equal(other.Groups, got.Groups) {
			t.Fatalf("the order of lines matters: %+v, %+v", got, other)
		}
	})
}

// Taking the tax out of what an exclusive document came to gives the same tax
// again when half is rounded up; the other roundings may be one yen off.
func consistent(t *rapid.T, g Group, pricing Pricing, r Rounding) {
	if pricing != TaxExclusive {
		return
	}
	inside, err := Tax(g.Total, g.Class.Percent, TaxInclusive, r)
	if err != nil {
		t.Fatal(err)
	}
	if off := inside - g.Tax; off > 1 || off < -1 || r == HalfUp && off != 0 {
		t.Fatalf("%+v holds %d of tax by the inclusive rule (%s)", g, inside, r)
	}
}

func TestApportion(t *testing.T) {
	for _, c := range []struct {
		discount Yen
		amounts  []Yen
		want     []Yen
	}{
		{1000, []Yen{3300, 2160}, []Yen{604, 396}}, {100, []Yen{600, 400}, []Yen{60, 40}}, {1, []Yen{500, 500}, []Yen{1, 0}},
		{1000, []Yen{1000, 1000, 1000}, []Yen{334, 333, 333}}, {10, []Yen{333, 333, 334}, []Yen{3, 3, 4}},
		{0, []Yen{5, 5}, []Yen{0, 0}}, {0, []Yen{0, 0}, []Yen{0, 0}}, {0, nil, []Yen{}}, {10, []Yen{0, 10}, []Yen{0, 10}},
		{MaxYen, []Yen{1, MaxYen - 1}, []Yen{1, MaxYen - 1}}, {1, []Yen{1, 3}, []Yen{0, 1}}, {2, []Yen{1, 3}, []Yen{0, 2}}, {2, []Yen{3, 1}, []Yen{2, 0}},
	} {
		if got, err := Apportion(c.discount, c.amounts); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%d over %v: %v %v, want %v", c.discount, c.amounts, got, err, c.want)
		}
	}
	for _, c := range []struct {
		discount Yen
		amounts  []Yen
	}{{-1, []Yen{5}}, {6, []Yen{5}}, {1, nil}, {1, []Yen{5, -1}}} {
		_, err := Apportion(c.discount, c.amounts)
		wantInvalid(t, err, "money.bad_discount")
	}
	_, err := Apportion(1, []Yen{MaxYen, 1})
	wantInvalid(t, err, "money.too_large")
}

func TestApportionProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amounts := rapid.SliceOfN(rapid.Map(rapid.Int64Range(0, 1<<48), func(n int64) Yen { return Yen(n) }), 1, 12).Draw(t, "amounts")
		sum, err := Sum(amounts...)
		if err != nil {
			t.Fatal(err)
		}
		discount := Yen(rapid.Int64Range(0, int64(sum)).Draw(t, "discount"))
		parts, err := Apportion(discount, amounts)
		if err != nil {
			t.Fatal(err)
		}
		var got Yen
		for i, p := range parts {
			got += p
			if p < 0 || p > amounts[i] {
				t.Fatalf("part %d of %d is %d", i, amounts[i], p)
			}
			if sum > 0 {
				exact := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(int64(discount)), big.NewInt(int64(amounts[i]))), big.NewInt(int64(sum)))
				if off := exact.Sub(exact, big.NewRat(int64(p), 1)); off.Abs(off).Cmp(big.NewRat(1, 1)) >= 0 {
					t.Fatalf("part %d is a yen or more off", i)
				}
			}
		}
		if got != discount {
			t.Fatalf("%v add up to %d, not %d", parts, got, discount)
		}
	})
}
