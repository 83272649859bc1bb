package tunnel

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/http2"

	"sekisho/internal/edge/api"
)

const (
	firstWait = time.Second
	longWait  = 30 * time.Second
	steady    = 10 * time.Second // a connection that lasted this long was a good one
	drain     = 5 * time.Second
)

// House is the house's end: it keeps one connection to the outside host and
// answers what comes over it with Handler.
type House struct {
	Addr    string // of the outside host's tunnel, host:port
	End     api.Pair
	Handler http.Handler
	Log     *slog.Logger
	// Up is called each time a connection stands; may be nil.
	Up func()
}

// Run connects, again and again, until ctx ends.
func (h House) Run(ctx context.Context) {
	wait := firstWait
	for ctx.Err() == nil {
		from := time.Now()
		if err := h.serve(ctx); err != nil && ctx.Err() == nil {
			h.Log.Warn("the portal's outside host is not connected", "address", h.Addr, "err", err, "again_in", wait)
		}
		if time.Since(from) >= steady {
			wait = firstWait
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, longWait)
	}
}

// serve answers over one connection until it or ctx ends.
func (h House) serve(ctx context.Context) error {
	conn, word, err := dial(ctx, h.Addr, h.End, serves, greeting)
	if err != nil {
		return err
	}
	defer conn.Close() // it may be closed already
	if word != greeting {
		return refused(h.Addr, net.ErrClosed)
	}
	h.Log.Info("the portal's outside host is connected", "address", h.Addr)
	if h.Up != nil {
		h.Up()
	}
	srv := &http.Server{Handler: handed(h.Handler), ErrorLog: slog.NewLogLogger(h.Log.Handler(), slog.LevelInfo)}
	two := &http2.Server{MaxConcurrentStreams: streams, ReadIdleTimeout: idle, PingTimeout: patience}
	if err := http2.ConfigureServer(srv, two); err != nil {
		return err
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		two.ServeConn(conn, &http2.ServeConnOpts{Context: context.WithoutCancel(ctx), BaseConfig: srv, Handler: srv.Handler})
	}()
	select {
	case <-over:
		h.Log.Warn("the connection to the portal's outside host has ended", "address", h.Addr)
		return nil
	case <-ctx.Done():
	}
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer stop()
	err = srv.Shutdown(end) // says that nothing new is taken
	select {
	case <-over:
	case <-end.Done():
	}
	return err
}

// handed takes the recipient's address from the outside host, which alone can
// speak here, and which lets no header of that name through from others.
func handed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = net.JoinHostPort(r.Header.Get(clientAddress), "0")
		r.Header.Del(clientAddress)
		next.ServeHTTP(w, r)
	})
}
