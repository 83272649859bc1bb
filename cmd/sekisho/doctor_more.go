package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/base/identity"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/edge/api"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/machine"
)

// certificate looks at what the listener will show.
func (d *doctor) certificate(cfg app.Config) {
	file := cfg.Server.Cert
	if file == "" {
		file, _ = officeCA(d.e, cfg).Files()
	}
	if file == "" {
		d.add("warn", "cli.doctor_tls_self")
		return
	}
	until, err := api.Expires(file)
	if err != nil {
		d.fault(err)
		return
	}
	day, left := until.Format(time.DateOnly), until.Sub(d.e.now())
	switch {
	case left < 0:
		d.add("bad", "cli.doctor_tls_over", "file", file, "until", day)
	case left < 30*24*time.Hour:
		d.add("warn", "cli.doctor_tls_soon", "file", file, "until", day)
	default:
		d.add("ok", "cli.doctor_tls_ok", "file", file, "until", day)
	}
}

// keyRights names every file of the key folder that other accounts may use.
func (d *doctor) keyRights(dir string) {
	_ = filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be read is told where the keys are opened
		}
		if i, err := e.Info(); err == nil && machine.Others(i.Mode()) != 0 && i.Mode()&os.ModeSymlink == 0 {
			d.add("bad", "cli.doctor_key_rights", "path", p, "mode", fmt.Sprintf("%04o", i.Mode().Perm()))
		}
		return nil
	})
}

// people looks for an office that one lost phone would lock out, and for people
// a password alone would let in.
func (d *doctor) people(ctx context.Context, a *app.App) {
	admins, none := 0, []string(nil)
	for in := (identity.PeopleIn{State: string(identity.Active), Limit: 200}); ; {
		out, err := gate.Run(ctx, a.Gate, gate.System("console"), identity.People, in)
		if err != nil {
			d.fault(err)
			return
		}
		for _, p := range out.Rows {
			if !p.Enrolled {
				none = append(none, p.Login)
			} else if slices.Contains(p.Roles, "admin") {
				admins++
			}
		}
		if in.After = out.Next; in.After == "" {
			break
		}
	}
	level, key := "ok", "cli.doctor_admins_ok"
	if admins < 2 {
		level, key = "warn", "cli.doctor_admins"
	}
	d.add(level, key, "count", admins)
	if len(none) > 0 {
		list := strings.Join(none[:min(len(none), 5)], " ")
		if len(none) > 5 {
			list += " …"
		}
		d.add("warn", "cli.doctor_no_factor", "count", len(none), "list", list)
	}
}

// alarms tells whether somebody hears of what is found.
func (d *doctor) alarms(ctx context.Context, a *app.App) {
	n := 0
	for in := (dispatch.NoticePage{Limit: 200}); ; {
		out, err := gate.Run(ctx, a.Gate, gate.System("console"), dispatch.NoticeAddresses, in)
		if err != nil {
			d.fault(err)
			return
		}
		for _, r := range out.Rows {
			if r.State == dispatch.AddressConfirmed && r.Purpose == "alarm" {
				n++
			}
		}
		if in.After = out.Next; in.After == "" {
			break
		}
	}
	if n == 0 {
		d.add("warn", "cli.doctor_no_alarm")
		return
	}
	d.add("ok", "cli.doctor_alarm", "count", n)
}

// clock compares the machine's with the last record: records are never ahead
// of the clock that made them.
func (d *doctor) clock(ctx context.Context, a *app.App, size int64) {
	if size == 0 {
		return
	}
	last, err := a.Gate.Entries(ctx, size-1, 1)
	if err != nil || len(last) == 0 {
		return // what is wrong with the log is told elsewhere
	}
	if at := time.UnixMicro(last[0].Record.At).UTC(); at.After(d.e.now().Add(time.Minute)) {
		d.add("bad", "cli.doctor_clock", "at", at.Format(time.RFC3339))
	}
}
