package app

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/mailsign"
	"sekisho/internal/kernel/fault"
)

func configured(t *testing.T, mail string) (Config, error) {
	t.Helper()
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, ConfigFile), []byte(mail), 0o600); err != nil {
		t.Fatal(err)
	}
	return LoadConfig(home)
}

func TestRelaysOfTheConfiguration(t *testing.T) {
	pw := filepath.Join(t.TempDir(), "pw")
	if err := os.WriteFile(pw, []byte("word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := configured(t, `[mail]
host = "relay1.example.co.jp"
from = "billing@example.co.jp"
relay_log = "/var/log/mail.log"
per_minute_domain = 5
[mail.second]
host = "relay2.example.co.jp"
port = 465
mode = "tls"
user = "u"
password_file = "`+pw+`"
hello = "sekisho.example.co.jp"
relay_log = "/var/log/mail.log"
`)
	if err != nil {
		t.Fatal(err)
	}
	list, err := Relays(c)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	if r := list[0]; dispatch.RelayName(r) != "relay1.example.co.jp:587" || r.Mode != dispatch.StartTLS || r.User != "" || r.Hello != "localhost" {
		t.Errorf("%+v", r)
	}
	if r := list[1]; dispatch.RelayName(r) != "relay2.example.co.jp:465" || r.Mode != dispatch.TLS || r.User != "u" || r.Password.Reveal() != "word" || r.Hello != "sekisho.example.co.jp" {
		t.Errorf("%+v", r)
	}
	if c.Mail.PerMinute != 100 || c.Mail.PerMinuteDomain != 5 {
		t.Errorf("%+v", c.Mail)
	}
	a := App{Config: c, Home: "/srv/sekisho"}
	if f := a.followers(); len(f) != 1 || f[0].Path != "/var/log/mail.log" || len(f[0].Relays) != 2 || f[0].Relays[1] != "relay2.example.co.jp:465" {
		t.Errorf("one log is read once: %+v", f)
	}
	if list, err := Relays(Defaults()); err != nil || len(list) != 0 {
		t.Error("without a host there is no relay:", list, err)
	}
	if c, err = configured(t, Sample("sekisho.example.co.jp")); err != nil || !reflect.DeepEqual(c.Mail, Defaults().Mail) {
		t.Errorf("the sample says other than the defaults: %+v, %v", c.Mail, err)
	}
}

func TestWrongRelaysStopTheStart(t *testing.T) {
	for name, mail := range map[string]string{
		"mail.second.mode":       "[mail.second]\nmode = \"plain\"",
		"mail.second.port":       "[mail.second]\nport = 70000",
		"mail.mode":              "[mail]\nmode = \"none\"",
		"mail.relay_log":         "[mail]\nrelay_log = \"mail.log\"",
		"mail.per_minute":        "[mail]\nper_minute = 0",
		"mail.per_minute_domain": "[mail]\nper_minute_domain = -1",
		"mail.hold_minutes":      "[mail]\nhold_minutes = 0",
		"mail.fax_relay":         "[mail]\nfax_relay = \"fax relay\"",
		"mail.from":              "[mail]\nhost = \"a.example\"",
		"mail.host":              "[mail]\nfrom = \"a@b.example\"\n[mail.second]\nhost = \"b.example\"",
		"mail.second.host":       "[mail]\nhost = \"a.example\"\nfrom = \"a@b.example\"\n[mail.second]\nhost = \"a.example\"",
	} {
		_, err := configured(t, mail)
		if f := fault.Of(err); f == nil || f.Key != "app.config_value" || f.Args[3] != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := configured(t, "[mail.third]\nhost = \"x\""); fault.Of(err) == nil || fault.Of(err).Key != "app.config_unknown" {
		t.Error(err)
	}
	m := Defaults().Mail
	m.Host, m.PasswordFile = "a.example", "/none"
	if _, err := Relays(Config{Mail: m}); fault.Of(err).Key != "app.relay_password" {
		t.Error(err)
	}
	m.PasswordFile, m.CAFile = "", "/none"
	if _, err := Relays(Config{Mail: m}); fault.Of(err).Key != "app.relay_ca" {
		t.Error(err)
	}
}

// Bounces and tokens: what does not fit together stops the start.
func TestSettingsOfReturns(t *testing.T) {
	good := "[mail]\nhost = \"relay.example\"\nfrom = \"a@example.co.jp\"\nuser = \"a\"\nauth = \"xoauth2\"\n[mail.oauth]\nflow = \"device\"\n" +
		"[mail.bounces]\naddress = \"bounce@bounce.example.co.jp\"\nlisten = \"127.0.0.1:2424\"\n[mail.bounces.imap]\nhost = \"imap.example\"\nuser = \"b\"\npassword_file = \"/x\"\n"
	c, err := configured(t, good)
	if err != nil || c.Mail.Bounces.Protocol != "lmtp" || c.Mail.Bounces.IMAP.Folder != "INBOX" || c.Mail.Bounces.IMAP.Port != 993 {
		t.Fatalf("%+v %v", c.Mail, err)
	}
	for name, text := range map[string]string{
		"mail.auth":              "[mail]\nauth = \"xoauth2\"\nuser = \"a\"",
		"mail.second.auth":       "[mail.second]\nauth = \"none\"\nuser = \"a\"",
		"mail.oauth.flow":        "[mail.oauth]\nflow = \"password\"",
		"mail.bounces.address":   "[mail.bounces]\nlisten = \"127.0.0.1:2424\"",
		"mail.bounces.listen":    "[mail.bounces]\naddress = \"b@b.example.co.jp\"\nlisten = \"0.0.0.0:25\"",
		"mail.bounces.protocol":  "[mail.bounces]\nprotocol = \"uucp\"",
		"mail.bounces.cert":      "[mail.bounces]\ncert = \"/x\"",
		"mail.bounces.imap.mode": "[mail.bounces.imap]\nmode = \"plain\"",
		"mail.bounces.imap.auth": "[mail.bounces.imap]\nauth = \"none\"",
	} {
		if _, err := configured(t, text); fault.Of(err).Key != "app.config_value" || !strings.Contains(fmt.Sprint(fault.Of(err).Args...), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What does not fit together about the signatures stops the start, and so does a
// key or a certificate that is not there.
func TestC42_SettingsOfSignatures(t *testing.T) {
	from := "[mail]\nfrom = \"seikyu@mail.hokuto.example\"\n"
	for name, text := range map[string]string{
		"mail.dkim.domain":         from + "[mail.dkim]\ndomain = \"evil.example\"",
		"mail.dkim.sign":           from + "[mail.dkim]\nsign = [\"../a\"]",
		"mail.from":                "[mail.dkim]\nsign = [\"a\"]",
		"mail.smime.cert":          from + "[mail.smime]\ncert = \"/a\"",
		"mail.smime.pkcs12":        from + "[mail.smime]\ncert = \"/a\"\nkey = \"/b\"\npkcs12 = \"/c\"",
		"mail.smime.password_file": from + "[mail.smime]\npassword_file = \"/a\"",
	} {
		if _, err := configured(t, text); fault.Of(err).Key != "app.config_value" || !strings.Contains(fmt.Sprint(fault.Of(err).Args...), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := configured(t, from+"[mail.dkim]\nsign = [\"a\", \"a\"]"); fault.Of(err).Key != "app.config_value" {
		t.Error(err)
	}
	c, err := configured(t, from+"[mail.dkim]\ndomain = \"hokuto.example\"\nsign = [\"ar\", \"ae\"]")
	if err != nil || c.Mail.SigningDomain() != "hokuto.example" {
		t.Fatal(c.Mail.SigningDomain(), err)
	}
	if _, err := Signing(c); fault.Of(err).Key != "mailsign.none" {
		t.Error(err)
	}
	if _, err := mailsign.NewKeys(c.Keys.Dir, "a"); err != nil {
		t.Fatal(err)
	}
	s, err := Signing(c)
	if err != nil || len(s.Keys) != 2 || s.Company != nil {
		t.Fatal(s, err)
	}
	c.Mail.SMIME = SMIME{PKCS12: "/none"}
	if _, err := Signing(c); fault.Of(err).Key != "mailsign.file" {
		t.Error(err)
	}
	if s, err := Signing(Defaults()); err != nil || len(s.Keys) != 0 || s.Company != nil {
		t.Error("by default nothing is signed:", s, err)
	}
}
