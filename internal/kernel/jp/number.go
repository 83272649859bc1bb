// Package jp knows the numbers, names and characters of Japanese business:
// 法人番号 and 登録番号, company forms and フリガナ, codes, postal codes and phone
// numbers, the characters of bank files (全銀) and of CP932, and which text may be
// stored at all.
//
// Everything is a pure function. What a person typed is kept as typed; folded
// forms are for comparing only.
package jp

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/fault"
)

// CorporateNumber is a corporate number (法人番号) of 13 digits, the first of
// which checks the others.
type CorporateNumber string

// RegistrationNumber is the number of a qualified invoice issuer (適格請求書発行
// 事業者登録番号): T and 13 digits (消費税法57条の2, 57条の4第1項1号).
type RegistrationNumber string

// ParseCorporateNumber reads a corporate number in full or half width, with
// spaces or hyphens. Anything but 13 digits is fault.Invalid; the check digit is
// not looked at, see CheckOK.
func ParseCorporateNumber(s string) (CorporateNumber, error) {
	d := compact(s)
	if len(d) != 13 || !allDigits(d) {
		return "", fault.Invalid("jp.bad_corporate_number")
	}
	return CorporateNumber(d), nil
}

// ParseRegistrationNumber reads a registration number in full or half width, T
// or t, with spaces or hyphens. Anything but T and 13 digits is fault.Invalid;
// the check digit is not looked at, see CheckOK.
func ParseRegistrationNumber(s string) (RegistrationNumber, error) {
	d, ok := strings.CutPrefix(strings.ToUpper(compact(s)), "T")
	if !ok || len(d) != 13 || !allDigits(d) {
		return "", fault.Invalid("jp.bad_registration_number")
	}
	return RegistrationNumber("T" + d), nil
}

// CheckOK tells whether the check digit fits (法人番号の指定等に関する省令2条). It is
// a typing aid: 0 and 9 can be exchanged unseen.
func (n CorporateNumber) CheckOK() bool {
	c, err := CheckDigit(string(n[min(1, len(n)):]))
	return err == nil && len(n) == 13 && n[0] == '0'+byte(c)
}

// CheckOK tells whether the digits after T have a fitting check digit. A misfit
// is a warning that asks for a look at the public register, never a refusal: the
// numbers of sole proprietors are not known to follow the rule.
func (n RegistrationNumber) CheckOK() bool {
	return CorporateNumber(strings.TrimPrefix(string(n), "T")).CheckOK()
}

// CheckDigit computes the check digit, 1 to 9, of the 12 base digits:
// 9 − (Σ digit × weight mod 9) with weights 1, 2, 1, 2 … from the right. Anything
// but 12 digits is fault.Invalid.
func CheckDigit(base string) (int, error) {
	if len(base) != 12 || !allDigits(base) {
		return 0, fault.Invalid("jp.bad_corporate_number")
	}
	sum := 0
	for i := range base {
		sum += int(base[i]-'0') * (2 - i%2) // the last of 12 has weight 1
	}
	return 9 - sum%9, nil
}

// compact folds width and drops spaces and every kind of hyphen.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		if isSpace(r) || isHyphen(r) {
			return -1
		}
		return r
	}, norm.NFKC.String(s))
}

// Typed brings a code to how codes are compared, whatever way somebody typed it:
// half width, large letters, without spaces and hyphens.
func Typed(s string) string { return strings.ToUpper(compact(s)) }

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// isHyphen knows the characters people use for a hyphen, a dash or a long vowel
// without telling them apart.
func isHyphen(r rune) bool {
	switch r {
	case '-', '‐', '‑', '‒', '–', '—', '―', '−', '－', '─', 'ー', 'ｰ', '⁃', '﹣', '˗':
		return true
	}
	return false
}

func isSpace(r rune) bool {
	return r == ' ' || r == '\u3000' || r == '\t' || r == '\u00a0' || r >= '\u2000' && r <= '\u200a' || r == '\u202f'
}
