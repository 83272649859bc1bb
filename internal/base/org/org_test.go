package org

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/money"
)

func TestSM09_PatternsAreClosed(t *testing.T) {
	for p, ok := range map[string]bool{
		"INV-{yyyy}-{000000}": true, "{0}": true, "{fy}/{0000}": true, "A.{yy}{mm}_{000}": true,
		"": false, "INV": false, "{000}{000}": false, "{yyyy}": false, "請求{000}": false, "INV {000}": false,
		"{000": false, "{}": false, "{yyy}{000}": false, "{0000000000000}": false, "{001}": false, "a\n{0}": false,
		strings.Repeat("a", 36) + "{00}": true, strings.Repeat("a", 37) + "{00}": false,
	} {
		if err := checkPattern(p); (err == nil) != ok {
			t.Errorf("%q: %v", p, err)
		}
	}
}

func TestSM09_NumbersAreSpelled(t *testing.T) {
	for _, c := range []struct {
		pattern, date string
		fiscal        int
		serial        int64
		want          string
	}{
		{"INV-{yyyy}-{000000}", "2026-11-22", 0, 1, "INV-2026-000001"},
		{"{yy}{mm}-{000}", "2027-01-05", 0, 42, "2701-042"},
		{"{fy}-{000}", "2027-01-05", 2026, 7, "2026-007"},
		{"{000}", "2027-01-05", 0, 12345, "12345"}, // outgrown: whole, never cut
		{"{0}/A", "2027-01-05", 0, 3, "3/A"},
	} {
		if got := number(period(c.pattern, civil.MustParse(c.date), c.fiscal), c.serial); got != c.want {
			t.Errorf("%s: %s", c.pattern, got)
		}
	}
}

// Within a run two serials never make the same number.
func TestSM09_NumbersDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom([]string{"INV-2026-{000000}", "{0}", "{00}-9", "9{000}9"}).Draw(t, "period")
		a, b := rapid.Int64Range(1, maxFirst).Draw(t, "a"), rapid.Int64Range(1, maxFirst).Draw(t, "b")
		if (a == b) != (number(p, a) == number(p, b)) {
			t.Fatal(p, a, b)
		}
		if !strings.Contains(number(p, a), strconv.FormatInt(a, 10)) {
			t.Fatal("the serial is cut", number(p, a))
		}
	})
}

func FuzzPattern(f *testing.F) {
	f.Add("INV-{yyyy}-{000000}")
	f.Add("{0}{yy}}{")
	f.Fuzz(func(t *testing.T, p string) {
		if checkPattern(p) != nil {
			return
		}
		day := civil.MustParse("2026-11-22")
		if n := number(period(p, day, 2026), 1234567890123); strings.ContainsAny(n, "{}") || !strings.Contains(n, "1234567890123") {
			t.Fatalf("%q spells %q", p, n)
		}
	})
}

func sample() Profile {
	return Profile{Name: "株式会社北斗サプライ", Kana: "ホクトサプライ", RegistrationNumber: "T7000012050002", PostalCode: "0600001", Address: "札幌市中央区北一条西2-1",
		Phone: "011-200-1234", FiscalStart: 4, Rounding: money.Floor,
		BankAccounts: []BankAccount{{BankCode: "0501", BankName: "北洋銀行", BranchCode: "001", BranchName: "本店", Kind: "ordinary", Number: "12345", Holder: "カブシキガイシャホクトサプライ"}}}
}

func TestC24_ProfileIsMadeNormal(t *testing.T) {
	p := sample()
	p.RegistrationNumber, p.PostalCode, p.Kana = "ｔ7000012050002", "〒060-0001", "ほくとさぷらい"
	p.BankAccounts[0].BankCode = "０５０１"
	n, err := p.normal()
	if err != nil {
		t.Fatal(err)
	}
	a := n.BankAccounts[0]
	if n.RegistrationNumber != "T7000012050002" || n.PostalCode != "060-0001" || n.Kana != "ホクトサプライ" || n.HonorificCompany != "御中" || n.HonorificPerson != "様" {
		t.Fatalf("%+v", n)
	}
	if a.Number != "0012345" || a.BankCode != "0501" || a.Holder != "ｶ)ﾎｸﾄｻﾌﾟﾗｲ" {
		t.Fatalf("%+v", a)
	}
	if again, err := n.normal(); err != nil || again.weighs(n) {
		t.Fatal("normal is not stable", again, err)
	}
}

