package money

import (
	"encoding/json"
	"math"
	"math/big"
	"os"
	"regexp"
	"testing"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
)

func wantInvalid(t testing.TB, err error, key string) {
	t.Helper()
	if !fault.Is(err, fault.KindInvalid) || fault.Of(err).Key != key {
		t.Fatalf("want invalid %s, got %v", key, err)
	}
}

func anyYen(t *rapid.T, label string) Yen {
	return Yen(rapid.Int64Range(int64(-MaxYen), int64(MaxYen)).Draw(t, label))
}

// round is the definition: the magnitude is rounded, then gets its sign back.
func round(x *big.Rat, r Rounding) *big.Int {
	mag := new(big.Rat).Abs(x)
	switch r {
	case HalfUp:
		mag.Add(mag, big.NewRat(1, 2))
	case Ceil:
		if !mag.IsInt() {
			mag.Add(mag, big.NewRat(1, 1))
		}
	}
	q := new(big.Int).Quo(mag.Num(), mag.Denom())
	if x.Sign() < 0 {
		q.Neg(q)
	}
	return q
}

func TestYenArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := Yen(rapid.Int64().Draw(t, "a")), Yen(rapid.Int64().Draw(t, "b"))
		A, B := big.NewInt(int64(a)), big.NewInt(int64(b))
		fits := func(xs ...*big.Int) bool {
			for _, x := range xs {
				if x.CmpAbs(big.NewInt(int64(MaxYen))) > 0 {
					return false
				}
			}
			return true
		}
		check := func(op string, got Yen, err error, want *big.Int, operands ...*big.Int) {
			t.Helper()
			if !fits(append(operands, want)...) {
				wantTooLarge(t, op, err)
			} else if err != nil || want.Cmp(big.NewInt(int64(got))) != 0 {
				t.Fatalf("%d %s %d = %d (%v), want %s", a, op, b, got, err, want)
			}
		}
		got, err := a.Add(b)
		check("+", got, err, new(big.Int).Add(A, B), A, B)
		got, err = a.Sub(b)
		check("-", got, err, new(big.Int).Sub(A, B), A, B)
		got, err = a.Neg()
		check("neg", got, err, new(big.Int).Neg(A), A)
		got, err = a.Mul(int64(b))
		check("*", got, err, new(big.Int).Mul(A, B), A)
	})
}

func wantTooLarge(t *rapid.T, what string, err error) {
	t.Helper()
	if !fault.Is(err, fault.KindInvalid) || fault.Of(err).Key != "money.too_large" {
		t.Fatalf("%s: want too large, got %v", what, err)
	}
}

func TestYenLimits(t *testing.T) {
	if got, err := MaxYen.Add(0); got != MaxYen || err != nil {
		t.Error(got, err)
	}
	for _, f := range []func() (Yen, error){
		func() (Yen, error) { return MaxYen.Add(1) },
		func() (Yen, error) { return (-MaxYen).Sub(1) },
		func() (Yen, error) { return MaxYen.Mul(2) },
		func() (Yen, error) { return Yen(1 << 52).Mul(1 << 12) }, // just beyond 64 bits
		func() (Yen, error) { return mulDiv(int64(MaxYen)*2+1, 1, 2, HalfUp) },
		func() (Yen, error) { return Yen(math.MinInt64).Neg() },
		func() (Yen, error) { return Yen(-1).Mul(math.MinInt64) },
		func() (Yen, error) { return Sum(MaxYen, 1, -1) },
	} {
		got, err := f()
		wantInvalid(t, err, "money.too_large")
		if got != 0 {
			t.Errorf("%d beside an error", got)
		}
	}
	if got, err := Sum(); got != 0 || err != nil {
		t.Error(got, err)
	}
}

func TestYenText(t *testing.T) {
	for y, want := range map[Yen]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", 123456: "123,456", -999: "-999", 1234567: "1,234,567", MaxYen: "9,007,199,254,740,991"} {
		if y.String() != want {
			t.Errorf("%d: %s", int64(y), y)
		}
	}
}

