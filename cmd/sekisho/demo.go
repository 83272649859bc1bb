package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"sekisho/internal/app/demo"
	"sekisho/internal/edge/api"
	"sekisho/internal/edge/portal"
	"sekisho/internal/edge/web"
	"sekisho/internal/kernel/fault"
)

// demoCmd has a default home of its own, so that a demo never lands in a real
// house.
type demoCmd struct {
	Home      string `help:"見本のフォルダ / The demo's folder." default:"./sekisho-demo" type:"path" placeholder:"DIR"`
	Listen    string `help:"待ち受ける住所（この機械の中だけ） / Address to listen on; this computer only." default:"127.0.0.1:8480" placeholder:"HOST:PORT"`
	Seed      int64  `help:"パスワードと金額の種 / Seed of passwords and amounts." default:"1" placeholder:"N"`
	Story     bool   `help:"端末で話も演じる（最初の一度だけ） / Also play the story in this terminal, at the first start."`
	StoryOnly bool   `help:"話が終わったら止まる / Stop after the story." hidden:""`

	Play demoPlayCmd `cmd:"" default:"1" hidden:"" help:"見本を作り、話を演じ、サーバーを続ける / Make it, play the story, go on serving."`
	Code demoCodeCmd `cmd:"" help:"見本の人のワンタイムコードを示す / Print the one-time code of a person of the demo."`
}

type demoPlayCmd struct{}

// Run makes the demo if there is none, says which page to open, and serves it.
func (demoPlayCmd) Run(c *demoCmd, e *env) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	h, err := c.open(ctx, e)
	if err != nil {
		return err
	}
	err = c.live(ctx, e, h)
	if bad := h.Close(); err == nil {
		err = bad
	}
	select {
	case <-h.Erased():
		e.say("demo.erased", "dir", c.Home)
	default:
	}
	return err
}

// live lets the house work and serves it until it is told to stop, or its end
// was asked for.
func (c *demoCmd) live(ctx context.Context, e *env, h *demo.House) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-h.Erased():
			stop()
		case <-ctx.Done():
		}
	}()
	done, err := h.Start(ctx)
	if err != nil {
		return err
	}
	defer done()
	return c.serve(ctx, e, h)
}

func (c *demoCmd) open(ctx context.Context, e *env) (*demo.House, error) {
	if err := mayListen(c.Listen); err != nil {
		return nil, err
	}
	began := e.now()
	e.say("demo.making", "dir", c.Home)
	log := slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	_, links, err := c.portal()
	if err != nil {
		return nil, err
	}
	h, err := demo.Open(ctx, demo.Options{Home: c.Home, Portal: links, Seed: c.Seed, Log: log, Now: e.now, Story: c.plays()})
	if err != nil {
		return nil, err
	}
	if h.Fresh {
		e.say("demo.made", "seconds", int(e.now().Sub(began).Seconds()), "people", len(h.Card.People))
	} else {
		e.say("demo.again_served", "dir", c.Home)
	}
	return h, nil
}

// portal is where the demo's links are opened: the port after its own, as this
// computer only sees it.
func (c *demoCmd) portal() (listen, origin string, err error) {
	host, port, err := net.SplitHostPort(c.Listen)
	n, bad := strconv.Atoi(port)
	if err = cmp.Or(err, bad); err != nil {
		return "", "", fault.Invalid("api.plain", "address", c.Listen).Because(err)
	}
	if n > 0 {
		n++
	}
	listen = net.JoinHostPort(host, strconv.Itoa(n))
	return listen, "http://" + listen, nil
}

func (c *demoCmd) plays() bool { return c.Story || c.StoryOnly }

// mayListen tells early that the port is taken: making the company takes a while.
func mayListen(at string) error {
	l, err := net.Listen("tcp", at)
	if err != nil {
		return fault.Unavailable("api.listen", "address", at).Because(err)
	}
	return l.Close()
}

// serve listens, plays the story through what it serves if it was asked for, and
// goes on until it is told to stop.
func (c *demoCmd) serve(ctx context.Context, e *env, h *demo.House) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	pages, err := web.Handler(h.App, h)
	if err != nil {
		return err
	}
	at, _, err := c.portal()
	if err != nil {
		return err
	}
	outside, err := e.beside(ctx, func() { stop(nil) }, h.App, api.ServeConfig{Listen: at, PlainLoopback: true, Log: h.App.Log, Clock: e.now, Limits: portal.Limits()})
	if err != nil {
		return err
	}
	played := make(chan error, 1)
	err = api.Serve(ctx, api.ServeConfig{Listen: c.Listen, PlainLoopback: true, Handler: pages, Log: h.App.Log, Clock: e.now,
		Ready: func(l api.Listening) {
			go func() {
				err := c.play(ctx, e, h, l.URL)
				played <- err
				if err != nil || c.StoryOnly {
					stop(err)
				}
			}()
		}})
	stop(nil)
	if err = errors.Join(err, outside()); err != nil {
		return err
	}
	return <-played
}

func (c *demoCmd) play(ctx context.Context, e *env, h *demo.House, url string) error {
	if err := h.Listens(url); err != nil {
		return err
	}
	if !c.StoryOnly {
		e.say("demo.open_page", "url", strings.TrimSuffix(url, "/")+"/")
		browse(url)
	}
	if h.Fresh && c.plays() {
		e.say("demo.story", "url", url)
		if err := h.Play(ctx, url, e.lang, e.out); err != nil {
			return err
		}
	}
	h.Clock.CatchUp()
	if !c.StoryOnly {
		c.tell(e, h)
	}
	return nil
}

// tell says where everything is and what to try: two people who see different
// things, a sign-in over HTTP, and the proof.
func (c *demoCmd) tell(e *env, h *demo.House) {
	fmt.Fprintln(e.out)
	e.say("demo.card", "file", filepath.Join(c.Home, demo.CardFile), "mail", h.Card.Mail)
	e.say("demo.try")
	self := os.Args[0]
	for i, role := range []string{"accounting", "sales", "auditor"} {
		p := h.Card.First(role)
		code := fmt.Sprintf("$(%s demo code %s --home %s)", self, p.Login, c.Home)
		if i < 2 {
			fmt.Fprintf(e.out, "  SEKISHO_PASSWORD=%s SEKISHO_CODE=%s %s do invoice.list '{\"limit\":5}' --as %s --home %s\n", p.Password, code, self, p.Login, c.Home)
			continue
		}
		fmt.Fprintf(e.out, "  curl -H 'Content-Type: application/json' -d \"{\\\"login\\\":\\\"%s\\\",\\\"password\\\":\\\"%s\\\",\\\"code\\\":\\\"%s\\\"}\" %s/api/v1/identity.signin\n",
			p.Login, p.Password, code, h.Card.URL)
	}
	fmt.Fprintf(e.out, "  %s verify --home %s\n", self, c.Home)
	e.say("demo.stop", "dir", c.Home)
}

type demoCodeCmd struct {
	Login string `arg:"" help:"demo.json の login / A login of demo.json."`
}

// Run prints a code as an authenticator shows it. It is good once, like any.
func (c demoCodeCmd) Run(parent *demoCmd, e *env) error {
	card, err := demo.LoadCard(parent.Home)
	if err != nil {
		return err
	}
	code, err := card.Code(c.Login, card.Time(e.now()))
	if err == nil {
		_, err = fmt.Fprintln(e.out, code)
	}
	return err
}
