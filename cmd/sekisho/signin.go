package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"sekisho/internal/app"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/text"
)

// signIn are the flags of commands that act for a person. There is no act
// without a person: also the operator at the console signs in.
type signIn struct {
	As    string `help:"サインインする人 / Login of the person who acts." env:"SEKISHO_AS" placeholder:"LOGIN"`
	Token string `help:"すでにあるセッション / Token of a session that is open already." env:"SEKISHO_TOKEN" placeholder:"TOKEN"`
}

func loopback() netip.Addr { return netip.MustParseAddr("127.0.0.1") }

// credential signs in, asking for what is not in SEKISHO_PASSWORD and
// SEKISHO_CODE, and gives a function that signs out again.
func (s signIn) credential(ctx context.Context, e *env, a *app.App) (gate.Credential, func(), error) {
	if s.Token != "" {
		return gate.Session(s.Token, loopback()), func() {}, nil
	}
	if s.As == "" {
		return gate.Nobody(loopback()), func() {}, nil
	}
	in := map[string]string{"login": s.As, "password": e.ask("SEKISHO_PASSWORD", "cli.ask_password"), "code": e.ask("SEKISHO_CODE", "cli.ask_code")}
	raw, err := json.Marshal(in)
	if err != nil {
		return gate.Credential{}, nil, err
	}
	out, err := a.Gate.JSON(ctx, gate.Nobody(loopback()), "identity.signin", raw)
	if err != nil {
		return gate.Credential{}, nil, err
	}
	var got struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(out, &got); err != nil {
		return gate.Credential{}, nil, err
	}
	c := gate.Session(got.Token, loopback())
	return c, func() { _, _ = a.Gate.JSON(context.WithoutCancel(ctx), c, "identity.signout", nil) }, nil
}

// ask takes a secret from the environment or, without echo, from the terminal.
func (e *env) ask(variable, key string) string {
	if v := os.Getenv(variable); v != "" {
		return v
	}
	fmt.Fprint(e.err, text.T(e.lang, key)+": ")
	if f, ok := e.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		b, _ := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(e.err)
		return string(b)
	}
	line, _ := bufio.NewReader(e.in).ReadString('\n')
	return strings.TrimSpace(line)
}

// withGate opens the house, signs in, and runs f.
func withGate(e *env, h home, s signIn, f func(ctx context.Context, a *app.App, c gate.Credential) error) error {
	ctx := context.Background()
	a, err := app.Open(ctx, app.Options{Home: h.Home, Demo: app.IsDemo(h.Home), Log: e.log()})
	if err != nil {
		return err
	}
	defer a.Close()
	c, out, err := s.credential(ctx, e, a)
	if err != nil {
		return err
	}
	defer out()
	err = f(ctx, a, c)
	if s.As == "" && s.Token == "" && err != nil && fault.Of(err).Key == "gate.sign_in" {
		return fault.Denied("cli.sign_in")
	}
	return err
}

type doCmd struct {
	home
	signIn
	Op    string `arg:"" help:"操作の名前（sekisho ops） / Name of the operation, see sekisho ops."`
	Input string `arg:"" optional:"" help:"入力の JSON。- なら標準入力 / Input as JSON; - reads standard input."`
	Idem  string `help:"同じ操作を二度行わないための鍵 / Idempotency key." placeholder:"KEY"`
}

// Run runs one op through the gate.
func (c doCmd) Run(e *env) error {
	raw := []byte(c.Input)
	if c.Input == "-" {
		b, err := readAll(e.in)
		if err != nil {
			return err
		}
		raw = b
	}
	return withGate(e, c.home, c.signIn, func(ctx context.Context, a *app.App, cred gate.Credential) error {
		cred.Idem = c.Idem
		out, err := a.Gate.JSON(ctx, cred, c.Op, raw)
		if err != nil && !a.Gate.Has(c.Op) {
			return fault.Refused("cli.no_op", "op", c.Op)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(e.out, "%s\n", out)
		return e.explain(out)
	})
}

// explain writes, beside an answer, the sentences that its findings name by key:
// the answer itself is for programs and has no language.
func (e *env) explain(answer []byte) error {
	var v any
	if err := json.Unmarshal(answer, &v); err != nil {
		return err
	}
	e.sentences(v)
	return nil
}

func (e *env) sentences(v any) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			e.sentences(one)
		}
	case map[string]any:
		var args []any
		for name, value := range v {
			args = append(args, name, value)
		}
		for _, name := range []string{"key", "reason"} {
			if key, _ := v[name].(string); text.Has(key) {
				mark := map[any]string{"stop": "■", "caution": "△", "match": "✓"}[v["level"]]
				fmt.Fprintln(e.err, strings.TrimSpace(mark+" "+text.T(e.lang, key, args...)))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			e.sentences(v[name])
		}
	}
}
