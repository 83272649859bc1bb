package app

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/mailaddr"
	"sekisho/internal/kernel/witness"
)

// Config is sekisho.toml. Every setting has a default that is good for a small
// office; an unknown setting stops the start, so a typo is never silent.
type Config struct {
	Company  Company  `toml:"company"`
	Server   Server   `toml:"server"`
	Database Database `toml:"database"`
	Keys     Keys     `toml:"keys"`
	Mail     Mail     `toml:"mail"`
	API      API      `toml:"api"`
	Backup   Backup   `toml:"backup"`
	Witness  Witness  `toml:"witness"`
	Watch    Watch    `toml:"watch"`
	Portal   Portal   `toml:"portal"`
}

// Company names the house.
type Company struct {
	Origin string `toml:"origin"` // names the log in its checkpoints, e.g. "sekisho.example.co.jp"; cannot change later
}

// Server is how people and programs reach it.
type Server struct {
	Listen         string   `toml:"listen"`
	Cert           string   `toml:"cert"` // PEM; empty: a self-signed one is made
	Key            string   `toml:"key"`
	AllowTLS12     bool     `toml:"allow_tls12"`
	TrustedProxies []string `toml:"trusted_proxies"`    // CIDRs whose X-Forwarded-For counts
	MetricsToken   string   `toml:"metrics_token_file"` // whoever shows what is in it gets /metrics; empty: nobody does
}

// Database is where the data lies.
type Database struct {
	DSN string `toml:"dsn"` // postgres://…; empty: SQLite in HOME/data
}

// Keys is where the key ring lies; in production on another volume.
type Keys struct {
	Dir string `toml:"dir"`
}

// Mail is how mail leaves. Without a relay's host nothing can be sent.
type Mail struct {
	MailRelay
	Second          MailRelay `toml:"second"` // takes over while the first cannot be reached
	From            string    `toml:"from"`
	FromName        string    `toml:"from_name"`
	HoldMinutes     int       `toml:"hold_minutes"`
	FaxRelay        string    `toml:"fax_relay"`         // domain that takes number@domain as FAX; empty: FAX is printed and dialled
	PerMinute       int       `toml:"per_minute"`        // mails to all together
	PerMinuteDomain int       `toml:"per_minute_domain"` // mails to one domain of recipients
	OAuth           OAuth     `toml:"oauth"`
	Bounces         Bounces   `toml:"bounces"`
	DKIMSelectors   []string  `toml:"dkim_selectors"` // names of the keys the relay signs our mail with, for doctor
	DKIM            DKIM      `toml:"dkim"`
	SMIME           SMIME     `toml:"smime"`
}

// MailRelay is one relay.
type MailRelay struct {
	Host         string `toml:"host"`
	Port         int    `toml:"port"`
	Mode         string `toml:"mode"` // "starttls" or "tls"
	User         string `toml:"user"`
	Auth         string `toml:"auth"` // "plain" (also if empty), "xoauth2", "oauthbearer" or "none"
	PasswordFile string `toml:"password_file"`
	CAFile       string `toml:"ca_file"`   // further certificate authorities, PEM
	Hello        string `toml:"hello"`     // name given in EHLO
	RelayLog     string `toml:"relay_log"` // log of a Postfix relay on this computer
}

// Relays are those that are set, in their order.
func (m Mail) Relays() []MailRelay {
	var out []MailRelay
	for _, r := range []MailRelay{m.MailRelay, m.Second} {
		if r.Host != "" {
			out = append(out, r)
		}
	}
	return out
}

// Hold is how long a sending waits, visibly and to be cancelled.
func (m Mail) Hold() time.Duration { return time.Duration(m.HoldMinutes) * time.Minute }

// API is for programs.
type API struct {
	Clients bool `toml:"clients"` // API clients may sign in at all
}

// Witness is how somebody else watches over the log.
type Witness struct {
	Feed    string   `toml:"feed"`    // folder that witnesses read; empty: HOME/data/feed
	Serve   bool     `toml:"serve"`   // the listener gives the feed to anybody, under /witness
	Mirrors []string `toml:"mirrors"` // what witnesses have: folders or http(s) addresses, looked at every minute
}

