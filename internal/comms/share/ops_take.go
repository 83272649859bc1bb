package share

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/text"
)

// ByDevice names a link and the browser that has given its code.
type ByDevice struct {
	Locator string `json:"locator" required:"true" max:"32"`
	Device  string `json:"device" required:"true" max:"64"`
}

// Paper is a document behind a link.
type Paper struct {
	ID     string     `json:"id" class:"public"`
	Name   string     `json:"name" class:"public"`
	Media  string     `json:"media" class:"public"`
	Kind   string     `json:"kind" class:"public"`
	Number string     `json:"number" class:"public"`
	Amount money.Yen  `json:"amount" class:"public"`
	Date   civil.Date `json:"date" class:"public"`
	Digest string     `json:"digest" class:"public"`
}

// ShowOut is what a recipient sees.
type ShowOut struct {
	Company string     `json:"company" class:"public"`
	Subject string     `json:"subject" class:"public"`
	Body    string     `json:"body" class:"public"`
	Papers  []Paper    `json:"papers" class:"public"`
	Ends    civil.Date `json:"ends_on" class:"public"`
	Left    int64      `json:"left" class:"public"` // downloads; -1: without count
	Months  []string   `json:"months" class:"public"`
	Until   time.Time  `json:"until" class:"public"` // then a code is asked for again
}

// Show lists the documents of a link. Like everything a page does that was only
// fetched, it changes nothing.
var Show = gate.New(gate.Op[ByDevice, ShowOut]{
	Name: "share.show", Mode: gate.Read,
	Target: func(x *gate.Tx, in ByDevice) (gate.Target, error) { return about(x, in.Locator) },
	Do: func(x *gate.Tx, in ByDevice) (ShowOut, error) {
		l, err := Proven(x, in.Locator, in.Device)
		if err != nil {
			return ShowOut{}, err
		}
		v, _, err := visit(x, l.ID, in.Device)
		if err != nil {
			return ShowOut{}, err
		}
		out := ShowOut{Company: company(x), Subject: l.Sending.Subject, Body: l.Sending.Body, Ends: l.Ends, Left: left(l.LinkRow), Until: v.ProvenUntil, Months: []string{}}
		for _, f := range l.Files {
			out.Papers = append(out.Papers, Paper{f.Document, f.Name, f.Media, f.Kind, f.Number, f.Amount, f.Date, f.Digest})
			if m := f.Date.String()[:7]; l.Own && !slices.Contains(out.Months, m) {
				out.Months = append(out.Months, m)
			}
		}
		return out, nil
	},
})

func left(l dispatch.LinkRow) int64 {
	if l.Most == 0 {
		return -1
	}
	return max(l.Most-l.Downloads, 0)
}

// FileIn names a document of a link.
type FileIn struct {
	Locator  string `json:"locator" required:"true" max:"32"`
	Device   string `json:"device" required:"true" max:"64"`
	Document string `json:"document" required:"true" max:"40"`
	Save     bool   `json:"save"` // kept, not only shown
}

// FileOut is the document, byte for byte as it was approved.
type FileOut struct {
	Name    string `json:"name" class:"public"`
	Media   string `json:"media" class:"public"`
	Content []byte `json:"content" class:"public"`
}

func (in FileIn) file(x *gate.Tx) (dispatch.Linked, dispatch.File, error) {
	l, err := Proven(x, in.Locator, in.Device)
	if err != nil {
		return l, dispatch.File{}, err
	}
	if err := dispatch.MayGive(x); err != nil {
		return l, dispatch.File{}, err
	}
	if left(l.LinkRow) == 0 {
		return l, dispatch.File{}, fault.Refused("share.downloads_spent", "most", l.Most)
	}
	for _, f := range l.Files {
		if f.Document == in.Document {
			return l, f, nil
		}
	}
	return l, dispatch.File{}, gate.Refused(x, dispatch.Gone())
}

// FileOp gives a document (書類の受け取り). Showing it counts like keeping it: both
// give the bytes away.
var FileOp = gate.New(gate.Op[FileIn, FileOut]{
	Name: "share.file", Mode: gate.Write,
	Alone:  func(in FileIn) []string { return lock(in.Locator) },
	Target: func(x *gate.Tx, in FileIn) (gate.Target, error) { return about(x, in.Locator) },
	Work: func(x *gate.Tx, in FileIn) (func(context.Context) (any, error), error) {
		_, f, err := in.file(x)
		if err != nil {
			return nil, err
		}
		d, err := blob.ParseDigest(f.Digest)
		return func(ctx context.Context) (any, error) { return x.Blobs().Get(ctx, d) }, err
	},
	Do: func(x *gate.Tx, in FileIn) (FileOut, error) {
		l, f, err := in.file(x)
		if err != nil {
			return FileOut{}, err
		}
		if err := l.TakenBy(x, "share.file", f.Document); err != nil {
			return FileOut{}, err
		}
		out := FileOut{f.Name, f.Media, gate.Worked[[]byte](x)}
		return out, tells(x, l.LinkRow, map[bool]Kind{true: DidDownload, false: DidView}[in.Save], f.Document)
	},
})

