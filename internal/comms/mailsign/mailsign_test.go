package mailsign

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
)

const plain = "Date: Sat, 21 Nov 2026 10:00:00 +0900\r\nFrom: =?UTF-8?B?5YyX5paX?= <seikyu@hokuto.example>\r\n" +
	"To: <keiri@minato.example>,\r\n <soumu@minato.example>\r\nMessage-ID: <a.b@hokuto.example>\r\nSubject: a  b\r\n\tc\r\nX-Sekisho-Package: 00\r\n" +
	"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n44GT44KT44Gr44Gh44Gv\r\n\r\n\r\n"

var at = time.Date(2026, 11, 21, 1, 0, 0, 0, time.UTC)

// signer has a fresh pair of keys; the look-up answers with their records.
func signer(t *testing.T) (*Signer, func(string) ([]string, error)) {
	t.Helper()
	keys, err := NewKeys(t.TempDir(), "k2026")
	if err != nil {
		t.Fatal(err)
	}
	dns := map[string]string{}
	for _, k := range keys {
		if dns[k.Name("hokuto.example")], err = k.Record(); err != nil {
			t.Fatal(err)
		}
	}
	return &Signer{Domain: "hokuto.example", Keys: keys}, func(name string) ([]string, error) {
		if r, ok := dns[strings.TrimSuffix(name, ".")]; ok {
			return []string{r}, nil
		}
		return nil, errors.New("no such name")
	}
}

// good tells how many signatures there are and how many hold.
func good(t *testing.T, raw []byte, look func(string) ([]string, error)) (n, ok int) {
	t.Helper()
	list, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{LookupTXT: look})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range list {
		if v.Err == nil && v.Domain == "hokuto.example" {
			ok++
		}
	}
	return len(list), ok
}

// RFC 6376 and RFC 8463: both signatures hold for another implementation, the mail
// itself stays as it was built, and the same mail gives the same bytes.
func TestC42_DKIMSignaturesHold(t *testing.T) {
	s, look := signer(t)
	out, err := s.Mail([]byte(plain), at)
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := good(t, out, look); n != 2 || ok != 2 {
		t.Errorf("%d signatures, %d hold:\n%s", n, ok, out)
	}
	if !bytes.HasSuffix(out, []byte(plain)) || !bytes.HasPrefix(out, []byte("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple;\r\n\td=hokuto.example; s=k2026r; t=1795222800;")) {
		t.Errorf("%s", out)
	}
	for _, l := range strings.Split(string(out), "\r\n") {
		if len(l) > 110 {
			t.Errorf("long line: %s", l)
		}
	}
	again, err := s.Mail([]byte(plain), at)
	if err != nil || !bytes.Equal(out, again) {
		t.Error("the same mail gives other bytes", err)
	}
	later, err := s.Mail([]byte(plain), at.Add(time.Second))
	if err != nil || bytes.Equal(out, later) {
		t.Error("the time is not signed", err)
	}
	if out, err := (*Signer)(nil).Mail([]byte(plain), at); err != nil || string(out) != plain {
		t.Error("nobody signs:", err)
	}
	if _, err := s.Mail([]byte("no header"), at); fault.Of(err).Key != "mailsign.key" {
		t.Error(err)
	}
}

