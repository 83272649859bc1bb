package mailsign

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/smallstep/pkcs7"
	"software.sslmate.com/src/go-pkcs12"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/vault"
)

// Certificate is the company's own for mail (S/MIME 証明書), with its key.
type Certificate struct {
	leaf  *x509.Certificate
	chain []*x509.Certificate
	key   crypto.PrivateKey
}

// Files say where a certificate lies: as PEM with its key, or as one PKCS#12
// file with the word that opens it.
type Files struct {
	Cert, Key string // PEM; the certificate's issuers may follow it
	PKCS12    string
	Password  vault.Secret // of PKCS12
}

// Set tells whether there is any.
func (f Files) Set() bool { return f.Cert != "" || f.PKCS12 != "" }

// WarnBefore is how long before its end a certificate is talked about.
const WarnBefore = 30 * 24 * time.Hour

// LoadCertificate reads the company's certificate. It is refused if it is not for
// mail, or not for the sender's address.
func LoadCertificate(f Files, from string) (*Certificate, error) {
	load, file := loadPEM, f.Cert
	if f.PKCS12 != "" {
		load, file = loadPKCS12, f.PKCS12
	}
	c, err := load(f)
	var told *fault.Error
	switch {
	case errors.As(err, &told):
		return nil, err
	case err != nil: // which may quote the file: it is not shown
		return nil, fault.Unavailable("mailsign.certificate", "file", file)
	}
	signs := x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	mails := func(u x509.ExtKeyUsage) bool { return u == x509.ExtKeyUsageEmailProtection || u == x509.ExtKeyUsageAny }
	switch {
	case c.leaf.KeyUsage != 0 && c.leaf.KeyUsage&signs == 0,
		len(c.leaf.ExtKeyUsage)+len(c.leaf.UnknownExtKeyUsage) > 0 && !slices.ContainsFunc(c.leaf.ExtKeyUsage, mails):
		return nil, fault.Unavailable("mailsign.not_for_mail", "file", file)
	case !slices.ContainsFunc(c.leaf.EmailAddresses, func(a string) bool { return strings.EqualFold(a, from) }):
		return nil, fault.Unavailable("mailsign.other_sender", "file", file, "from", from, "names", strings.Join(c.leaf.EmailAddresses, " "))
	}
	return c, nil
}

func read(path string) ([]byte, error) {
	b, err := secretFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Unavailable("mailsign.file", "file", path).Because(err)
	}
	return b, err
}

func loadPEM(f Files) (*Certificate, error) {
	certs, err := publicFile(f.Cert)
	if err != nil {
		return nil, err
	}
	key, err := read(f.Key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certs, key) // also tells whether they belong together
	if err != nil {
		return nil, err
	}
	c := &Certificate{key: pair.PrivateKey}
	for i, der := range pair.Certificate {
		x, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			c.leaf = x
		} else {
			c.chain = append(c.chain, x)
		}
	}
	return c, nil
}

func loadPKCS12(f Files) (*Certificate, error) {
	b, err := read(f.PKCS12)
	if err != nil {
		return nil, err
	}
	key, leaf, chain, err := pkcs12.DecodeChain(b, f.Password.Reveal())
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return nil, fault.Unavailable("mailsign.password", "file", f.PKCS12)
	}
	if err != nil {
		return nil, err
	}
	if s, ok := key.(crypto.Signer); !ok || !samePublic(s.Public(), leaf.PublicKey) {
		return nil, errors.New("mailsign: the key is another certificate's")
	}
	return &Certificate{leaf, chain, key}, nil
}

func samePublic(a, b any) bool {
	x, err := x509.MarshalPKIXPublicKey(a)
	y, err2 := x509.MarshalPKIXPublicKey(b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}

// Until is when it ends.
func (c *Certificate) Until() time.Time { return c.leaf.NotAfter }

// sign puts the message's content into multipart/signed (RFC 8551, section
// 3.5.3). The header that people see stays as it is; the content keeps every byte.
func (c *Certificate) sign(raw []byte, at time.Time) ([]byte, error) {
	if at.Before(c.leaf.NotBefore) || at.After(c.leaf.NotAfter) {
		return nil, errOver
	}
	header, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		return nil, errNoHeader
	}
	var outer, content strings.Builder
	for _, f := range split(string(header) + "\r\n") {
		if strings.HasPrefix(strings.ToLower(f), "content-") {
			content.WriteString(f)
		} else {
			outer.WriteString(f)
		}
	}
	inner := append([]byte(content.String()+"\r\n"), body...)
	signature, err := c.detached(inner)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(inner)
	boundary := "sekisho-signed-" + hex.EncodeToString(sum[:24])
	var out bytes.Buffer
	fmt.Fprintf(&out, "%sContent-Type: multipart/signed; protocol=\"application/pkcs7-signature\";\r\n micalg=sha-256; boundary=\"%s\"\r\n\r\n--%s\r\n%s\r\n--%s\r\n",
		outer.String(), boundary, boundary, inner, boundary)
	out.WriteString("Content-Type: application/pkcs7-signature; name=\"smime.p7s\"\r\nContent-Transfer-Encoding: base64\r\n" +
		"Content-Disposition: attachment; filename=\"smime.p7s\"\r\n\r\n")
	for l := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(signature)), 76) {
		out.Write(l)
		out.WriteString("\r\n")
	}
	fmt.Fprintf(&out, "\r\n--%s--\r\n", boundary)
	return out.Bytes(), nil
}

var errOver = errors.New("mailsign: the certificate is not valid now")

// detached is the signature alone, with the certificates it needs.
func (c *Certificate) detached(content []byte) ([]byte, error) {
	s, err := pkcs7.NewSignedData(content)
	if err != nil {
		return nil, err
	}
	s.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := s.AddSignerChain(c.leaf, c.key, c.chain, pkcs7.SignerInfoConfig{}); err != nil {
		return nil, err
	}
	s.Detach()
	return s.Finish()
}
