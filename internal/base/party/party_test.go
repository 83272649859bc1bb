package party

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/mailaddr"
)

var monthEnd = civil.Term{Close: civil.LastDay, Months: 1, PayDay: civil.LastDay, Shift: civil.ShiftNext}

func TestNormalise(t *testing.T) {
	good := func() Party { return Party{Code: "００４２", Name: " 株式会社山田商店 ", Terms: monthEnd} }
	p := good()
	p.Kana, p.RegistrationNumber, p.CorporateNumber = "やまだｼｮｳﾃﾝ", "Ｔ7000012050002", "7000-0120-50002"
	p.PostalCode, p.Phone = "〒１０００００１", "03-1234-5678"
	if err := p.Normalise(); err != nil {
		t.Fatal(err)
	}
	if p.Code != "0042" || p.Name != "株式会社山田商店" || p.Kana != "ヤマダショウテン" || p.PostalCode != "100-0001" || p.Honorific != "御中" ||
		p.RegistrationNumber != "T7000012050002" || p.CorporateNumber != "7000012050002" || len(p.Warnings()) != 0 {
		t.Fatalf("%+v", p)
	}
	for name, c := range map[string]struct {
		edit  func(*Party)
		field string
		key   string
	}{
		"code":       {func(p *Party) { p.Code = "A B" }, "code", "jp.bad_code"},
		"no code":    {func(p *Party) { p.Code = " " }, "code", "gate.required"},
		"no name":    {func(p *Party) { p.Name = "" }, "name", "gate.required"},
		"kana":       {func(p *Party) { p.Kana = "山田" }, "kana", "jp.bad_furigana"},
		"honorific":  {func(p *Party) { p.Honorific = "殿" }, "honorific", "gate.enum"},
		"corporate":  {func(p *Party) { p.CorporateNumber = "7000012050003" }, "corporate_number", "party.corporate_check"},
		"differ":     {func(p *Party) { p.CorporateNumber, p.RegistrationNumber = "7000012050002", "T2000012010019" }, "registration_number", "party.numbers_differ"},
		"t number":   {func(p *Party) { p.RegistrationNumber = "T123" }, "registration_number", "jp.bad_registration_number"},
		"postal":     {func(p *Party) { p.PostalCode = "12" }, "postal_code", "jp.bad_postal_code"},
		"phone":      {func(p *Party) { p.Phone = "call me" }, "phone", "jp.bad_phone"},
		"terms":      {func(p *Party) { p.Terms = civil.Term{} }, "terms", "civil.bad_term"},
		"due before": {func(p *Party) { p.Terms = civil.Term{Close: 20, PayDay: 10, Shift: civil.ShiftNone} }, "terms", "civil.term_before_closing"},
	} {
		p := good()
		c.edit(&p)
		f := fault.Of(p.Normalise())
		if f == nil {
			t.Errorf("%s: no fault", name)
			continue
		}
		if len(f.Parts) > 0 {
			f = f.Parts[0]
		}
		if f.Kind != fault.KindInvalid || f.Field != c.field || f.Key != c.key {
			t.Errorf("%s: %+v", name, f)
		}
	}
	p = good()
	p.RegistrationNumber = "T7000012050003"
	if err := p.Normalise(); err != nil || !slices.Equal(p.Warnings(), []string{"party.warn.registration_check"}) {
		t.Fatal("a misfit of a registration number is a warning, never a refusal", err, p.Warnings())
	}
}

func TestNormaliseAccount(t *testing.T) {
	a := BankAccount{BankCode: "０００１", BankName: "みずほ", BranchCode: "001", BranchName: "トウキョウ", Kind: "ordinary", Number: "０１２３４５６", Holder: "カブシキガイシャヤマダショウテン"}
	if err := a.Normalise(); err != nil {
		t.Fatal(err)
	}
	if a.BankCode != "0001" || a.BankName != "ﾐｽﾞﾎ" || a.Number != "0123456" || a.Holder != "ｶ)ﾔﾏﾀﾞｼﾖｳﾃﾝ" {
		t.Fatalf("%+v", a)
	}
	for field, edit := range map[string]func(*BankAccount){
		"bank_code":   func(a *BankAccount) { a.BankCode = "1" },
		"branch_code": func(a *BankAccount) { a.BranchCode = "0012" },
		"number":      func(a *BankAccount) { a.Number = "12345a7" },
		"holder":      func(a *BankAccount) { a.Holder = "山田商店" },
		"bank_name":   func(a *BankAccount) { a.BankName = strings.Repeat("ｱ", 16) },
		"branch_name": func(a *BankAccount) { a.BranchName = " " },
		"kind":        func(a *BankAccount) { a.Kind = "gold" },
	} {
		b := a
		edit(&b)
		if f := fault.Of(b.Normalise()); f == nil || f.Kind != fault.KindInvalid || f.Field != field && (len(f.Parts) != 1 || f.Parts[0].Field != field) {
			t.Errorf("%s: %+v", field, f)
		}
	}
}

