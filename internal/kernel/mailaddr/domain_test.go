package mailaddr

import (
	"strings"
	"testing"
)

func TestRegistrable(t *testing.T) {
	for in, want := range map[string]string{
		"mail.example.co.jp":         "example.co.jp",
		"example.co.jp":              "example.co.jp",
		"a.b.example.jp":             "example.jp",
		"shop.example.tokyo.jp":      "example.tokyo.jp",
		"x.shop.example.kawasaki.jp": "shop.example.kawasaki.jp",
		"www.city.kawasaki.jp":       "city.kawasaki.jp",
		"mail.example.com":           "example.com",
		"a.xn--wgv71a119e.jp":        "xn--wgv71a119e.jp",
		"mail.relay.test":            "relay.test",
	} {
		if got, err := Registrable(in); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", in, got, err, want)
		}
	}
	if got, err := Registrable("co.jp"); err == nil {
		t.Errorf("co.jp: %q", got)
	}
}

func TestSM32_FreeMail(t *testing.T) {
	for _, d := range strings.Fields("gmail.com yahoo.co.jp outlook.com outlook.jp icloud.com docomo.ne.jp ezweb.ne.jp softbank.ne.jp i.softbank.jp au.com biglobe.ne.jp m1.biglobe.ne.jp nifty.com tokyo.ocn.ne.jp abc.so-net.ne.jp d.vodafone.ne.jp") {
		if !FreeMail(d) {
			t.Errorf("%s is not seen as free mail", d)
		}
	}
	for _, d := range strings.Fields("example.co.jp notgmail.com gmail.com.example.co.jp docomo.co.jp ne.jp co.jp com") {
		if FreeMail(d) {
			t.Errorf("%s is seen as free mail", d)
		}
	}
	for _, d := range strings.Fields(freeMail) {
		if c, err := CanonicalDomain(d); err != nil || c != d {
			t.Errorf("the list has %q: %q, %v", d, c, err)
		}
	}
}

func TestSM32_MixedScript(t *testing.T) {
	for label, want := range map[string]bool{
		"example": false, "exаmple": true, "аррӏе": false, "ελλάδα": false, "αbc": true, "日本語": false, "カフェabc": false,
		"東京タワー123": false, "ひらがなカタカナ漢字latin": false, "日本я": true, "한국abc": false, "한국ひら": true, "ա1": false, "aա": true,
		"xn--exmple-4nf": true, "xn--wgv71a119e": false, "123-4": false, "": false,
	} {
		if got := MixedScript(label); got != want {
			t.Errorf("%q: %v", label, got)
		}
	}
}

func TestSM32_Skeleton(t *testing.T) {
	for _, pair := range [][2]string{
		{"example", "ехаmрlе"}, {"example", "ｅxample"}, {"google", "g00g1e"}, {"modern", "rnodem"}, {"wind", "vvincl"},
		{"ill", "1l|"}, {"café", "cafe"}, {"İl", "il"}, {"エ口", "工ロ"}, {"xn--80ak6aa92e", "apple"},
	} {
		if a, b := Skeleton(pair[0]), Skeleton(pair[1]); a != b {
			t.Errorf("%s → %s, %s → %s", pair[0], a, pair[1], b)
		}
	}
	if Skeleton("hokuto") == Skeleton("nanto") {
		t.Error("different names share a skeleton")
	}
}
