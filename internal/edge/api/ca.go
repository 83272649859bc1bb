package api

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"sekisho/internal/kernel/fault"
)

// An office without a public name has a certificate authority of its own: a
// root that is installed once on each computer and phone, and the server's
// certificate under it. Name constraints keep what the root can vouch for to
// names of the office: whoever steals it cannot pretend to be a bank.

const (
	rootFile   = "root.pem"
	rootSecret = "root.key"
	serverFile = "server.pem"
	serverKey  = "server.key"
	rootFor    = 10 * 365 * 24 * time.Hour
)

// CA is a small certificate authority in a folder.
type CA struct {
	Dir string
	Now func() time.Time
}

// Issued says what the authority has made.
type Issued struct {
	Root        string // file to install
	Fingerprint string // its SHA-256
	Names       []string
	Until       time.Time // of the server's certificate
	RootUntil   time.Time
	Made        bool // the root is new
}

// Files are certificate and key for the listener, "" if there are none.
func (c CA) Files() (cert, key string) {
	cert, key = filepath.Join(c.Dir, serverFile), filepath.Join(c.Dir, serverKey)
	if _, err := os.Stat(cert); err != nil {
		return "", ""
	}
	return cert, key
}

var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

// local are the names any office uses inside: no public site has one.
func local() []string { return []string{"localhost", "local", "internal", "home.arpa", "lan", "test"} }

func localNets() []*net.IPNet {
	var out []*net.IPNet
	for _, s := range []string{"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"} {
		_, n, err := net.ParseCIDR(s)
		if err == nil {
			out = append(out, n)
		}
	}
	return out
}

// Issue makes the server's certificate for names and addresses, and the root
// before it if there is none. Without names it renews those it was for.
// Faults: Invalid "api.ca_name", Refused "api.ca_names" and "api.ca_beyond".
func (c CA) Issue(names []string) (Issued, error) {
	if len(names) == 0 {
		names = c.renewed()
	}
	if len(names) == 0 {
		return Issued{}, fault.Refused("api.ca_names")
	}
	dns, ips, err := parted(names)
	if err != nil {
		return Issued{}, err
	}
	made := false
	root, err := c.root()
	if errors.Is(err, fs.ErrNotExist) {
		made = true
		if err = c.makeRoot(dns); err == nil {
			root, err = c.root()
		}
	}
	if err != nil {
		return Issued{}, fault.Unavailable("api.cert", "file", filepath.Join(c.Dir, rootFile)).Because(err)
	}
	until, err := c.makeServer(root, dns, ips)
	if err != nil {
		return Issued{}, err
	}
	return Issued{filepath.Join(c.Dir, rootFile), fingerprint(root), names, until, root.Leaf.NotAfter, made}, nil
}

// parted parts names from addresses; localhost is always among them.
func parted(names []string) (dns []string, ips []net.IP, err error) {
	dns, ips = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1).To4(), net.IPv6loopback}
	for _, n := range names {
		n = strings.ToLower(n)
		if a, err := netip.ParseAddr(n); err == nil {
			ips = append(ips, net.IP(a.AsSlice()))
			continue
		}
		if !hostName.MatchString(n) || len(n) > 253 {
			return nil, nil, fault.Invalid("api.ca_name", "name", n)
		}
		dns = append(dns, n)
	}
	return dns, ips, nil
}

// renewed are the names of the certificate there is.
func (c CA) renewed() []string {
	pair, err := tls.LoadX509KeyPair(filepath.Join(c.Dir, serverFile), filepath.Join(c.Dir, serverKey))
	if err != nil {
		return nil
	}
	out := append([]string(nil), pair.Leaf.DNSNames...)
	for _, ip := range pair.Leaf.IPAddresses {
		out = append(out, ip.String())
	}
	return out
}

func (c CA) root() (*tls.Certificate, error) {
	if _, err := os.Stat(filepath.Join(c.Dir, rootFile)); err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(c.Dir, rootFile), filepath.Join(c.Dir, rootSecret))
	return &pair, err
}

func (c CA) makeRoot(dns []string) error {
	from := c.Now().Add(-time.Hour).UTC()
	t := &x509.Certificate{Subject: pkix.Name{CommonName: "Sekisho office CA " + from.Format(time.DateOnly)}, NotBefore: from, NotAfter: from.Add(rootFor),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: append(local(), dns[1:]...), PermittedIPRanges: localNets()}
	return c.sign(t, nil, rootFile, rootSecret)
}

// makeServer refuses what the root does not vouch for: a browser would too.
func (c CA) makeServer(root *tls.Certificate, dns []string, ips []net.IP) (time.Time, error) {
	from := c.Now().Add(-time.Hour).UTC()
	t := &x509.Certificate{Subject: pkix.Name{CommonName: "Sekisho"}, NotBefore: from, NotAfter: from.Add(selfSignedFor),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
		DNSNames: dns, IPAddresses: ips}
	if t.NotAfter.After(root.Leaf.NotAfter) {
		t.NotAfter = root.Leaf.NotAfter
	}
	within := func(name string) bool {
		for _, d := range root.Leaf.PermittedDNSDomains {
			if name == d || strings.HasSuffix(name, "."+d) {
				return true
			}
		}
		return false
	}
	for _, n := range dns {
		if !within(n) {
			return time.Time{}, fault.Refused("api.ca_beyond", "name", n, "file", filepath.Join(c.Dir, rootFile))
		}
	}
	for _, ip := range ips {
		ok := false
		for _, n := range root.Leaf.PermittedIPRanges {
			ok = ok || n.Contains(ip)
		}
		if !ok {
			return time.Time{}, fault.Refused("api.ca_beyond", "name", ip.String(), "file", filepath.Join(c.Dir, rootFile))
		}
	}
	return t.NotAfter, c.sign(t, root, serverFile, serverKey)
}

// sign makes a key and its certificate, by itself or by a root, and keeps both.
// The key is written first: a certificate without its key is never there.
func (c CA) sign(t *x509.Certificate, by *tls.Certificate, certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if t.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return err
	}
	parent, signer := t, any(key)
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, signer)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name, kind string
		b          []byte
	}{{keyFile, "PRIVATE KEY", secret}, {certFile, "CERTIFICATE", der}} {
		var b bytes.Buffer
		if err := pem.Encode(&b, &pem.Block{Type: f.kind, Bytes: f.b}); err != nil {
			return err
		}
		if err := keep(filepath.Join(c.Dir, f.name), b.Bytes()); err != nil {
			return fault.Unavailable("api.cert", "file", filepath.Join(c.Dir, f.name)).Because(err)
		}
	}
	return nil
}

// Expires is until when a certificate file is good.
func Expires(file string) (time.Time, error) {
	leaf, err := Leaf(file)
	if err != nil {
		return time.Time{}, err
	}
	return leaf.NotAfter, nil
}

// Leaf is the certificate in a file, the first if there are more.
func Leaf(file string) (*x509.Certificate, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("api: no certificate in " + file)
	}
	return x509.ParseCertificate(block.Bytes)
}

// lateAt is when a long-lived certificate should have been renewed.
const lateAt = 21 * 24 * time.Hour

// Late tells whether a certificate should have been renewed by now: three weeks, or
// a quarter of its life if that is less, are left. What renews by itself begins when
// a third is left, so by then it has failed for days.
func Late(c *x509.Certificate, now time.Time) bool {
	return c.NotAfter.Sub(now) < min(lateAt, c.NotAfter.Sub(c.NotBefore)/4)
}
