package gate

import (
	"context"
	"errors"
	"io"
	"slices"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate/internal/db"
)

// Rehearse copies a house's database, as it stands, into an empty one at to,
// without bringing the original up to date or writing anything to it: what Open
// then does to the copy is what it would do to the original. It tells what was
// copied and which migrations are still to come ("module/schema/file").
// Faults: as of LoadDump.
func Rehearse(ctx context.Context, from Config, to LoadConfig, progress func(table string, done int64)) (Dumped, []string, error) {
	g := &Gate{cfg: from, ring: from.Ring, log: from.Log}
	var err error
	if g.db, err = db.Open(ctx, db.Config{DSN: from.DSN, Dir: from.Dir, Key: from.Ring.DBKey(), Cache: from.Cache}); err != nil {
		return Dumped{}, nil, trouble(err)
	}
	have, err := g.migrated(ctx)
	if err != nil {
		return Dumped{}, nil, trouble(errors.Join(err, g.db.Close()))
	}
	d, err := g.pour(ctx, to, have, progress)
	return d, missing(have, schemas(to.Modules)), errors.Join(err, trouble(g.db.Close()))
}

// migrated are the migrations the database has had.
func (g *Gate) migrated(ctx context.Context) (map[string]string, error) {
	s, err := g.db.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	have, err := s.Migrations(ctx)
	return have, errors.Join(err, s.Close())
}

func missing(have map[string]string, all []db.Schema) []string {
	var out []string
	for _, s := range all {
		for _, n := range s.Names() {
			if _, ok := have[n]; !ok {
				out = append(out, n)
			}
		}
	}
	slices.Sort(out)
	return out
}

// pour dumps into a loader, without a file in between.
func (g *Gate) pour(ctx context.Context, to LoadConfig, have map[string]string, progress func(string, int64)) (Dumped, error) {
	target, err := db.Open(ctx, db.Config{DSN: to.DSN, Dir: to.Dir, Key: to.Ring.DBKey(), Cache: to.Cache})
	if err != nil {
		return Dumped{}, trouble(err)
	}
	l, err := target.Load(ctx, to.Now, schemas(to.Modules), have)
	if err != nil {
		return Dumped{}, errors.Join(loadFault(err, target), trouble(target.Close()))
	}
	r, w := io.Pipe()
	said := make(chan Dumped, 1)
	go func() {
		d := newDumper(w)
		err := d.whole(ctx, g)
		if err == nil {
			err = d.w.Flush()
		}
		said <- d.t.Dumped
		w.CloseWithError(err)
	}()
	var got Dumped
	err = load(ctx, l, to, r, func() Dumped {
		got = <-said
		return got
	}, progress)
	r.CloseWithError(err) // the dumper ends too, if the loader gave up
	l.Rollback()          // after a commit it does nothing
	return got, trouble(errors.Join(err, target.Close()))
}

// loadFault is why a database cannot be filled.
func loadFault(err error, d *db.DB) error {
	switch {
	case errors.Is(err, db.ErrNotEmpty):
		return fault.Refused("gate.load_taken", "where", d.Where())
	case errors.Is(err, db.ErrNewer):
		return fault.Refused("gate.load_newer").Because(err)
	}
	return trouble(err)
}
