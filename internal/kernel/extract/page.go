package extract

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf16"
)

// readPDF reads all pages, then what lies beside them.
func readPDF(bud *budget, b []byte, doc *Doc) {
	f := openPDF(bud, b)
	root := f.dict(f.trailer["Root"])
	if root == nil {
		stop(Damaged)
	}
	reason := ""
	f.pages(root["Pages"], dict{}, 0, func(page dict) {
		if len(doc.Pages) >= bud.lim.Pages {
			stop(TooBig)
		}
		if why := f.readPage(page, doc); why != "" {
			reason = why
		}
	})
	f.scanAll(doc)
	if len(doc.Pages) == 0 {
		stop(Damaged)
	}
	if reason == "" && !hasText(doc.Pages) {
		reason = NoText
	}
	if reason != "" {
		stop(reason)
	}
}

func hasText(pages []string) bool {
	return slices.ContainsFunc(pages, func(s string) bool { return strings.TrimSpace(s) != "" })
}

// pages visits the leaves of the page tree (§7.7.3), each with what it inherits.
func (f *file) pages(v any, above dict, depth int, visit func(dict)) {
	f.bud.step()
	node := f.dict(v)
	if node == nil || depth > maxNesting {
		stop(Damaged)
	}
	here := maps.Clone(above)
	for _, k := range []name{"Resources", "MediaBox", "CropBox", "Rotate"} {
		if node[k] != nil {
			here[k] = node[k]
		}
	}
	if kids, ok := f.resolve(node["Kids"]).(array); ok {
		for _, k := range kids {
			f.pages(k, here, depth+1, visit)
		}
		return
	}
	page := maps.Clone(node)
	maps.Copy(page, here)
	visit(page)
}

// readPage appends the text of a page and gives the reason why it is not whole,
// if it is not.
func (f *file) readPage(page dict, doc *Doc) string {
	var content []byte
	for _, v := range f.list(page["Contents"]) {
		if s := f.stream(v); s != nil {
			content = append(append(content, f.decode(s)...), '\n')
		}
	}
	p := &painter{f: f}
	defer func() { // also what was read before a stop
		doc.Pages = append(doc.Pages, p.out.String())
		doc.Missing += p.missing
	}()
	p.run(content, f.dict(page["Resources"]), identity, 0)
	for _, a := range f.array(page["Annots"]) {
		p.appearance(f.dict(f.dict(a)["AP"])["N"], f.dict(page["Resources"]))
	}
	if p.pictures > f.area(page)/2 {
		doc.Pictures = append(doc.Pictures, len(doc.Pages)+1)
	}
	switch {
	case p.missing*100 > p.glyphs*3:
		return BadGlyphs
	case p.drawn && strings.TrimSpace(p.out.String()) == "":
		return NoText
	}
	return ""
}

// area of a page in units of its space.
func (f *file) area(page dict) float64 {
	if b := f.array(page["MediaBox"]); len(b) == 4 {
		return max(1, absf((f.float(b[2])-f.float(b[0]))*(f.float(b[3])-f.float(b[1]))))
	}
	return 612 * 792
}

// appearance reads what an annotation or form field shows: a form, or one per state.
func (p *painter) appearance(v any, resources dict) {
	switch n := p.f.resolve(v).(type) {
	case *stream:
		p.form(n, resources, identity, 0)
	case dict:
		for _, k := range slices.Sorted(maps.Keys(n)) {
			if s := p.f.stream(n[k]); s != nil {
				p.form(s, resources, identity, 0)
			}
		}
	}
}

// activeActions do more than move the view (§12.6.4).
var activeActions = map[name]bool{"JavaScript": true, "Launch": true, "SubmitForm": true, "ImportData": true, "Rendition": true, "RichMediaExecute": true}

// activeSubtypes are annotations that play or run something.
var activeSubtypes = map[name]bool{"RichMedia": true, "Movie": true, "Sound": true, "Screen": true, "3D": true}

// extraKeys hold texts for people beside the pages: form values, comments,
// bookmarks and document title, author, alternative and replacement texts.
var extraKeys = []name{"V", "Contents", "Title", "Author", "Subject", "Keywords", "TU", "Alt", "ActualText", "Opt"}

// scanAll goes through every object, whether something points at it or not.
func (f *file) scanAll(doc *Doc) {
	f.scan(f.trailer, doc)
	for _, num := range slices.Sorted(maps.Keys(f.xref)) {
		f.scan(f.object(num), doc)
	}
}

func (f *file) scan(v any, doc *Doc) {
	f.bud.step()
	switch v := v.(type) {
	case array:
		for _, e := range v {
			f.scan(e, doc)
		}
	case *stream:
		f.scan(v.dict, doc)
	case dict:
		if v["EF"] != nil || f.name(v["Type"]) == "EmbeddedFile" {
			doc.Embedded = true
		}
		if v["JS"] != nil || v["XFA"] != nil || activeActions[f.name(v["S"])] || activeSubtypes[f.name(v["Subtype"])] {
			doc.Active = true
		}
		f.extras(v, doc)
		for _, k := range slices.Sorted(maps.Keys(v)) {
			f.scan(v[k], doc)
		}
	}
}

func (f *file) extras(d dict, doc *Doc) {
	for _, k := range extraKeys {
		if k == "Contents" && d["ByteRange"] != nil { // a signature
			continue
		}
		for _, v := range f.list(d[k]) {
			if s, ok := f.resolve(v).(str); ok && s != "" {
				t := textString(s)
				f.bud.write(len(t))
				doc.Extra = append(doc.Extra, t)
			}
		}
	}
}

// textString reads a text string (§7.9.2.2): UTF-16 or UTF-8 with a mark, else
// PDFDocEncoding, of which only the part shared with Latin 1 occurs in practice.
func textString(s str) string {
	switch {
	case len(s) >= 2 && s[:2] == "\xfe\xff":
		return utf16Text(s[2:])
	case len(s) >= 2 && s[:2] == "\xff\xfe":
		u := make([]uint16, len(s)/2-1)
		for i := range u {
			u[i] = uint16(s[2*i+2]) | uint16(s[2*i+3])<<8
		}
		return string(utf16.Decode(u))
	case len(s) >= 3 && s[:3] == "\xef\xbb\xbf":
		return strings.ToValidUTF8(string(s[3:]), "\ufffd")
	}
	r := make([]rune, len(s))
	for i := range len(s) {
		r[i] = rune(s[i])
	}
	return string(r)
}
