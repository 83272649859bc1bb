package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"sekisho/internal/assure/backup"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/machine"
	"sekisho/internal/kernel/vault"
)

// RestoreOptions say what is restored, where, and with which keys.
type RestoreOptions struct {
	From       string   // a generation, or a target's folder
	Identities []string // files with private keys
	Home       string   // empty, but for keys
	Keys       string   // folder of the key ring, used where it is; HOME/keys if ""
	DSN        string   // an empty PostgreSQL database; "": SQLite in Home
	// WithoutFiles goes on although files of the archive are missing or damaged.
	WithoutFiles bool
	Clock        func() time.Time
	Log          *slog.Logger
	Tell         func(key string, args ...any) // hears of each step
}

// Restored says what came back.
type Restored struct {
	Manifest backup.Manifest
	Files    int      // of the archive
	Without  []string // of it, missing or damaged
	Seal     backup.SealOut
	Report   gate.Report // of verify, in the restored house
	SameLog  bool        // the log was what the generation says, at its size
	Took     time.Duration
}

// restorer is a restore on its way.
type restorer struct {
	RestoreOptions
	ring   *vault.Ring
	ids    backup.Identities
	source backup.Source
	stage  string
	out    Restored
}

const stageDir = ".restoring"

// Restore brings a house back into an empty place. The whole generation, its
// ring and its files are proved before anything is written; the new house
// appears when it is complete, verified, and sealed: it sends nothing until two
// people say so. Keys are asked for, never made.
func Restore(ctx context.Context, o RestoreOptions) (Restored, error) {
	r := &restorer{RestoreOptions: o}
	if r.Log == nil {
		r.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	began := o.Clock()
	err := r.prove(ctx)
	if err == nil {
		err = r.build(ctx)
	}
	r.out.Took = o.Clock().Sub(began)
	return r.out, err
}

// prove looks at everything there is, and writes nothing.
func (r *restorer) prove(ctx context.Context) (err error) {
	if r.Keys == "" {
		r.Keys = filepath.Join(r.Home, "keys")
	}
	for _, p := range []*string{&r.Home, &r.Keys} {
		if *p, err = filepath.Abs(*p); err != nil {
			return err
		}
	}
	if err := r.empty(); err != nil {
		return err
	}
	if r.DSN != "" {
		if err := gate.IsEmpty(ctx, r.DSN); err != nil {
			return err
		}
	}
	if r.ring, err = vault.Open(r.Keys); err != nil {
		return err
	}
	if r.ids, err = backup.LoadIdentities(r.Identities); err != nil {
		return err
	}
	if r.source, err = backup.Find(r.From); err != nil {
		return err
	}
	r.Tell("backup.checking", "file", r.source.Path)
	m, err := r.source.Check(r.ids, r.ring)
	if err != nil {
		return err
	}
	if m.Dump.Purpose != "real" {
		return fault.Refused("backup.demo")
	}
	r.out.Manifest = m
	r.out.Without, err = r.source.CheckFiles(ctx, m, r.ring)
	if err == nil && len(r.out.Without) > 0 && !r.WithoutFiles {
		err = fault.Refused("backup.files_missing", "count", len(r.out.Without), "first", r.out.Without[0], "dir", r.source.Blobs)
	}
	return err
}

// empty refuses a home that has anything but its keys, and what a restore that
// was killed has left: its stage, and the seal, which is put in place first.
func (r *restorer) empty() error {
	list, err := os.ReadDir(r.Home)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.Unavailable("app.config_read", "file", r.Home).Because(err)
	}
	for _, e := range list {
		if e.Name() != stageDir && e.Name() != SealFile && filepath.Join(r.Home, e.Name()) != r.Keys {
			return fault.Refused("backup.home_taken", "dir", r.Home, "name", e.Name())
		}
	}
	return nil
}

