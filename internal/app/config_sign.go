package app

import (
	"context"
	"slices"
	"strings"
	"time"

	"sekisho/internal/comms/mailsign"
)

// DKIM says which of the keys in the key folder sign what leaves.
type DKIM struct {
	Domain string   `toml:"domain"` // empty: that of mail.from
	Sign   []string `toml:"sign"`   // names of the keys; empty: the relay signs, or nobody
}

// SMIME is the company's certificate for mail; without one nothing is signed with it.
type SMIME struct {
	Cert         string `toml:"cert"` // PEM, its issuers may follow
	Key          string `toml:"key"`
	PKCS12       string `toml:"pkcs12"` // instead of the two
	PasswordFile string `toml:"password_file"`
}

// wrongSigning names the first setting of the signatures that is not right.
func (m Mail) wrongSigning() (name, want string) {
	_, from, _ := strings.Cut(m.From, "@")
	d, s := m.DKIM, m.SMIME
	switch {
	case d.Domain != "" && !isDomain(d.Domain):
		return "mail.dkim.domain", "example.co.jp"
	case d.Domain != "" && from != d.Domain && !strings.HasSuffix(from, "."+d.Domain): // DMARC would not count it
		return "mail.dkim.domain", "mail.from"
	case slices.ContainsFunc(d.Sign, func(s string) bool { return !mailsign.IsSelector(s) }), len(slices.Compact(slices.Sorted(slices.Values(d.Sign)))) != len(d.Sign):
		return "mail.dkim.sign", `["s20261201r", "s20261201e"]`
	case (len(d.Sign) > 0 || s != SMIME{}) && m.From == "":
		return "mail.from", "billing@example.co.jp"
	case (s.Cert == "") != (s.Key == ""):
		return "mail.smime.cert", "mail.smime.cert + mail.smime.key"
	case s.Cert != "" && s.PKCS12 != "":
		return "mail.smime.pkcs12", "mail.smime.cert / mail.smime.pkcs12"
	case s.PasswordFile != "" && s.PKCS12 == "":
		return "mail.smime.password_file", "mail.smime.pkcs12"
	}
	return "", ""
}

// SigningDomain is whose domain the DKIM signatures are of, "" if nobody knows yet.
func (m Mail) SigningDomain() string {
	if m.DKIM.Domain != "" {
		return m.DKIM.Domain
	}
	_, from, _ := strings.Cut(m.From, "@")
	return from
}

// Signing makes what signs the mail that leaves; it signs nothing where nothing is set.
func Signing(c Config) (*mailsign.Signer, error) {
	s := &mailsign.Signer{Domain: c.Mail.SigningDomain()}
	var err error
	if s.Keys, err = mailsign.LoadKeys(c.Keys.Dir, c.Mail.DKIM.Sign); err != nil {
		return nil, err
	}
	f := mailsign.Files{Cert: c.Mail.SMIME.Cert, Key: c.Mail.SMIME.Key, PKCS12: c.Mail.SMIME.PKCS12}
	if !f.Set() {
		return s, nil
	}
	if f.Password, err = secretIn(c.Mail.SMIME.PasswordFile); err != nil {
		return nil, err
	}
	s.Company, err = mailsign.LoadCertificate(f, c.Mail.From)
	return s, err
}

// File is what the certificate lies in.
func (s SMIME) File() string {
	if s.PKCS12 != "" {
		return s.PKCS12
	}
	return s.Cert
}

const certificateEvery = 24 * time.Hour

// certificate tells of a company's certificate that ends soon: after that mail waits.
func (w *Watcher) certificate(ctx context.Context, now time.Time) {
	s := w.app.signing
	if s == nil || s.Company == nil || ctx.Err() != nil || !due(&w.signed, now, certificateEvery) {
		return
	}
	if w.app.Gate.Now().Add(mailsign.WarnBefore).After(s.Company.Until()) {
		w.app.Alarm("mailsign.ends_soon", "mail", w.app.Config.Mail.SMIME.File(), -1)
	}
}

const sampleSigning = `
# 送るメールの署名（DKIM）。鍵は「sekisho dkim new」で作り、DNS に公開してから名前を書きます。空なら署名は中継に任せます。
# DKIM: make keys with "sekisho dkim new", publish them, then name them here. Empty: signing is left to the relay.
# [mail.dkim]
# sign = ["s20261201r", "s20261201e"]

# 会社の証明書による署名（S/MIME）。mail.from のアドレスの証明書を、PEM か PKCS#12 で。
# The company's own signature (S/MIME), with a certificate for the address in mail.from, as PEM or PKCS#12.
# [mail.smime]
# pkcs12 = "/etc/sekisho/seikyu.p12"
# password_file = "/etc/sekisho/seikyu.p12-password"
`