func TestYenJSONIsAPlainInteger(t *testing.T) {
	type doc struct{ Amount Yen }
	b, err := json.Marshal(doc{-1234567})
	if err != nil || string(b) != `{"Amount":-1234567}` {
		t.Fatalf("%s %v", b, err)
	}
	var d doc
	if err := json.Unmarshal(b, &d); err != nil || d.Amount != -1234567 {
		t.Fatalf("%v %v", d, err)
	}
	for _, s := range []string{`1.0`, `1.5`, `1e3`, `"5"`, `null`, `-0`, `true`, `[]`, `{}`, `9007199254740992`, `-9007199254740992`, `9223372036854775808`} {
		d.Amount = 7
		if err := json.Unmarshal([]byte(`{"Amount":`+s+`}`), &d); !fault.Is(err, fault.KindInvalid) || d.Amount != 7 {
			t.Errorf("%s: %v, %d", s, err, d.Amount)
		}
	}
}

func TestParseYen(t *testing.T) {
	for s, want := range map[string]Yen{
		"0": 0, "1234": 1234, "1,234": 1234, "￥１，２３４": 1234, "¥1,234": 1234, "1,234円": 1234, " 12,345,678 円也 ": 12345678, "-5": -5,
		"▲1,234": -1234, "△１２": -12, "−5": -5, "¥-1,234": -1234, "-¥1,234": -1234, "－1,000": -1000, "123456": 123456,
	} {
		if got, err := ParseYen(s); err != nil || got != want {
			t.Errorf("%q: %d %v", s, got, err)
		}
	}
	for _, s := range []string{"", "-", "円", "¥", "1.5", "1,23", "12,34,567", "1,2345", ",123", "0123", "0,123", "--5", "▲-5", "1e3", "1 234", "５千", "+5", "USD 5", "1,234円円"} {
		_, err := ParseYen(s)
		wantInvalid(t, err, "money.unread_yen")
	}
	_, err := ParseYen("9,007,199,254,740,992")
	wantInvalid(t, err, "money.too_large")
}

func FuzzParseYen(f *testing.F) {
	for _, s := range []string{"1,234", "▲１，２３４", "¥-5円", "-0", "9007199254740991"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		y, err := ParseYen(s)
		if err != nil {
			return
		}
		if y.Check() != nil {
			t.Fatalf("%q gave %d", s, y)
		}
		if back, err := ParseYen(y.String()); err != nil || back != y {
			t.Fatalf("%q: %s came back as %d (%v)", s, y, back, err)
		}
	})
}

func FuzzYenJSON(f *testing.F) {
	for _, s := range []string{"0", "-1", "1e3", "1.0", "9007199254740991", "9007199254740992", "null"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var y Yen
		if err := y.UnmarshalJSON([]byte(s)); err != nil {
			return
		}
		b, err := json.Marshal(y)
		if err != nil || string(b) != s {
			t.Fatalf("%q was read as %s", s, b)
		}
	})
}

func TestDecimalText(t *testing.T) {
	for s, want := range map[string]string{
		"0": "0", "-0": "0", "0.000000": "0", "1.50": "1.5", "100": "100", "-12.345": "-12.345", "999999999999.999999": "999999999999.999999", "0.000001": "0.000001",
	} {
		d, err := ParseDecimal(s)
		if err != nil || d.String() != want {
			t.Errorf("%s: %s %v", s, d, err)
		}
		back, err := ParseDecimal(d.String())
		if err != nil || back != d {
			t.Errorf("%s came back as %s", d, back)
		}
	}
	for _, s := range []string{"", "1.", ".5", "01", "+1", "1e3", "1,000", "1000000000000", "0.0000001", "１", "NaN", "Inf", " 1", "1 ", "--1", "0x1"} {
		_, err := ParseDecimal(s)
		wantInvalid(t, err, "money.bad_decimal")
	}
	_, err := DecimalOf(1_000_000_000_000)
	wantInvalid(t, err, "money.bad_decimal")
	d, err := ParseDecimal("-1234567.5")
	if err != nil || d.Grouped() != "-1,234,567.5" {
		t.Errorf("%s %v", d.Grouped(), err)
	}
}

func TestDecimalJSONIsAString(t *testing.T) {
	type row struct{ Q, P Decimal }
	p, _ := ParseDecimal("12.50")
	b, err := json.Marshal(row{P: p})
	if err != nil || string(b) != `{"Q":"0","P":"12.5"}` {
		t.Fatalf("%s %v", b, err)
	}
	var r row
	if err := json.Unmarshal(b, &r); err != nil || r != (row{P: p}) {
		t.Fatalf("%v %v", r, err)
	}
	for _, s := range []string{`12.5`, `""`, `"1e9"`, `"1.0000000"`, `{}`} {
		if json.Unmarshal([]byte(`{"P":`+s+`}`), &r) == nil {
			t.Errorf("%s was taken", s)
		}
	}
}

