package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"regexp"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/netutil"

	"sekisho/internal/edge/api"
	"sekisho/internal/edge/portal"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
)

// clientAddress is the header in which the recipient's address is handed on.
const clientAddress = "X-Sekisho-Client"

const (
	bodyMost    = 16 << 10
	answerFor   = 2 * time.Minute // a request of a recipient, the file included
	houses      = 8               // connections to the tunnel's door at once
	placesAtOne = 256             // requests on their way at once
)

// Outside is the outside host's end.
type Outside struct {
	end   api.Pair
	log   *slog.Logger
	house atomic.Pointer[http2.ClientConn]
	away  portal.Away
	front api.Front
	busy  chan struct{}
}

// NewOutside makes it, with the handler of what recipients see.
func NewOutside(end api.Pair, proxies []netip.Prefix, log *slog.Logger) (*Outside, http.Handler, error) {
	page, err := portal.NewAway()
	if err != nil {
		return nil, nil, err
	}
	o := &Outside{end: end, log: log, away: page, busy: make(chan struct{}, placesAtOne)}
	h := api.New(api.Config{Log: log, Origin: "https://", TrustedProxies: proxies, Limits: portal.Limits(), PagesOnly: true,
		Pages: func(f api.Front) http.Handler { o.front = f; return o.relay() }})
	return o, h, nil
}

// Served tells whether a house is there.
func (o *Outside) Served() bool {
	c := o.house.Load()
	return c != nil && c.CanTakeNewRequest()
}

// Take serves houses that come to ln, until ctx ends. The one that came last counts.
func (o *Outside) Take(ctx context.Context, ln net.Listener) error {
	cfg, err := o.end.TLS(serves, looks)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	ln = netutil.LimitListener(ln, houses)
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })() // Accept then fails, which ends this
	for {
		c, err := ln.Accept()
		if ctx.Err() != nil {
			o.leave(o.house.Load())
			return nil
		}
		if err != nil {
			return fault.Unavailable("api.listen", "address", ln.Addr().String()).Because(err)
		}
		go o.greet(ctx, tls.Server(c, cfg))
	}
}

// greet answers whoever knocks at the tunnel's door.
func (o *Outside) greet(ctx context.Context, c *tls.Conn) {
	soon, stop := context.WithTimeout(ctx, handshake)
	defer stop()
	if err := c.HandshakeContext(soon); err != nil {
		o.log.Warn("somebody who is not the house was turned away", "from", c.RemoteAddr(), "err", err)
		_ = c.Close() // nothing was agreed on
		return
	}
	if c.ConnectionState().NegotiatedProtocol == looks {
		word := away
		if o.Served() {
			word = here
		}
		_, err := io.WriteString(c, word)
		if err = errors.Join(err, c.Close()); err != nil {
			o.log.Info("a question was not heard out", "err", err)
		}
		return
	}
	if _, err := io.WriteString(c, greeting); err != nil {
		_ = c.Close() // it has gone
		return
	}
	t := &http2.Transport{DisableCompression: true, ReadIdleTimeout: idle, PingTimeout: patience, StrictMaxConcurrentStreams: true}
	cc, err := t.NewClientConn(c)
	if err != nil {
		o.log.Warn("the house has gone again", "err", err)
		_ = c.Close() // as above
		return
	}
	o.log.Info("the house is connected", "from", c.RemoteAddr())
	o.leave(o.house.Swap(cc))
}

// leave lets what runs over an old connection end.
func (o *Outside) leave(old *http2.ClientConn) {
	if old == nil {
		return
	}
	go func() {
		ctx, stop := context.WithTimeout(context.Background(), drain)
		defer stop()
		if old.Shutdown(ctx) != nil {
			_ = old.Close() // it did not end by itself
		}
	}()
}

// What a recipient's browser can ask for; anything else is not carried to the house.
var (
	mayGet  = regexp.MustCompile(`^(/[sck]/[a-z2-7]{16}|/v|/v/[0-9A-Za-z-]{1,64})$`)
	mayPost = regexp.MustCompile(`^(/v|/s/[a-z2-7]{16}(/(code|verify|file|month|write|not-ours|renew))?|/c/[a-z2-7]{16}(/answer)?|/k/[a-z2-7]{16}(/type)?)$`)
)

func carried(r *http.Request) bool {
	if r.URL.RawQuery != "" {
		return false
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return mayGet.MatchString(r.URL.Path)
	case http.MethodPost:
		return mayPost.MatchString(r.URL.Path) && r.ContentLength <= bodyMost
	}
	return false
}

// handedOn are the headers of a browser that the portal reads.
func handedOn() []string {
	return []string{"Accept", "Accept-Language", "Content-Type", "Cookie", "Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "User-Agent"}
}

// RoundTrip sends a request to the house that is there.
func (o *Outside) RoundTrip(r *http.Request) (*http.Response, error) {
	c := o.house.Load()
	if c == nil {
		return nil, net.ErrClosed
	}
	return c.RoundTrip(r)
}

func (o *Outside) relay() http.Handler {
	proxy := &httputil.ReverseProxy{
		Transport: o, FlushInterval: -1,
		ErrorLog: slog.NewLogLogger(o.log.Handler(), slog.LevelInfo),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = "https", "house", p.In.Host
			p.Out.Header = http.Header{}
			for _, k := range handedOn() {
				if v := p.In.Header.Values(k); len(v) > 0 {
					p.Out.Header[k] = slices.Clone(v)
				}
			}
			p.Out.Header.Set(clientAddress, o.front.Source(p.In).String())
		},
		ModifyResponse: func(r *http.Response) error { r.Header.Del("Server"); return nil },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			o.log.Warn("the house did not answer", "err", err)
			o.away.Show(w, r, text.Lang(o.front.Lang(r)))
		},
	}
	mux := http.NewServeMux()
	mux.Handle("GET /static/{file}", portal.Static(func(w http.ResponseWriter, r *http.Request) { o.away.Nothing(w, r, text.Lang(o.front.Lang(r))) }))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		l := text.Lang(o.front.Lang(r))
		switch {
		case !carried(r):
			o.away.Nothing(w, r, l)
			return
		case !o.Served():
			o.away.Show(w, r, l)
			return
		}
		select {
		case o.busy <- struct{}{}:
			defer func() { <-o.busy }()
		default:
			o.away.Show(w, r, l)
			return
		}
		ctx, stop := context.WithTimeout(r.Context(), answerFor)
		defer stop()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, bodyMost)
		clear(w.Header()) // the house says what its pages need
		proxy.ServeHTTP(w, r)
	})
	return mux
}
