package extract

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Split writes new PDFs (分割), each of some pages of the PDF b, counted from 1,
// and hands them to put in order. What a page shows goes with it: its content,
// resources and the appearance of its annotations. What lies beside the pages
// (actions, scripts, bookmarks, embedded files, metadata) does not. The same
// pages give the same bytes.
//
// It stands here and not on a library because it runs on hostile files: it reads
// through the same strict, counted reader as Text. A file it cannot read is no
// error but a reason, as Doc.Unreadable; the errors are those of ctx and put.
func Split(ctx context.Context, b []byte, lim Limits, parts [][]int, put func(i int, pdf []byte) error) (reason string, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case halt:
			reason = string(r)
		default:
			reason = Damaged
		}
		if e := ctx.Err(); e != nil {
			err = fmt.Errorf("extract: %w", e)
		}
	}()
	within, cancel := context.WithTimeout(ctx, lim.Time)
	defer cancel()
	if len(b) > lim.Bytes {
		return TooBig, nil
	}
	f := openPDF(&budget{ctx: within, lim: lim}, b)
	root := f.dict(f.trailer["Root"])
	if root == nil {
		return Damaged, nil
	}
	var pages []dict
	f.pages(root["Pages"], dict{}, 0, func(p dict) {
		if len(pages) >= lim.Pages {
			stop(TooBig)
		}
		pages = append(pages, p)
	})
	for i, part := range parts {
		w := &writer{f: f, numbers: map[int]int{}}
		for _, n := range part {
			if n < 1 || n > len(pages) {
				return Damaged, nil
			}
			w.pages = append(w.pages, w.page(pages[n-1]))
		}
		if err := put(i, w.bytes(root["OCProperties"])); err != nil {
			return "", err
		}
	}
	return "", nil
}

// writer writes a PDF of objects of another.
type writer struct {
	f       *file
	out     bytes.Buffer
	pages   []dict
	numbers map[int]int // of the other file → here
	queue   []int       // numbers of the other file, in the order of those here
	offsets []int
}

// here refers to an object of the file that is written.
type here int

// The first objects of every file written.
const (
	numCatalog = 1
	numPages   = 2
	numFirst   = 3 // the pages, then what they use
)

// pageKeys are what a page shows (§7.7.3.3).
var pageKeys = []name{"MediaBox", "CropBox", "Rotate", "UserUnit", "Resources", "Contents", "Group"}

// annotKeys are how an annotation looks (§12.5.2); what it does is left out.
var annotKeys = []name{"Subtype", "Rect", "AP", "AS", "F"}

func (w *writer) page(p dict) dict {
	out := dict{"Type": name("Page"), "Parent": here(numPages)}
	for _, k := range pageKeys {
		if p[k] != nil {
			out[k] = p[k]
		}
	}
	var annots array
	for _, v := range w.f.array(p["Annots"]) {
		a := w.f.dict(v)
		if a["AP"] == nil || w.f.name(a["Subtype"]) == "Popup" {
			continue
		}
		kept := dict{"Type": name("Annot")}
		for _, k := range annotKeys {
			if a[k] != nil {
				kept[k] = a[k]
			}
		}
		annots = append(annots, kept)
	}
	if annots != nil {
		out["Annots"] = annots
	}
	return out
}

// bytes writes the whole file. layers say which parts of the pages are shown.
func (w *writer) bytes(layers any) []byte {
	w.out.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	catalog := dict{"Type": name("Catalog"), "Pages": here(numPages)}
	if layers != nil {
		catalog["OCProperties"] = layers
	}
	tree := dict{"Type": name("Pages"), "Count": float64(len(w.pages))}
	var kids array
	for i := range w.pages {
		kids = append(kids, here(numFirst+i))
	}
	tree["Kids"] = kids
	w.object(catalog)
	w.object(tree)
	for _, p := range w.pages {
		w.object(p)
	}
	for i := 0; i < len(w.queue); i++ {
		w.object(w.f.object(w.queue[i]))
	}
	at := w.out.Len()
	fmt.Fprintf(&w.out, "xref\n0 %d\n0000000000 65535 f \n", len(w.offsets)+1)
	for _, o := range w.offsets {
		fmt.Fprintf(&w.out, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&w.out, "trailer\n<</Root %d 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF\n", numCatalog, len(w.offsets)+1, at)
	return w.out.Bytes()
}

// object writes the next object.
func (w *writer) object(v any) {
	w.f.bud.step()
	before := w.out.Len()
	w.offsets = append(w.offsets, before)
	fmt.Fprintf(&w.out, "%d 0 obj\n", len(w.offsets))
	w.value(v, 0)
	w.out.WriteString("\nendobj\n")
	w.f.bud.decode(w.out.Len() - before)
}

// beside are entries that lead away from what is shown, or do something.
var beside = map[name]bool{"A": true, "AA": true, "JS": true, "Metadata": true, "PieceInfo": true, "StructParent": true, "StructParents": true,
	"OPI": true, "AF": true, "Ref": true}

// structural objects belong to the other file's tree and are never drawn in.
func structural(d dict) bool {
	switch d["Type"] {
	case name("Page"), name("Pages"), name("Catalog"), name("EmbeddedFile"), name("Filespec"), name("Action"):
		return true
	}
	return false
}

func (w *writer) value(v any, depth int) {
	if depth > maxNesting {
		stop(Damaged)
	}
	switch v := v.(type) {
	case bool:
		w.out.WriteString(strconv.FormatBool(v))
	case float64:
		w.out.Write(strconv.AppendFloat(nil, v, 'f', -1, 64))
	case str:
		fmt.Fprintf(&w.out, "<%X>", string(v))
	case name:
		w.name(v)
	case ref:
		w.ref(v)
	case here:
		fmt.Fprintf(&w.out, "%d 0 R", int(v))
	case array:
		w.out.WriteByte('[')
		for _, e := range v {
			w.value(e, depth+1)
			w.out.WriteByte(' ')
		}
		w.out.WriteByte(']')
	case dict:
		w.dict(v, depth)
	case *stream:
		d := maps.Clone(v.dict)
		d["Length"] = float64(len(v.raw))
		delete(d, "F") // a file outside
		w.dict(d, depth)
		w.out.WriteString("\nstream\n")
		w.out.Write(v.raw)
		w.out.WriteString("\nendstream")
	default:
		w.out.WriteString("null")
	}
}

func (w *writer) dict(d dict, depth int) {
	w.out.WriteString("<<")
	for _, k := range slices.Sorted(maps.Keys(d)) {
		if beside[k] {
			continue
		}
		w.name(k)
		w.out.WriteByte(' ')
		w.value(d[k], depth+1)
	}
	w.out.WriteString(">>")
}

// ref writes a reference to an object of the other file, which is to be written, too.
func (w *writer) ref(r ref) {
	if structural(w.f.dict(r)) {
		w.out.WriteString("null")
		return
	}
	n, known := w.numbers[r.num]
	if !known {
		n = numFirst + len(w.pages) + len(w.queue)
		w.numbers[r.num] = n
		w.queue = append(w.queue, r.num)
	}
	w.value(here(n), 0)
}

func (w *writer) name(n name) {
	w.out.WriteByte('/')
	for i := range len(n) {
		if c := n[i]; c > ' ' && c < 0x7f && c != '#' && !isDelim(c) {
			w.out.WriteByte(c)
		} else {
			fmt.Fprintf(&w.out, "#%02X", c)
		}
	}
}
