package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/net/netutil"

	"sekisho/internal/kernel/fault"
)

// reloadEvery is how often the certificate's files are looked at.
const reloadEvery = time.Minute

// ServeConfig says where and how to listen. Listen, Handler and Log are
// required, and one of CertFile with KeyFile, SelfSignedDir, PlainLoopback.
type ServeConfig struct {
	Listen string // host:port

	CertFile, KeyFile string // PEM; read again when they change and on SIGHUP
	SelfSignedDir     string // without files: where the self-signed certificate lies
	// FirstCert and FirstKey go before those while they are there and good; Got tells
	// that they changed.
	FirstCert, FirstKey string
	Got                 <-chan struct{}
	AllowTLS12          bool // for partners' old software only; doctor shows it
	PlainLoopback       bool // HTTP without TLS, on a loopback address only: demo and tests

	Handler http.Handler
	Log     *slog.Logger
	Limits  Limits           // zero means Standard
	Clock   func() time.Time // nil means time.Now

	// Ready is called once, when connections are taken.
	Ready func(Listening)
}

// Listening is what is being served.
type Listening struct {
	Addr        netip.AddrPort
	URL         string    // https://…, or http://… on loopback
	SelfSigned  bool      // so the fingerprint has to be compared by a person
	Fingerprint string    // SHA-256 of the certificate, "AB:CD:…"; "" without TLS
	Until       time.Time // end of the certificate
}

// Serve listens until ctx ends; then requests in flight may finish for
// Limits.Drain. It returns nil after such an end.
func Serve(ctx context.Context, cfg ServeConfig) error {
	if cfg.Limits == (Limits{}) {
		cfg.Limits = Standard()
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.PlainLoopback {
		return servePlain(ctx, cfg)
	}
	k, err := newKeeper(cfg)
	if err != nil {
		return err
	}
	ln, at, err := listen(cfg)
	if err != nil {
		return err
	}
	told, stop := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(told, syscall.SIGHUP)
	defer signal.Stop(told)
	defer close(stop)
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	go k.watch(tick.C, told, cfg.Got, stop)

	srv := newServer(cfg)
	srv.TLSConfig = k.config(cfg.AllowTLS12)
	pair := k.current()
	return run(ctx, cfg, srv, Listening{Addr: at, URL: "https://" + shown(at), SelfSigned: k.selfSigned() && pair == k.live.Load(),
		Fingerprint: fingerprint(pair), Until: pair.Leaf.NotAfter},
		func() error { return srv.ServeTLS(ln, "", "") })
}

// servePlain refuses every address that another computer could reach: the name
// before listening, the address that was really taken after.
func servePlain(ctx context.Context, cfg ServeConfig) error {
	refused := fault.Invalid("api.plain", "address", cfg.Listen)
	host, _, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return refused.Because(err)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return refused
	}
	ln, at, err := listen(cfg)
	if err != nil {
		return err
	}
	if !at.Addr().IsLoopback() {
		return errors.Join(refused, ln.Close())
	}
	srv := newServer(cfg)
	return run(ctx, cfg, srv, Listening{Addr: at, URL: "http://" + shown(at)}, func() error { return srv.Serve(ln) })
}

func listen(cfg ServeConfig) (net.Listener, netip.AddrPort, error) {
	ln, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, netip.AddrPort{}, fault.Unavailable("api.listen", "address", cfg.Listen).Because(err)
	}
	at := ln.Addr().(*net.TCPAddr).AddrPort()
	return netutil.LimitListener(ln, cfg.Limits.Connections), netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), nil
}

// shown is the address as somebody on this computer would type it.
func shown(at netip.AddrPort) string {
	if at.Addr().IsUnspecified() {
		return net.JoinHostPort("localhost", strconv.Itoa(int(at.Port())))
	}
	return at.String()
}

func newServer(cfg ServeConfig) *http.Server {
	l := cfg.Limits
	return &http.Server{
		Handler:           cfg.Handler,
		ReadHeaderTimeout: l.ReadHeader,
		ReadTimeout:       l.Read,
		WriteTimeout:      l.Write,
		IdleTimeout:       l.Idle,
		// net/http adds 4 KiB of its own to what it is given.
		MaxHeaderBytes:               l.Header - 4<<10,
		DisableGeneralOptionsHandler: true, // "OPTIONS *" gets our headers, too
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: 64},
		ErrorLog:                     slog.NewLogLogger(cfg.Log.Handler(), slog.LevelInfo),
	}
}

// run serves until ctx ends or serving fails.
func run(ctx context.Context, cfg ServeConfig, srv *http.Server, at Listening, serve func() error) error {
	failed := make(chan error, 1)
	go func() { failed <- serve() }()
	if cfg.Ready != nil {
		cfg.Ready(at)
	}
	select {
	case err := <-failed:
		return fault.Unavailable("api.listen", "address", cfg.Listen).Because(err)
	case <-ctx.Done():
	}
	drain, stop := context.WithTimeout(context.WithoutCancel(ctx), cfg.Limits.Drain)
	defer stop()
	if err := srv.Shutdown(drain); err != nil {
		cfg.Log.Warn("requests were still running when the server stopped", "err", err)
		return srv.Close()
	}
	return nil
}
