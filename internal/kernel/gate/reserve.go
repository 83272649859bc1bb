package gate

import (
	"context"
	"slices"
	"sync"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/machine"
)

// Reserve is the room on the store's disk that is kept for stopping and
// revoking. Below Bytes whoever has not signed in is turned away, below half of
// it lists and exports, below a quarter everything but the Vital ops. The
// server's own work (settling what was sent, sealing) is never turned away.
type Reserve struct {
	Bytes int64                 // 0: no reserve is kept
	Vital []string              // ops that work to the last byte
	Free  func() (int64, error) // bytes free; of Config.Dir's disk if nil
}

// FreeBytes is the room on dir's disk for whoever is not root.
func FreeBytes(dir string) (int64, error) {
	return machine.Free(dir)
}

const spaceFor = 2 * time.Second // how long one look at the disk is good

// space remembers the last look at the disk.
type space struct {
	mu   sync.Mutex
	at   time.Time
	free int64
	err  error
}

// left looks at the disk. The machine's clock times it, not a demo's.
func (s *space) left(r Reserve, dir string) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() || time.Since(s.at) > spaceFor {
		look := r.Free
		if look == nil {
			look = func() (int64, error) { return FreeBytes(dir) }
		}
		s.free, s.err = look()
		s.at = time.Now()
	}
	return s.free, s.err
}

// admit turns away what would eat into the reserve. A disk that cannot be
// looked at turns nobody away: writing to it will tell.
func (g *Gate) admit(ctx context.Context, c Credential, op Info) error {
	r := g.cfg.Reserve
	if r.Bytes == 0 || c.kind == CredSystem || slices.Contains(r.Vital, op.Name) {
		return nil
	}
	free, err := g.space.left(r, g.cfg.Dir)
	if err != nil || free >= r.Bytes {
		return nil
	}
	switch {
	case free < r.Bytes/4:
	case free < r.Bytes/2 && op.Mode == List:
	case c.kind == CredNobody:
	default:
		return nil
	}
	return g.leave(ctx, g.blank(c, op.Name), fault.Unavailable("gate.reserve", "mb", free>>20))
}
