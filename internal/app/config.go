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
	Witness  Witness  `toml:"witness"`
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
	TrustedProxies []string `toml:"trusted_proxies"` // CIDRs whose X-Forwarded-For counts
}

// Database is where the data lies.
type Database struct {
	DSN string `toml:"dsn"` // postgres://…; empty: SQLite in HOME/data
}

// Keys is where the key ring lies; in production on another volume.
type Keys struct {
	Dir string `toml:"dir"`
}

// Mail is the relay. Without a host nothing can be sent.
type Mail struct {
	Host         string `toml:"host"`
	Port         int    `toml:"port"`
	Mode         string `toml:"mode"` // "starttls" or "tls"
	User         string `toml:"user"`
	PasswordFile string `toml:"password_file"`
	CAFile       string `toml:"ca_file"` // further certificate authorities, PEM
	From         string `toml:"from"`
	FromName     string `toml:"from_name"`
	Hello        string `toml:"hello"` // name given in EHLO
	HoldMinutes  int    `toml:"hold_minutes"`
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
		Mail:    Mail{Port: 587, Mode: "starttls", Hello: "localhost", HoldMinutes: 10},
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
	if c.Mail.Mode != "starttls" && c.Mail.Mode != "tls" {
		return bad("mail.mode", "starttls / tls")
	}
	if c.Mail.Port < 1 || c.Mail.Port > 65535 {
		return bad("mail.port", "587")
	}
	if c.Mail.HoldMinutes < 1 || c.Mail.HoldMinutes > 24*60 {
		return bad("mail.hold_minutes", "1–1440")
	}
	for _, where := range c.Witness.Mirrors {
		if _, err := witness.At(where, ""); err != nil || where == "" {
			return bad("witness.mirrors", "/srv/witness, https://witness.example.co.jp/mirror")
		}
	}
	if c.Mail.Host != "" && c.Mail.From == "" {
		return bad("mail.from", "billing@example.co.jp")
	}
	return nil
}

// Sample is the configuration `sekisho init` writes, every setting explained.
func Sample(origin string) string {
	return fmt.Sprintf(sample, origin)
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
# パスワードを書いたファイル（0600）。 / A file holding the password (0600).
password_file = ""
ca_file = ""
from = ""
from_name = ""
hello = "localhost"
# 承認のあと、取り消せる時間（分）。 / How long an approved sending can still be cancelled, in minutes.
hold_minutes = 10

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
