package vault

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
)

func TestC42_KeysForMailSignAndComeBack(t *testing.T) {
	digest := sha256.Sum256([]byte("a"))
	for _, a := range []MailAlgorithm{MailRSA, MailEd25519} {
		k, err := NewMailKey(a)
		if err != nil {
			t.Fatal(err)
		}
		text, err := k.PEM()
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseMailKey([]byte(text.Reveal()))
		if err != nil || back.Algorithm() != a {
			t.Fatal(back.Algorithm(), err)
		}
		one, err := k.Sign(digest)
		two, err2 := back.Sign(digest)
		if err != nil || err2 != nil || !bytes.Equal(one, two) {
			t.Error("the same digest gives another signature", err, err2)
		}
		p, err := k.Public()
		if err != nil {
			t.Fatal(err)
		}
		if a == MailEd25519 {
			if !ed25519.Verify(p, digest[:], one) {
				t.Error("does not hold")
			}
			continue
		}
		public, err := x509.ParsePKIXPublicKey(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := rsa.VerifyPKCS1v15(public.(*rsa.PublicKey), crypto.SHA256, digest[:], one); err != nil {
			t.Error(err)
		}
	}
	if _, err := NewMailKey("rsa-sha1"); err == nil {
		t.Error("rsa-sha1 was made")
	}
}

func TestC42_OtherKeysForMailAreRefused(t *testing.T) {
	file := func(key any) string {
		b, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b}))
	}
	t.Setenv("GODEBUG", "rsa1024min=0")
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewMailKey(MailEd25519)
	if err != nil {
		t.Fatal(err)
	}
	good, err := k.PEM()
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{"small": file(small), "curve": file(curve), "empty": "", "two": good.Reveal() + good.Reveal(),
		"other type": strings.ReplaceAll(good.Reveal(), "PRIVATE KEY", "EC PRIVATE KEY"), "cut": strings.Replace(good.Reveal(), "MC4", "MC5", 1), "junk": good.Reveal() + "x"} {
		if _, err := ParseMailKey([]byte(s)); err == nil || strings.Contains(err.Error(), "MC4") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
