// Package replay runs the outer gate's checks over mails and papers of the past
// (過去の送付の点検), offline, and stores nothing: what a company would have been
// stopped at, had it had the gate.
package replay

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // ISO-2022-JP and others of older mails
	"github.com/emersion/go-message/mail"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/mailaddr"
	"sekisho/internal/trade/intake"
)

// Bounds of a file and of a mail's parts.
const (
	maxFile  = 64 << 20
	maxPart  = 25 << 20
	maxParts = 200
)

// Near is one near-miss (ヒヤリ・ハット).
type Near struct {
	File  string // below the folder; of an mbox with the mail's number
	Cause string // text key
	Shown string
}

// Result is what a folder held.
type Result struct {
	Mails, Papers int
	Near          []Near
	Broken        []string // files that could not be read as what they are
}

// Partners reads a register from a list of partners as CSV.
func Partners(b []byte) (*dispatch.Register, int, error) {
	t, err := intake.Read(b, intake.Auto)
	if err != nil {
		return nil, 0, err
	}
	at := map[intake.Field]int{}
	for _, c := range intake.Guess(intake.Partners, t.Headings) {
		at[c.Field] = c.Column
	}
	if at[intake.Name] == 0 {
		return nil, 0, fault.Invalid("replay.columns")
	}
	var partners []dispatch.Partner
	var mails []dispatch.PartnerMail
	for _, r := range t.Rows {
		cell := func(f intake.Field) string {
			if i := at[f]; i > 0 {
				return strings.TrimSpace(r.Cells[i-1])
			}
			return ""
		}
		code, _ := jp.ParseCode(cell(intake.Code))
		id := cmp.Or(code, cell(intake.Name))
		number, _ := jp.ParseRegistrationNumber(cell(intake.RegistrationNumber))
		if !slices.ContainsFunc(partners, func(p dispatch.Partner) bool { return p.ID == id }) && id != "" {
			partners = append(partners, dispatch.Partner{ID: id, Code: code, Name: cell(intake.Name), Registration: string(number),
				Phone: cell(intake.Phone), Address: cell(intake.Address1)})
		}
		if a, err := mailaddr.Parse(cell(intake.Mail)); err == nil && id != "" {
			mails = append(mails, dispatch.PartnerMail{Party: id, Point: id, Addr: a})
		}
	}
	return dispatch.NewRegister(partners, mails), len(partners), nil
}

// Folder goes through a folder and those in it, in the order of names.
func Folder(ctx context.Context, r *dispatch.Register, dir string) (Result, error) {
	var out Result
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		ending := strings.ToLower(filepath.Ext(path))
		if ending != ".eml" && ending != ".mbox" && ending != ".pdf" {
			return nil
		}
		if i, err := d.Info(); err != nil || i.Size() > maxFile {
			out.Broken = append(out.Broken, name)
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return out.file(ctx, r, name, ending, b)
	})
	return out, err
}

func (o *Result) file(ctx context.Context, r *dispatch.Register, name, ending string, b []byte) error {
	switch ending {
	case ".pdf":
		o.Papers++
		return o.look(ctx, r, name, dispatch.Past{Files: []dispatch.PastFile{{Name: filepath.Base(name), Content: b}}})
	case ".mbox":
		for i, m := range mailbox(b) {
			if err := o.mail(ctx, r, name+"#"+strconv.Itoa(i+1), m); err != nil {
				return err
			}
		}
		return nil
	}
	return o.mail(ctx, r, name, b)
}

func (o *Result) mail(ctx context.Context, r *dispatch.Register, name string, b []byte) error {
	p, err := Mail(b)
	if err != nil {
		o.Broken = append(o.Broken, name)
		return nil
	}
	o.Mails++
	return o.look(ctx, r, name, p)
}

func (o *Result) look(ctx context.Context, r *dispatch.Register, name string, p dispatch.Past) error {
	found, err := r.Replay(ctx, p)
	for _, f := range found {
		o.Near = append(o.Near, Near{name, cause(f.Key), f.Shown})
	}
	return err
}

// cause is the family of a finding, as the table names it.
func cause(key string) string {
	k := strings.TrimPrefix(key, "dispatch.found.")
	switch {
	case strings.HasPrefix(k, "foreign_"), k == "related":
		return "replay.cause.foreign"
	case k == "two_partners", k == "near_other", k == "no_address", k == "disguised", k == "no_attachment":
		return "replay.cause." + k
	case k == "unreadable", k == "pictures":
		return "replay.cause.unreadable"
	}
	return "replay.cause.hidden" // macros, hidden sheets, scripts, characters that cannot be seen
}

// mailbox parts an mbox (RFC 4155) at its From lines.
func mailbox(b []byte) [][]byte {
	var out [][]byte
	for _, part := range bytes.Split(append([]byte("\n"), bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))...), []byte("\nFrom ")) {
		_, m, ok := bytes.Cut(part, []byte("\n"))
		if ok && len(bytes.TrimSpace(m)) > 0 {
			out = append(out, m)
		}
	}
	return out
}

var errBroken = errors.New("replay: no mail")

// Mail reads a mail (RFC 5322). One that breaks its form is an error; a
// character set nobody knows is read as it stands.
func Mail(b []byte) (dispatch.Past, error) {
	var p dispatch.Past
	m, err := mail.CreateReader(bytes.NewReader(b))
	if err != nil && !message.IsUnknownCharset(err) {
		return p, err
	}
	p.Subject, _ = m.Header.Subject()
	for _, k := range []string{"To", "Cc", "Bcc"} {
		list, err := m.Header.AddressList(k)
		if err != nil {
			return p, err
		}
		for _, a := range list {
			p.To = append(p.To, a.Address)
		}
	}
	if len(p.To) == 0 {
		return p, errBroken
	}
	for n := 0; ; n++ {
		part, err := m.NextPart()
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if err != nil && !message.IsUnknownCharset(err) || n >= maxParts {
			return p, cmp.Or(err, errBroken)
		}
		body, err := io.ReadAll(io.LimitReader(part.Body, maxPart+1))
		if err != nil || len(body) > maxPart {
			return p, cmp.Or(err, errBroken)
		}
		switch h := part.Header.(type) {
		case *mail.AttachmentHeader:
			name, err := h.Filename()
			if err != nil || name == "" {
				name = "attachment"
			}
			p.Files = append(p.Files, dispatch.PastFile{Name: name, Content: body})
		case *mail.InlineHeader:
			if kind, _, _ := h.ContentType(); kind == "text/plain" {
				p.Body += string(body)
			}
		}
	}
}
