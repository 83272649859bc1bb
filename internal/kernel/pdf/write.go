package pdf

import (
	"bytes"
	"compress/zlib"
	"encoding/xml"
	"fmt"
	"hash/fnv"
	"strings"
	"unicode/utf16"
)

// writer appends numbered objects and remembers where they begin.
type writer struct {
	buf     bytes.Buffer
	offsets []int // by object number - 1; 0 while only reserved
	zip     *zlib.Writer
}

// reserve takes the next object number.
func (w *writer) reserve() int {
	w.offsets = append(w.offsets, 0)
	return len(w.offsets)
}

// object writes object n.
func (w *writer) object(n int, format string, args ...any) {
	w.offsets[n-1] = w.buf.Len()
	fmt.Fprintf(&w.buf, "%d 0 obj\n", n)
	fmt.Fprintf(&w.buf, format, args...)
	w.buf.WriteString("\nendobj\n")
}

// add writes the next object and gives its number.
func (w *writer) add(format string, args ...any) int {
	n := w.reserve()
	w.object(n, format, args...)
	return n
}

// stream writes data compressed, with dict as further entries.
func (w *writer) stream(dict string, data []byte) int {
	return w.packed(dict, deflate(w.zip, data))
}

// packed writes data that is compressed already.
func (w *writer) packed(dict string, data []byte) int {
	return w.add("<<%s/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream", dict, len(data), data)
}

func deflate(z *zlib.Writer, data []byte) []byte {
	var out bytes.Buffer
	z.Reset(&out)
	z.Write(data) // a bytes.Buffer does not fail
	z.Close()
	return out.Bytes()
}

// write lays the document down: resources, pages, catalogue, table of offsets.
func (d *Doc) write() []byte {
	w := &writer{zip: newZip()}
	w.buf.WriteString("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")
	catalog, tree, resources := w.reserve(), w.reserve(), w.reserve()
	fonts, images := "", ""
	for i, s := range d.subsets {
		if len(s.slots) > 0 {
			fonts += fmt.Sprintf("/F%d %d 0 R", i, w.font(s))
		}
	}
	for i, img := range d.images {
		images += fmt.Sprintf("/I%d %d 0 R", i, w.image(img))
	}
	w.object(resources, "<</Font<<%s>>/XObject<<%s>>>>", fonts, images)

	kids := ""
	for _, p := range d.pages {
		content := w.stream("", p.content)
		kids += fmt.Sprintf("%d 0 R ", w.add("<</Type/Page/Parent %d 0 R/Contents %d 0 R>>", tree, content))
	}
	w.object(tree, "<</Type/Pages/Count %d/Kids[%s]/MediaBox[0 0 595.28 841.89]/Resources %d 0 R>>",
		len(d.pages), kids, resources)

	xmp := d.xmp()
	metadata := w.add("<</Type/Metadata/Subtype/XML/Length %d>>\nstream\n%s\nendstream", len(xmp), xmp)
	w.object(catalog, "<</Type/Catalog/Pages %d 0 R/Metadata %d 0 R/Lang(ja-JP)/ViewerPreferences<</DisplayDocTitle true>>>>",
		tree, metadata)
	info := w.add("<</Title %s/Author %s/Keywords %s/Producer %s/CreationDate(D:%s)>>",
		utf16Hex(d.meta.Title), utf16Hex(d.meta.Author), utf16Hex(d.meta.Identifier), utf16Hex("Sekisho"),
		strings.Replace(d.meta.Created.Format("20060102150405-07'00'"), "+00'00'", "Z", 1))
	return w.close(catalog, info)
}

