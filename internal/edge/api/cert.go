package api

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/machine"
)

// This file makes and holds the listener's certificate. It is the only place
// of the edge that uses cryptographic primitives (arch_test.go): they protect
// the transport, never data at rest, so they do not belong to the vault.

const (
	selfSignedFile = "self-signed.pem" // certificate and key together: one rename replaces both
	selfSignedFor  = 397 * 24 * time.Hour
	renewBefore    = 30 * 24 * time.Hour
)

// keeper holds the certificate that new connections get.
type keeper struct {
	cert, key string // files given, "" for a self-signed one in dir
	dir       string
	now       func() time.Time
	log       *slog.Logger

	first *keeper // of a certificate that is got from elsewhere, and counts while it is good

	live atomic.Pointer[tls.Certificate]
	seen string // size and time of the files that were loaded
}

// newKeeper loads the given files, or loads or makes the self-signed one.
func newKeeper(cfg ServeConfig) (*keeper, error) {
	k := &keeper{cert: cfg.CertFile, key: cfg.KeyFile, dir: cfg.SelfSignedDir, now: cfg.Clock, log: cfg.Log}
	if k.selfSigned() && k.dir == "" || (k.cert == "") != (k.key == "") {
		return nil, fault.Invalid("api.cert_none")
	}
	if cfg.FirstCert != "" {
		k.first = &keeper{cert: cfg.FirstCert, key: cfg.FirstKey, now: cfg.Clock, log: cfg.Log}
	}
	err := k.refresh(false)
	if err != nil && k.current() != nil { // what stands in for it has time until then
		k.log.Error("the certificate that would stand in cannot be used", "err", err)
		err = nil
	}
	return k, err
}

// current is what new connections get.
func (k *keeper) current() *tls.Certificate {
	if k.first != nil {
		if pair := k.first.live.Load(); pair != nil && k.now().Before(pair.Leaf.NotAfter) {
			return pair
		}
	}
	return k.live.Load()
}

func (k *keeper) selfSigned() bool { return k.cert == "" && k.key == "" }

// refresh loads the certificate if its files changed, or always when forced,
// and renews a self-signed one that is soon out of date. On an error the old
// one stays.
func (k *keeper) refresh(force bool) error {
	if k.first != nil {
		// One that is not there yet, or over, is told by whoever gets it.
		if err := k.first.refresh(force); err != nil && k.first.stands() {
			k.log.Error("the certificate that was got cannot be read", "err", err)
		}
	}
	if k.selfSigned() {
		return k.refreshSelfSigned(force)
	}
	now := stamp(k.cert) + stamp(k.key)
	if now == k.seen && !force {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(k.cert, k.key)
	if err == nil && k.now().After(pair.Leaf.NotAfter) {
		err = fmt.Errorf("expired on %s", pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	if err != nil {
		return fault.Unavailable("api.cert", "file", k.cert).Because(err)
	}
	k.seen = now
	k.live.Store(&pair)
	return nil
}

// stands tells whether both files are there.
func (k *keeper) stands() bool { return stamp(k.cert) != gone && stamp(k.key) != gone }

const gone = "none;"

func stamp(file string) string {
	i, err := os.Stat(file)
	if err != nil {
		return gone
	}
	return fmt.Sprint(i.Size(), " ", i.ModTime().UnixNano(), ";")
}

func (k *keeper) refreshSelfSigned(force bool) error {
	if pair := k.live.Load(); pair != nil && !force && k.fresh(pair) {
		return nil
	}
	file := filepath.Join(k.dir, selfSignedFile)
	pair, err := loadSelfSigned(file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !k.fresh(pair) {
		pair, err = k.makeSelfSigned(file)
	}
	if err != nil {
		var f *fault.Error
		if errors.As(err, &f) {
			return f
		}
		return fault.Unavailable("api.cert", "file", file).Because(err)
	}
	k.live.Store(pair)
	return nil
}

func (k *keeper) fresh(pair *tls.Certificate) bool {
	return k.now().Add(renewBefore).Before(pair.Leaf.NotAfter)
}

func loadSelfSigned(file string) (*tls.Certificate, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if machine.Others(info.Mode()) != 0 {
		return nil, fault.Unavailable("api.cert_mode", "file", file)
	}
	pair, err := tls.LoadX509KeyPair(file, file)
	return &pair, err
}

// makeSelfSigned makes a certificate for this computer: ECDSA P-256, valid for
// 397 days (the most that browsers take), for localhost, the host's name and
// the loopback addresses.
func (k *keeper) makeSelfSigned(file string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	from := k.now().Add(-time.Hour).UTC() // clocks of others may be behind
	c := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Sekisho"},
		NotBefore:             from,
		NotAfter:              from.Add(selfSignedFor),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1).To4(), net.IPv6loopback},
	}
	if host, err := os.Hostname(); err == nil && host != "localhost" && visible(host, 253) {
		c.DNSNames = append(c.DNSNames, strings.ToLower(host))
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: der}, {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := pem.Encode(&b, block); err != nil {
			return nil, err
		}
	}
	if err := keep(file, b.Bytes()); err != nil {
		return nil, err
	}
	return loadSelfSigned(file)
}

// keep writes a file that only its owner reads, whole or not at all.
func keep(file string, b []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".self-signed-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// fingerprint is the SHA-256 of the certificate, as browsers show it.
func fingerprint(pair *tls.Certificate) string {
	sum := sha256.Sum256(pair.Certificate[0])
	return strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":")
}

// watch refreshes every minute and when told, until stop is closed.
func (k *keeper) watch(tick <-chan time.Time, told <-chan os.Signal, got, stop <-chan struct{}) {
	for {
		force := false
		select {
		case <-stop:
			return
		case <-tick:
		case <-told:
			force = true
		case <-got:
		}
		before := k.current()
		if err := k.refresh(force); err != nil {
			k.log.Error("the certificate could not be renewed; the old one stays", "err", err)
		} else if now := k.current(); now != before {
			k.log.Info("new certificate", "fingerprint", fingerprint(now), "until", now.Leaf.NotAfter.Format(time.DateOnly))
		}
	}
}

// config is the listener's TLS: 1.3 only. The named exception also takes 1.2,
// with forward secrecy and AEAD only (no CBC).
func (k *keeper) config(allow12 bool) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS13,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.current(), nil }}
	if allow12 {
		c.MinVersion = tls.VersionTLS12
		c.CipherSuites = []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		}
	}
	return c
}