func (r *restorer) build(ctx context.Context) (err error) {
	r.stage = filepath.Join(r.Home, stageDir)
	_, there := os.Lstat(r.Home)
	if err := errors.Join(os.RemoveAll(r.stage), os.MkdirAll(filepath.Join(r.stage, "data"), 0o700)); err != nil {
		return fault.Unavailable("backup.cannot_write", "dir", r.Home).Because(err)
	}
	defer func() {
		if e := os.RemoveAll(r.stage); err == nil {
			err = e
		}
		if err != nil && errors.Is(there, fs.ErrNotExist) {
			_ = os.Remove(r.Home) // made here, and empty again
		}
	}()
	r.Tell("backup.loading", "rows", r.out.Manifest.Dump.Rows)
	mark := backup.Mark(r.newID(), r.out.Manifest.Generation)
	mods, err := AllModules()
	if err != nil {
		return err
	}
	if err := r.source.Load(ctx, r.ids, r.out.Manifest, gate.LoadConfig{DSN: r.DSN, Dir: filepath.Join(r.stage, "data"), Cache: cacheDir(r.stage),
		Ring: r.ring, Modules: mods, Now: r.Clock(), Restored: mark}); err != nil {
		return err
	}
	if err = r.furnish(ctx, mark); err == nil {
		err = r.verify(ctx)
	}
	if err == nil {
		err = r.move()
	}
	if err != nil && r.DSN != "" {
		r.Tell("backup.database_left")
	}
	return err
}

func (r *restorer) newID() string { return fmt.Sprintf("r%x", vault.Random(12)) }

// furnish puts the archive's files, the configuration and the seal beside the
// database.
func (r *restorer) furnish(ctx context.Context, mark string) (err error) {
	r.Tell("backup.copying", "files", len(r.out.Manifest.Blobs)/32)
	if r.out.Files, err = r.source.CopyFiles(ctx, r.out.Manifest, r.ring, filepath.Join(r.stage, "data"), r.out.Without); err != nil {
		return err
	}
	c, err := r.config()
	if err != nil {
		return err
	}
	for name, b := range map[string][]byte{ConfigFile: c, SealFile: []byte(mark + "\n")} {
		if err := writeNew(filepath.Join(r.stage, name), b); err != nil {
			return fault.Unavailable("backup.cannot_write", "dir", r.stage).Because(err)
		}
	}
	return nil
}

// config is the generation's configuration for its new place. What pointed to
// the old one is left out: the database, the targets of its backups, a
// certificate that is not here.
func (r *restorer) config() ([]byte, error) {
	c := Defaults()
	if _, err := toml.Decode(string(r.out.Manifest.Config), &c); err != nil {
		return nil, fault.Invalid("app.config_syntax", "file", ConfigFile, "why", firstLine(err.Error()))
	}
	c.Company.Origin = r.out.Manifest.Dump.Origin
	c.Database.DSN, c.Keys.Dir = r.DSN, r.Keys
	c.Backup.Local, c.Backup.Remote, c.Backup.RemotePrune = "", "", false
	if _, err := os.Stat(c.Server.Cert); err != nil {
		c.Server.Cert, c.Server.Key = "", ""
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# 控え %s から %s に復元しました。元の設定の説明は下にあります。\n# Restored from %s; the settings as they were stand below, commented out.\n\n",
		r.out.Manifest.Generation, r.Clock().UTC().Format(time.RFC3339), r.out.Manifest.Generation)
	if err := toml.NewEncoder(&b).Encode(c); err != nil {
		return nil, err
	}
	b.WriteString("\n")
	for l := range strings.Lines(string(r.out.Manifest.Config)) {
		b.WriteString("#| " + strings.TrimRight(l, "\r\n") + "\n")
	}
	return b.Bytes(), nil
}

// verify opens the house where it was built: its seal is put on, its log and
// rows are checked.
func (r *restorer) verify(ctx context.Context) error {
	r.Tell("backup.verifying")
	a, err := Open(ctx, Options{Home: r.stage, Clock: r.Clock, Log: r.Log, KeepKeys: true})
	if err != nil {
		return err
	}
	if !a.Sealed() {
		return errors.Join(fault.Failed(errors.New("app: a restored house is not sealed")), a.Close())
	}
	r.out.Seal = a.seal
	if err = a.Gate.SealOwn(ctx); err == nil {
		r.out.Report, err = a.Gate.Verify(ctx, nil)
	}
	if err == nil {
		r.out.SameLog, err = a.Gate.LogAt(ctx, r.out.Manifest.Dump)
	}
	return errors.Join(err, a.Close())
}

// move gives the house its place: the seal first, the configuration, without
// which it is no house, last.
func (r *restorer) move() error {
	for _, name := range []string{SealFile, "data", ConfigFile} {
		if err := os.Rename(filepath.Join(r.stage, name), filepath.Join(r.Home, name)); err != nil {
			return fault.Unavailable("backup.cannot_write", "dir", r.Home).Because(err)
		}
	}
	return machine.SyncDir(r.Home)
}

func writeNew(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}
