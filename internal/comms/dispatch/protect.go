package dispatch

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"

	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch/internal/mime"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/vault"
)

// Channels of mail whose files are encrypted with a password (パスワード付きファイル):
// an exception of a partner, with a reason and an end. The password is made here,
// shown once to who sends, and never goes by mail.
const (
	Zip       = party.FormZip
	SealedPDF = party.FormPDF
)

func (s Sending) protected() bool { return s.Channel == Zip || s.Channel == SealedPDF }

// byPassword decides about the channels of encrypted files, see channelFor.
func byPassword(want string, files int, p party.Protection) (string, bool, error) {
	switch {
	case want == "" && p.Form != "" && files > 0:
		return p.Form, true, nil
	case want != Zip && want != SealedPDF:
		return "", false, nil
	case p.Form != want:
		return "", true, fault.Refused("dispatch.no_protection").At("channel")
	case files == 0:
		return "", true, fault.Refused("dispatch.paper_of_nothing").At("channel")
	}
	return want, true, nil
}

// protection adds whether the exception is in force, and whether a password of
// this partner's stands in the words.
func (s *standing) protection(x *gate.Tx, b bundle) error {
	p, ever, err := party.ProtectionOf(x, b.Party)
	if err != nil || !ever {
		return err
	}
	s.facts.Protected = p.Form == b.Channel
	words := passwordKey(b.Subject + " " + b.Body)
	for _, channel := range []string{Zip, SealedPDF} {
		page, err := sendings.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("party_id", b.Party), gate.Eq("channel", channel)}, By: "id", Desc: true, Limit: passwordsKept})
		if err != nil {
			return err
		}
		for _, o := range page.Rows {
			s.facts.Password = s.facts.Password || o.Digest != "" && strings.Contains(words, passwordKey(password(x, o)))
		}
	}
	return nil
}

// passwordsKept is how many sendings back a password is known again.
const passwordsKept = 50

// passwordKey is what makes a password the same however it is typed.
func passwordKey(s string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' {
			return r
		}
		return -1
	}, jp.Typed(s))
}

// protectionStands: an exception that has ended carries nothing any more.
func protectionStands(f Facts) []Finding {
	if f.Channel != Zip && f.Channel != SealedPDF || f.Protected {
		return nil
	}
	return []Finding{stop(ItemPackage, "protection_over", WayEdit)}
}

// passwordSaid: whoever gets the mail would have both (OS-50).
func passwordSaid(f Facts) []Finding {
	if !f.Password {
		return nil
	}
	return []Finding{stop(ItemBody, "password_said", WayEdit)}
}

// password of a package: 100 bits, the same at every try, another after every change.
func password(x *gate.Tx, s Sending) string {
	return vault.Password(x.Ring().MAC("file password", []byte(s.ID), []byte(s.Digest)))
}

// JobProtect is how the files of a job are encrypted.
type JobProtect struct {
	Form     string `json:"form" class:"internal"`
	Password string `json:"password" class:"internal"` // for the worker only, which encrypts with it
}

// seal encrypts attachments.
func (p JobProtect) seal(list []mime.Attachment, at time.Time) ([]mime.Attachment, error) {
	switch p.Form {
	case Zip:
		var files []vault.ZipFile
		for _, a := range list {
			files = append(files, vault.ZipFile{Name: a.Name, Bytes: a.Bytes})
		}
		b, err := vault.ZipAES(files, p.Password, at)
		return []mime.Attachment{{Name: "documents.zip", MediaType: "application/zip", Bytes: b}}, err
	case SealedPDF:
		out := slices.Clone(list)
		for i, a := range list {
			b, err := sealPDF(a.Bytes, p.Password)
			if err != nil {
				return nil, fault.Refused("dispatch.cannot_seal", "name", a.Name).Because(err)
			}
			out[i].Bytes = b
		}
		return out, nil
	}
	return list, nil
}

// sealPDF encrypts a PDF with AES-256; printing and copying are left to the reader.
func sealPDF(b []byte, password string) ([]byte, error) {
	api.DisableConfigDir()
	c := model.NewAESConfiguration(password, password, 256)
	c.Permissions, c.Offline = model.PermissionsAll, true
	var out bytes.Buffer
	err := api.Encrypt(bytes.NewReader(b), &out, c)
	return out.Bytes(), err
}

// PasswordOut is a password, once.
type PasswordOut struct {
	Password string `json:"password" class:"internal"` // given out once, to be read on the telephone
}

// PasswordOp shows the password of encrypted files (パスワードの表示): once, to who has
// sent them, after they were let go.
var PasswordOp = gate.New(gate.Op[ByID, PasswordOut]{
	Name: "dispatch.password", Mode: gate.Write, Needs: gate.Needs{StepUp: true},
	Alone:  func(in ByID) []string { return alone(in.ID) },
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return target(x, in.ID) },
	Do: func(x *gate.Tx, in ByID) (PasswordOut, error) {
		b, err := load(x, in.ID)
		if err != nil {
			return PasswordOut{}, err
		}
		switch {
		case !b.protected():
			return PasswordOut{}, fault.Refused("dispatch.no_password")
		case !b.underway():
			return PasswordOut{}, fault.Refused("dispatch.not_left", "state", b.State.word())
		case b.ConfirmedBy != x.Actor().Person:
			return PasswordOut{}, fault.Refused("dispatch.not_confirmer")
		case !b.PasswordAt.IsZero():
			return PasswordOut{}, gate.Refused(x, fault.Refused("dispatch.password_shown"))
		}
		b.PasswordBy, b.PasswordAt = x.Actor().Person, x.Now()
		return PasswordOut{password(x, b.Sending)}, sendings.Update(x, &b.Sending)
	},
})
