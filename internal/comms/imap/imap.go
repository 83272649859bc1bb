// Package imap reads a folder of a mailbox (メールボックスの読み取り). It takes nothing
// out and moves nothing: what is settled is marked as read, all else stays as it is.
package imap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"sekisho/internal/comms/oauth"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/vault"
)

// Box is a folder of a mailbox.
type Box struct {
	Host       string
	Port       int
	StartTLS   bool   // else TLS from the first octet
	ServerName string // the name its certificate must bear; "" is Host
	Roots      []byte // PEM certificates trusted beside the system's
	User       string
	Password   vault.Secret
	Auth       string // "" or plain: the password; xoauth2, oauthbearer: a token
	Token      func(ctx context.Context, fresh bool) (string, error)
	Folder     string
}

// Check tells what is wrong with the settings, as fault.Invalid.
func (b Box) Check() error {
	bearer := b.Auth == "xoauth2" || b.Auth == "oauthbearer"
	switch {
	case b.Host == "" || b.Port < 1 || b.Port > 65535:
		return fault.Invalid("imap.set_host").At("host")
	case b.Folder == "":
		return fault.Invalid("imap.set_folder").At("folder")
	case b.User == "" || !bearer && (b.Auth != "" && b.Auth != "plain" || b.Password.Empty()) || bearer && (b.Token == nil || !b.Password.Empty()):
		return fault.Invalid("imap.set_credentials").At("password_file")
	}
	return nil
}

// Verdict is what is to become of a message.
type Verdict int

// The verdicts.
const (
	Leave Verdict = iota // not ours: as it is
	Done                 // settled: marked as read
	Again                // too early: looked at again next time
)

const (
	dialFor   = 30 * time.Second
	sessionIs = 20 * time.Minute // then it begins anew: some servers forget long connections
	lookEvery = time.Minute      // where the server cannot tell of new mail
	idleFor   = 5 * time.Minute
	batch     = 50
	rest      = time.Minute // after a failure
)

// Follow gives take the messages of the folder that are not marked as read, each
// one once unless it says Again, until ctx ends. keep is how many octets of each
// it wants.
func Follow(ctx context.Context, b Box, keep int64, log *slog.Logger, take func(ctx context.Context, raw []byte) (Verdict, error)) {
	seen := map[string]bool{}
	for ctx.Err() == nil {
		err := b.session(ctx, keep, seen, true, take)
		if err == nil || ctx.Err() != nil {
			continue
		}
		log.Error("the mailbox is not read", "host", b.Host, "folder", b.Folder, "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(rest):
		}
	}
}

// Once reads the folder to its end.
func Once(ctx context.Context, b Box, keep int64, take func(ctx context.Context, raw []byte) (Verdict, error)) error {
	return b.session(ctx, keep, map[string]bool{}, false, take)
}

// Probe signs in and opens the folder.
func Probe(ctx context.Context, b Box) error {
	return b.session(ctx, 0, nil, false, nil)
}

