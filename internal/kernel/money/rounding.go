package money

import (
	"math/bits"

	"sekisho/internal/kernel/fault"
)

// Rounding says what becomes of a fraction of a yen (端数処理). The law leaves the
// direction to the issuer (消費税法施行令70条の10); it is fixed per partner and
// frozen into each issued document.
//
// Amounts below zero are rounded by their absolute value and then given their
// sign, so that a sale and its full return always cancel out. The law is silent
// here; a division that floors toward −∞ would leave a yen over.
type Rounding string

const (
	Floor  Rounding = "floor"   // 切捨て, toward zero
	HalfUp Rounding = "half_up" // 四捨五入, half away from zero
	Ceil   Rounding = "ceil"    // 切上げ, away from zero
)

// Check is fault.Invalid for an unknown rounding.
func (r Rounding) Check() error {
	if r != Floor && r != HalfUp && r != Ceil {
		return fault.Invalid("money.bad_rounding")
	}
	return nil
}

// mulDiv gives a × num ÷ den rounded once. The product has 128 bits, so only the
// result can be too large. den must be positive.
func mulDiv(a, num, den int64, r Rounding) (Yen, error) {
	if err := r.Check(); err != nil {
		return 0, err
	}
	hi, lo := bits.Mul64(abs(a), abs(num))
	d := uint64(den)
	if hi >= d {
		return 0, tooLarge() // the quotient has more than 64 bits
	}
	quo, rem := bits.Div64(hi, lo, d)
	up := r == Ceil && rem > 0 || r == HalfUp && rem >= d-rem
	if quo > uint64(MaxYen) || up && quo == uint64(MaxYen) {
		return 0, tooLarge()
	}
	if up {
		quo++
	}
	if (a < 0) != (num < 0) {
		return -Yen(quo), nil
	}
	return Yen(quo), nil
}

// abs also holds for the smallest int64, whose magnitude only uint64 has.
func abs(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// divProduct gives a × b ÷ c and the remainder, for 0 ≤ a ≤ c, 0 ≤ b, 0 < c.
func divProduct(a, b, c Yen) (Yen, uint64) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	quo, rem := bits.Div64(hi, lo, uint64(c)) // a ≤ c, so the quotient is at most b
	return Yen(quo), rem
}
