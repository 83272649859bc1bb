package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"

	"sekisho/internal/assure/record"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/machine"
)

// fileColumns are the columns whose values are digests of stored files. Logo and
// seal of the own company lie inside another value and are proven as files only.
func fileColumns() []string {
	return []string{"document.digest", "dispatch_file.digest", "intake.digest", "intake.issues"}
}

// Fsck checks the whole house: rows, log, files, jobs, and what lies in the
// home and may be read or written by whom. It changes nothing.
func (a *App) Fsck(ctx context.Context, progress func(what string, done int64)) (gate.FsckReport, error) {
	rep, err := a.Gate.Fsck(ctx, gate.FsckOptions{Files: fileColumns(), Progress: progress})
	if err != nil {
		return rep, err
	}
	add := func(key, table, id string) {
		rep.Damages = append(rep.Damages, gate.Damage{Key: key, Table: table, ID: id, Leaf: -1})
	}
	if err := a.fsckJobs(ctx, add); err != nil {
		return rep, err
	}
	return rep, a.fsckHome(add)
}

// lost is after how long a job under a lease that ended is nobody's.
const lost = time.Hour

func (a *App) fsckJobs(ctx context.Context, add func(key, table, id string)) error {
	now := a.Gate.Now()
	type listed struct {
		Jobs []jobs.Job `json:"jobs"`
		Next string     `json:"next"`
	}
	for page := (listed{Next: ""}); ; {
		raw, err := json.Marshal(map[string]any{"state": jobs.Running, "after": page.Next, "limit": 200})
		if err == nil {
			raw, err = a.Gate.JSON(ctx, gate.System("fsck"), "job.list", raw)
		}
		if err == nil {
			page = listed{}
			err = json.Unmarshal(raw, &page)
		}
		if err != nil {
			return err
		}
		for _, j := range page.Jobs {
			if j.LeaseUntil.Before(now.Add(-lost)) || j.LeaseUntil.After(now.Add(lost)) {
				add("fsck.job", "job", j.ID)
			}
		}
		if page.Next == "" {
			return nil
		}
	}
}

// fsckHome looks at the files of the home: nobody but the service may write
// them, and nobody else may read what holds data, keys or passwords.
func (a *App) fsckHome(add func(key, table, id string)) error {
	private := []string{filepath.Join(a.Home, "data"), a.Config.Keys.Dir}
	if a.Config.Mail.PasswordFile != "" {
		private = append(private, a.Config.Mail.PasswordFile)
	}
	if a.Config.Portal.ACME.KeyFile != "" {
		private = append(private, a.Config.Portal.ACME.KeyFile)
	}
	for _, top := range private {
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // not made yet, or gone meanwhile
			}
			if err != nil {
				return err
			}
			st, err := d.Info()
			if err != nil {
				return nil // gone meanwhile
			}
			switch mode := st.Mode(); {
			case d.IsDir() && path == a.FeedDir():
				return fs.SkipDir // to be read by others
			case mode&fs.ModeSymlink != 0:
				add("fsck.link", "file", path)
			case machine.Others(mode)&0o022 != 0, path == top && machine.Others(mode) != 0:
				add("fsck.open", "file", path)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if st, err := os.Stat(filepath.Join(a.Home, ConfigFile)); err == nil && machine.Others(st.Mode())&0o022 != 0 {
		add("fsck.open", "file", filepath.Join(a.Home, ConfigFile))
	}
	return nil
}

// Upgrade writes every row that lies in an older format again, a few at a time,
// and says how many those were.
func (a *App) Upgrade(ctx context.Context) (int, error) {
	total := 0
	for _, table := range a.Gate.Tables() {
		for {
			out, err := gate.Run(ctx, a.Gate, gate.System("fsck"), record.Upgrade, record.UpgradeIn{Table: table, Limit: 200})
			if err != nil {
				return total, err
			}
			total += out.Rows
			if out.Rows == 0 {
				break
			}
		}
	}
	return total, nil
}
