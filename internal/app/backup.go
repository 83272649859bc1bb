package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"sekisho/internal/assure/backup"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// Keeper makes the house's backups.
func (a *App) Keeper() *backup.Keeper {
	return &backup.Keeper{Settings: a.Config.Backup.Settings(a.Home), Gate: a.Gate, As: gate.System("backup"), Ring: a.Ring, Blobs: a.Blobs,
		Config: filepath.Join(a.Home, ConfigFile), Lock: filepath.Join(a.Home, "data", "backup.lock"), Program: Version, Log: a.Log, Alarm: a.alarm}
}

// alarm is the one place where a watch of the house, which found something wrong,
// makes it heard. key names the sentence.
func (a *App) alarm(_ context.Context, key string) {
	a.Log.Error("alarm", "key", key)
	a.Alarm(key, "backup", "server", -1)
}

// BackupStatus is the rule beside what there is, for the command line.
func (a *App) BackupStatus(ctx context.Context) (backup.Overview, error) {
	return gate.Run(ctx, a.Gate, gate.System("console"), a.backups.Status, struct{}{})
}

// SealFile lies in a restored home until two people let it send.
const SealFile = "OUTBOUND-SEALED"

// markForm is how a restore writes its mark.
var markForm = regexp.MustCompile(`^[0-9a-z]{2,40} [0-9a-z.-]{1,80}$`)

// Sealed tells whether this house was restored and nothing leaves it yet.
func (a *App) Sealed() bool { return a.sealed.Load() }

// lookAtSeal asks database and file whether the house was restored, seals it if
// it has just been, and takes the file away once the seal was opened.
func (a *App) lookAtSeal(ctx context.Context) error {
	path := filepath.Join(a.Home, SealFile)
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.Unavailable("app.config_read", "file", path).Because(err)
	}
	there := err == nil
	file, _, _ := strings.Cut(string(b), "\n")
	if there && !markForm.MatchString(file) {
		file = "unreadable" // whatever is in it: as long as it lies there, it seals
	}
	meta, err := a.Gate.Restored(ctx)
	if err != nil || meta == "" && !there {
		return err
	}
	a.sealed.Store(true)
	out, err := gate.Run(ctx, a.Gate, gate.System("seal"), backup.SealOp, backup.SealIn{Mark: file})
	if err != nil || out.Sealed {
		a.seal = out
		return err
	}
	if there {
		if err := os.Remove(path); err != nil {
			return fault.Unavailable("blob.cannot_write", "dir", a.Home).Because(err)
		}
	}
	a.sealed.Store(false)
	return nil
}

// untilOpened waits for two people to open the seal. Nothing works by itself
// meanwhile, but that who is active stays signed in.
func (a *App) untilOpened(ctx context.Context) bool {
	rung := a.Gate.Bell(backup.Opened, "jobs") // "jobs": a command beside the server wrote something
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for n := 1; a.Sealed(); n++ {
		select {
		case <-ctx.Done():
			return false
		case <-minute.C:
			a.touch(ctx)
			if n%10 != 0 {
				continue
			}
		case <-rung:
		}
		if err := a.lookAtSeal(ctx); err != nil && ctx.Err() == nil {
			a.Log.Error("the seal could not be looked at", "err", err)
		}
	}
	a.Log.Warn("the seal was opened: sending begins")
	return true
}
