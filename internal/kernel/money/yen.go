// Package money counts yen, rounds, and applies the dated tables of consumption
// tax (消費税), withholding (源泉徴収) and the transition measure (経過措置).
//
// Amounts are integers; nothing in this package is a floating-point number, and
// nothing overflows in silence. Everything is a pure function: the date a rule
// is looked up for is always an argument.
package money

import (
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/fault"
)

// Yen is an amount of whole yen. In JSON it is a plain integer number.
type Yen int64

// MaxYen bounds every amount, positive and negative: the largest integer that
// every JSON reader keeps exactly (RFC 8259 §6), 9,007 trillion yen.
const MaxYen Yen = 1<<53 - 1

func tooLarge() error { return fault.Invalid("money.too_large", "max", MaxYen) }

// Check is fault.Invalid beyond ±MaxYen.
func (y Yen) Check() error {
	if y > MaxYen || y < -MaxYen {
		return tooLarge()
	}
	return nil
}

// Add gives y + z; beyond ±MaxYen, of an operand or the result, it is fault.Invalid.
func (y Yen) Add(z Yen) (Yen, error) { return Sum(y, z) }

// Sub gives y − z, with the errors of Add.
func (y Yen) Sub(z Yen) (Yen, error) {
	n, err := z.Neg()
	if err != nil {
		return 0, err
	}
	return Sum(y, n)
}

// Neg gives −y, with the errors of Add.
func (y Yen) Neg() (Yen, error) {
	if err := y.Check(); err != nil {
		return 0, err
	}
	return -y, nil
}

// Mul gives y × n, with the errors of Add.
func (y Yen) Mul(n int64) (Yen, error) {
	if err := y.Check(); err != nil {
		return 0, err
	}
	return mulDiv(int64(y), n, 1, Floor)
}

// Sum adds amounts up; if a term or any partial sum lies beyond ±MaxYen it is
// fault.Invalid. The sum of none is 0.
func Sum(ys ...Yen) (Yen, error) {
	var s Yen
	for _, y := range ys {
		if err := y.Check(); err != nil {
			return 0, err
		}
		s += y // both within 2^53: cannot wrap
		if err := s.Check(); err != nil {
			return 0, err
		}
	}
	return s, nil
}

// String has thousands separators: -1,234,567.
func (y Yen) String() string { return group(strconv.FormatInt(int64(y), 10)) }

// group puts separators into the integer part of a plain decimal text.
func group(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	whole, frac, dot := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if dot {
		whole += "." + frac
	}
	return sign + whole
}

// UnmarshalJSON takes a plain integer within ±MaxYen and nothing else: no text,
// fraction, exponent, null or -0.
func (y *Yen) UnmarshalJSON(b []byte) error {
	v, err := plainInt(string(b))
	if err != nil {
		return err
	}
	*y = v
	return nil
}

func plainInt(s string) (Yen, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != s {
		return 0, fault.Invalid("money.not_an_integer")
	}
	return Yen(n), Yen(n).Check()
}

// ParseYen reads an amount as people and other programs write it, full or half
// width: 1234, 1,234, ¥1,234, 1,234円, 1,234円也 and, below zero, -1,234,
// ▲1,234 or △1,234. Fractions and misplaced separators are fault.Invalid.
func ParseYen(s string) (Yen, error) {
	s = strings.TrimSpace(norm.NFKC.String(s))
	s, negative := cutAny(s, "-", "−", "▲", "△")
	s, _ = cutAny(strings.TrimSpace(s), "¥")
	if !negative { // ¥-1,234
		s, negative = cutAny(strings.TrimSpace(s), "-", "−", "▲", "△")
	}
	s = strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(s, "也"), "円"))
	plain := strings.ReplaceAll(s, ",", "")
	v, err := strconv.ParseUint(plain, 10, 63)
	if err != nil || len(plain) > 1 && plain[0] == '0' || s != plain && s != group(plain) {
		return 0, fault.Invalid("money.unread_yen")
	}
	if negative {
		return Yen(-int64(v)), Yen(-int64(v)).Check()
	}
	return Yen(v), Yen(v).Check()
}

func cutAny(s string, prefixes ...string) (string, bool) {
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(s, p); ok {
			return rest, true
		}
	}
	return s, false
}
