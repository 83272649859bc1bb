package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
	"sekisho/internal/kernel/witness"
)

type witnessCmd struct {
	Look   witnessLookCmd   `cmd:"" default:"withargs" help:"記録を見張り、ハッシュを写す / Watch a log and mirror its hashes."`
	Status witnessStatusCmd `cmd:"" help:"写しを確かめ、どこまで見たかを示す / Prove the mirror and say how far it is."`
}

type mirrorDir struct {
	Home string `help:"証人のフォルダ（写しと警報） / The witness's own folder." required:"" type:"path" placeholder:"DIR"`
}

type witnessLookCmd struct {
	mirrorDir
	Log         []string      `help:"見張る記録: 公開フォルダか https://…/witness（いくつでも） / The log to watch: a feed folder or https://…/witness; several ways to one log are compared." required:"" placeholder:"FOLDER|URL"`
	Key         string        `help:"記録の検証鍵。最初の一度は必ず / The log's verifier key; required the first time."`
	KeyFile     string        `help:"検証鍵を書いたファイル / A file holding it." type:"existingfile"`
	Fingerprint string        `help:"自己署名の証明書の指紋（SHA-256） / SHA-256 of a self-signed certificate."`
	Once        bool          `help:"一度だけ見る / Look once."`
	Every       time.Duration `help:"見る間隔 / How often to look." default:"1m"`
}

// exitFork is the exit code of an alarm: the log is not what was mirrored.
const exitFork = 3

// alarmed ends a command with exitFork.
type alarmed struct{ why *fault.Error }

// ExitCode is exitFork.
func (alarmed) ExitCode() int { return exitFork }

// Error gives the key.
func (a alarmed) Error() string { return a.why.Error() }

// Unwrap gives the fault.
func (a alarmed) Unwrap() error { return a.why }

// Run looks until it is told to stop, or until something does not fit.
func (c witnessLookCmd) Run(e *env) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var places []*witness.Place
	for _, l := range c.Log {
		p, err := witness.At(l, c.Fingerprint)
		if err != nil {
			return err
		}
		places = append(places, p)
	}
	key := c.Key
	if c.KeyFile != "" {
		b, err := os.ReadFile(c.KeyFile)
		if err != nil {
			return err
		}
		key = string(b)
	}
	m, err := witness.Open(c.Home, key)
	if err != nil {
		return err
	}
	defer m.Close()
	if err := standing(ctx, e, c.Home); err != nil {
		return err
	}
	for {
		err := c.look(ctx, e, m, places)
		var a alarmed
		if c.Once || errors.As(err, &a) || ctx.Err() != nil {
			return err
		}
		if err != nil {
			e.tell(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(c.Every, time.Second)):
		}
	}
}

// standing refuses to go on while an alarm stands that nobody has looked at.
func standing(ctx context.Context, e *env, dir string) error {
	p, err := witness.At(dir, "")
	if err != nil {
		return err
	}
	s, err := p.State(ctx)
	if err == nil && s.Alarm != nil {
		err = alarmed{fault.Refused("witness.alarm_stands", "dir", dir, "what", alarmText(e, s.Alarm))}
	}
	return err
}

func alarmText(e *env, a *witness.Alarm) string {
	what := text.T(e.lang, a.Key, "have", a.Have, "size", a.Size, "leaf", a.Leaf)
	return text.T(e.lang, "witness.status_alarm", "at", a.At.Format(time.RFC3339), "what", what)
}

// look asks every place once.
func (c witnessLookCmd) look(ctx context.Context, e *env, m *witness.Mirror, places []*witness.Place) error {
	for _, p := range places {
		n, err := m.Grow(ctx, p.From())
		var f *witness.Fork
		if errors.As(err, &f) && f.Key == "witness.unproven" { // read while it was being written, or from a bad line: once more
			time.Sleep(2 * time.Second)
			n, err = m.Grow(ctx, p.From())
		}
		if errors.As(err, &f) {
			return errors.Join(alarmed{f.Fault()}, m.Raise(e.now(), f))
		}
		if err != nil {
			return err
		}
		if n > 0 || c.Once {
			e.say("witness.grown", "size", m.Size(), "count", n)
		}
	}
	return m.Look(e.now())
}

type witnessStatusCmd struct {
	mirrorDir
	JSON bool `help:"JSON で出す / Print JSON." name:"json"`
}

// Run proves the mirror whole and prints its state; an alarm ends with exitFork.
func (c witnessStatusCmd) Run(e *env) error {
	m, err := witness.Read(c.Home)
	if err != nil {
		return err
	}
	p, err := witness.At(c.Home, "")
	if err != nil {
		return err
	}
	s, err := p.State(context.Background())
	if err != nil {
		return err
	}
	seen := "—"
	if !s.Seen.At.IsZero() {
		seen = s.Seen.At.Format(time.RFC3339)
	}
	if c.JSON {
		enc := json.NewEncoder(e.out)
		enc.SetIndent("", "  ")
		err = enc.Encode(map[string]any{"size": m.Size(), "root": m.Root().String(), "key": m.Key(), "seen": s.Seen, "alarm": s.Alarm})
	} else {
		e.say("witness.status", "dir", c.Home, "size", m.Size(), "root", m.Root().String(), "seen", seen)
		fmt.Fprintf(e.out, "  %s\n", m.Key())
	}
	if s.Alarm != nil {
		return errors.Join(err, alarmed{fault.Refused("witness.alarm_stands", "dir", c.Home, "what", alarmText(e, s.Alarm))})
	}
	return err
}
