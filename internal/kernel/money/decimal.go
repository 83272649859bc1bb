package money

import (
	"regexp"

	"github.com/govalues/decimal"

	"sekisho/internal/kernel/fault"
)

// Bounds of a Decimal.
const (
	MaxWhole = 12 // digits before the point
	MaxScale = 6  // digits after the point
)

// Decimal is a quantity (数量) or unit price (単価): at most MaxWhole digits before
// and MaxScale after the point. The zero value is 0, equal values are ==, and in
// JSON it is a string ("1.5"), for number readers round.
type Decimal struct{ d decimal.Decimal } // always trimmed: 1.50 is kept as 1.5

var decimalPattern = regexp.MustCompile(`^-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,6})?$`)

// ParseDecimal reads exactly the form -12.345: no separators, exponent, plus
// sign or leading zeros. Anything else or out of bounds is fault.Invalid.
func ParseDecimal(s string) (Decimal, error) {
	if !decimalPattern.MatchString(s) {
		return Decimal{}, fault.Invalid("money.bad_decimal", "whole", MaxWhole, "scale", MaxScale)
	}
	d, err := decimal.Parse(s)
	if err != nil {
		return Decimal{}, fault.Invalid("money.bad_decimal", "whole", MaxWhole, "scale", MaxScale).Because(err)
	}
	return bounded(d)
}

// DecimalOf gives a whole number as Decimal; out of bounds it is fault.Invalid.
func DecimalOf(n int64) (Decimal, error) {
	d, err := decimal.New(n, 0)
	if err != nil {
		return Decimal{}, fault.Invalid("money.bad_decimal", "whole", MaxWhole, "scale", MaxScale).Because(err)
	}
	return bounded(d)
}

func bounded(d decimal.Decimal) (Decimal, error) {
	d = d.Trim(0)
	if d.Scale() > MaxScale || d.Prec()-d.Scale() > MaxWhole {
		return Decimal{}, fault.Invalid("money.bad_decimal", "whole", MaxWhole, "scale", MaxScale)
	}
	return Decimal{d}, nil
}

// Add gives a + b exactly; a result out of bounds is fault.Invalid.
func (a Decimal) Add(b Decimal) (Decimal, error) {
	d, err := a.d.Add(b.d) // at most 19 digits: exact
	if err != nil {
		return Decimal{}, fault.Invalid("money.bad_decimal", "whole", MaxWhole, "scale", MaxScale).Because(err)
	}
	return bounded(d)
}

// Neg gives −a.
func (a Decimal) Neg() Decimal { return Decimal{a.d.Neg()} }

// Sub gives a − b exactly, with the errors of Add.
func (a Decimal) Sub(b Decimal) (Decimal, error) { return a.Add(b.Neg()) }

// Compare is -1, 0 or +1.
func (a Decimal) Compare(b Decimal) int { return a.d.Cmp(b.d) }

// Sign is -1, 0 or +1.
func (a Decimal) Sign() int { return a.d.Sign() }

// IsZero tells whether a is 0.
func (a Decimal) IsZero() bool { return a.d.IsZero() }

// String is the plain form that ParseDecimal reads: 1234.5.
func (a Decimal) String() string { return a.d.String() }

// Grouped is for people: 1,234.5.
func (a Decimal) Grouped() string { return group(a.d.String()) }

// MarshalText is String.
func (a Decimal) MarshalText() ([]byte, error) { return []byte(a.d.String()), nil }

// UnmarshalText is ParseDecimal.
func (a *Decimal) UnmarshalText(b []byte) error {
	v, err := ParseDecimal(string(b))
	if err != nil {
		return err
	}
	*a = v
	return nil
}

// LineAmount gives quantity × unit price in yen, rounded once from the exact
// product (明細金額). Beyond ±MaxYen it is fault.Invalid.
func LineAmount(quantity, price Decimal, r Rounding) (Yen, error) {
	den := int64(1)
	for range quantity.d.Scale() + price.d.Scale() { // at most 12
		den *= 10
	}
	return mulDiv(signedCoef(quantity), signedCoef(price), den, r)
}

func signedCoef(a Decimal) int64 {
	c := int64(a.d.Coef()) // at most 18 digits
	if a.d.IsNeg() {
		return -c
	}
	return c
}
