package extract

import (
	"bytes"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"
	utf16enc "golang.org/x/text/encoding/unicode"
)

// content is a type told by content. Types that share a form share a family:
// the ending .xlsx is right for a ZIP, .log for a text.
type content struct {
	kind   Kind
	family string
}

// signatures are the first bytes of types that people attach.
var signatures = []struct{ mark, family string }{
	{"%PDF-", "pdf"}, {"PK\x03\x04", "zip"}, {"PK\x05\x06", "zip"}, {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"},
	{"\x89PNG", "png"}, {"\xff\xd8\xff", "jpeg"}, {"GIF8", "gif"}, {"II*\x00", "tiff"}, {"MM\x00*", "tiff"}, {"BM", "bmp"},
	{"RIFF", "riff"}, {"7z\xbc\xaf\x27\x1c", "7z"}, {"Rar!", "rar"}, {"\x1f\x8b", "gzip"}, {"MZ", "exe"}, {"\x7fELF", "exe"},
	{"%!PS", "ps"}, {"{\\rtf", "rtf"},
}

// endings are the families that the usual endings of names promise.
var endings = map[string]string{
	"pdf": "pdf", "csv": "text", "tsv": "text", "txt": "text", "log": "text", "md": "text",
	"zip": "zip", "xlsx": "zip", "xlsm": "zip", "docx": "zip", "docm": "zip", "pptx": "zip", "ods": "zip", "odt": "zip",
	"xls": "ole", "doc": "ole", "ppt": "ole", "msg": "ole", "png": "png", "jpg": "jpeg", "jpeg": "jpeg", "gif": "gif",
	"tif": "tiff", "tiff": "tiff", "bmp": "bmp", "webp": "riff", "7z": "7z", "rar": "rar", "gz": "gzip", "exe": "exe",
	"ps": "ps", "rtf": "rtf", "xml": "markup", "html": "markup", "htm": "markup", "svg": "markup",
}

// sniff tells the type of b. Markup is not read: what it shows differs from its
// bytes.
func sniff(b []byte) content {
	for _, s := range signatures {
		// two letters alone are also how a text may begin
		if startsWith(b, s.mark) && (len(s.mark) > 2 || !isText(b)) {
			if s.family == "pdf" {
				return content{PDF, "pdf"}
			}
			return content{Unknown, s.family}
		}
	}
	head := bytes.TrimLeft(bytes.TrimPrefix(b[:min(len(b), 4096)], []byte("\xef\xbb\xbf")), " \t\r\n")
	if startsWith(head, "<") {
		return content{Unknown, "markup"}
	}
	if len(b) > 0 && !isText(b) {
		return content{Unknown, "binary"}
	}
	return content{Plain, "text"}
}

// isText tells whether the beginning of b can be text in some encoding.
func isText(b []byte) bool {
	if startsWith(b, "\xff\xfe", "\xfe\xff") {
		return true
	}
	for _, c := range b[:min(len(b), 4096)] {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' || c == 0x7f {
			return false
		}
	}
	return true
}

// nameMismatch tells whether a name promises another type than c, or carries
// characters that make it look like another name.
func nameMismatch(name string, c content) bool {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf) }) {
		return true
	}
	ext := strings.ToLower(strings.TrimPrefix(path.Ext(strings.TrimSpace(name)), "."))
	promised, known := endings[ext]
	if known {
		return promised != c.family
	}
	return c.kind == PDF // a PDF under another name opens in another program
}

// readPlain decodes text: UTF-8, UTF-16 with a byte-order mark, or CP932 when
// every byte fits it.
func readPlain(bud *budget, b []byte, doc *Doc) {
	s, ok := decodePlain(b)
	if !ok {
		doc.Kind = Unknown
		stop(BadEncoding)
	}
	bud.write(len(s))
	doc.Pages = []string{s}
	if strings.TrimSpace(s) == "" {
		stop(Empty)
	}
	if isTable(s) {
		doc.Kind = CSV
	}
}

func decodePlain(b []byte) (string, bool) {
	var s string
	switch {
	case startsWith(b, "\xff\xfe", "\xfe\xff"):
		u, err := utf16enc.UTF16(utf16enc.BigEndian, utf16enc.ExpectBOM).NewDecoder().Bytes(b)
		if err != nil || len(b)%2 != 0 {
			return "", false
		}
		s = string(u)
	case utf8.Valid(b):
		s = string(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	default:
		u, err := japanese.ShiftJIS.NewDecoder().Bytes(b)
		if err != nil {
			return "", false
		}
		s = string(u)
	}
	bad := strings.ContainsFunc(s, func(r rune) bool {
		return r == utf8.RuneError || unicode.Is(unicode.Cc, r) && !strings.ContainsRune("\t\r\n\f", r)
	})
	return s, !bad
}

// isTable tells whether the first lines have the same number, at least one, of
// commas, tabs or semicolons outside quotes.
func isTable(s string) bool {
	for _, sep := range []byte{',', '\t', ';'} {
		counts := columnCounts(s[:min(len(s), 1<<16)], sep)
		same := len(counts) > 1 && counts[0] > 0
		for _, n := range counts {
			same = same && n == counts[0]
		}
		if same {
			return true
		}
	}
	return false
}

// columnCounts counts the separators of up to ten records that end inside s.
func columnCounts(s string, sep byte) []int {
	var counts []int
	n, quoted := 0, false
	for i := 0; i < len(s) && len(counts) < 10; i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == sep:
			n++
		case c == '\n':
			counts = append(counts, n)
			n = 0
		}
	}
	if n > 0 && len(counts) < 10 && !strings.HasSuffix(s, "\n") && len(s) < 1<<16 {
		counts = append(counts, n)
	}
	return counts
}
