package dispatch

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"sekisho/internal/comms/mailsign"
	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/blob"
)

// signing gives the worker keys of its own; the records are what DNS would say.
func (w *world) signing() map[string]string {
	w.t.Helper()
	keys, err := mailsign.NewKeys(w.t.TempDir(), "k")
	if err != nil {
		w.t.Fatal(err)
	}
	w.worker.Sign = &mailsign.Signer{Domain: "hokuto-supply.co.jp", Keys: keys}
	dns := map[string]string{}
	for _, k := range keys {
		if dns[k.Name("hokuto-supply.co.jp")], err = k.Record(); err != nil {
			w.t.Fatal(err)
		}
	}
	return dns
}

// certified makes a certificate of our sender's for one day.
func (w *world) certified() *mailsign.Certificate {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), EmailAddresses: []string{"billing@hokuto-supply.co.jp"}, NotBefore: w.Clock.Now().Add(-time.Hour), NotAfter: w.Clock.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	priv, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		w.t.Fatal(err)
	}
	f := mailsign.Files{Cert: filepath.Join(w.t.TempDir(), "c"), Key: filepath.Join(w.t.TempDir(), "k")}
	for p, b := range map[string]*pem.Block{f.Cert: {Type: "CERTIFICATE", Bytes: der}, f.Key: {Type: "PRIVATE KEY", Bytes: priv}} {
		if err := os.WriteFile(p, pem.EncodeToMemory(b), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	out, err := mailsign.LoadCertificate(f, "billing@hokuto-supply.co.jp")
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// signed fails unless both signatures of a mail hold.
func (w *world) signed(raw []byte, dns map[string]string) {
	w.t.Helper()
	list, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if r, ok := dns[strings.TrimSuffix(name, ".")]; ok {
			return []string{r}, nil
		}
		return nil, errors.New("no such name")
	}})
	if err != nil || len(list) != 2 || list[0].Err != nil || list[1].Err != nil {
		w.t.Fatalf("%d signatures, %v:\n%s", len(list), err, raw)
	}
}

// What arrives is signed, is exactly what was recorded before the dot, and holds
// the mail as it was built from the approved package.
func TestC42_WhatLeavesIsSignedAndTheApprovedBytesAreInside(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		dns := w.signing()
		s := w.good("S-1")
		c := w.hold(s)
		w.trap.Break(trap.Fault{At: trap.AtRcpt, Act: trap.Reply, Code: 451})
		w.send()
		w.trap.Break(trap.Fault{})
		w.Clock.Pass(time.Hour)
		w.send()
		got := w.state(s, Handed, Handed, Handed)
		mails := w.mails()
		if len(mails) != 2 {
			t.Fatal(len(mails))
		}
		for _, raw := range mails {
			w.signed(raw, dns)
			if !slices.ContainsFunc(got.Recipients, func(i Item) bool { return i.Bytes == blob.Sum(raw).String() }) {
				t.Error("other bytes arrived than were recorded")
			}
			built := raw[bytes.Index(raw, []byte("\r\nDate: "))+2:]
			if bytes.Contains(built, []byte("DKIM-Signature")) || !bytes.Contains(built, []byte("\r\nX-Sekisho-Package: "+c.Digest+"\r\n")) {
				t.Errorf("%s", built)
			}
		}
	})
}

// Machine mail too, and one repeated because nobody knows has the same bytes.
func TestC42_MachineMailIsSigned(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		dns := w.signing()
		w.address("alarm", "alarm@hokuto-supply.co.jp")
		w.alarm("A1")
		w.trap.Break(trap.Fault{At: trap.AtDot, Act: trap.Drop, Keep: true})
		w.notices(1)
		first := w.notice(NoticeWaiting)[0].Bytes
		w.trap.Break(trap.Fault{})
		w.Clock.Pass(noticeRepeat)
		w.notices(1)
		if n := w.notice(NoticeHanded)[0]; n.Bytes != first {
			t.Error("repeated with other bytes")
		}
		mails := w.mails()
		if len(mails) != 2 || !bytes.Equal(mails[0], mails[1]) {
			t.Fatal(len(mails), "mails, or they differ")
		}
		w.signed(mails[0], dns)
	})
}

// A certificate that has ended keeps the mail: it does not go unsigned.
func TestC42_WithAnEndedCertificateItIsHeld(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		dns := w.signing()
		w.worker.Sign.Company = w.certified()
		first, late := w.good("S-1"), w.good("S-2")
		w.hold(first)
		w.send()
		w.state(first, Handed, Handed, Handed)
		for _, raw := range w.mails() {
			w.signed(raw, dns)
			if !bytes.Contains(raw, []byte("\r\nContent-Type: multipart/signed; protocol=\"application/pkcs7-signature\";")) {
				t.Errorf("%s", raw)
			}
		}
		w.hold(late)
		w.Clock.Pass(25 * time.Hour)
		w.worker.Sign.Keys = nil
		w.send()
		if got := w.state(late, Held, Held, Held); got.Recipients[0].Reason != "mailsign.over" || len(w.mails()) != 2 {
			t.Errorf("%+v", got.Recipients[0])
		}
		raw := []byte("From: <a@b.example>\r\n\r\n")
		if out, err := w.worker.signed(Job{Fax: true, At: w.Clock.Now()}, raw); err != nil || !bytes.Equal(out, raw) {
			t.Errorf("a FAX service gets the company's signature: %v %s", err, out)
		}
	})
}
