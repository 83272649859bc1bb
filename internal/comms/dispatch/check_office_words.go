package dispatch

import (
	"encoding/xml"
	"strings"
)

// What a document of a word processor (docx) holds beside what it shows. Its
// text is compared with the addressee in any case; that it is there at all is
// for a person to know.
const (
	veiledText     = "text"     // 隠し文字: w:vanish
	veiledDeleted  = "deleted"  // 変更履歴: what was deleted is still there
	veiledComments = "comments" // コメント
	veiledOutside  = "outside"  // parts that are loaded from elsewhere
)

// veiled notes what an element of a docx hides, and parts words where it shows
// them parted.
func (o *Office) veiled(name string, e xml.StartElement, text *strings.Builder) {
	at := func(local string) string {
		for _, a := range e.Attr {
			if a.Name.Local == local {
				return a.Value
			}
		}
		return ""
	}
	if strings.HasSuffix(name, ".rels") {
		if e.Name.Local == "Relationship" && at("TargetMode") == "External" {
			text.WriteString(at("Target") + "\n") // an address behind a link belongs to somebody, too
			if !strings.HasSuffix(at("Type"), "/hyperlink") {
				o.Veiled = once(o.Veiled, veiledOutside)
			}
		}
		return
	}
	if !strings.HasPrefix(name, "word/") {
		return
	}
	switch e.Name.Local {
	case "vanish", "webHidden":
		if v := at("val"); v != "0" && v != "false" && v != "off" && !strings.HasSuffix(name, "styles.xml") {
			o.Veiled = once(o.Veiled, veiledText)
		}
	case "delText", "del", "moveFrom":
		o.Veiled = once(o.Veiled, veiledDeleted)
	case "comment":
		o.Veiled = once(o.Veiled, veiledComments)
	case "tab", "br", "cr":
		text.WriteByte(' ')
	}
}

// officeVeiled: a person mends the file, or a second one has looked at it. One
// that could not be gone through whole is not sent.
func officeVeiled(f Facts) []Finding {
	out := eachFile(f, func(a FileFact) bool { return a.Office.Cut },
		func(a FileFact) Finding { return stop(a.Item, "office_cut", WayEdit) })
	for _, a := range f.Files {
		for _, v := range a.Office.Veiled {
			x := caution(a.Item, "office_"+v, true)
			x.Shown = a.Name
			out = append(out, x)
		}
	}
	return out
}
