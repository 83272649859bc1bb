package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekisho/internal/kernel/audit"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate/internal/db"
)

// lead takes or keeps the lease; the fencing number rises with every change of
// holder. It is read in the sealing transaction itself, which is serializable
// and writes leaf numbers that are unique: a holder who slept through the end
// of its lease cannot commit beside the next one. A lease nobody can have taken
// (it ends too far ahead) would stop the sealing for good, so it does not hold.
func (s *sealer) lead(ctx context.Context, t *db.Tx) error {
	rows, err := t.Query(ctx, `SELECT holder, fence, until FROM audit_sealer WHERE name = 'log'`)
	if err != nil {
		return err
	}
	var holder string
	var fence, until int64
	found := rows.Next()
	if found {
		err = rows.Scan(&holder, &fence, &until)
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return err
	}
	// A lease is between machines: it runs on the real clock, not on a demo's.
	now := time.Now()
	switch {
	case !found:
		_, err = t.Exec(ctx, `INSERT INTO audit_sealer(name, holder, fence, until) VALUES ('log', $1, 1, $2)`, s.holder, now.Add(leaseFor).UnixMicro())
	case holder != s.holder && until > now.UnixMicro() && until <= now.Add(2*leaseFor).UnixMicro():
		return errNotLeader
	case holder != s.holder:
		_, err = t.Exec(ctx, `UPDATE audit_sealer SET holder = $1, fence = $2, until = $3 WHERE name = 'log'`, s.holder, fence+1, now.Add(leaseFor).UnixMicro())
	case time.UnixMicro(until).Sub(now) < leaseFor/2:
		_, err = t.Exec(ctx, `UPDATE audit_sealer SET until = $1 WHERE name = 'log'`, now.Add(leaseFor).UnixMicro())
	}
	return err
}

func (s *sealer) release(ctx context.Context) error {
	return s.g.write(ctx, func(t *db.Tx) error {
		_, err := t.Exec(ctx, `UPDATE audit_sealer SET until = 0 WHERE name = 'log' AND holder = $1`, s.holder)
		return err
	})
}

// trusted is the tree to append to, if it is still the one that was signed last:
// whoever can write the database must not get our signature under a tree of
// their own. Nothing is sealed until that is settled; verify names what changed.
func (s *sealer) trusted(ctx context.Context, t *db.Tx) (*tree, error) {
	tr, err := loadTree(ctx, t)
	if err != nil {
		return nil, err
	}
	rows, err := t.Query(ctx, `SELECT note FROM audit_checkpoint ORDER BY size DESC LIMIT 1`)
	if err != nil {
		return nil, err
	}
	var signed []byte
	if rows.Next() {
		err = rows.Scan(&signed)
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	if signed == nil && tr.size() == 0 {
		return tr, nil
	}
	key, err := note.NewVerifier(s.g.ring.LogVerifier())
	if err != nil {
		return nil, err
	}
	c, err := audit.ParseCheckpoint(signed, s.g.cfg.Origin, key)
	if err == nil && c.Size != tr.size() {
		err = fmt.Errorf("gate: %d leaves were signed, the tree has %d", c.Size, tr.size())
	}
	if err == nil {
		if root, e := tr.root(); e != nil || root != c.Root {
			err = errors.Join(errors.New("gate: the tree is not the one that was signed"), e)
		}
	}
	if err != nil {
		return nil, fault.Unavailable("gate.log_changed").Because(err)
	}
	return tr, nil
}

const lateAfter = 30 * time.Second

// news keeps how sealing went, and tells whether it has just begun to fail.
func (s *sealer) news(err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.lastErr
	if s.lastErr = err; err == nil {
		s.lastOK = time.Now()
	}
	if err == nil || errors.Is(err, errNotLeader) || db.Retryable(err) {
		return false
	}
	return was == nil || was.Error() != err.Error()
}

// late is Unavailable when sealing fails for long, or when a record of ours has
// waited for long, whoever seals.
func (s *sealer) late() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	late := s.lastErr != nil && !errors.Is(s.lastErr, errNotLeader) && time.Since(s.lastOK) > lateAfter
	for _, at := range s.open {
		late = late || time.Since(at) > lateAfter
	}
	var f *fault.Error
	switch {
	case !late:
		return nil
	case errors.As(s.lastErr, &f):
		return f
	}
	return fault.Unavailable("gate.sealer_late").Because(s.lastErr)
}

// missing looks for records of ours that are neither pending nor sealed. What
// is pending is looked at first: a record goes from there to the log.
func (s *sealer) missing(ctx context.Context, before time.Time) error {
	s.mu.Lock()
	var ours []any
	for id, at := range s.open {
		if at.Before(before) {
			ours = append(ours, id)
		}
	}
	s.mu.Unlock()
	if len(ours) == 0 {
		return nil
	}
	waiting := map[string]bool{}
	collect := func(t *db.Tx) error { return addIDs(ctx, t, waiting, `SELECT id FROM audit_pending`) }
	if err := s.g.db.EachAccess(ctx, collect); err != nil {
		return err
	}
	sealed := map[string]bool{}
	if err := s.g.readOnly(ctx, func(t *db.Tx) error {
		if err := collect(t); err != nil {
			return err
		}
		return inLog(ctx, t, ours, sealed)
	}); err != nil {
		return err
	}
	for _, v := range ours {
		id := v.(string)
		if waiting[id] && !sealed[id] {
			continue
		}
		s.mu.Lock()
		delete(s.open, id)
		s.mu.Unlock()
		if !sealed[id] { // else another node sealed it
			s.alarm(id, "audit.vanished")
		}
	}
	return nil
}

// inLog adds those of ids that are sealed.
func inLog(ctx context.Context, t *db.Tx, ids []any, found map[string]bool) error {
	for _, some := range t.Among("id", ids) {
		if err := addIDs(ctx, t, found, "SELECT id FROM audit_log WHERE "+some.Text, some.Args...); err != nil {
			return err
		}
	}
	return nil
}

func exists(ctx context.Context, t *db.Tx, q string, args ...any) (bool, error) {
	rows, err := t.Query(ctx, q, args...)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	return rows.Next(), rows.Err()
}

// addIDs adds what a select of one column gives.
func addIDs(ctx context.Context, t *db.Tx, found map[string]bool, q string, args ...any) error {
	rows, err := t.Query(ctx, q, args...)
	if err != nil {
		return err
	}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return errors.Join(err, rows.Close())
		}
		found[id] = true
	}
	return errors.Join(rows.Err(), rows.Close())
}
