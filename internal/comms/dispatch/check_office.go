package dispatch

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"io"
	"slices"
	"strings"
)

// Bounds of looking into an office file: entries, bytes of XML unpacked, depth.
const (
	officeEntries = 2000
	officeBytes   = 8 << 20
)

// inspectOffice looks into a file of an office program (ISO/IEC 29500, ODF) for
// what its pages do not show, and gives the text of its parts as far as it can.
// It never makes the file a readable one: a second person looks at it anyway,
// because pictures, charts and formulas are not read.
func inspectOffice(raw []byte) (o Office, text string) {
	if bytes.HasPrefix(raw, []byte("\xd0\xcf\x11\xe0")) { // the older form
		o.Macros = bytes.Contains(raw, wide("_VBA_PROJECT")) || bytes.Contains(raw, wide("Macros"))
		return o, ""
	}
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil || len(z.File) > officeEntries {
		o.Cut = true
		return o, ""
	}
	var b strings.Builder
	left := int64(officeBytes)
	for _, f := range z.File {
		name := strings.ToLower(f.Name)
		if strings.HasSuffix(name, "vbaproject.bin") || strings.HasPrefix(name, "basic/") && strings.HasSuffix(name, ".xml") || strings.Contains(name, "/activex/") {
			o.Macros = true
		}
		if !strings.HasSuffix(name, ".xml") && !strings.HasSuffix(name, ".rels") {
			continue
		}
		if left <= 0 || f.Flags&1 != 0 {
			o.Cut = true
			continue
		}
		r, err := f.Open()
		if err != nil {
			o.Cut = true
			continue
		}
		part, err := io.ReadAll(io.LimitReader(r, left+1)) // what is broken off is read as far as it goes
		r.Close()
		o.Cut = o.Cut || err != nil || int64(len(part)) > left
		left -= int64(len(part))
		o.part(name, part, &b)
	}
	return o, b.String()
}

// part reads one XML part: its text, and what it says is hidden.
func (o *Office) part(name string, part []byte, text *strings.Builder) {
	d := xml.NewDecoder(bytes.NewReader(part))
	d.Strict = false
	element, depth := "", 0
	for {
		t, err := d.RawToken()
		if err != nil {
			text.WriteByte('\n')
			return
		}
		switch t := t.(type) {
		case xml.StartElement:
			element = t.Name.Local
			if depth++; depth > 200 {
				o.Cut = true
				return
			}
			o.hidden(name, t)
			o.veiled(name, t, text)
		case xml.EndElement:
			depth--
			switch t.Name.Local {
			case "si", "p", "row", "tr", "table-row", "creator", "lastModifiedBy", "comment":
				text.WriteByte('\n')
			case "c", "tc", "table-cell":
				text.WriteByte(' ')
			}
		case xml.CharData:
			s := strings.TrimSpace(string(t))
			if s != "" && (element == "creator" || element == "lastModifiedBy") {
				o.Author = s
			}
			text.WriteString(string(t))
		}
	}
}

// hidden notes sheets that the program does not show: Excel's state attribute.
func (o *Office) hidden(name string, e xml.StartElement) {
	if !strings.HasSuffix(name, "workbook.xml") || e.Name.Local != "sheet" {
		return
	}
	at := func(local string) string {
		i := slices.IndexFunc(e.Attr, func(a xml.Attr) bool { return a.Name.Local == local })
		if i < 0 {
			return ""
		}
		return e.Attr[i].Value
	}
	if s := at("state"); s == "hidden" || s == "veryHidden" {
		o.Hidden = append(o.Hidden, at("name"))
	}
}

// wide is s as the older form writes names: UTF-16, little endian.
func wide(s string) []byte {
	out := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		out = append(out, s[i], 0)
	}
	return out
}