// What a server on the way may do leaves the signatures whole; what changes what
// people read, or adds to it, does not.
func TestC42_DKIMCoversWhatPeopleRead(t *testing.T) {
	s, look := signer(t)
	out, err := s.Mail([]byte(plain), at)
	if err != nil {
		t.Fatal(err)
	}
	raw := string(out)
	for name, c := range map[string]struct {
		raw string
		ok  int
	}{
		"received":        {"Received: from a by b;\r\n\tSat, 21 Nov 2026 10:00:01 +0900\r\n" + raw, 2},
		"folded anew":     {strings.Replace(raw, "example>,\r\n <soumu", "example>, <soumu", 1), 2},
		"end trimmed":     {strings.TrimRight(raw, "\r\n") + "\r\n", 2},
		"subject":         {strings.Replace(raw, "Subject: a", "Subject: x", 1), 0},
		"recipient":       {strings.Replace(raw, "soumu@", "sonota@", 1), 0},
		"body":            {strings.Replace(raw, "44GT", "44GU", 1), 0},
		"line added":      {raw + "eA==\r\n", 0},
		"package":         {strings.Replace(raw, "Package: 00", "Package: 01", 1), 0},
		"second from":     {"From: <x@evil.example>\r\n" + raw, 0},
		"second subject":  {"Subject: pay here\r\n" + raw, 0},
		"reply elsewhere": {"Reply-To: <x@evil.example>\r\n" + raw, 0},
		"copy shown":      {"Cc: <x@evil.example>\r\n" + raw, 0},
		"type":            {strings.Replace(raw, "text/plain", "text/html", 1), 0},
		"encoding":        {strings.Replace(raw, "Encoding: base64", "Encoding: 7bit", 1), 0},
	} {
		if n, ok := good(t, []byte(c.raw), look); n != 2 || ok != c.ok {
			t.Errorf("%s: %d signatures, %d hold, want %d", name, n, ok, c.ok)
		}
	}
	other, _ := signer(t)
	if out, err = other.Mail([]byte(plain), at); err != nil {
		t.Fatal(err)
	}
	if _, ok := good(t, out, look); ok != 0 {
		t.Error("another's key signs for us")
	}
}

func TestC42_KeysOfDKIMInTheirFolder(t *testing.T) {
	dir := t.TempDir()
	made, err := NewKeys(dir, "a")
	if err != nil {
		t.Fatal(err)
	}
	for i, kind := range []string{"rsa", "ed25519"} {
		r, err := made[i].Record()
		p, err2 := base64.StdEncoding.DecodeString(strings.TrimPrefix(r, "v=DKIM1; k="+kind+"; p="))
		if err != nil || err2 != nil || i == 0 && len(p) < 290 || i == 1 && len(p) != 32 {
			t.Error(r, err, err2)
		}
		st, err := os.Stat(made[i].file(dir))
		if err != nil || st.Mode().Perm() != fileMode {
			t.Error(st, err)
		}
	}
	list, err := Selectors(dir)
	if err != nil || fmt.Sprint(list) != "[ae ar]" {
		t.Error(list, err)
	}
	back, err := LoadKeys(dir, []string{"ar", "ae"})
	if err != nil || back[0].Algorithm() != "rsa-sha256" || back[1].Algorithm() != "ed25519-sha256" {
		t.Error(back, err)
	}
	a, _ := made[0].Record()
	if b, _ := back[0].Record(); a != b {
		t.Error("another key was read")
	}
	refused := func(what string, err error, key string) {
		t.Helper()
		f := fault.Of(err)
		if f == nil || f.Key != key || strings.Contains(text.Fault(text.JA, f), "{") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = NewKeys(dir, "a")
	refused("the same again", err, "mailsign.exists")
	for _, n := range []string{"", "A", "a.b", "../a", "-a", "a-", strings.Repeat("a", 43)} {
		_, err = NewKeys(dir, n)
		refused("name "+n, err, "mailsign.selector")
		_, err = LoadKey(dir, n)
		refused("name "+n, err, "mailsign.selector")
	}
	_, err = LoadKey(dir, "none")
	refused("none", err, "mailsign.none")
	if err := os.Chmod(made[0].file(dir), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = LoadKey(dir, "ar")
	refused("open to others", err, "mailsign.file_open")
	if err := os.WriteFile(made[1].file(dir), []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = LoadKey(dir, "ae")
	refused("damaged", err, "mailsign.damaged")
	if err := Remove(dir, "ae"); err != nil {
		t.Error(err)
	}
	refused("gone", Remove(dir, "ae"), "mailsign.none")
	if _, err := os.Stat(filepath.Join(dir, Dir, "ae.pem")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
