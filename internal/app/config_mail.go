package app

import (
	"net"
	"net/netip"
	"slices"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/oauth"
)

// OAuth is the application at the mail provider that tokens are got for.
type OAuth struct {
	Flow             string   `toml:"flow"` // "client_credentials" or "device"; empty: no tokens
	TokenURL         string   `toml:"token_url"`
	DeviceURL        string   `toml:"device_url"`
	ClientID         string   `toml:"client_id"`
	ClientSecretFile string   `toml:"client_secret_file"`
	Scope            []string `toml:"scope"`
	CAFile           string   `toml:"ca_file"`
}

// Bounces is where what mail servers send back comes in (不達の受け口).
type Bounces struct {
	Address  string     `toml:"address"`  // "bounce@bounce.example.co.jp"; empty: it goes to who sends
	Listen   string     `toml:"listen"`   // "127.0.0.1:2424"; empty: no port
	Protocol string     `toml:"protocol"` // "lmtp" or "smtp"
	Cert     string     `toml:"cert"`
	Key      string     `toml:"key"`
	IMAP     BounceIMAP `toml:"imap"`
}

// BounceIMAP is a mailbox folder that they are read from.
type BounceIMAP struct {
	Host         string `toml:"host"` // empty: no mailbox
	Port         int    `toml:"port"`
	Mode         string `toml:"mode"` // "tls" or "starttls"
	User         string `toml:"user"`
	Auth         string `toml:"auth"` // as of a relay
	PasswordFile string `toml:"password_file"`
	CAFile       string `toml:"ca_file"`
	Folder       string `toml:"folder"`
}

func defaultBounces() Bounces {
	return Bounces{Protocol: "lmtp", IMAP: BounceIMAP{Port: 993, Mode: "tls", Folder: "INBOX"}}
}

// bearer tells whether a way to sign in shows a token.
func bearer(auth string) bool { return auth == "xoauth2" || auth == "oauthbearer" }

// wrongAuth tells whether user and way to sign in do not fit together.
func (m Mail) wrongAuth(auth, user, passwordFile string) bool {
	switch auth {
	case "", "plain":
		return false
	case "none":
		return user != "" || passwordFile != ""
	case "xoauth2", "oauthbearer":
		return user == "" || passwordFile != "" || m.OAuth.Flow == ""
	}
	return true
}

// wrongReturns names the first setting of tokens and bounces that is not right.
func (m Mail) wrongReturns() (name, want string) {
	b := m.Bounces
	_, addr := dispatch.ParseBounceAddress(b.Address)
	switch {
	case !slices.Contains([]string{"", string(oauth.ClientCredentials), string(oauth.Device)}, m.OAuth.Flow):
		return "mail.oauth.flow", "client_credentials / device"
	case m.wrongAuth(m.Auth, m.User, m.PasswordFile):
		return "mail.auth", "plain / xoauth2 / oauthbearer / none"
	case m.wrongAuth(m.Second.Auth, m.Second.User, m.Second.PasswordFile):
		return "mail.second.auth", "plain / xoauth2 / oauthbearer / none"
	case b.Address != "" && addr != nil, b.Address == "" && (b.Listen != "" || b.IMAP.Host != ""):
		return "mail.bounces.address", "bounce@bounce.example.co.jp"
	case b.Protocol != "lmtp" && b.Protocol != "smtp":
		return "mail.bounces.protocol", "lmtp / smtp"
	case (b.Cert == "") != (b.Key == ""):
		return "mail.bounces.cert", "mail.bounces.cert + mail.bounces.key"
	case b.Listen != "" && !b.mayListen():
		return "mail.bounces.listen", "127.0.0.1:2424"
	case b.IMAP.Mode != "tls" && b.IMAP.Mode != "starttls":
		return "mail.bounces.imap.mode", "tls / starttls"
	case m.wrongAuth(b.IMAP.Auth, b.IMAP.User, b.IMAP.PasswordFile), b.IMAP.Auth == "none":
		return "mail.bounces.imap.auth", "plain / xoauth2 / oauthbearer"
	}
	return "", ""
}

// mayListen tells whether the port is on this computer, or speaks TLS.
func (b Bounces) mayListen() bool {
	a, err := netip.ParseAddrPort(b.Listen)
	if err != nil {
		host, _, err := net.SplitHostPort(b.Listen)
		return err == nil && (host == "localhost" || b.Cert != "")
	}
	return a.Addr().IsLoopback() || b.Cert != ""
}

const sampleReturns = `
# サインインの方法は [mail] の auth: "plain"（パスワード）、"xoauth2"、"oauthbearer"（トークン）、"none"（住所で許可される中継）。
# トークンはここから取ります。人が許可する方式（device）では、一度「sekisho mail authorize」を実行します。
# Tokens for auth = "xoauth2" or "oauthbearer". With flow = "device" run "sekisho mail authorize" once.
# [mail.oauth]
# flow = "client_credentials"
# token_url = "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token"
# client_id = ""
# client_secret_file = ""
# scope = ["https://outlook.office365.com/.default"]

# 不達の受け口。メールごとに照合コード付きのアドレスを使い、届いた通知で送付の状態を自動で変えます。
# Where bounces come in: each mail gets an address of its own with a code, so a forged bounce changes nothing.
# [mail.bounces]
# address = "bounce@bounce.example.co.jp"
# listen = "127.0.0.1:2424"          # LMTP（Postfix の transport から） / LMTP, from a transport of Postfix
# [mail.bounces.imap]                # または、専用のメールボックスを読む / or a mailbox of its own
# host = "imap.example.co.jp"
# user = "bounce@example.co.jp"
# password_file = "/etc/sekisho/bounce-password"
# folder = "INBOX"
`
