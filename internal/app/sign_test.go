package app_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/app/apptest"
	"sekisho/internal/comms/mailsign"
	"sekisho/internal/kernel/fault"
)

// certificate writes a company's certificate into the house and its settings.
func certificate(t *testing.T, w *apptest.World, until time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), EmailAddresses: []string{"seikyu@hokuto-supply.example.jp"}, NotBefore: w.Clock.Now().Add(-time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	priv, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, private := filepath.Join(w.Home, "cert.pem"), filepath.Join(w.Home, "key.pem")
	conf := filepath.Join(w.Home, app.ConfigFile)
	before, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	for p, b := range map[string][]byte{cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), private: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: priv}),
		conf: append(before, fmt.Sprintf("[mail.smime]\ncert = %q\nkey = %q\n", cert, private)...)} {
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A company's certificate that ends within 30 days is an alarm, and one that is
// missing stops the start.
func TestC42_AnEndingCertificateIsAnAlarm(t *testing.T) {
	apptest.Each(t, func(t *testing.T, w *apptest.World) {
		ctx := context.Background()
		certificate(t, w, w.Clock.Now().Add(mailsign.WarnBefore+time.Hour))
		w.Reopen(t)
		stop, err := w.App.Start(ctx)
		if err != nil {
			t.Fatal(err)
		}
		told := func() bool {
			var l alarmList
			w.Do(t, w.Of("security", 0), "watch.list", nil, &l)
			for _, r := range l.Rows {
				if r.Alarm.What == "mailsign.ends_soon" {
					return true
				}
			}
			return false
		}
		w.App.Watcher().Round(ctx, time.Now())
		time.Sleep(100 * time.Millisecond)
		if told() {
			t.Error("too early")
		}
		w.Pass(2 * time.Hour)
		w.App.Watcher().Round(ctx, time.Now())
		for end := time.Now().Add(20 * time.Second); !told(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("nobody is told")
			}
		}
		stop()
		if err := os.Remove(filepath.Join(w.Home, "key.pem")); err != nil {
			t.Fatal(err)
		}
		if _, err := w.App.Start(ctx); fault.Of(err).Key != "mailsign.file" {
			t.Error(err)
		}
	})
}
