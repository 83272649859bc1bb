package jp

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
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

func TestCheckDigitVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Houjin []struct {
			Number string
			Passes bool `json:"check_passes"`
		} `json:"houjin_check"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Houjin) != 25 {
		t.Fatalf("%d vectors", len(v.Houjin))
	}
	for _, c := range v.Houjin {
		n, err := ParseCorporateNumber(c.Number)
		if err != nil || n.CheckOK() != c.Passes {
			t.Errorf("%s: %v %v", c.Number, n.CheckOK(), err)
		}
		r, err := ParseRegistrationNumber("T" + c.Number)
		if err != nil || r.CheckOK() != c.Passes {
			t.Errorf("T%s: %v %v", c.Number, r.CheckOK(), err)
		}
	}
}

func TestCheckDigitCatchesOneWrongDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.StringMatching(`[0-9]{12}`).Draw(t, "base")
		c, err := CheckDigit(base)
		if err != nil || c < 1 || c > 9 {
			t.Fatalf("%s: %d %v", base, c, err)
		}
		whole := string('0'+byte(c)) + base
		if !CorporateNumber(whole).CheckOK() || CorporateNumber("0"+base).CheckOK() {
			t.Fatalf("%s", whole)
		}
		i := rapid.IntRange(0, 12).Draw(t, "place")
		d := byte(rapid.IntRange(0, 9).Draw(t, "digit")) + '0'
		wrong := whole[:i] + string(d) + whole[i+1:]
		unseen := i > 0 && (d == '0' && whole[i] == '9' || d == '9' && whole[i] == '0')
		if CorporateNumber(wrong).CheckOK() != (wrong == whole || unseen) {
			t.Fatalf("%s for %s", wrong, whole)
		}
	})
}

func TestRegistrationNumberNotations(t *testing.T) {
	for _, s := range []string{"T7000012050002", "t7000012050002", "Ｔ７００００１２０５０００２", " T7000-0120-50002 ", "T 7000012050002", "Ｔー７０００－０１２０－５０００２"} {
		if n, err := ParseRegistrationNumber(s); err != nil || n != "T7000012050002" {
			t.Errorf("%q: %q %v", s, n, err)
		}
	}
	for _, s := range []string{"", "T", "7000012050002", "T700001205000", "T70000120500021", "TT7000012050002", "T700001205000x", "T7000012050002;", ">T3210987654321", "T七000012050002"} {
		_, err := ParseRegistrationNumber(s)
		wantInvalid(t, err, "jp.bad_registration_number")
	}
	for _, s := range []string{"", "700001205000", "T7000012050002", "70000120500021", "700001205000x"} {
		_, err := ParseCorporateNumber(s)
		wantInvalid(t, err, "jp.bad_corporate_number")
	}
	for _, n := range []CorporateNumber{"", "7", "700001205000", "x000012050002", "70000120500022"} {
		if n.CheckOK() {
			t.Errorf("%q passes", n)
		}
	}
	_, err := CheckDigit("0000120500022")
	wantInvalid(t, err, "jp.bad_corporate_number")
}

func FuzzParseRegistrationNumber(f *testing.F) {
	f.Add("T7000012050002")
	f.Add("Ｔ７０００-０１２０-５０００２")
	form := regexp.MustCompile(`^T[0-9]{13}$`)
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseRegistrationNumber(s)
		if err != nil {
			return
		}
		if !form.MatchString(string(n)) {
			t.Fatalf("%q gave %q", s, n)
		}
		if c, err := ParseCorporateNumber(string(n[1:])); err != nil || c.CheckOK() != n.CheckOK() {
			t.Fatalf("%q: %v", n, err)
		}
	})
}

func TestPartnerCodes(t *testing.T) {
	for s, want := range map[string]string{
		"00123": "00123", "００１２３": "00123", " a-01 ": "A-01", "ｋ＿１．２": "K_1.2", "A－１": "A-1", "A―1": "A-1", "0": "0", strings.Repeat("9", 20): strings.Repeat("9", 20),
	} {
		if got, err := ParseCode(s); err != nil || got != want {
			t.Errorf("%q: %q %v", s, got, err)
		}
	}
	for _, s := range []string{"", " ", "-1", "1-", "A B", "得意先1", "A/1", "../1", "=1+1", "A\n1", "A\u200b1", "é", strings.Repeat("9", 21)} {
		_, err := ParseCode(s)
		wantInvalid(t, err, "jp.bad_code")
	}
}

func FuzzParseCode(f *testing.F) {
	f.Add("００１２３")
	f.Add("a-ー1")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCode(s)
		if err != nil {
			return
		}
		if again, err := ParseCode(c); err != nil || again != c || len(c) > MaxCode {
			t.Fatalf("%q: %q, then %q (%v)", s, c, again, err)
		}
	})
}

func TestPostalCodes(t *testing.T) {
	for _, s := range []string{"100-0001", "1000001", "〒100-0001", "〒　１００ー０００１", "100 0001", "１０００００１"} {
		if got, err := ParsePostalCode(s); err != nil || got != "100-0001" {
			t.Errorf("%q: %q %v", s, got, err)
		}
	}
	for _, s := range []string{"", "〒", "100-001", "100-00011", "abc-defg", "〒〒1000001"} {
		_, err := ParsePostalCode(s)
		wantInvalid(t, err, "jp.bad_postal_code")
	}
}

func TestPhoneKeys(t *testing.T) {
	for s, want := range map[string]string{
		"03-1234-5678": "+81312345678", "(03)1234-5678": "+81312345678", "03(1234)5678": "+81312345678", "０３－１２３４－５６７８": "+81312345678",
		"+81-3-1234-5678": "+81312345678", "+81(0)3-1234-5678": "+81312345678", "+81 03 1234 5678": "+81312345678", "090-1234-5678": "+819012345678",
		"050ー1234ー5678": "+815012345678", "0120-123-456": "+81120123456", "0800-123-4567": "+818001234567", "0570-012-345": "+81570012345",
		"0250-22-1234": "+81250221234", "+1 (212) 555-1234": "+12125551234", "+44 20 7946 0958": "+442079460958",
	} {
		if got, err := PhoneKey(s); err != nil || got != want {
			t.Errorf("%q: %q %v", s, got, err)
		}
	}
	for _, s := range []string{"", "110", "1234-5678", "03-1234-567", "03-1234-56789", "090-1234-567", "00-1234-5678", "03-1234-5678 内線12", "+0312345678",
		"+81", "+8", "+12345678901234567", "(03", "03)1234-5678", "((03))1234-5678", "03-ABCD-5678", "+", "+81-90-1234-567"} {
		_, err := PhoneKey(s)
		wantInvalid(t, err, "jp.bad_phone")
	}
}

func FuzzPhoneKey(f *testing.F) {
	for _, s := range []string{"03-1234-5678", "+81(0)3-1234-5678", "(", "+1(2)3", "＋８１"} {
		f.Add(s)
	}
	form := regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	f.Fuzz(func(t *testing.T, s string) {
		k, err := PhoneKey(s)
		if err != nil {
			return
		}
		if again, err := PhoneKey(k); !form.MatchString(k) || err != nil || again != k {
			t.Fatalf("%q: %q, then %q (%v)", s, k, again, err)
		}
	})
}

func TestPrefectures(t *testing.T) {
	for _, c := range []struct {
		address    string
		code       int
		name, rest string
	}{
		{"東京都千代田区千代田1-1", 13, "東京都", "千代田区千代田1-1"}, {"　京都府　京都市", 26, "京都府", "京都市"}, {"北海道", 1, "北海道", ""},
		{"沖縄県那覇市", 47, "沖縄県", "那覇市"}, {"神奈川県川崎市", 14, "神奈川県", "川崎市"}, {"和歌山県", 30, "和歌山県", ""}, {"鹿児島県", 46, "鹿児島県", ""},
		{"千代田区千代田1-1", 0, "", "千代田区千代田1-1"}, {"京都市", 0, "", "京都市"}, {"", 0, "", ""},
	} {
		code, name, rest := Prefecture(c.address)
		if code != c.code || name != c.name || rest != c.rest {
			t.Errorf("%q: %d %q %q", c.address, code, name, rest)
		}
	}
	if n := len(strings.Fields(prefectures)); n != 47 {
		t.Errorf("%d prefectures", n)
	}
}

// Every key this package raises has a sentence.
func TestSentencesExist(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	keys := regexp.MustCompile(`"(jp\.[a-z_0-9]+)"`)
	seen := map[string]bool{}
	for _, f := range files {
		if f.IsDir() {
			continue
		}
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range keys.FindAllSubmatch(b, -1) {
			seen[string(m[1])] = true
			if !text.Has(string(m[1])) {
				t.Errorf("%s: no sentence %s", f.Name(), m[1])
			}
		}
	}
	for _, k := range text.Keys() {
		if strings.HasPrefix(k, "jp.") && !seen[k] {
			t.Errorf("nothing raises %s", k)
		}
	}
}
