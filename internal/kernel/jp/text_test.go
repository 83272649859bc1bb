package jp

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"sekisho/internal/kernel/fault"
)

func TestCleanTakesRealNames(t *testing.T) {
	for _, s := range []string{
		"", "株式会社山田商店", "髙橋 﨑", "𠮷野家", "渡邉\U000E0101", "葛\U000E0100飾区", "辻\ufe00", "カ\u3099", "Müller & Söhne", "한국", "€100 ①㈱", "全角　空白", "٣", "😀", "a\u00a0b",
	} {
		if err := Clean(s, false); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"1行目\n2行目", "1行目\r\n2行目", "表\tの\t列\n"} {
		if err := Clean(s, true); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestCleanRefuses(t *testing.T) {
	for key, list := range map[string][]string{
		"jp.text_utf8":    {"\xff", "a\xc0\x80", "\xed\xa0\x80", "あ\x82"},
		"jp.text_newline": {"a\nb", "a\rb", "a\r\nb", "a\u2028b", "a\u2029b", "a\u0085b"},
		"jp.text_control": {"\x00", "a\x1bb", "\x7f", "a\tb", "\u009b"},
		"jp.text_bidi":    {"a\u202eb", "\u200f", "\u2066", "\u061c", "\u202a", "\u2069", "請求書\u202efdp.exe"},
		"jp.text_invisible": {"a\u200bb", "\u200d", "\ufeffa", "a\u00adb", "\u2060", "\u3164", "\uffa0", "\u115f", "\u180e", "\u180b", "\u2800", "\u034f",
			"\U000E0041", "a\ufe0f", "\ufe00山", "\U000E0100", "山\U000E0100\U000E0101", "ア\U000E0100", "👨\u200d👩"},
		"jp.text_garbled": {"山\ufffd"},
		"jp.text_private": {"\ue000", "\uf8ff", "\U000F0000", "\U0010FFFD", "\ufdd0", "\uffff", "\U0001FFFE"},
	} {
		for _, s := range list {
			wantInvalid(t, Clean(s, false), key)
		}
	}
	for s, key := range map[string]string{"a\rb": "jp.text_newline", "a\u2028b": "jp.text_newline", "\x0b": "jp.text_control", "a\n\u202e": "jp.text_bidi", "\r": "jp.text_newline"} {
		wantInvalid(t, Clean(s, true), key)
	}
	f := fault.Of(Clean("山田\u200b太郎", false))
	if !slices.Equal(f.Args, []any{"at", 3, "char", "U+200B"}) {
		t.Errorf("%v", f.Args)
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"山田", "a\u202e", "辻\ufe00", "\xff", "a\r\nb", "\U000E0100"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, multiline bool) {
		if Clean(s, multiline) != nil {
			return
		}
		if !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\x1b\u2028\u202e\u200b\u2066\ufeff\u200d\ufffd") {
			t.Fatalf("%q was taken", s)
		}
		if !multiline && strings.ContainsAny(s, "\r\n\t") {
			t.Fatalf("%q was taken as one line", s)
		}
		if strings.Contains(strings.ReplaceAll(s, "\r\n", ""), "\r") {
			t.Fatalf("%q has a lone CR", s)
		}
	})
}

