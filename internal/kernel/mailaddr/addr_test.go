package mailaddr

import (
	"net/mail"
	"strings"
	"testing"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
)

func TestSM32_ParseAccepts(t *testing.T) {
	for in, want := range map[string]string{
		"keiri@example.co.jp":                "keiri@example.co.jp",
		"Keiri.Taro+seikyu@EXAMPLE.Co.Jp":    "keiri.taro+seikyu@example.co.jp",
		"a@日本語.jp":                           "a@xn--wgv71a119e.jp",
		"a@xn--wgv71a119e.jp":                "a@xn--wgv71a119e.jp",
		"a@xn--wgv71a119e.JP":                "a@xn--wgv71a119e.jp",
		"a@カフェabc.jp":                        "a@xn--abc-2i4bta6w.jp",
		"o'neil_1@mail.example.com":          "o'neil_1@mail.example.com",
		"trap@relay.test":                    "trap@relay.test",
		strings.Repeat("a", 64) + "@a.co.jp": strings.Repeat("a", 64) + "@a.co.jp",
	} {
		a, err := Parse(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if got := a.String(); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	a, _ := Parse("a@xn--wgv71a119e.jp")
	if a.Unicode() != "a@日本語.jp" || a.Domain() != "xn--wgv71a119e.jp" || a.Local() != "a" {
		t.Errorf("parts: %q %q %q", a.Unicode(), a.Domain(), a.Local())
	}
}

// refused is what Parse refuses, and why.
var refused = map[string]string{
	"":                                   "mailaddr.empty",
	"a@example.co.jp\r\nBcc: x@evil.com": "mailaddr.invisible",
	"a@example.co.jp\n":                  "mailaddr.invisible",
	"a\x00@example.co.jp":                "mailaddr.invisible",
	"a\u200b@example.co.jp":              "mailaddr.invisible",
	"a@exam\u00adple.co.jp":              "mailaddr.invisible",
	"a@exam\u202eple.co.jp":              "mailaddr.invisible",
	"a@exam\ufe0fple.co.jp":              "mailaddr.invisible",
	"a@exam\u3164ple.co.jp":              "mailaddr.invisible",
	"a@exam\u034fple.co.jp":              "mailaddr.invisible",
	"\ufeffa@example.co.jp":              "mailaddr.invisible",
	"a@exam\ue000ple.co.jp":              "mailaddr.invisible",
	"a\xff@example.co.jp":                "mailaddr.encoding",
	" a@example.co.jp":                   "mailaddr.space",
	"a@example.co.jp\u3000":              "mailaddr.space",
	"ａ@example.co.jp":                    "mailaddr.width",
	"a＠example.co.jp":                    "mailaddr.width",
	"a@ｅxample.co.jp":                    "mailaddr.width",
	"経理 <a@example.co.jp>":               "mailaddr.space",
	"<a@example.co.jp>":                  "mailaddr.only_address",
	"a@example.co.jp,b@example.co.jp":    "mailaddr.only_address",
	`"a@b.co"@evil.co.jp`:                "mailaddr.only_address",
	"a@[192.0.2.1]":                      "mailaddr.only_address",
	"a.example.co.jp":                    "mailaddr.one_at",
	"a@b@example.co.jp":                  "mailaddr.one_at",
	"@example.co.jp":                     "mailaddr.local_empty",
	"経理@example.co.jp":                   "mailaddr.local",
	"аa@example.co.jp":                   "mailaddr.local",
	"a..b@docomo.ne.jp":                  "mailaddr.dots",
	"a.@docomo.ne.jp":                    "mailaddr.dots",
	".a@docomo.ne.jp":                    "mailaddr.dots",
	strings.Repeat("a", 65) + "@a.co.jp": "mailaddr.too_long",
	strings.Repeat("a", 30) + "@" + strings.Repeat(strings.Repeat("a", 55)+".", 4) + "co.jp": "mailaddr.too_long",
	"a@example":            "mailaddr.domain",
	"a@localhost":          "mailaddr.domain",
	"a@":                   "mailaddr.empty",
	"a@example.co.jp.":     "mailaddr.domain",
	"a@example..jp":        "mailaddr.domain",
	"a@-example.jp":        "mailaddr.domain",
	"a@exa_mple.jp":        "mailaddr.domain",
	"a@192.0.2.1":          "mailaddr.domain",
	"a@xn--zzzzzz99999.jp": "mailaddr.domain",
	"a@例え。jp":              "mailaddr.domain",
	"a@exаmple.co.jp":      "mailaddr.mixed",
	"a@xn--exmple-4nf.com": "mailaddr.mixed",
	"a@co.jp":              "mailaddr.suffix",
}

func TestSM32_ParseRefuses(t *testing.T) {
	for in, key := range refused {
		a, err := Parse(in)
		if err == nil {
			t.Errorf("%q was accepted as %q", in, a)
			continue
		}
		f := fault.Of(err)
		if f.Kind != fault.KindInvalid || f.Key != key {
			t.Errorf("%q: got %v, want %s", in, err, key)
		}
		for _, l := range text.Langs {
			if s := text.Fault(l, f); s == f.Key || strings.ContainsAny(s, "{}") {
				t.Errorf("%q: no whole sentence in %s: %s", in, l, s)
			}
		}
	}
}

func TestTextRoundTrip(t *testing.T) {
	var a Addr
	if err := a.UnmarshalText([]byte("A@日本語.jp")); err != nil {
		t.Fatal(err)
	}
	b, _ := a.MarshalText()
	if string(b) != "a@xn--wgv71a119e.jp" {
		t.Errorf("got %s", b)
	}
	if err := a.UnmarshalText([]byte("x")); err == nil || a != (Addr{}) {
		t.Errorf("a bad text left %q, %v", a, err)
	}
	if err := a.UnmarshalText(nil); err != nil || a != (Addr{}) || a.String() != "" || a.Unicode() != "" {
		t.Errorf("the empty text gave %q, %v", a, err)
	}
}

// FuzzParse holds Parse to four promises: what it accepts is accepted by
// net/mail as the same address, is a fixed point, fits the limits and has no
// character that could end a header line.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"keiri@example.co.jp", "a@日本語.jp", "a@xn--wgv71a119e.jp", "a\u202e@b.jp", "\"a b\"@c.jp", "a@exаmple.com", "<a@b.co>", "a@b\r\nc.jp", "a@ß.de", "a@ｂ.jp", "a@1.2.3.4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if err != nil {
			if !fault.Is(err, fault.KindInvalid) {
				t.Fatalf("%q: %v is not an invalid", s, err)
			}
			return
		}
		m, err := mail.ParseAddress(s)
		if err != nil {
			t.Fatalf("accepted %q, which net/mail refuses: %v", s, err)
		}
		if m.Address != s || m.Name != "" {
			t.Fatalf("%q: net/mail reads %q", s, m.Address)
		}
		c := a.String()
		if again, err := Parse(c); err != nil || again != a {
			t.Fatalf("%q: its canonical form %q reads as %q, %v", s, c, again, err)
		}
		if again, err := Parse(a.Unicode()); err != nil || again != a {
			t.Fatalf("%q: its shown form %q reads as %q, %v", s, a.Unicode(), again, err)
		}
		if len(c) > maxAddr || strings.ContainsFunc(c, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Fatalf("%q: canonical form %q", s, c)
		}
		if _, err := Registrable(a.Domain()); err != nil && !strings.Contains(err.Error(), "suffix") {
			t.Fatalf("%q: %v", s, err)
		}
	})
}