// MonthIn names a month of an addressee's own documents.
type MonthIn struct {
	Locator string `json:"locator" required:"true" max:"32"`
	Device  string `json:"device" required:"true" max:"64"`
	Month   string `json:"month" required:"true" max:"7"` // YYYY-MM
}

// monthMost bounds one ZIP.
const monthMost = 100

// mine are the documents of a month behind all links of the same mailbox that
// hold nothing but its own invoices, each once, with the link each is of.
func (in MonthIn) mine(x *gate.Tx) (from []*dispatch.LinkRow, files []dispatch.File, err error) {
	l, err := Proven(x, in.Locator, in.Device)
	if err != nil {
		return nil, nil, err
	}
	if err := dispatch.MayGive(x); err != nil {
		return nil, nil, err
	}
	rows, err := dispatch.LinksTo(x, l.Point)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range rows {
		if !r.Own || r.Party != l.Party {
			continue
		}
		o, err := dispatch.FindLink(x, r.Locator)
		if fault.Is(err, fault.KindRefused) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		for _, f := range o.Files {
			again := slices.ContainsFunc(files, func(g dispatch.File) bool { return g.Document == f.Document })
			if again || !strings.HasPrefix(f.Date.String(), in.Month+"-") || len(files) >= monthMost {
				continue
			}
			from, files = append(from, &o.LinkRow), append(files, f)
		}
	}
	if len(files) == 0 {
		err = gate.Refused(x, dispatch.Gone())
	}
	return from, files, err
}

// Month gives an addressee's own documents of a month in one ZIP, with a list
// that the law on electronic books asks for (電子帳簿保存法の検索要件).
var Month = gate.New(gate.Op[MonthIn, FileOut]{
	Name: "share.month", Mode: gate.Write,
	Alone:  func(in MonthIn) []string { return lock(in.Locator) },
	Target: func(x *gate.Tx, in MonthIn) (gate.Target, error) { return about(x, in.Locator) },
	Work: func(x *gate.Tx, in MonthIn) (func(context.Context) (any, error), error) {
		_, files, err := in.mine(x)
		if err != nil {
			return nil, err
		}
		us := company(x)
		return func(ctx context.Context) (any, error) { return pack(ctx, x.Blobs(), us, files) }, nil
	},
	Do: func(x *gate.Tx, in MonthIn) (FileOut, error) {
		from, files, err := in.mine(x)
		if err != nil {
			return FileOut{}, err
		}
		for i, l := range from {
			if err := l.TakenBy(x, "share.month", files[i].Document); err != nil {
				return FileOut{}, err
			}
			if err := tells(x, *l, DidDownload, files[i].Document); err != nil {
				return FileOut{}, err
			}
		}
		return FileOut{in.Month + ".zip", "application/zip", gate.Worked[[]byte](x)}, nil
	},
})

// FileNames are the names of documents as their keeper needs them,
// YYYYMMDD_金額_取引先, each once.
func FileNames(us string, files []dispatch.File) []string {
	clean := strings.NewReplacer("/", "-", `\`, "-", ":", "-", "*", "-", "?", "-", `"`, "-", "<", "-", ">", "-", "|", "-")
	var out []string
	for _, f := range files {
		base := fmt.Sprintf("%s_%d_%s", strings.ReplaceAll(f.Date.String(), "-", ""), f.Amount, clean.Replace(us))
		name := base + path.Ext(f.Name)
		for n := 2; slices.Contains(out, name); n++ {
			name = fmt.Sprintf("%s_%d%s", base, n, path.Ext(f.Name))
		}
		out = append(out, name)
	}
	return out
}

func pack(ctx context.Context, blobs *blob.Store, us string, files []dispatch.File) ([]byte, error) {
	var out, list bytes.Buffer
	list.WriteString("\ufeff") // so that Excel reads it as UTF-8
	index := csv.NewWriter(&list)
	index.UseCRLF = true
	rows := [][]string{strings.Split(text.T(text.JA, "share.index"), ",")}
	z := zip.NewWriter(&out)
	names := FileNames(us, files)
	for i, f := range files {
		d, err := blob.ParseDigest(f.Digest)
		if err != nil {
			return nil, err
		}
		b, err := blobs.Get(ctx, d)
		if err != nil {
			return nil, err
		}
		w, err := z.Create(names[i])
		if err == nil {
			_, err = w.Write(b)
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, []string{f.Date.String(), fmt.Sprint(int64(f.Amount)), us, f.Number, names[i], f.Digest})
	}
	if err := index.WriteAll(rows); err != nil {
		return nil, err
	}
	w, err := z.Create("index.csv")
	if err == nil {
		_, err = w.Write(list.Bytes())
	}
	if err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