func (b Box) session(ctx context.Context, keep int64, seen map[string]bool, follow bool, take func(context.Context, []byte) (Verdict, error)) error {
	if err := b.Check(); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, sessionIs)
	defer stop()
	news := make(chan struct{}, 1)
	c, err := b.connect(ctx, func() {
		select {
		case news <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	box, err := c.Select(b.Folder, nil).Wait()
	if err != nil {
		return fault.Unavailable("imap.no_folder", "folder", b.Folder).Because(err)
	}
	if take == nil {
		return c.Logout().Wait()
	}
	for {
		if err := b.read(ctx, c, box.UIDValidity, keep, seen, take); err != nil || !follow {
			return err
		}
		if err := wait(ctx, c, news); err != nil || ctx.Err() != nil {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil
			}
			return err
		}
	}
}

// connect dials, encrypts and signs in. The name on the certificate is verified.
func (b Box) connect(ctx context.Context, changed func()) (*imapclient.Client, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if len(b.Roots) > 0 && !roots.AppendCertsFromPEM(b.Roots) {
		return nil, fault.Invalid("imap.set_host").At("ca_file")
	}
	name := b.ServerName
	if name == "" {
		name = b.Host
	}
	o := &imapclient.Options{TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: name},
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{Mailbox: func(d *imapclient.UnilateralDataMailbox) {
			if d.NumMessages != nil {
				changed()
			}
		}}}
	at := net.JoinHostPort(b.Host, strconv.Itoa(b.Port))
	raw, err := (&net.Dialer{Timeout: dialFor}).DialContext(ctx, "tcp", at)
	if err != nil {
		return nil, fault.Unavailable("imap.unreachable", "host", b.Host).Because(err)
	}
	defer context.AfterFunc(ctx, func() { raw.Close() })()
	_ = raw.SetDeadline(deadline(ctx))
	var c *imapclient.Client
	if b.StartTLS {
		c, err = imapclient.NewStartTLS(raw, o)
	} else {
		t := tls.Client(raw, o.TLSConfig)
		if err = t.HandshakeContext(ctx); err == nil {
			c = imapclient.New(t, o)
		}
	}
	if err != nil {
		raw.Close()
		return nil, fault.Unavailable("imap.tls", "host", b.Host).Because(err)
	}
	if err := b.signIn(ctx, c); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func deadline(ctx context.Context) time.Time {
	d, _ := ctx.Deadline()
	return d
}

// signIn shows password or token, and no other than what is set.
func (b Box) signIn(ctx context.Context, c *imapclient.Client) error {
	if b.Token == nil {
		if !c.Caps().Has(goimap.AuthCap(sasl.Plain)) {
			if err := c.Login(b.User, b.Password.Reveal()).Wait(); err != nil {
				return fault.Unavailable("imap.auth_refused", "host", b.Host).Because(err)
			}
			return nil
		}
		if err := c.Authenticate(sasl.NewPlainClient("", b.User, b.Password.Reveal())); err != nil {
			return fault.Unavailable("imap.auth_refused", "host", b.Host).Because(err)
		}
		return nil
	}
	mechanism := strings.ToUpper(b.Auth)
	if !c.Caps().Has(goimap.AuthCap(mechanism)) {
		return fault.Unavailable("imap.no_oauth", "host", b.Host)
	}
	var err error
	for again := range 2 {
		var token string
		if token, err = b.Token(ctx, again > 0); err != nil {
			return err
		}
		if err = c.Authenticate(oauth.Client(mechanism, b.User, token, b.Host, b.Port)); err == nil {
			return nil
		}
	}
	return fault.Unavailable("imap.auth_refused", "host", b.Host).Because(err)
}

// read takes what is unread and was not seen.
func (b Box) read(ctx context.Context, c *imapclient.Client, validity uint32, keep int64, seen map[string]bool, take func(context.Context, []byte) (Verdict, error)) error {
	found, err := c.UIDSearch(&goimap.SearchCriteria{NotFlag: []goimap.Flag{goimap.FlagSeen}}, nil).Wait()
	if err != nil {
		return fault.Unavailable("imap.unreachable", "host", b.Host).Because(err)
	}
	var fresh []goimap.UID
	for _, u := range found.AllUIDs() {
		if !seen[key(validity, u)] {
			fresh = append(fresh, u)
		}
	}
	section := &goimap.FetchItemBodySection{Peek: true, Partial: &goimap.SectionPartial{Size: keep}}
	for len(fresh) > 0 {
		n := min(len(fresh), batch)
		for _, u := range fresh[:n] { // one at a time: a large one is in memory alone
			list, err := c.Fetch(goimap.UIDSetNum(u), &goimap.FetchOptions{UID: true, BodySection: []*goimap.FetchItemBodySection{section}}).Collect()
			if err != nil {
				return fault.Unavailable("imap.unreachable", "host", b.Host).Because(err)
			}
			for _, m := range list {
				v, err := take(ctx, m.FindBodySection(section))
				if err != nil {
					return err
				}
				if v != Again {
					seen[key(validity, u)] = true
				}
				if v != Done {
					continue
				}
				if err := c.Store(goimap.UIDSetNum(u), &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Silent: true, Flags: []goimap.Flag{goimap.FlagSeen}}, nil).Close(); err != nil {
					return fault.Unavailable("imap.unreachable", "host", b.Host).Because(err)
				}
			}
		}
		fresh = fresh[n:]
	}
	return nil
}

func key(validity uint32, u goimap.UID) string {
	return strconv.FormatUint(uint64(validity), 10) + "/" + strconv.FormatUint(uint64(u), 10)
}

// wait returns when there is news, or it is time to look.
func wait(ctx context.Context, c *imapclient.Client, news <-chan struct{}) error {
	limit := lookEvery
	var idle *imapclient.IdleCommand
	if c.Caps().Has(goimap.CapIdle) {
		var err error
		if idle, err = c.Idle(); err != nil {
			return err
		}
		limit = idleFor
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-c.Closed():
	case <-timer.C:
	case <-news:
	}
	if idle == nil {
		return nil
	}
	if err := idle.Close(); err != nil {
		return err
	}
	return idle.Wait()
}
