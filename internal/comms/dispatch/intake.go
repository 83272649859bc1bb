package dispatch

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"sekisho/internal/comms/dispatch/internal/dsn"
	"sekisho/internal/comms/dispatch/internal/lmtp"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

// Intake takes what mail servers send back (不達の受け付け), from its own listener
// or out of a mailbox. It never answers anything: a bounce of a bounce has no end.
type Intake struct {
	Gate    *gate.Gate
	As      gate.Credential // the server itself
	Ring    *vault.Ring     // so that a wrong code costs no transaction
	Address BounceAddress
	Log     *slog.Logger

	taken, doubled, forged, unread atomic.Int64
}

// BounceKeep is how many octets of a message are looked at.
const BounceKeep = dsn.MaxBytes

// How a message came in.
const (
	ViaLMTP = "lmtp"
	ViaIMAP = "imap"
)

// ErrLater says that a message is too early: the mail it is about is still being
// handed over. Whoever has it keeps it and asks again.
var ErrLater = errors.New("dispatch: a bounce before its mail was settled")

// tallyEvery is how often the counters are written down.
const tallyEvery = time.Minute

// Knows tells whether an address is one of ours with the right code. A wrong one
// is counted, and that is all that happens.
func (n *Intake) Knows(address string) bool {
	t := n.Address.token(address)
	ok := t != "" && itemOf(n.Ring, t) != ""
	if !ok {
		n.forged.Add(1)
	}
	return ok
}

// Take reads a message to an address that Knows has let through.
func (n *Intake) Take(ctx context.Context, address string, raw []byte, via string) error {
	t := n.Address.token(address)
	r, err := dsn.Parse(raw)
	if err != nil {
		n.unread.Add(1)
		return nil // it would come again and again
	}
	found, err := gate.Run(ctx, n.Gate, n.As, BounceFind, BounceFindIn{t})
	if fault.Is(err, fault.KindNotFound) {
		n.unread.Add(1)
		return nil
	}
	if err != nil {
		return err
	}
	out, err := gate.Run(ctx, n.Gate, n.As, BounceOp, BounceIn{Package: found.Package, Token: t, Kind: string(r.Kind), Why: string(r.Why), Status: r.Status,
		Recipient: r.Recipient, Reporter: r.Reporter, Diagnostic: r.Diagnostic, MessageID: r.MessageID, Standard: r.Standard,
		Digest: blob.Sum(raw).String(), Via: via})
	switch {
	case err != nil:
		return err
	case out.Later:
		return ErrLater
	case out.Doubled:
		n.doubled.Add(1)
	default:
		n.taken.Add(1)
		n.Log.Info("a message came back", "item", found.Item, "kind", out.Kind, "why", r.Why, "state", out.State, "via", via)
	}
	return nil
}

// Mailbox takes a message out of a mailbox, where only its own words tell whom
// it is about: the first address of ours in it with the right code. It is false
// if there is none; then the message is not ours.
func (n *Intake) Mailbox(ctx context.Context, raw []byte) (ours bool, err error) {
	if len(raw) > dsn.MaxBytes {
		raw = raw[:dsn.MaxBytes]
	}
	form := regexp.MustCompile(`(?i)` + regexp.QuoteMeta(n.Address.local) + `\+[0-9a-z]{26}\.[a-z2-7]{16}@` + regexp.QuoteMeta(n.Address.domain))
	for _, a := range form.FindAllString(softened(raw), 50) {
		if itemOf(n.Ring, n.Address.token(a)) != "" {
			return true, n.Take(ctx, a, raw, ViaIMAP)
		}
		n.forged.Add(1)
	}
	return false, nil
}

// softened is a message without the soft line ends of quoted-printable, which
// would cut an address in two.
func softened(raw []byte) string {
	return strings.ReplaceAll(strings.ReplaceAll(string(raw), "=\r\n", ""), "=\n", "")
}

// Listen is where mail servers hand bounces over: a port of its own.
type Listen struct {
	Addr string // "127.0.0.1:2424"
	SMTP bool   // SMTP instead of LMTP
	TLS  *tls.Config
}

// Serve takes bounces on a port until ctx ends.
func (n *Intake) Serve(ctx context.Context, l net.Listener, how Listen) error {
	return lmtp.Serve(ctx, l, lmtp.Config{SMTP: how.SMTP, TLS: how.TLS, Name: n.Address.domain, Keep: dsn.MaxBytes, Knows: n.Knows,
		Take: func(ctx context.Context, to string, raw []byte) error { return n.Take(ctx, to, raw, ViaLMTP) }})
}

// Count writes the counters down every minute until ctx ends, and then once more.
func (n *Intake) Count(ctx context.Context) {
	tick := time.NewTicker(tallyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			n.flush(last)
			stop()
			return
		case <-tick.C:
			n.flush(ctx)
		}
	}
}

// flush writes down what was counted; what cannot be written stays for the next time.
func (n *Intake) flush(ctx context.Context) {
	in := TallyIn{n.taken.Swap(0), n.doubled.Swap(0), n.forged.Swap(0), n.unread.Swap(0)}
	if in == (TallyIn{}) {
		return
	}
	if _, err := gate.Run(ctx, n.Gate, n.As, TallyOp, in); err != nil {
		n.Log.Error("bounces could not be counted", "err", err)
		n.taken.Add(in.Taken)
		n.doubled.Add(in.Doubled)
		n.forged.Add(in.Forged)
		n.unread.Add(in.Unread)
	}
}
