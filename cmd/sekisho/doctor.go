package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/machine"
	"sekisho/internal/kernel/text"
)

type doctorCmd struct {
	home
	JSON bool `help:"JSON で出す / Print JSON." name:"json"`
}

// finding is one line of the doctor's report.
type finding struct {
	Level    string `json:"level"` // ok, warn, bad
	Key      string `json:"key"`
	Sentence string `json:"sentence"`
}

type doctor struct {
	e   *env
	out []finding
}

func (d *doctor) add(level, key string, args ...any) {
	d.out = append(d.out, finding{level, key, text.T(d.e.lang, key, args...)})
}

func (d *doctor) fault(err error) {
	f := fault.Of(err)
	s := text.Fault(d.e.lang, f)
	if f.Kind == fault.KindFailed && f.Cause != nil {
		s += " (" + f.Cause.Error() + ")"
	}
	d.out = append(d.out, finding{"bad", f.Key, s})
}

// Run looks at everything that can be wrong and says how to mend it.
func (c doctorCmd) Run(e *env) error {
	d := &doctor{e: e}
	d.files(c.Home)
	d.house(c.Home)
	if c.JSON {
		if err := printJSON(e, d.out); err != nil {
			return err
		}
	}
	bad := 0
	for _, f := range d.out {
		mark := map[string]string{"ok": "✓", "warn": "△", "bad": "✗"}[f.Level]
		if !c.JSON {
			fmt.Fprintf(e.out, "%s %s\n", mark, f.Sentence)
		}
		if f.Level == "bad" {
			bad++
		}
	}
	if bad > 0 {
		return fault.Refused("cli.doctor_bad", "count", bad)
	}
	return nil
}

func (d *doctor) files(dir string) {
	cfg, err := app.LoadConfig(dir)
	if err != nil {
		d.fault(err)
		return
	}
	d.add("ok", "cli.doctor_config", "file", filepath.Join(dir, app.ConfigFile))
	if cfg.Server.AllowTLS12 {
		d.add("warn", "cli.doctor_tls12")
	}
	d.certificate(cfg)
	d.keyRights(cfg.Keys.Dir)
	d.mail(cfg)
	d.returns(cfg)
	d.tunnel(cfg)
	d.portalCertificate(dir, cfg)
	if same, err := machine.SameDisk(cfg.Keys.Dir, dir); err == nil && same && cfg.Database.DSN == "" {
		d.add("warn", "cli.doctor_same_disk", "keys", cfg.Keys.Dir)
	}
	if cfg.Database.DSN == "" {
		d.add("warn", "cli.doctor_engine")
	} else {
		d.add("warn", "cli.doctor_pg_volume")
	}
	d.space(dir)
}

// mail greets every relay as sending does, and opens their logs.
func (d *doctor) mail(cfg app.Config) {
	m := cfg.Mail
	if m.Host == "" {
		d.add("warn", "cli.doctor_no_relay")
	}
	list, err := app.Relays(cfg)
	if err != nil {
		d.fault(err)
		return
	}
	for _, r := range list {
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		tls, err := dispatch.Probe(ctx, r)
		stop()
		if err != nil {
			d.fault(err)
			continue
		}
		d.add("ok", "cli.doctor_relay", "relay", dispatch.RelayName(r), "tls", tls)
	}
	for _, r := range m.Relays() {
		if r.RelayLog == "" {
			continue
		}
		f, err := os.Open(r.RelayLog)
		if err != nil {
			d.fault(fault.Unavailable("dispatch.log_unreadable", "file", r.RelayLog).Because(err))
			continue
		}
		f.Close()
		d.add("ok", "cli.doctor_relay_log", "file", r.RelayLog)
	}
}

// relays shows what the workers have met with of late.
func (d *doctor) relays(ctx context.Context, a *app.App) {
	out, err := gate.Run(ctx, a.Gate, gate.System("console"), dispatch.Relays, struct{}{})
	if err != nil {
		d.fault(err)
		return
	}
	for _, r := range out.Rows {
		if r.Failures > 0 {
			d.add("warn", "cli.doctor_relay_rests", "relay", r.ID, "count", r.Failures, "since", civil.Of(r.ChangedAt))
		}
	}
}

const reserve = 1 << 30

func (d *doctor) space(dir string) {
	free, err := machine.Free(dir)
	if err != nil {
		return
	}
	if free < reserve {
		d.add("bad", "cli.doctor_space", "mb", free>>20)
		return
	}
	d.add("ok", "cli.doctor_space_ok", "gb", free>>30)
}

func (d *doctor) house(dir string) {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	a, err := app.Open(ctx, app.Options{Home: dir, Demo: app.IsDemo(dir), Log: d.e.log()})
	if err != nil {
		d.fault(err)
		return
	}
	defer a.Close()
	d.add("ok", "cli.doctor_keys", "id", a.Ring.KeyID())
	if err := a.Gate.Ping(ctx); err != nil {
		d.fault(err)
		return
	}
	d.add("ok", "cli.doctor_db", "where", a.Gate.Where())
	n, err := a.Gate.LogSize(ctx)
	if err != nil {
		d.fault(err)
		return
	}
	d.add("ok", "cli.doctor_log", "size", n)
	d.clock(ctx, a, n)
	d.relays(ctx, a)
	d.alarms(ctx, a)
	d.integrity(ctx, a)
	people, err := a.HasPeople(ctx)
	if err != nil {
		d.fault(err)
		return
	}
	if people {
		d.people(ctx, a)
	} else {
		d.add("warn", "cli.doctor_no_people")
	}
	d.backups(ctx, a)
}

// integrity says when log and rows were last found whole, and where the witnesses are.
func (d *doctor) integrity(ctx context.Context, a *app.App) {
	i, err := a.Integrity(ctx)
	if err != nil {
		d.fault(err)
		return
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return "—"
		}
		return t.In(civil.JST()).Format("2006-01-02 15:04")
	}
	switch {
	case i.SweptAt.IsZero():
		d.add("warn", "cli.doctor_sweep_none")
	case i.Damaged > 0:
		d.add("bad", "cli.doctor_sweep_bad", "at", at(i.SweptAt), "count", i.Damaged, "clean", at(i.CleanAt))
	case a.Gate.Now().Sub(i.SweptAt) > 24*time.Hour:
		d.add("warn", "cli.doctor_sweep_late", "at", at(i.SweptAt))
	default:
		d.add("ok", "cli.doctor_sweep_ok", "at", at(i.SweptAt), "leaves", i.Size)
	}
	if len(i.Witnesses) == 0 {
		d.add("warn", "cli.doctor_no_witness")
	}
	for _, w := range i.Witnesses {
		level, key := "ok", "witness.fine"
		if w.Problem != "" {
			level, key = "warn", w.Problem
		}
		if key == "witness.other_log" || key == "witness.other_key" || key == "witness.alarmed" {
			level = "bad"
		}
		d.add(level, key, "place", w.Place, "dir", w.Place, "size", w.Size, "seen", at(w.SeenAt))
	}
}