func anyDecimal(t *rapid.T, label string) Decimal {
	s := rapid.StringMatching(`-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?`).Draw(t, label)
	d, err := ParseDecimal(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return d
}

func rat(t *rapid.T, d Decimal) *big.Rat {
	r, ok := new(big.Rat).SetString(d.String())
	if !ok {
		t.Fatalf("%s", d)
	}
	return r
}

func TestDecimalArithmetic(t *testing.T) {
	limit := big.NewRat(1_000_000_000_000, 1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyDecimal(t, "a"), anyDecimal(t, "b")
		want := new(big.Rat).Add(rat(t, a), rat(t, b))
		got, err := a.Add(b)
		if inside := new(big.Rat).Abs(want).Cmp(limit) < 0; inside != (err == nil) {
			t.Fatalf("%s + %s: %v", a, b, err)
		} else if inside && rat(t, got).Cmp(want) != 0 {
			t.Fatalf("%s + %s = %s", a, b, got)
		}
		if zero, err := a.Sub(a); err != nil || !zero.IsZero() || zero != (Decimal{}) {
			t.Fatalf("%s - itself = %s (%v)", a, zero, err)
		}
		if a.Compare(b) != rat(t, a).Cmp(rat(t, b)) || a.Sign() != rat(t, a).Sign() || (a == b) != (a.Compare(b) == 0) {
			t.Fatalf("order of %s and %s", a, b)
		}
	})
}

func TestLineAmount(t *testing.T) {
	for _, c := range []struct {
		qty, price        string
		floor, half, ceil Yen
	}{
		{"3", "105", 315, 315, 315}, {"1.5", "333", 499, 500, 500}, {"0.001", "999", 0, 1, 1}, {"0.5", "1", 0, 1, 1},
		{"-1.5", "333", -499, -500, -500}, {"1.5", "-333", -499, -500, -500}, {"-0.3", "1", 0, 0, -1}, {"0", "99.99", 0, 0, 0},
		{"2.5", "0.2", 0, 1, 1}, {"0.333333", "3", 0, 1, 1}, {"12.25", "80.4", 984, 985, 985},
	} {
		q, err1 := ParseDecimal(c.qty)
		p, err2 := ParseDecimal(c.price)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		for r, want := range map[Rounding]Yen{Floor: c.floor, HalfUp: c.half, Ceil: c.ceil} {
			if got, err := LineAmount(q, p, r); err != nil || got != want {
				t.Errorf("%s × %s %s: %d %v, want %d", c.qty, c.price, r, got, err, want)
			}
		}
	}
	big, _ := DecimalOf(999_999_999_999)
	_, err := LineAmount(big, big, Floor)
	wantInvalid(t, err, "money.too_large")
	_, err = LineAmount(big, Decimal{}, "round")
	wantInvalid(t, err, "money.bad_rounding")
}

func TestLineAmountIsExactlyRounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q, p := anyDecimal(t, "quantity"), anyDecimal(t, "price")
		r := rapid.SampledFrom([]Rounding{Floor, HalfUp, Ceil}).Draw(t, "rounding")
		want := round(new(big.Rat).Mul(rat(t, q), rat(t, p)), r)
		got, err := LineAmount(q, p, r)
		if want.CmpAbs(big.NewInt(int64(MaxYen))) > 0 {
			wantTooLarge(t, "line", err)
		} else if err != nil || want.Cmp(big.NewInt(int64(got))) != 0 {
			t.Fatalf("%s × %s %s = %d (%v), want %s", q, p, r, got, err, want)
		}
		if back, err2 := LineAmount(q.Neg(), p, r); err == nil && (err2 != nil || back != -got) {
			t.Fatalf("a full return of %d gives %d", got, back)
		}
	})
}

func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"0", "-1.50", "999999999999.999999", "1e5", "０"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDecimal(s)
		if err != nil {
			return
		}
		want, ok := new(big.Rat).SetString(s)
		if got, ok2 := new(big.Rat).SetString(d.String()); !ok || !ok2 || got.Cmp(want) != 0 {
			t.Fatalf("%q was read as %s", s, d)
		}
	})
}

// Every key this package raises has a sentence.
func TestSentencesExist(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	keys := regexp.MustCompile(`"(money\.[a-z_0-9]+)"`)
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
	if seen < 12 {
		t.Errorf("only %d keys found", seen)
	}
}
