package api

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"os"
	"path/filepath"
	"time"

	"sekisho/internal/kernel/fault"
)

// Pair are the two ends of a connection that know each other by certificates made
// for nothing else: neither takes anything but what the other has (ピン留め).
type Pair struct {
	Dir  string // one end's folder
	Mine string // file name of this end's certificate, without ".pem"
	Peer string // … and of the other's
}

// pairName stands in both certificates, so that where the other end is does not matter.
const pairName = "sekisho-tunnel"

// MakePair makes both ends anew, each in its folder; a secret key lies in one of
// them only.
func MakePair(a, b Pair, now time.Time) error {
	for _, p := range []Pair{a, b} {
		from := now.Add(-time.Hour).UTC()
		t := &x509.Certificate{Subject: pkix.Name{CommonName: "Sekisho " + p.Mine}, NotBefore: from, NotAfter: from.Add(rootFor), KeyUsage: x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true, DNSNames: []string{pairName}}
		if err := (CA{Dir: p.Dir}).sign(t, nil, p.Mine+".pem", p.Mine+".key"); err != nil {
			return err
		}
	}
	for _, c := range [][2]string{{a.file(a.Mine), b.file(b.Peer)}, {b.file(b.Mine), a.file(a.Peer)}} {
		pem, err := os.ReadFile(c[0])
		if err == nil {
			err = keep(c[1], pem)
		}
		if err != nil {
			return fault.Unavailable("api.cert", "file", c[1]).Because(err)
		}
	}
	return nil
}

func (p Pair) file(name string) string { return filepath.Join(p.Dir, name+".pem") }

// Made tells whether this end has its files.
func (p Pair) Made() bool {
	_, err := os.Stat(p.file(p.Peer))
	return err == nil
}

// Until is when the first of the two certificates ends.
func (p Pair) Until() (time.Time, error) {
	mine, err := Expires(p.file(p.Mine))
	peer, e := Expires(p.file(p.Peer))
	if peer.Before(mine) {
		mine = peer
	}
	return mine, errors.Join(err, e)
}

// TLS is this end's side, as a client or as a server: TLS 1.3, one certificate shown
// and one taken.
func (p Pair) TLS(protocols ...string) (*tls.Config, error) {
	own, err := tls.LoadX509KeyPair(p.file(p.Mine), filepath.Join(p.Dir, p.Mine+".key"))
	if err != nil {
		return nil, fault.Unavailable("api.cert", "file", p.file(p.Mine)).Because(err)
	}
	b, err := os.ReadFile(p.file(p.Peer))
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(b) {
		return nil, fault.Unavailable("api.cert", "file", p.file(p.Peer)).Because(err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own}, NextProtos: protocols, ServerName: pairName, RootCAs: pool,
		ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, SessionTicketsDisabled: true}, nil
}