// close writes the cross-reference table and the trailer. The file identifier
// is a checksum of the content, so that it too follows from the content alone.
func (w *writer) close(catalog, info int) []byte {
	sum := fnv.New128a()
	sum.Write(w.buf.Bytes())
	id := sum.Sum(nil)
	start := w.buf.Len()
	fmt.Fprintf(&w.buf, "xref\n0 %d\n0000000000 65535 f \n", len(w.offsets)+1)
	for _, at := range w.offsets {
		fmt.Fprintf(&w.buf, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&w.buf, "trailer\n<</Size %d/Root %d 0 R/Info %d 0 R/ID[<%X><%X>]>>\nstartxref\n%d\n%%%%EOF\n",
		len(w.offsets)+1, catalog, info, id, id, start)
	return w.buf.Bytes()
}

// font writes a subset as a Type 0 font whose codes are the subset's slots.
func (w *writer) font(s *subset) int {
	f := s.face
	name := s.tag() + "+" + f.name
	em := func(at string, i int) int { return i16(at, i) * 1000 / f.unitsPerEm }
	program := s.program()
	file := w.stream(fmt.Sprintf("/Length1 %d", len(program)), program)
	const symbolic = 4
	descriptor := w.add("<</Type/FontDescriptor/FontName/%s/Flags %d/FontBBox[%d %d %d %d]/ItalicAngle 0/Ascent %d/Descent %d/CapHeight %d/StemV 80/FontFile2 %d 0 R>>",
		name, symbolic, em(f.head, 36), em(f.head, 38), em(f.head, 40), em(f.head, 42),
		em(f.hhea, 4), em(f.hhea, 6), em(f.hhea, 4), file)
	widths := make([]byte, 0, 5*len(s.glyphs))
	for _, g := range s.glyphs {
		widths = fmt.Appendf(widths, "%d ", f.advance(g))
	}
	cid := w.add("<</Type/Font/Subtype/CIDFontType2/BaseFont/%s/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/FontDescriptor %d 0 R/W[0[%s]]/CIDToGIDMap/Identity>>",
		name, descriptor, widths)
	unicode := w.stream("", s.toUnicode())
	return w.add("<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>",
		name, cid, unicode)
}

// tag is the six letters that tell subsets of one font apart (ISO 32000-1 9.6.4).
func (s *subset) tag() string {
	sum := fnv.New64a()
	sum.Write([]byte(string(s.runes)))
	n := sum.Sum64()
	tag := make([]byte, 6)
	for i := range tag {
		tag[i] = 'A' + byte(n%26)
		n /= 26
	}
	return string(tag)
}

// toUnicode is the CMap that gives text back (ISO 32000-1 9.10.3); characters
// beyond the Basic Multilingual Plane are written as surrogate pairs.
func (s *subset) toUnicode() []byte {
	b := []byte("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n" +
		"/CIDSystemInfo <</Registry(Adobe)/Ordering(UCS)/Supplement 0>> def\n" +
		"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n" +
		"1 begincodespacerange\n<0000><FFFF>\nendcodespacerange\n")
	const most = 100 // entries of a block
	for from := 1; from < len(s.runes); from += most {
		to := min(from+most, len(s.runes))
		b = fmt.Appendf(b, "%d beginbfchar\n", to-from)
		for slot := from; slot < to; slot++ {
			b = append(appendHex16(append(b, '<'), slot), '>', '<')
			for _, u := range utf16.Encode(s.runes[slot : slot+1]) {
				b = appendHex16(b, int(u))
			}
			b = append(b, '>', '\n')
		}
		b = append(b, "endbfchar\n"...)
	}
	return append(b, "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"...)
}

// utf16Hex is a text string of ISO 32000-1 7.9.2.2.
func utf16Hex(s string) string {
	b := []byte("<FEFF")
	for _, u := range utf16.Encode([]rune(s)) {
		b = appendHex16(b, int(u))
	}
	return string(append(b, '>'))
}

// xmp is the metadata stream (ISO 16684-1), uncompressed so that filing
// systems find it without reading PDF.
func (d *Doc) xmp() string {
	esc := func(s string) string {
		var b strings.Builder
		xml.EscapeText(&b, []byte(s)) // a strings.Builder does not fail
		return b.String()
	}
	return fmt.Sprintf(`<?xpacket begin="%s" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">%s</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>%s</rdf:li></rdf:Seq></dc:creator>
<dc:identifier>%s</dc:identifier><pdf:Keywords>%s</pdf:Keywords><pdf:Producer>Sekisho</pdf:Producer>
<xmp:CreateDate>%s</xmp:CreateDate>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>`, "\uFEFF", esc(d.meta.Title), esc(d.meta.Author),
		esc(d.meta.Identifier), esc(d.meta.Identifier), d.meta.Created.Format("2006-01-02T15:04:05Z07:00"))
}
