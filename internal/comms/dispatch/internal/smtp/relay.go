package smtp

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"time"
	"unicode"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/vault"
)

// Mode is how the connection to the relay is encrypted.
type Mode string

// The modes. Plain is accepted only for a relay on this same computer.
const (
	StartTLS Mode = "starttls" // upgraded before anything is said (RFC 3207), usually port 587
	TLS      Mode = "tls"      // encrypted from the first octet (RFC 8314), usually port 465
	Plain    Mode = "plain"
)

// Auth is how we sign in.
type Auth string

// The ways to sign in. One never takes the place of another: a relay that does
// not offer what is set gets nothing.
const (
	Password    Auth = "" // PLAIN or LOGIN; nothing if there is no user
	XOAuth2     Auth = "xoauth2"
	OAuthBearer Auth = "oauthbearer"
)

// TokenFunc gets a token; fresh wants another than the last, which was refused.
type TokenFunc func(ctx context.Context, fresh bool) (string, error)

// Timeouts bound each step. Zero takes the default, which follows RFC 5321,
// section 4.5.3.2.
type Timeouts struct {
	Connect    time.Duration // dialling and the TLS handshake, each; 30 s
	Command    time.Duration // from a command to the end of its reply; 5 min
	Data       time.Duration // writing the whole message; 10 min
	Submission time.Duration // from the final dot to the end of its reply; 10 min
	Grace      time.Duration // how long after ctx ends the final reply is still awaited; 10 s
}

// Relay is the mail server that takes our mail on (中継サーバー).
type Relay struct {
	Host          string
	Port          int
	Mode          Mode
	TrustLoopback bool   // allows Plain, and only to a loopback address
	ServerName    string // the name its certificate must bear; "" is Host
	ExtraRoots    []byte // PEM certificates trusted beside the system's
	User          string // "" sends without AUTH
	Password      vault.Secret
	Auth          Auth
	Token         TokenFunc // for XOAuth2 and OAuthBearer
	Hello         string    // the name we give in EHLO: a domain or an address literal
	Timeouts      Timeouts
}

var (
	hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$`)
	literal  = regexp.MustCompile(`^\[(IPv6:)?([0-9A-Fa-f.:]+)\]$`)
)

// Check tells what is wrong with the settings, as fault.Invalid; Send asks it
// too and answers Held.
func (r Relay) Check() error {
	var bad []*fault.Error
	add := func(ok bool, field, key string) {
		if !ok {
			bad = append(bad, fault.Invalid(key).At(field))
		}
	}
	add(isHost(r.Host) && r.Port > 0 && r.Port < 1<<16, "host", "smtp.set_host")
	add(r.ServerName == "" || isHost(r.ServerName), "server_name", "smtp.set_host")
	add(r.Mode == StartTLS || r.Mode == TLS || r.Mode == Plain && r.TrustLoopback && isLoopback(r.Host), "mode", "smtp.set_mode")
	// The credentials are sent only where nobody else can read them.
	add((r.User == "" || r.Mode != Plain) && !strings.ContainsFunc(r.User+r.Password.Reveal(), unicode.IsControl) && r.credentials(), "password", "smtp.set_credentials")
	lit := literal.FindStringSubmatch(r.Hello)
	add(len(r.Hello) <= 253 && hostName.MatchString(r.Hello) || lit != nil && isAddr(lit[2]), "hello", "smtp.set_hello")
	_, err := r.roots()
	add(err == nil, "extra_roots", "smtp.set_roots")
	return fault.Several(bad...)
}

// credentials tells whether there is exactly what the way to sign in needs.
func (r Relay) credentials() bool {
	switch r.Auth {
	case Password:
		return (r.User == "") == r.Password.Empty() && r.Token == nil
	case XOAuth2, OAuthBearer:
		return r.User != "" && r.Password.Empty() && r.Token != nil
	}
	return false
}

func isAddr(s string) bool { _, err := netip.ParseAddr(s); return err == nil }

func isHost(s string) bool { return isAddr(s) || len(s) <= 253 && hostName.MatchString(s) }

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

// loopback tells where the connection really ends, whatever a name resolved to.
func loopback(c net.Conn) bool {
	a, ok := c.RemoteAddr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}

func (r Relay) roots() (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if len(r.ExtraRoots) > 0 && !pool.AppendCertsFromPEM(r.ExtraRoots) {
		return nil, fault.Invalid("smtp.set_roots")
	}
	return pool, nil
}

func (r Relay) serverName() string {
	if r.ServerName != "" {
		return r.ServerName
	}
	return r.Host
}

func (t Timeouts) orDefault() Timeouts {
	or := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	or(&t.Connect, 30*time.Second)
	or(&t.Command, 5*time.Minute)
	or(&t.Data, 10*time.Minute)
	or(&t.Submission, 10*time.Minute)
	or(&t.Grace, 10*time.Second)
	return t
}