// Defaults are what applies without a file.
func Defaults() Config {
	return Config{
		Company: Company{Origin: "sekisho.localhost"},
		Server:  Server{Listen: "127.0.0.1:8443"},
		Mail: Mail{MailRelay: MailRelay{Port: 587, Mode: "starttls", Auth: "plain", Hello: "localhost"}, Second: MailRelay{Port: 587, Mode: "starttls", Auth: "plain", Hello: "localhost"},
			HoldMinutes: 5, PerMinute: 100, PerMinuteDomain: 20, Bounces: defaultBounces(), DKIMSelectors: []string{}},
		Backup: defaultBackup(),
		Watch:  defaultWatch(),
		Portal: defaultPortal(),
	}
}

// ConfigFile is the configuration's name inside a home.
const ConfigFile = "sekisho.toml"

// LoadConfig reads HOME/sekisho.toml strictly; without the file the defaults apply.
func LoadConfig(home string) (Config, error) {
	c := Defaults()
	path := filepath.Join(home, ConfigFile)
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return c, fault.Unavailable("app.config_read", "file", path).Because(err)
	default:
		meta, err := toml.Decode(string(b), &c)
		if err != nil {
			return c, fault.Invalid("app.config_syntax", "file", path, "why", firstLine(err.Error()))
		}
		if odd := meta.Undecoded(); len(odd) > 0 {
			return c, fault.Invalid("app.config_unknown", "file", path, "name", odd[0].String())
		}
	}
	if c.Keys.Dir == "" {
		c.Keys.Dir = filepath.Join(home, "keys")
	}
	return c, c.check(path)
}

func firstLine(s string) string { l, _, _ := strings.Cut(s, "\n"); return l }

func (c Config) check(path string) error {
	bad := func(name, want string) error {
		return fault.Invalid("app.config_value", "file", path, "name", name, "want", want)
	}
	if c.Company.Origin == "" || strings.ContainsAny(c.Company.Origin, " +\n") {
		return bad("company.origin", "sekisho.example.co.jp")
	}
	if _, _, err := net.SplitHostPort(c.Server.Listen); err != nil {
		return bad("server.listen", "127.0.0.1:8443")
	}
	if (c.Server.Cert == "") != (c.Server.Key == "") {
		return bad("server.cert", "server.cert + server.key")
	}
	for _, p := range c.Server.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			return bad("server.trusted_proxies", "10.0.0.0/8")
		}
	}
	if c.Database.DSN != "" && !strings.HasPrefix(c.Database.DSN, "postgres://") && !strings.HasPrefix(c.Database.DSN, "postgresql://") {
		return bad("database.dsn", "postgres://…")
	}
	if name, want := c.Mail.wrong(); name != "" {
		return bad(name, want)
	}
	for _, where := range c.Witness.Mirrors {
		if _, err := witness.At(where, ""); err != nil || where == "" {
			return bad("witness.mirrors", "/srv/witness, https://witness.example.co.jp/mirror")
		}
	}
	if err := c.Backup.check(bad); err != nil {
		return err
	}
	if err := c.Portal.check(c.Server.Listen, bad); err != nil {
		return err
	}
	return c.Watch.check(bad)
}

func isDomain(s string) bool {
	d, err := mailaddr.CanonicalDomain(s)
	return err == nil && d == s
}

// wrong names the first setting that is not right, and what it could be.
func (m Mail) wrong() (name, want string) {
	for i, r := range []MailRelay{m.MailRelay, m.Second} {
		at := []string{"mail.", "mail.second."}[i]
		switch {
		case r.Mode != "starttls" && r.Mode != "tls":
			return at + "mode", "starttls / tls"
		case r.Port < 1 || r.Port > 65535:
			return at + "port", "587"
		case r.RelayLog != "" && !filepath.IsAbs(r.RelayLog):
			return at + "relay_log", "/var/log/mail.log"
		}
	}
	switch {
	case m.HoldMinutes < 1 || m.HoldMinutes > 24*60:
		return "mail.hold_minutes", "1–1440"
	case m.PerMinute < 1 || m.PerMinute > 10_000:
		return "mail.per_minute", "1–10000"
	case m.PerMinuteDomain < 1 || m.PerMinuteDomain > 10_000:
		return "mail.per_minute_domain", "1–10000"
	case m.Host != "" && m.From == "":
		return "mail.from", "billing@example.co.jp"
	case m.FaxRelay != "" && !isDomain(m.FaxRelay):
		return "mail.fax_relay", "fax.example.ne.jp"
	case m.Host == "" && m.Second.Host != "":
		return "mail.host", "relay.example.co.jp"
	case m.Second.Host != "" && m.Host == m.Second.Host && m.Port == m.Second.Port:
		return "mail.second.host", "relay2.example.co.jp"
	}
	if name, want := m.wrongSigning(); name != "" {
		return name, want
	}
	return m.wrongReturns()
}

