package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"slices"
	"time"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/machine"
	"sekisho/internal/kernel/vault"
)

// Keeper makes generations.
type Keeper struct {
	Settings
	Gate    *gate.Gate
	As      gate.Credential // the server itself
	Ring    *vault.Ring
	Blobs   *blob.Store
	Config  string // file of the configuration; it goes into every generation
	Lock    string // file that one run at a time holds
	Program string // version
	Log     *slog.Logger
	// Alarm hears of every run that did not end well at every target.
	Alarm func(ctx context.Context, key string)
}

// Outcome is how a run ended.
type Outcome struct {
	Run    Run
	Copies []CopyIn
	Took   time.Duration
}

// Sentence is the fault that says why a run did not end well, nil if it did.
func (o Outcome) Sentence() error {
	if o.Run.State == Good && o.Run.Reason == "" {
		return nil
	}
	for _, c := range o.Copies {
		if !c.Good {
			return fault.Unavailable(c.Reason, "dir", c.Dir)
		}
	}
	return fault.Unavailable(o.Run.Reason, "count", o.Run.Damaged)
}

// Run makes a generation at every target, prunes, and keeps how it went. Nothing
// of a failed one is left under the name of a generation. Writers go on beside
// it. Refused "backup.no_recipients", "backup.busy".
func (k *Keeper) Run(ctx context.Context, by string) (Outcome, error) {
	r, err := LoadRecipients(k.Recipients)
	if err == nil && len(r.IDs) == 0 {
		return Outcome{}, fault.Refused("backup.no_recipients", "file", k.Recipients)
	}
	if err != nil {
		k.alarm(ctx, err)
		return Outcome{}, err
	}
	unlock, err := k.lock()
	if err != nil {
		return Outcome{}, err
	}
	defer unlock()
	began := k.Gate.Now()
	begun, err := gate.Run(ctx, k.Gate, k.As, RunOp, RunIn{By: by, Recipients: joined(r.IDs)})
	if err != nil {
		k.alarm(ctx, err)
		return Outcome{}, err
	}
	in := k.generation(ctx, begun, r)
	// How it ended is kept also when the server is being stopped.
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer stop()
	run, err := gate.Run(end, k.Gate, k.As, FinishOp, in)
	out := Outcome{run, in.Copies, k.Gate.Now().Sub(began)}
	if err == nil && out.Sentence() != nil {
		k.alarm(end, out.Sentence())
	}
	return out, err
}

func (k *Keeper) alarm(ctx context.Context, err error) {
	k.Log.Error("backup", "err", err)
	if k.Alarm != nil {
		k.Alarm(ctx, fault.Of(err).Key)
	}
}

// lock keeps a second run out, of this process or another.
func (k *Keeper) lock() (func(), error) {
	f, err := os.OpenFile(k.Lock, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, cannotWrite(k.Lock, err)
	}
	if err := machine.Lock(f, false); err != nil {
		return nil, errors.Join(fault.Refused("backup.busy"), f.Close())
	}
	return func() { _ = f.Close() }, nil // closing releases the lock
}

// generation makes one; its own faults are in what it gives.
func (k *Keeper) generation(ctx context.Context, begun RunOut, r Recipients) FinishIn {
	in := FinishIn{ID: begun.ID}
	var places []*place
	for _, t := range k.Targets() {
		p := &place{Target: t}
		places = append(places, p)
		if p.prepare() == nil {
			p.sweep(k.Gate.Now())
			if p.room(begun.LastSize) == nil {
				_ = p.begin(begun.Generation)
			}
		}
	}
	f := &fan{places: places, sum: sha256.New()}
	m, err := k.write(ctx, f, begun.Generation, r, &in)
	switch {
	case err != nil && !errors.Is(err, errNoPlace): // else each place has its own reason
		in.Reason = fault.Of(err).Key
	case err == nil && in.Reason == "" && f.size < begun.LastSize/2:
		in.Reason = "backup.shrunk"
	}
	in.Size, in.Digest = f.size, hex.EncodeToString(f.sum.Sum(nil))
	for i, p := range places {
		_ = p.fail(err)
		if p.finish(ctx, begun.Generation, f.sum.Sum(nil), m.Blobs) == nil {
			in.Copies[i].Good = true
			k.tidy(ctx, p, begun.Generation, &in.Copies[i])
		} else {
			in.Copies[i].Reason = fault.Of(p.err).Key
			k.Log.Error("no copy was made", "target", p.Name, "err", p.err)
		}
		p.giveUp()
	}
	return in
}