func TestC24_ProfileRefusesWhatCannotBe(t *testing.T) {
	for field, spoil := range map[string]func(*Profile){
		"kana":                         func(p *Profile) { p.Kana = "北斗" },
		"registration_number":          func(p *Profile) { p.RegistrationNumber = "T123" },
		"postal_code":                  func(p *Profile) { p.PostalCode = "060" },
		"phone":                        func(p *Profile) { p.Phone = "１１０番" },
		"fax":                          func(p *Profile) { p.Fax = "x" },
		"logo":                         func(p *Profile) { p.Logo = strings.Repeat("A", 64) },
		"seal":                         func(p *Profile) { p.Seal = "../etc/passwd" },
		"fiscal_start":                 func(p *Profile) { p.FiscalStart = 13 },
		"keep_years":                   func(p *Profile) { p.KeepYears = 5 },
		"bank_accounts[0].bank_code":   func(p *Profile) { p.BankAccounts[0].BankCode = "501" },
		"bank_accounts[0].branch_code": func(p *Profile) { p.BankAccounts[0].BranchCode = "00a" },
		"bank_accounts[0].number":      func(p *Profile) { p.BankAccounts[0].Number = "1234-56" },
		"bank_accounts[0].holder":      func(p *Profile) { p.BankAccounts[0].Holder = "北斗" },
	} {
		p := sample()
		spoil(&p)
		_, err := p.normal()
		if f := fault.Of(err); f == nil || f.Kind != fault.KindInvalid || f.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestC24_WhatWeighs(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Profile)
		weighs bool
	}{
		"nothing":  {func(*Profile) {}, false},
		"phone":    {func(p *Profile) { p.Phone = "011-200-9999" }, false},
		"rounding": {func(p *Profile) { p.Rounding = money.Ceil }, false},
		"name":     {func(p *Profile) { p.Name += "札幌" }, true},
		"address":  {func(p *Profile) { p.Address += "3階" }, true},
		"postal":   {func(p *Profile) { p.PostalCode = "060-0002" }, true},
		"number":   {func(p *Profile) { p.RegistrationNumber = "" }, true},
		"keeping":  {func(p *Profile) { p.KeepYears = 7 }, true},
		"account":  {func(p *Profile) { p.BankAccounts[0].Number = "7654321" }, true},
		"holder":   {func(p *Profile) { p.BankAccounts[0].Holder = "ｼﾝ" }, true},
		"one more": {func(p *Profile) { p.BankAccounts = append(p.BankAccounts, p.BankAccounts[0]) }, true},
		"none":     {func(p *Profile) { p.BankAccounts = nil }, true},
	} {
		p, q := sample(), sample()
		c.change(&q)
		if p.weighs(q) != c.weighs {
			t.Error(name)
		}
	}
}

func TestIR62_KeepingFollowsTheBusinessYear(t *testing.T) {
	for _, c := range []struct {
		start, years int
		date, want   string
	}{
		{4, 7, "2026-11-22", "2034-05-31"}, // year to 2027-03-31
		{4, 10, "2026-11-22", "2037-05-31"},
		{4, 0, "2026-11-22", "2037-08-31"}, // ten years and three months
		{1, 7, "2026-11-22", "2034-03-01"}, // 2027-02-28 is a Sunday
		{4, 7, "2027-03-31", "2034-05-31"},
		{4, 7, "2027-04-01", "2035-05-31"},
	} {
		got, err := Profile{FiscalStart: c.start, KeepYears: c.years}.KeepThrough(civil.MustParse(c.date))
		if err != nil || got.String() != c.want {
			t.Error(c, got, err)
		}
	}
}

func TestDepartmentRings(t *testing.T) {
	all := []Department{dep("a", ""), dep("b", "a"), dep("c", "b"), dep("x", "y"), dep("y", "x")}
	for _, c := range []struct {
		id, goal string
		want     bool
	}{{"c", "a", true}, {"a", "c", false}, {"b", "b", true}, {"x", "a", true}, {"c", "none", false}} {
		if got := reaches(all, c.id, c.goal); got != c.want {
			t.Error(c)
		}
	}
}

func dep(id, parent string) Department {
	d := Department{Parent: parent}
	d.ID = id
	return d
}

func TestSM09_ProofNamesTheMissing(t *testing.T) {
	c := runCount{Period: "p", First: 5, Next: 10, Taken: 3, Voided: 1, Entered: 1}
	p := prove(c, []missingAfter{{"p", 5, 8}, {"other", 1, 9}})
	if p.Dense || !slices.Equal(p.Missing, []int64{6, 7}) || p.Last != 9 {
		t.Fatal(p)
	}
	c.Taken = 5
	if p = prove(c, nil); !p.Dense {
		t.Fatal(p)
	}
	c.Entered = 0
	if p = prove(c, nil); p.Dense {
		t.Fatal("given up but not in the ledger", p)
	}
}