// Sample is the configuration `sekisho init` writes, every setting explained.
func Sample(origin string) string {
	return fmt.Sprintf(sample, origin) + sampleReturns + sampleSigning + sampleBackup + sampleWatch + samplePortal + sampleACME
}

const sample = `# Sekisho 関所 の設定。知らない項目があると起動しません（書き間違いを見逃さないため）。
# Settings of Sekisho. An unknown setting stops the start, so that a typo is never silent.

[company]
# 記録（ログ）の名前。あとから変えられません。 / Names the log; cannot be changed later.
origin = %q

[server]
listen = "127.0.0.1:8443"
# 証明書と鍵（PEM）。空なら自己署名の証明書を作り、指紋を表示します。更新は自動で読み直します。
# Certificate and key (PEM); empty: a self-signed one is made and its fingerprint printed. Reloaded when changed.
cert = ""
key = ""
# TLS 1.2 も許す（doctor が表示します）。 / Also allow TLS 1.2 (doctor shows it).
allow_tls12 = false
# X-Forwarded-For を信じる中継（CIDR）。 / Proxies whose X-Forwarded-For counts (CIDR).
trusted_proxies = []
# Prometheus に数字を渡すための合言葉のファイル（32文字以上、権限0600）。空なら /metrics はありません。
# File with the token that Prometheus shows for /metrics (32 characters at least, mode 0600). Empty: there is no /metrics.
metrics_token_file = ""

[database]
# 空なら data フォルダの SQLite（全体を暗号化）。 / Empty: SQLite in the data folder, encrypted whole.
# dsn = "postgres://sekisho@db.example.co.jp/sekisho?sslmode=verify-full"
dsn = ""

[keys]
# 鍵のフォルダ。本番では data と別のディスクに。 / The key folder; in production on another disk than data.
dir = ""

[mail]
# 中継サーバー。空のあいだは何も送れません。 / The relay; while empty nothing can be sent.
host = ""
port = 587
# "starttls" か "tls"。証明書は必ず確かめます。 / The certificate is always verified.
mode = "starttls"
user = ""
# サインインの方法: "plain"、"xoauth2"、"oauthbearer"、"none"。 / How to sign in.
auth = "plain"
# パスワードを書いたファイル（0600）。 / A file holding the password (0600).
password_file = ""
ca_file = ""
from = ""
from_name = ""
hello = "localhost"
# 中継がこのコンピューターの Postfix なら、そのログ。結果不明を自分で解き、配達と不達を知ります（読む権限: adm グループ）。
# The log of a Postfix relay on this computer: settles unknowns by itself, tells delivery and bounces (readable for group adm).
# relay_log = "/var/log/mail.log"
relay_log = ""
# 承認のあと、取り消せる時間（分）。 / How long an approved sending can still be cancelled, in minutes.
hold_minutes = 5
# 1 分に送る通数。全体と、宛先の 1 ドメインあたり。 / Mails per minute, in all and to one domain of recipients.
per_minute = 100
per_minute_domain = 20
# 中継が自社のメールを署名する鍵の名前（DKIM セレクター）。doctor が DNS を確かめます。 / DKIM selectors of the relay, for doctor.
dkim_selectors = []

# 2 台目の中継。1 台目が確かに何も引き受けていないときだけ使います。項目は [mail] の host から relay_log までと同じ。
# A second relay, used only when the first has surely taken nothing; settings as in [mail], host to relay_log.
# [mail.second]
# host = "relay2.example.co.jp"

[api]
# API クライアント（プログラムからの接続）を許す。 / Allow API clients.
clients = false

[witness]
# 証人（sekisho witness）が読む公開フォルダ。ハッシュと番号だけで、空なら data/feed。
# The folder that witnesses read: hashes and ids only. Empty: data/feed.
feed = ""
# 別の機械の証人のために、https://…/witness でも公開する。 / Also give it out at https://…/witness, for a witness on another machine.
serve = false
# 証人の写し（フォルダか住所）。1分ごとに見て、10分遅れると警告します。 / The witnesses' mirrors, looked at every minute; 10 minutes late is an alarm.
mirrors = []
`
