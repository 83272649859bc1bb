package extract

import (
	"strconv"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
)

// glyphNames are the names of the Standard Latin character set (ISO 32000-1
// Annex D.2) with a few that accounting fonts add, in the order of latin.
const glyphNames = `space exclam quotedbl numbersign dollar percent ampersand quotesingle parenleft parenright asterisk plus comma hyphen period slash
zero one two three four five six seven eight nine colon semicolon less equal greater question at
A B C D E F G H I J K L M N O P Q R S T U V W X Y Z bracketleft backslash bracketright asciicircum underscore grave
a b c d e f g h i j k l m n o p q r s t u v w x y z braceleft bar braceright asciitilde
exclamdown cent sterling currency yen brokenbar section dieresis copyright ordfeminine guillemotleft logicalnot registered macron
degree plusminus acute mu paragraph periodcentered cedilla ordmasculine guillemotright onequarter onehalf threequarters questiondown
Agrave Aacute Acircumflex Atilde Adieresis Aring AE Ccedilla Egrave Eacute Ecircumflex Edieresis Igrave Iacute Icircumflex Idieresis
Eth Ntilde Ograve Oacute Ocircumflex Otilde Odieresis multiply Oslash Ugrave Uacute Ucircumflex Udieresis Yacute Thorn germandbls
agrave aacute acircumflex atilde adieresis aring ae ccedilla egrave eacute ecircumflex edieresis igrave iacute icircumflex idieresis
eth ntilde ograve oacute ocircumflex otilde odieresis divide oslash ugrave uacute ucircumflex udieresis yacute thorn ydieresis
Lslash lslash OE oe Scaron scaron Ydieresis Zcaron zcaron florin circumflex caron breve dotaccent ring ogonek tilde hungarumlaut dotlessi
endash emdash quoteleft quoteright quotesinglbase quotedblleft quotedblright quotedblbase dagger daggerdbl bullet ellipsis perthousand
guilsinglleft guilsinglright fraction Euro trademark minus fi fl nbspace sfthyphen onesuperior twosuperior threesuperior`

const latin = " !\"#$%&'()*+,-./" + "0123456789:;<=>?@" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`" + "abcdefghijklmnopqrstuvwxyz{|}~" +
	"¡¢£¤¥¦§¨©ª«¬®¯" + "°±´µ¶·¸º»¼½¾¿" + "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏ" + "ÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß" + "àáâãäåæçèéêëìíîï" + "ðñòóôõö÷øùúûüýþÿ" +
	"ŁłŒœŠšŸŽžƒˆˇ˘˙˚˛˜˝ı" + "–—‘’‚“”„†‡•…‰" + "‹›⁄€™−ﬁﬂ\u00a0\u00ad¹²³"

// glyphRunes is the character of each glyph name.
var glyphRunes = func() map[string]rune {
	m := map[string]rune{}
	names := strings.Fields(glyphNames)
	for i, r := range []rune(latin) {
		m[names[i]] = r
	}
	return m
}()

// glyphText gives the text of a glyph name by the rules of the Adobe Glyph List
// Specification: a listed name, uniXXXX…, uXXXXXX, parts joined by "_", a variant
// after ".". "" for names that only their font understands.
func glyphText(n string) string {
	n, _, _ = strings.Cut(n, ".")
	var b strings.Builder
	for part := range strings.SplitSeq(n, "_") {
		if r, ok := glyphRunes[part]; ok {
			b.WriteRune(r)
			continue
		}
		hex, ok := strings.CutPrefix(part, "uni")
		if !ok || len(hex)%4 != 0 {
			if hex, ok = strings.CutPrefix(part, "u"); !ok || len(hex) < 4 || len(hex) > 6 {
				return ""
			}
			hex = strings.Repeat("0", 8-len(hex)) + hex
		}
		width := min(len(hex), 8)
		if strings.HasPrefix(part, "uni") {
			width = 4
		}
		for ; len(hex) >= width && width > 0; hex = hex[width:] {
			v, err := strconv.ParseUint(hex[:width], 16, 32)
			if err != nil {
				return ""
			}
			b.WriteRune(rune(v))
		}
	}
	return b.String()
}

// simpleEncoding gives the table of a named encoding of one-byte fonts. Control
// codes, which such fonts have no glyph for, count as spaces.
func simpleEncoding(n name) (t [256]string) {
	for c := range ' ' {
		t[c] = " "
	}
	switch n {
	case "WinAnsiEncoding":
		fill(&t, charmap.Windows1252)
	case "MacRomanEncoding":
		fill(&t, charmap.Macintosh)
	default:
		for c := byte(' '); c <= '~'; c++ {
			t[c] = string(rune(c))
		}
		t['\''], t['`'] = "’", "‘"
		for i, r := range []rune("¡¢£⁄¥ƒ§¤'“«‹›ﬁﬂ\x00–†‡·\x00¶•‚„”»…‰\x00¿\x00`´ˆ˜¯˘˙¨\x00˚¸\x00˝˛ˇ—") {
			if r != 0 {
				t[0xa1+i] = string(r)
			}
		}
		for c, r := range map[byte]string{0xe1: "Æ", 0xe3: "ª", 0xe8: "Ł", 0xe9: "Ø", 0xea: "Œ", 0xeb: "º", 0xf1: "æ", 0xf5: "ı", 0xf8: "ł", 0xf9: "ø", 0xfa: "œ", 0xfb: "ß"} {
			t[c] = r
		}
	}
	return t
}

func fill(t *[256]string, c *charmap.Charmap) {
	for i := ' '; i < 256; i++ {
		if r := c.DecodeByte(byte(i)); r != '\ufffd' {
			t[i] = string(r)
		}
	}
}

// predefined is a CMap known by name (§9.7.5.2) whose codes are themselves a
// character encoding, so that they can be read without its tables.
type predefined struct {
	decoder encoding.Encoding // nil: codes are glyph numbers of the font
	length  func(s str) int   // bytes of the first code of s
	high    bool              // codes are 7-bit; the decoder wants the high bits set
}

func predefinedCMap(n name) predefined {
	base := strings.TrimSuffix(strings.TrimSuffix(string(n), "-V"), "-H")
	big := unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	switch {
	case strings.Contains(base, "UTF16"):
		return predefined{decoder: big, length: func(s str) int {
			if s[0] >= 0xd8 && s[0] <= 0xdb {
				return 4
			}
			return 2
		}}
	case strings.Contains(base, "UCS2"):
		return predefined{decoder: big, length: two}
	case strings.Contains(base, "RKSJ"):
		return predefined{decoder: japanese.ShiftJIS, length: func(s str) int {
			if c := s[0]; c >= 0x81 && c <= 0x9f || c >= 0xe0 && c <= 0xfc {
				return 2
			}
			return 1
		}}
	case base == "EUC":
		return predefined{decoder: japanese.EUCJP, length: func(s str) int {
			if c := s[0]; c == 0x8e || c >= 0xa1 {
				return 2
			}
			return 1
		}}
	case base == "H" || base == "V":
		return predefined{decoder: japanese.EUCJP, length: two, high: true}
	}
	return predefined{length: two}
}

func two(str) int { return 2 }

// text decodes one code.
func (p predefined) text(code str) string {
	if p.decoder == nil {
		return ""
	}
	b := []byte(code)
	if p.high {
		for i := range b {
			b[i] |= 0x80
		}
	}
	s, err := p.decoder.NewDecoder().Bytes(b)
	if err != nil {
		return ""
	}
	return string(s)
}