// FuzzNormalise: whatever is accepted is in its final form.
func FuzzNormalise(f *testing.F) {
	f.Add("0042", "株式会社山田", "やまだ", "7000012050002", "T7000012050002", "100-0001", "03-1234-5678", "a@b.co.jp")
	f.Add("", "\u202e", "ｶﾞ", "０", "T", "〒", "+", "a@b\u200b.jp")
	f.Fuzz(func(t *testing.T, code, name, kana, corp, reg, post, phone, mail string) {
		p := Party{Code: code, Name: name, Kana: kana, CorporateNumber: jp.CorporateNumber(corp),
			RegistrationNumber: jp.RegistrationNumber(reg), PostalCode: post, Phone: phone, Terms: monthEnd}
		if p.Normalise() == nil {
			q := p
			if err := q.Normalise(); err != nil || q != p {
				t.Fatalf("%+v\n%+v %v", p, q, err)
			}
		}
		d := DeliveryPoint{Address: mail, Label: name}
		if d.Normalise() == nil {
			a, err := mailaddr.Parse(d.Address)
			if err != nil || a.String() != d.Address || strings.ContainsAny(d.Address, "\r\n\t ") {
				t.Fatalf("%q %v", d.Address, err)
			}
		}
	})
}

func prop(party, address string) Proposal {
	a, err := mailaddr.Parse(address)
	if err != nil {
		panic(err)
	}
	return Proposal{party, a, false}
}

func reg(party, address string) Proposal {
	p := prop(party, address)
	p.Verified = true
	return p
}

func kinds(fs []Finding) string {
	var out []string
	for _, f := range fs {
		k := f.Kind[strings.LastIndexByte(f.Kind, '.')+1:]
		if f.Party != "" {
			k += "/" + f.Party
		}
		out = append(out, k)
	}
	return strings.Join(out, " ")
}

func TestSortAddresses(t *testing.T) {
	known := []Proposal{reg("K", "keiri@kitahachi.co.jp"), reg("L", "info@yamada-shoten.co.jp")}
	for _, c := range []struct {
		name string
		in   []Proposal
		want []string
	}{
		{"quiet", []Proposal{prop("A", "a@aoba-kensetsu.co.jp"), prop("A", "b@aoba-kensetsu.co.jp")}, []string{"", ""}},
		{"own domain again", []Proposal{prop("K", "seikyu@kitahachi.co.jp")}, []string{""}},
		{"free mail", []Proposal{prop("A", "aoba@gmail.com")}, []string{"free_mail"}},
		{"shared", []Proposal{prop("A", "x@aoba.jp"), prop("B", "x@aoba.jp")}, []string{"shared/B", "shared/A"}},
		{"shared free mail", []Proposal{prop("A", "x@gmail.com"), prop("B", "x@gmail.com")}, []string{"free_mail shared/B", "free_mail shared/A"}},
		{"other company's domain", []Proposal{prop("A", "tanaka@kitahachi.co.jp")}, []string{"other_domain/K"}},
		{"subdomain of another", []Proposal{prop("A", "tanaka@mail.kitahachi.co.jp")}, []string{"other_domain/K"}},
		{"one letter", []Proposal{prop("A", "keiri@kitahachl.co.jp")}, []string{"homoglyph/K"}},
		{"suffix", []Proposal{prop("A", "keiri@kitahachi.com")}, []string{"suffix/K"}},
		{"hyphen", []Proposal{prop("A", "info@yamadashoten.co.jp")}, []string{"hyphen/L"}},
		{"dot for hyphen", []Proposal{prop("A", "info@yamada.shoten.co.jp")}, []string{"typo/L"}},
		{"inside", []Proposal{prop("A", "keiri@kitahachi.co.jp.evil.com")}, []string{"inside/K"}},
		{"another domain of its own", []Proposal{prop("K", "keiri@kitahachi.com")}, []string{"new_domain"}},
		{"within the file", []Proposal{prop("A", "x@sakura-denki.co.jp"), prop("B", "x@sakura-denkl.co.jp")}, []string{"homoglyph/B", "homoglyph/A"}},
	} {
		for i, f := range SortAddresses(known, c.in) {
			if f == nil || kinds(f) != c.want[i] {
				t.Errorf("%s: %d: %q, want %q", c.name, i, kinds(f), c.want[i])
			}
		}
	}
}

func TestInspectAddress(t *testing.T) {
	known := []Proposal{reg("K", "keiri@kitahachi.co.jp"), reg("L", "info@yamada-shoten.co.jp"), reg("F", "kita@gmail.com")}
	for in, want := range map[Proposal]string{
		prop("K", "seikyu@kitahachi.co.jp"): "",
		prop("K", "kelri@kitahachi.co.jp"):  "local/K",
		prop("A", "keiri@kitahachi.ne.jp"):  "suffix/K",
		prop("L", "info@yamada-shoten.jp"):  "new_domain suffix/L",
		prop("A", "kito@gmail.com"):         "free_mail",
		prop("A", "kita@gmail.com"):         "free_mail shared/F",
	} {
		if got := kinds(InspectAddress(known, in)); got != want {
			t.Errorf("%s: %q, want %q", in.Address, got, want)
		}
	}
}

