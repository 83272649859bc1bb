package paper_test

import (
	"bytes"
	"cmp"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-message"

	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/paper"
	"sekisho/internal/kernel/civil"
)

// attached are the files of the last mail, by name.
func (w *world) attached() map[string][]byte {
	w.t.Helper()
	names, err := filepath.Glob(filepath.Join(w.mails, "*.eml"))
	if err != nil || len(names) == 0 {
		w.t.Fatal("no mail", err)
	}
	slices.Sort(names)
	raw, err := os.ReadFile(names[len(names)-1])
	if err != nil {
		w.t.Fatal(err)
	}
	e, err := message.Read(bytes.NewReader(raw))
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string][]byte{"": raw}
	err = e.Walk(func(_ []int, p *message.Entity, err error) error {
		if err != nil {
			return err
		}
		media, params, _ := p.Header.ContentType()
		if !strings.HasPrefix(media, "multipart/") && media != "text/plain" {
			b, err := io.ReadAll(p.Body)
			_, disposition, _ := p.Header.ContentDisposition()
			out[cmp.Or(disposition["filename"], params["name"])] = b
			return err
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) mailPoint() string {
	w.t.Helper()
	p := must(w, boss, party.PointPropose, party.ProposeIn{Party: w.tohoku.ID, Address: "keiri@tohoku-kikai.example.jp", Label: "経理"})
	agreed(w, party.PointVerify, party.VerifyIn{ID: p.ID, Version: p.Version, How: "phone", Reason: "代表電話で確認した"})
	return p.Address
}

// Encrypted files are an exception with a reason and an end; the password is shown
// once, opens them in another program, and stops a later mail that holds it.
func TestOS50_C38_EncryptedFilesAreAGovernedException(t *testing.T) {
	each(t, dispatch.Settings{}, func(t *testing.T, w *world) {
		to := w.mailPoint()
		doc := w.bill(w.tohoku, "INV-1", 1, "application/pdf")
		in := dispatch.PrepareIn{Party: w.tohoku.ID, Channel: "zip", Subject: "ご請求書 INV-1", Body: w.tohoku.Name + " 御中\nお送りします。", Purpose: dispatch.ForInvoice,
			Recipients: []dispatch.Proposal{{Kind: dispatch.To, Address: to}}, Documents: []string{doc}}
		refused(w, boss, "dispatch.no_protection", w.d.Prepare, in)
		until := civil.Of(w.Clock.Now()).AddDays(30)
		refused(w, boss, "gate.reason", party.Protect, party.ProtectIn{Party: w.tohoku.ID, Form: "zip", Ends: until})
		refused(w, boss, "party.protect_ends", party.Protect, party.ProtectIn{Party: w.tohoku.ID, Form: "zip", Ends: until.AddDays(400), Reason: "先方の規程"})
		agreed(w, party.Protect, party.ProtectIn{Party: w.tohoku.ID, Form: "zip", Ends: until, Reason: "先方の規程で必要"})
		s := must(w, boss, w.d.Prepare, in)
		refused(w, boss, "dispatch.not_left", dispatch.PasswordOp, dispatch.ByID{ID: s.ID})
		w.release(s)
		if n, _, err := w.worker.Once(bg); err != nil || n != 1 || w.state(s) != dispatch.Handed {
			t.Fatal(n, err, w.state(s))
		}
		refused(w, second, "dispatch.not_confirmer", dispatch.PasswordOp, dispatch.ByID{ID: s.ID})
		p := must(w, boss, dispatch.PasswordOp, dispatch.ByID{ID: s.ID}).Password
		refused(w, boss, "dispatch.password_shown", dispatch.PasswordOp, dispatch.ByID{ID: s.ID})
		name := filepath.Join(t.TempDir(), "got.zip")
		mail := w.attached()
		if err := os.WriteFile(name, mail["documents.zip"], 0o600); err != nil || bytes.Contains(mail[""], []byte(p)) || len(mail) != 2 {
			t.Fatal("the mail holds the password, or other files: ", err, len(mail))
		}
		if out, err := exec.Command("7z", "t", "-p"+p, name).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if out, err := exec.Command("7z", "t", "-px", name).CombinedOutput(); err == nil {
			t.Errorf("opens without the password: %s", out)
		}
		for _, said := range []string{"パスワードは" + p + "です。", "pw: " + strings.ToLower(strings.ReplaceAll(p, "-", " "))} {
			w.stops(must(w, boss, w.d.Prepare, dispatch.PrepareIn{Party: w.tohoku.ID, Subject: "先ほどの件", Body: said, Purpose: dispatch.ForNotice,
				Recipients: []dispatch.Proposal{{Kind: dispatch.To, Address: to}}}), "dispatch.found.password_said")
		}
		in.Documents = []string{w.bill(w.tohoku, "INV-2", 1, "application/pdf")}
		in.Subject = "ご請求書 INV-2"
		late := must(w, boss, w.d.Prepare, in)
		must(w, boss, party.ProtectEnd, party.ByID{ID: w.tohoku.ID})
		w.stops(late, "dispatch.found.protection_over")
		refused(w, boss, "party.no_protection", party.ProtectEnd, party.ByID{ID: w.tohoku.ID})
	})
}

// qpdf reads the encryption of a PDF and opens it with the password only.
func TestOS50_AnEncryptedPDFOpensWithThePasswordOnly(t *testing.T) {
	each(t, dispatch.Settings{}, func(t *testing.T, w *world) {
		to := w.mailPoint()
		agreed(w, party.Protect, party.ProtectIn{Party: w.tohoku.ID, Form: "sealed_pdf", Ends: civil.Of(w.Clock.Now()).AddDays(30), Reason: "先方の規程で必要"})
		in := dispatch.PrepareIn{Party: w.tohoku.ID, Subject: "ご請求書 INV-1", Body: w.tohoku.Name + " 御中\nお送りします。", Purpose: dispatch.ForInvoice,
			Recipients: []dispatch.Proposal{{Kind: dispatch.To, Address: to}}, Documents: []string{w.bill(w.tohoku, "INV-9", 1, "text/csv")}}
		w.stops(must(w, boss, w.d.Prepare, in), "dispatch.found.not_printable")
		in.Documents = []string{w.bill(w.tohoku, "INV-1", 1, "application/pdf")}
		s := must(w, boss, w.d.Prepare, in)
		if s.Channel != dispatch.SealedPDF {
			t.Fatal("the exception is not the usual way: ", s.Channel)
		}
		w.release(s)
		if n, _, err := w.worker.Once(bg); err != nil || n != 1 || w.state(s) != dispatch.Handed {
			t.Fatal(n, err, w.state(s))
		}
		p := must(w, boss, dispatch.PasswordOp, dispatch.ByID{ID: s.ID}).Password
		name := filepath.Join(t.TempDir(), "got.pdf")
		if err := os.WriteFile(name, w.attached()["INV-1.pdf"], 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("qpdf", "--show-encryption", "--password="+p, name).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "AESv3") {
			t.Fatalf("%v\n%s", err, out)
		}
		if out, err := exec.Command("qpdf", "--check", "--password=x", name).CombinedOutput(); err == nil {
			t.Errorf("opens without the password: %s", out)
		}
	})
}

// The table of classes and ways stops what it does not name; making it weaker takes
// a second person, and a stronger table voids what was checked before.
func TestC42_CM17_AClassGoesOnlyByTheWaysNamed(t *testing.T) {
	each(t, dispatch.Settings{}, func(t *testing.T, w *world) {
		s := w.prepare(w.tohoku, "post", w.post[0].Line, w.bill(w.tohoku, "INV-1", 1, "application/pdf"))
		w.release(s)
		must(w, boss, w.d.RuleSet, dispatch.RuleIn{Rule: "class_post", Value: "internal", From: civil.Of(w.Clock.Now()), Reason: "封筒の事故があった"})
		refused(w, boss, "paper.all_changed", paper.RunMake, paper.WaitingIn{Channel: "post"})
		w.stops(s, "dispatch.found.class_transport")
		agreed(w, w.d.RuleSet, dispatch.RuleIn{Rule: "class_post", Value: "confidential", From: civil.Of(w.Clock.Now()), Reason: "手順を改めた"})
		if c := must(w, boss, w.d.Check, dispatch.ByID{ID: s.ID}); c.State != dispatch.Checked {
			t.Errorf("%+v", c.Findings)
		}
	})
}
