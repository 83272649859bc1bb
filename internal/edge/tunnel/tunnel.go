// Package tunnel lets the portal stand on a small host outside while the house
// opens no door (中継): the house dials out, and serves HTTP/2 over the connection
// it has made. The outside host has neither keys nor data of the house; it knows
// the house, and the house knows it, by certificates made for this alone.
package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"path/filepath"
	"time"

	"sekisho/internal/edge/api"
	"sekisho/internal/kernel/fault"
)

const (
	serves = "sekisho-tunnel/1" // ALPN of a house that comes to serve
	looks  = "sekisho-look/1"   // … of one that only asks whether a house is there
	// greeting is what a house hears when its certificate was taken.
	greeting = "SEKISHO PORTAL 1\n"
	here     = "HERE\n"
	away     = "AWAY\n"

	handshake = 10 * time.Second
	idle      = 15 * time.Second // without a word a ping is sent …
	patience  = 10 * time.Second // … and answered within this, or the connection is over
	streams   = 64
)

// HouseEnd are the house's files, in its folder of keys.
func HouseEnd(keys string) api.Pair {
	return api.Pair{Dir: filepath.Join(keys, "tunnel"), Mine: "house", Peer: "outside"}
}

// OutsideEnd are the outside host's files.
func OutsideEnd(dir string) api.Pair { return api.Pair{Dir: dir, Mine: "outside", Peer: "house"} }

// dial connects with the outside host and reads its first word.
func dial(ctx context.Context, addr string, end api.Pair, protocol, word string) (*tls.Conn, string, error) {
	cfg, err := end.TLS(protocol)
	if err != nil {
		return nil, "", err
	}
	ctx, stop := context.WithTimeout(ctx, handshake)
	defer stop()
	c, err := (&tls.Dialer{NetDialer: &net.Dialer{KeepAlive: idle}, Config: cfg}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, "", refused(addr, err)
	}
	conn := c.(*tls.Conn)
	heard := make([]byte, len(word))
	err = conn.SetReadDeadline(time.Now().Add(handshake))
	if err == nil {
		_, err = io.ReadFull(conn, heard)
	}
	if err = errors.Join(err, conn.SetReadDeadline(time.Time{})); err != nil {
		return nil, "", refused(addr, errors.Join(err, conn.Close()))
	}
	return conn, string(heard), nil
}

// refused tells a wrong pin from a host that is not there.
func refused(addr string, err error) *fault.Error {
	var bad *tls.CertificateVerificationError
	var op *net.OpError
	if errors.As(err, &bad) || errors.As(err, &op) && op.Op == "remote error" { // the other end's word about our certificate
		return fault.Refused("portal.tunnel_pin", "address", addr).Because(err)
	}
	return fault.Unavailable("portal.tunnel_down", "address", addr).Because(err)
}

// Look asks the outside host whether a house serves it now.
func Look(ctx context.Context, addr string, end api.Pair) (served bool, err error) {
	conn, word, err := dial(ctx, addr, end, looks, here)
	if err != nil {
		return false, err
	}
	return word == here, conn.Close()
}
