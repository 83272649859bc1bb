package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/extract"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
)

// File is a file as it comes in.
type File struct {
	Name    string `json:"name" required:"true" max:"255"`
	Content []byte `json:"content" required:"true" max:"67108864"`
}

// pdf is one PDF to be read. Inside is the ZIP it was packed in, -1 if none.
type pdf struct {
	File
	inside int
}

// unpack gives the PDFs of an upload in its order. A ZIP that is anything but a
// plain folder of PDFs with honest names is refused, as is a name that comes twice.
func unpack(files []File) ([]pdf, error) {
	var out []pdf
	total := 0
	for i, f := range files {
		if err := jp.FileName(f.Name); err != nil {
			return nil, fault.Of(err).At("files")
		}
		if total += len(f.Content); total > MaxBytes {
			return nil, fault.Invalid("bundle.too_large", "max", MaxBytes>>20).At("files")
		}
		if !bytes.HasPrefix(f.Content, []byte("PK\x03\x04")) {
			out = append(out, pdf{f, -1})
			continue
		}
		inside, err := unzip(f)
		if err != nil {
			return nil, fault.Of(err).At("files")
		}
		for _, p := range inside {
			out = append(out, pdf{p, i})
		}
	}
	if len(out) == 0 || len(out) > MaxFiles {
		return nil, fault.Invalid("bundle.files", "max", MaxFiles).At("files")
	}
	seen := map[string]bool{}
	for _, p := range out {
		key := strings.ToLower(norm.NFKC.String(p.Name))
		switch {
		case seen[key]:
			return nil, fault.Invalid("bundle.name_twice", "name", p.Name).At("files")
		case !strings.EqualFold(path.Ext(p.Name), ".pdf") || !bytes.HasPrefix(p.Content, []byte("%PDF-")):
			return nil, fault.Invalid("bundle.not_pdf", "name", p.Name).At("files")
		}
		seen[key] = true
	}
	return out, nil
}

// unzip reads the PDFs of a ZIP within bounds, whatever its directory promises.
func unzip(f File) ([]File, error) {
	z, err := zip.NewReader(bytes.NewReader(f.Content), int64(len(f.Content)))
	if err != nil {
		return nil, fault.Invalid("bundle.zip_damaged", "name", f.Name)
	}
	if len(z.File) > 2*MaxFiles {
		return nil, fault.Invalid("bundle.files", "max", MaxFiles)
	}
	var out []File
	left := int64(MaxInside)
	for _, e := range z.File {
		if strings.HasPrefix(e.Name, "__MACOSX/") { // what a Mac adds
			continue
		}
		name, folder, err := entryName(e)
		if err != nil {
			return nil, err
		}
		if folder {
			continue
		}
		b, err := entry(e, name, min(left, MaxFile))
		if err != nil {
			return nil, err
		}
		left -= int64(len(b))
		out = append(out, File{name, b})
	}
	return out, nil
}

// entryName is the plain name of an entry of a ZIP. Names that climb, begin at a
// root, turn their direction or hide something are refused; folders are left away.
func entryName(e *zip.File) (name string, folder bool, err error) {
	full := e.Name
	if !utf8.ValidString(full) { // Windows packs names in CP932
		if full, err = jp.DecodeCP932([]byte(e.Name)); err != nil {
			return "", false, fault.Invalid("bundle.zip_name")
		}
	}
	refuse := fault.Invalid("bundle.zip_path", "name", strings.ToValidUTF8(strings.Map(visible, full), "□"))
	if strings.Contains(full, "\\") || strings.HasPrefix(full, "/") || len(full) > 1000 {
		return "", false, refuse
	}
	parts := strings.Split(strings.TrimSuffix(full, "/"), "/")
	for _, p := range parts {
		if jp.FileName(p) != nil { // also .., C: and RTLO
			return "", false, refuse
		}
	}
	return parts[len(parts)-1], strings.HasSuffix(full, "/"), nil
}

// visible shows what cannot be seen as □.
func visible(r rune) rune {
	if !unicode.IsGraphic(r) {
		return '□'
	}
	return r
}

// entry unpacks one entry up to a bound.
func entry(e *zip.File, name string, most int64) ([]byte, error) {
	switch {
	case e.Flags&1 != 0:
		return nil, fault.Invalid("bundle.zip_locked", "name", name)
	case !e.Mode().IsRegular():
		return nil, fault.Invalid("bundle.zip_entry", "name", name)
	}
	r, err := e.Open()
	if err != nil {
		return nil, fault.Invalid("bundle.zip_damaged", "name", name)
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case int64(len(b)) > most:
		return nil, fault.Invalid("bundle.zip_bomb", "name", name, "max", MaxInside>>20)
	case err != nil:
		return nil, fault.Invalid("bundle.zip_damaged", "name", name)
	}
	return b, nil
}

// read reads the pages of all PDFs. One that cannot be read, or that does
// something, is refused with its name.
func read(ctx context.Context, files []pdf) ([]Page, []int, error) {
	var out []Page
	counts := make([]int, len(files))
	for i, f := range files {
		doc, err := extract.Text(ctx, f.Name, f.Content, limits())
		if err != nil {
			return nil, nil, fault.Unavailable("blob.stopped").Because(err)
		}
		refuse := func(key string) error { return fault.Refused(key, "name", f.Name).At("files") }
		switch doc.Unreadable {
		case "", extract.NoText, extract.BadGlyphs: // said page by page
		case extract.Encrypted:
			return nil, nil, refuse("bundle.encrypted")
		case extract.TooBig:
			return nil, nil, refuse("bundle.pdf_large")
		default:
			return nil, nil, refuse("bundle.damaged")
		}
		switch {
		case doc.Active:
			return nil, nil, refuse("bundle.active")
		case doc.Embedded:
			return nil, nil, refuse("bundle.embedded")
		case len(out)+len(doc.Pages) > MaxPages:
			return nil, nil, fault.Refused("bundle.pages", "max", MaxPages).At("files")
		}
		counts[i] = len(doc.Pages)
		for n, text := range doc.Pages {
			p := Page{Source: i, No: n + 1, Text: text, Said: Read(text)}
			switch bad := strings.Count(text, "\ufffd"); {
			case strings.TrimSpace(text) == "":
				p.Why = noTextWhy
			case bad*100 > 3*utf8.RuneCountInString(text):
				p.Why = glyphsWhy
			}
			out = append(out, p)
		}
	}
	return out, counts, nil
}