func TestFileNames(t *testing.T) {
	for _, s := range []string{"請求書.pdf", "20261031_110000_山田商店.pdf", "A／B 見積（案）.xlsx", "a", "渡邉\U000E0101.pdf", "console.txt", "COM10.txt", "見積　第2版.pdf", "-a.pdf", strings.Repeat("あ", 85)} {
		if err := FileName(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for key, list := range map[string][]string{
		"jp.file_char":      {"a/b", `a\b`, "C:a", "../a", "a*", "a?", `a"`, "<a>", "a|b"},
		"jp.file_ends":      {"", " ", ".", "..", ".htaccess", "a.", " a", "a ", "　a", "a　"},
		"jp.file_device":    {"CON", "nul.txt", "com1.pdf", "LPT9", "COM¹.txt", "ＡＵＸ.txt", "aux .txt", "con.tar.gz"},
		"jp.file_too_long":  {strings.Repeat("あ", 86), strings.Repeat("a", 256)},
		"jp.text_bidi":      {"請求書\u202efdp.exe"},
		"jp.text_newline":   {"a\r\nb.pdf"},
		"jp.text_control":   {"a\x00.pdf"},
		"jp.text_utf8":      {"\x90\xbf\x8b\x81\x8f\x91.pdf"},
		"jp.text_invisible": {"a.pdf\u200b", "a\u00a0.pdf", "a\u2003b.pdf"},
	} {
		for _, s := range list {
			wantInvalid(t, FileName(s), key)
		}
	}
}

func FuzzFileName(f *testing.F) {
	for _, s := range []string{"請求書.pdf", "../a", "CON", "a\u202e", strings.Repeat("あ", 86)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if FileName(s) != nil {
			return
		}
		if s == "" || len(s) > MaxFileName || strings.ContainsAny(s, "/\\\x00\r\n") || s[0] == '.' || Clean(s, false) != nil {
			t.Fatalf("%q was taken", s)
		}
	})
}

func TestCP932(t *testing.T) {
	for s, want := range map[string]string{
		"山田ABC": "\x8eR\x93cABC", "ﾔﾏﾀﾞ": "\xd4\xcf\xc0\xde", "～": "\x81\x60", "〜": "\x81\x60", "－": "\x81\x7c", "−": "\x81\x7c", "–": "\x81\x7c", "—": "\x81\x5c", "―": "\x81\x5c",
		"‖": "\x81\x61", "¥": "\x81\x8f", "￥": "\x81\x8f", "ⅰ": "\xfa\x40", "￤": "\xfa\x55", "Ⅰ": "\x87\x54", "∵": "\x81\xe6", "￢": "\x81\xca", "髙": "\xfb\xfc", "﨑": "\xfa\xb1", "①": "\x87\x40", "㈱": "\x87\x8a", "\\~": "\\~", "か\u3099": "\x82\xaa", "ハ\u309a": "\x83\x70", "\r\n\t": "\r\n\t",
	} {
		if b, err := EncodeCP932(s); err != nil || string(b) != want {
			t.Errorf("%q: % x %v", s, b, err)
		}
	}
	for s, bad := range map[string]string{"𠮷野家♡𠮷": "𠮷♡", "渡邉\U000E0101": "\U000E0101", "é": "é", "😀": "😀", "\ufffd": "\ufffd", "\xff": "\ufffd", "\u0080": "\u0080", "か\u0301": "\u0301"} {
		got, err := EncodeCP932(s)
		wantInvalid(t, err, "jp.not_in_cp932")
		if got != nil || string(NotInCP932(s)) != bad {
			t.Errorf("%q: % x, lacking %q", s, got, string(NotInCP932(s)))
		}
	}
	_, err := EncodeCP932("山𠮷")
	if f := fault.Of(err); !slices.Equal(f.Args, []any{"chars", "𠮷（U+20BB7）"}) {
		t.Errorf("%v", f.Args)
	}
	if f := fault.Of(func() error { _, err := EncodeCP932("😀😁😂😃😄😅😆😇😈😉😊😋"); return err }()); !strings.HasSuffix(f.Args[1].(string), " …") {
		t.Errorf("%v", f.Args)
	}
}

// Compatibility kanji of names, which composing would exchange, stay themselves.
func TestCP932KeepsCompatibilityKanji(t *testing.T) {
	for _, s := range []string{"\ufa19田", "\ufa10", "\ufa1b山"} {
		b, err := EncodeCP932(s)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := DecodeCP932(b); err != nil || back != s {
			t.Errorf("%q came back as %q (%v)", s, back, err)
		}
	}
}

func TestDecodeCP932(t *testing.T) {
	for b, want := range map[string]string{"\x8eR\x93c": "山田", "\xfb\xfc\xfa\xb1": "髙﨑", "\x81\x60": "～", "a\r\n": "a\r\n", "": ""} {
		if got, err := DecodeCP932([]byte(b)); err != nil || got != want {
			t.Errorf("% x: %q %v", b, got, err)
		}
	}
	for b, line := range map[string]int{"\x81": 1, "a\n\xfd": 2, "\x81\x20": 1, "a\nb\n\xa0": 3, "\xef\xbb\xbf": 1} {
		_, err := DecodeCP932([]byte(b))
		wantInvalid(t, err, "jp.bad_cp932")
		if got := fault.Of(err).Args[1]; got != line {
			t.Errorf("% x: line %v, want %d", b, got, line)
		}
	}
}

// All single and double bytes: what decodes encodes again, to bytes that mean the
// same; and nothing comes out as a question mark that did not go in.
func TestCP932RoundTrip(t *testing.T) {
	kanji := 0
	for hi := 0; hi < 256; hi++ {
		for lo := 0; lo < 256; lo++ {
			in := []byte{byte(hi), byte(lo)}
			s, err := DecodeCP932(in)
			if err != nil {
				continue
			}
			out, err := EncodeCP932(s)
			if err != nil {
				if strings.ContainsFunc(s, func(r rune) bool { return r == '\u0080' }) {
					continue // a lone 0x80 decodes to a control character; Clean refuses it
				}
				t.Fatalf("% x = %q: %v", in, s, err)
			}
			back, err := DecodeCP932(out)
			if err != nil || back != s || bytes.Count(out, []byte("?")) != strings.Count(s, "?") {
				t.Fatalf("% x = %q, % x = %q (%v)", in, s, out, back, err)
			}
			if out[0] == 0xED || out[0] == 0xEE {
				t.Fatalf("%q = % x, which Windows does not write", s, out)
			}
			if utf8.RuneCountInString(s) == 1 && hi >= 0x88 {
				kanji++
			}
		}
	}
	if kanji < 6000 {
		t.Errorf("only %d kanji", kanji)
	}
}

func FuzzDecodeCP932(f *testing.F) {
	f.Add([]byte("\x8eR\x93c"))
	f.Add([]byte("\x81"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeCP932(b)
		if err == nil && (!utf8.ValidString(s) || strings.ContainsRune(s, '\ufffd')) {
			t.Fatalf("% x gave %q", b, s)
		}
	})
}

func FuzzEncodeCP932(f *testing.F) {
	f.Add("山田〜−")
	f.Add("𠮷?\xff")
	f.Fuzz(func(t *testing.T, s string) {
		b, err := EncodeCP932(s)
		if err != nil {
			return
		}
		if bytes.Count(b, []byte("?")) != strings.Count(s, "?") {
			t.Fatalf("%q became % x", s, b)
		}
		if _, err := DecodeCP932(b); err != nil {
			t.Fatalf("%q became % x, unreadable", s, b)
		}
	})
}
