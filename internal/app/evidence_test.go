package app_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sekisho/internal/kernel/gatetest/pgtest"
)

// SM-44, C-41: the certificate of a sending says in words that can be read back
// who, what and when; its code agrees with what is kept and no other does; what
// has not left has no certificate.
func TestSM44_C41_CertificateOfASending(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			dsn := ""
			if engine == "postgres" {
				dsn = pgtest.DSN(t)
			}
			d := newDrill(t, dsn)
			if err := d.App.Gate.Seal(t.Context()); err != nil {
				t.Fatal(err)
			}
			book := d.Of("accounting", 0)
			var paper struct {
				Name, Code string
				Content    []byte
			}
			for _, id := range []string{d.waiting.ID, d.asked.ID} {
				if err := d.Troupe.Act(t.Context(), book, "evidence.certificate", m{"id": id}, nil); err == nil || !strings.Contains(err.Error(), "evidence.not_sent") {
					t.Errorf("%s has a certificate: %v", id, err)
				}
			}
			d.Do(t, book, "evidence.certificate", m{"id": d.gone.ID}, &paper)
			file := filepath.Join(t.TempDir(), "c.pdf")
			if err := os.WriteFile(file, paper.Content, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command("pdftotext", "-layout", file, "-").CombinedOutput()
			if err != nil {
				t.Fatal(err, string(out))
			}
			var s struct {
				Digest     string `json:"digest"`
				Recipients []struct {
					Bytes string `json:"bytes_digest"`
				} `json:"recipients"`
			}
			d.Do(t, book, "dispatch.show", m{"id": d.gone.ID}, &s)
			for _, want := range []string{"送付証明書", d.gone.ID, "株式会社みどり産業", "keiri@midori-sangyo.example.jp", s.Digest, s.Recipients[0].Bytes, book.Name, "中継先が引き受けた", paper.Code, "sekisho.test"} {
				if want == "" || !strings.Contains(string(out), want) {
					t.Errorf("the paper does not say %q:\n%s", want, out)
				}
			}
			check := func(code string) (same bool) {
				var out struct {
					Same bool `json:"same"`
				}
				d.Do(t, d.Of("auditor", 0), "evidence.check", m{"id": d.gone.ID, "code": code}, &out)
				return out.Same
			}
			other := "A" + paper.Code[1:]
			if paper.Code[0] == 'A' {
				other = "B" + paper.Code[1:]
			}
			if !check(paper.Code) || !check(strings.ToLower(strings.ReplaceAll(paper.Code, "-", " "))) || check(other) {
				t.Error("the code does not tell a true paper from another")
			}
			d.Do(t, book, "incident.report", m{"package": d.gone.ID, "cause": "other", "reason": "別の宛先に送るはずでした"}, nil)
			if check(paper.Code) {
				t.Error("an old paper passes for the state of now")
			}
			if err := d.Troupe.Act(t.Context(), d.Of("security", 0), "evidence.certificate", m{"id": d.gone.ID}, nil); err == nil {
				t.Error("security sees addresses")
			}
		})
	}
}
