package replay_test

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sekisho/internal/app/replay"
	"sekisho/internal/kernel/pdf"
)

func paper(t *testing.T, lines ...string) []byte {
	t.Helper()
	d := pdf.New(pdf.Meta{Title: "請求書"})
	p := d.AddPage()
	for i, l := range lines {
		p.Text(20*pdf.MM, (20+8*pdf.Length(i))*pdf.MM, l, pdf.Style{Size: pdf.Pt(10)})
	}
	b, err := d.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const register = "得意先コード,得意先名,メールアドレス\nA001,株式会社青葉製作所,keiri@aoba-works.example\nB002,株式会社北浜電機,keiri@kitahama-denki.example\n"

// A folder of past mails and papers: each planted mistake is named, the right
// ones are not, broken mails stop nothing, and nothing is written.
func TestSM38_PastNearMissesAreFound(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	right, mixed := paper(t, "株式会社青葉製作所 御中", "請求番号 A-1"), paper(t, "株式会社青葉製作所 御中", "得意先コード B002", "株式会社北浜電機 様分")
	attached := func(to string, b []byte) string {
		return "From: us@example.com\r\nTo: " + to + "\r\nSubject: bill\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" +
			"--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhello\r\n--x\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n" +
			"Content-Disposition: attachment; filename=\"a.pdf\"\r\n\r\n" + base64.StdEncoding.EncodeToString(b) + "\r\n--x--\r\n"
	}
	write("right.pdf", string(right))
	write("mixed.pdf", string(mixed))
	write("right.eml", attached("keiri@aoba-works.example", right))
	write("wrong.eml", attached("keiri@kitahama-denki.example", right))
	write("alike.eml", attached("keiri@aoba-work.example", right))
	plain := "From: us@example.com\nTo: keiri@aoba-works.example\nSubject: a\n\n"
	write("old.mbox", "From us Mon Nov  2 10:00:00 2026\n"+plain+"hello\n\nFrom us Mon Nov  2 11:00:00 2026\n"+
		strings.Replace(plain, "example\nSubject", "example, keiri@kitahama-denki.example\nSubject", 1)+"hello\n")
	write("broken.eml", "nothing of a mail")
	write("cut.eml", strings.Split(attached("keiri@aoba-works.example", right), "--x--")[0][:400])
	before, _ := os.ReadDir(dir)
	r, n, err := replay.Partners([]byte(register))
	if err != nil || n != 2 {
		t.Fatal(n, err)
	}
	got, err := replay.Folder(context.Background(), r, dir)
	if err != nil {
		t.Fatal(err)
	}
	causes := map[string]string{}
	for _, x := range got.Near {
		causes[x.File] += strings.TrimPrefix(x.Cause, "replay.cause.") + " "
	}
	for file, want := range map[string]string{"right.pdf": "", "right.eml": "", "old.mbox#1": "", "mixed.pdf": "foreign", "wrong.eml": "foreign", "alike.eml": "near_other", "old.mbox#2": "two_partners"} {
		if want == "" && causes[file] != "" || !strings.Contains(causes[file], want) {
			t.Errorf("%s: %q, want %q", file, causes[file], want)
		}
	}
	if strings.Join(got.Broken, " ") != "broken.eml cut.eml" || got.Papers != 2 || got.Mails != 5 {
		t.Errorf("%d mails, %d papers, broken: %v", got.Mails, got.Papers, got.Broken)
	}
	if after, _ := os.ReadDir(dir); len(after) != len(before) {
		t.Error("something was written")
	}
}

func FuzzMail(f *testing.F) {
	f.Add([]byte("From: a@b.example\nTo: c@d.example\n\nhello"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := replay.Mail(b); err == nil && len(p.To) == 0 {
			t.Fatal("a mail to nobody")
		}
	})
}
