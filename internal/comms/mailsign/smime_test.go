package mailsign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
	"sekisho/internal/kernel/vault"
)

// office is a certificate authority of the tests.
type office struct {
	t    *testing.T
	root *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, key: key, dir: t.TempDir()}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test root"}, NotBefore: at.AddDate(-1, 0, 0), NotAfter: at.AddDate(30, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if o.root, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	o.write("root.pem", 0o644, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	return o
}

func (o *office) write(name string, mode os.FileMode, blocks ...*pem.Block) string {
	o.t.Helper()
	var b bytes.Buffer
	for _, p := range blocks {
		if err := pem.Encode(&b, p); err != nil {
			o.t.Fatal(err)
		}
	}
	p := filepath.Join(o.dir, name)
	if err := os.WriteFile(p, b.Bytes(), mode); err != nil {
		o.t.Fatal(err)
	}
	return p
}

// issue makes a certificate for mail, changed as wanted.
func (o *office) issue(key crypto.Signer, change func(*x509.Certificate)) (Files, *x509.Certificate) {
	o.t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "北斗サプライ株式会社"}, EmailAddresses: []string{"seikyu@hokuto.example"},
		NotBefore: at.AddDate(0, -1, 0), NotAfter: at.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}}
	if change != nil {
		change(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, o.root, key.Public(), o.key)
	if err != nil {
		o.t.Fatal(err)
	}
	priv, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		o.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		o.t.Fatal(err)
	}
	return Files{Cert: o.write("cert.pem", 0o644, &pem.Block{Type: "CERTIFICATE", Bytes: der}, &pem.Block{Type: "CERTIFICATE", Bytes: o.root.Raw}),
		Key: o.write("key.pem", 0o600, &pem.Block{Type: "PRIVATE KEY", Bytes: priv})}, leaf
}

func keys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{"RSA": r, "ECDSA": e}
}

// verify asks OpenSSL, and gives what was signed.
func (o *office) verify(raw []byte) (content string, err error) {
	o.t.Helper()
	in, out := filepath.Join(o.dir, "mail.eml"), filepath.Join(o.dir, "content")
	if err := os.WriteFile(in, raw, 0o600); err != nil {
		o.t.Fatal(err)
	}
	for _, how := range []string{"smime", "cms"} {
		cmd := exec.Command("openssl", how, "-verify", "-in", in, "-out", out, "-CAfile", filepath.Join(o.dir, "root.pem"), "-attime", "1795222800", "-purpose", "smimesign")
		if said, err := cmd.CombinedOutput(); err != nil {
			return string(said), err
		}
	}
	b, err := os.ReadFile(out)
	return string(b), err
}

const mixed = "Date: Sat, 21 Nov 2026 10:00:00 +0900\r\nFrom: <seikyu@hokuto.example>\r\nTo: <keiri@minato.example>\r\nSubject: a\r\nMIME-Version: 1.0\r\n" +
	"Content-Type: multipart/mixed;\r\n boundary=\"sekisho-1\"\r\n\r\n--sekisho-1\r\nContent-Type: text/plain\r\n\r\nYQ==\r\n--sekisho-1--\r\n"