// spare is the room left free beside a generation, bytes.
const spare = 64 << 20

// room refuses early what would fill the disk.
func (p *place) room(last int64) error {
	free, err := gate.FreeBytes(p.Dir)
	if err == nil && free < last+spare {
		err = fault.Unavailable("backup.full", "dir", p.Dir)
	}
	return p.fail(err)
}

// write streams the generation to all places at once, and copies the archive's
// files to each between the dump and the manifest that names them: whatever the
// dump refers to was there before it.
func (k *Keeper) write(ctx context.Context, f *fan, name string, r Recipients, in *FinishIn) (Manifest, error) {
	in.Copies = make([]CopyIn, len(f.places))
	for i, p := range f.places {
		in.Copies[i] = CopyIn{Target: p.Name, Dir: p.Dir}
	}
	m := Manifest{Generation: name, Made: k.Gate.Now(), Program: k.Program}
	w, err := newWriter(f, r)
	if err != nil {
		return m, err
	}
	if m.Dump, err = k.Gate.Dump(ctx, w.zip, nil); err != nil {
		return m, err
	}
	if err := w.endDump(); err != nil {
		return m, err
	}
	in.LogSize, in.LogRoot, in.Rows = m.Dump.LogSize, m.Dump.LogRoot, m.Dump.Rows
	list, err := k.Blobs.Files(ctx)
	if err != nil {
		return m, err
	}
	gone := map[string]bool{}
	for i, p := range f.places {
		t := p.blobs(ctx, k.Blobs, list)
		in.Copies[i].NewBlobs, in.Copies[i].NewBytes = t.files, t.bytes
		in.Damaged = max(in.Damaged, t.bad)
		for _, n := range t.gone {
			gone[n] = true
		}
	}
	list = slices.DeleteFunc(list, func(f blob.File) bool { return gone[f.Name] })
	in.Blobs = int64(len(list))
	if in.Damaged > 0 {
		in.Reason = "backup.blobs_damaged"
	}
	m.Blobs = packNames(list)
	if m.Config, err = os.ReadFile(k.Config); err != nil && !errors.Is(err, os.ErrNotExist) {
		return m, err
	}
	if err := m.prove(k.Ring); err != nil {
		return m, err
	}
	return m, w.close(m, k.Ring)
}

// tidy asks the target when the generation arrived, and prunes. That something
// old could not be removed is no fault of the new copy.
func (k *Keeper) tidy(ctx context.Context, p *place, name string, c *CopyIn) {
	list, err := p.Generations()
	for _, g := range list {
		if g.Name == name {
			c.Arrived = g.Arrived
		}
	}
	if err == nil && p.Prune {
		var gone Pruned
		gone, err = p.prune(ctx, k.Keep)
		c.Pruned = gone.Generations
	}
	if err != nil {
		c.Reason = "backup.not_pruned"
		k.alarm(ctx, fault.Unavailable(c.Reason, "dir", p.Dir).Because(err))
	}
}

// Schedule runs whenever one is due, until ctx ends. It looks every minute, and
// does nothing while there are no recipients.
func (k *Keeper) Schedule(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	var known DueOut // so that not every look asks the database, and leaves a record
	for {
		if err := k.once(ctx, &known); err != nil && ctx.Err() == nil {
			k.Log.Error("no backup", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (k *Keeper) once(ctx context.Context, known *DueOut) (err error) {
	if !k.Due(k.Gate.Now(), known.Begun, known.Good) {
		return nil
	}
	if r, err := LoadRecipients(k.Recipients); err == nil && len(r.IDs) == 0 {
		return nil // doctor and status say so
	}
	// Another node, or a person, may have made one meanwhile.
	if *known, err = gate.Run(ctx, k.Gate, k.As, DueOp, DueIn{}); err != nil || !k.Due(k.Gate.Now(), known.Begun, known.Good) {
		return err
	}
	if _, err = k.Run(ctx, "schedule"); fault.Is(err, fault.KindRefused) {
		err = nil // somebody is at it
	}
	// Also after a failure that left no run: not again before a while has passed.
	*known = DueOut{Begun: k.Gate.Now(), Good: err == nil}
	return err
}