// The search by remainders finds a look-alike wherever comparing all pairs does.
func TestAlikeEqualsAllPairs(t *testing.T) {
	letters := rapid.SampledFrom([]string{"a", "b", "l", "1", "o", "0", "rn", "m", "-", "yama", "da"})
	suffix := rapid.SampledFrom([]string{"co.jp", "jp", "com", "ne.jp", "aoba.jp", "rn.com"})
	domain := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(letters, 1, 8).Draw(t, "name"), "") + "." + suffix.Draw(t, "suffix")
	})
	rapid.Check(t, func(t *rapid.T) {
		var known, asked []Proposal
		for i, d := range rapid.SliceOfN(domain, 2, 30).Draw(t, "domains") {
			a, err := mailaddr.Parse("x@" + d)
			if err != nil {
				continue
			}
			p := Proposal{fmt.Sprint("p", i%7), a, true}
			if i%3 == 0 {
				known = append(known, p)
			} else {
				asked = append(asked, p)
			}
		}
		got := alike(known, asked)
		hosts := distinct(known, asked)
		for i := range hosts {
			want := false
			for j := range hosts {
				a, b := hosts[i], hosts[j]
				if i == j || a.owners == b.owners && a.owners[1] == "" {
					continue
				}
				_, ok := a.shape.LookAlike(&b.shape)
				want = want || ok && a.asked
			}
			if _, ok := got[hosts[i].shape.Domain()]; ok != want {
				t.Fatalf("%s: found %v, all pairs say %v", hosts[i].shape.Domain(), ok, want)
			}
		}
	})
}

func TestDraw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, k := rapid.Int64Range(0, 500).Draw(t, "n"), rapid.IntRange(1, 30).Draw(t, "k")
		seed := rapid.String().Draw(t, "seed")
		got := draw(seed, n, k)
		if int64(len(got)) != min(n, int64(k)) || !slices.Equal(got, draw(seed, n, k)) {
			t.Fatal(got)
		}
		slices.Sort(got)
		if len(slices.Compact(got)) != int(min(n, int64(k))) || len(got) > 0 && (got[0] < 1 || got[len(got)-1] > n) {
			t.Fatal(got)
		}
	})
	hits := map[int64]int{}
	for i := range 4000 {
		for _, n := range draw(fmt.Sprint(i), 40, 20) {
			hits[n]++
		}
	}
	for n := int64(1); n <= 40; n++ { // each number in half of the draws; 6 σ = 190
		if hits[n] < 1810 || hits[n] > 2190 {
			t.Errorf("%d was drawn %d times of 4000", n, hits[n])
		}
	}
}

// An import of 50,000 addresses is sorted in seconds, also when they are made to
// resemble one another; pair by pair it would take hours. What was not compared
// is strange.
func TestSortAddressesIsFast(t *testing.T) {
	const n = 50_000
	r := rand.New(rand.NewSource(1))
	letters := func(k int, of string) string {
		name := make([]byte, k)
		for j := range name {
			name[j] = of[r.Intn(len(of))]
		}
		return string(name)
	}
	for _, c := range []struct {
		name     string
		domain   func(i int) string
		min, max int // quiet
	}{
		{"ordinary", func(int) string { return letters(6+r.Intn(9), "abcdefghijklmnopqrstuvwxyz") + ".co.jp" }, n * 97 / 100, n},
		{"one site", func(i int) string { return fmt.Sprintf("p%d.example.jp", i) }, 0, 0},
		{"numbered", func(i int) string { return fmt.Sprintf("tokyo%05d.jp", i) }, 0, 0},
		{"binary", func(int) string { return letters(18, "ab") + ".com" }, 0, n / 100},
		{"suffixes", func(i int) string { return fmt.Sprintf("aoba.%s.com", letters(12, "abcdefgh")) }, 0, n},
		{"long remainders", func(i int) string { return fmt.Sprintf("%03d%s%03d.com", i%1000, letters(40, "a"), i/1000) }, 0, 0},
	} {
		var ps []Proposal
		for i := range n {
			ps = append(ps, prop(fmt.Sprint("p", i), "keiri@"+c.domain(i)))
		}
		began := time.Now()
		quiet := 0
		for _, f := range SortAddresses(nil, ps) {
			if len(f) == 0 {
				quiet++
			}
		}
		took := time.Since(began)
		if took > 15*time.Second || quiet < c.min || quiet > c.max {
			t.Error(c.name, took, quiet)
		}
		t.Log(c.name, took, quiet)
	}
}