// RFC 8551: OpenSSL finds the signature good, what was built is inside octet by
// octet, and DKIM is around it.
func TestC42_CompanySignatureHolds(t *testing.T) {
	o := newOffice(t)
	for name, key := range keys(t) {
		files, leaf := o.issue(key, nil)
		p12, err := pkcs12.Modern.Encode(key, leaf, []*x509.Certificate{o.root}, "ことば")
		if err != nil {
			t.Fatal(err)
		}
		packed := Files{PKCS12: filepath.Join(o.dir, "c.p12"), Password: vault.NewSecret("ことば")}
		if err := os.WriteFile(packed.PKCS12, p12, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, f := range []Files{files, packed} {
			c, err := LoadCertificate(f, "Seikyu@hokuto.example")
			if err != nil {
				t.Fatal(err)
			}
			s, look := signer(t)
			s.Company = c
			for _, raw := range []string{plain, mixed} {
				out, err := s.Mail([]byte(raw), at)
				if err != nil {
					t.Fatal(name, err)
				}
				if n, ok := good(t, out, look); n != 2 || ok != 2 {
					t.Errorf("%s: %d of %d DKIM signatures", name, ok, n)
				}
				_, body, _ := strings.Cut(raw, "\r\n\r\n")
				got, err := o.verify(out)
				if err != nil || !strings.HasSuffix(got, "\r\n\r\n"+body) || !strings.HasPrefix(got, "Content-Type: ") {
					t.Errorf("%s: %v\n%s\n%s", name, err, got, out)
				}
				if strings.Count(string(out), "\r\nSubject: ") != 1 || strings.Count(string(out), "MIME-Version") != 1 {
					t.Errorf("header: %s", out)
				}
				if got, err := o.verify(bytes.Replace(out, []byte("YQ=="), []byte("Yg=="), 1)); raw == mixed && err == nil {
					t.Errorf("changed, and good all the same: %s", got)
				}
			}
			if out, err := s.Transport([]byte(plain), at); err != nil || bytes.Contains(out, []byte("pkcs7")) {
				t.Error("a FAX service gets one more file:", err)
			}
			for _, when := range []time.Time{at.AddDate(2, 0, 0), at.AddDate(-1, 0, 0)} {
				if _, err := s.Mail([]byte(plain), when); fault.Of(err).Key != "mailsign.over" {
					t.Error(err)
				}
			}
		}
	}
}

// A certificate receivers would warn of is not taken.
func TestC42_WrongCertificatesStopTheStart(t *testing.T) {
	o := newOffice(t)
	key := keys(t)["ECDSA"]
	load := func(change func(*x509.Certificate), spoil func(*Files)) error {
		f, _ := o.issue(key, change)
		if spoil != nil {
			spoil(&f)
		}
		_, err := LoadCertificate(f, "seikyu@hokuto.example")
		return err
	}
	junk := filepath.Join(o.dir, "junk")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, leaf := o.issue(key, nil)
	p12, err := pkcs12.Modern.Encode(key, leaf, nil, "a")
	if err != nil {
		t.Fatal(err)
	}
	sealed := filepath.Join(o.dir, "sealed.p12")
	if err := os.WriteFile(sealed, p12, 0o600); err != nil {
		t.Fatal(err)
	}
	f2, _ := newOffice(t).issue(keys(t)["RSA"], nil)
	for name, c := range map[string]struct {
		err error
		key string
	}{
		"another's":   {load(func(c *x509.Certificate) { c.EmailAddresses = []string{"a@evil.example"} }, nil), "mailsign.other_sender"},
		"nobody's":    {load(func(c *x509.Certificate) { c.EmailAddresses = nil }, nil), "mailsign.other_sender"},
		"a server's":  {load(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, nil), "mailsign.not_for_mail"},
		"enciphering": {load(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, nil), "mailsign.not_for_mail"},
		"no file":     {load(nil, func(f *Files) { f.Cert = "/none" }), "mailsign.file"},
		"no key":      {load(nil, func(f *Files) { f.Key = "/none" }), "mailsign.file"},
		"junk":        {load(nil, func(f *Files) { f.Key = junk }), "mailsign.certificate"},
		"other key":   {load(nil, func(f *Files) { f.Key = f2.Key }), "mailsign.certificate"},
		"open key":    {load(nil, func(f *Files) { must(t, os.Chmod(f.Key, 0o644)) }), "mailsign.file_open"},
		"junk p12":    {load(nil, func(f *Files) { f.PKCS12 = junk }), "mailsign.certificate"},
		"wrong word":  {load(nil, func(f *Files) { f.PKCS12, f.Password = sealed, vault.NewSecret("b") }), "mailsign.password"},
	} {
		if e := fault.Of(c.err); e == nil || e.Key != c.key || strings.Contains(text.Fault(text.JA, e), "{") {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	must(t, os.Chmod(f.Key, 0o600))
	if c, err := LoadCertificate(f, "seikyu@hokuto.example"); err != nil || !c.Until().Equal(leaf.NotAfter) {
		t.Error(c, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
