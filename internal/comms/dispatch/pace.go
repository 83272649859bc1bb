package dispatch

import (
	"slices"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/mailaddr"
)

// Pace is how many mails may begin within any one minute (送信の間隔). A provider
// that is given more at once defers or blocks the sender. Zero sets no limit.
type Pace struct {
	PerDomain int // to one domain of recipients
	Overall   int // to all together
}

// paceWindow is what a pace counts in.
const paceWindow = time.Minute

// batch is how many recipients are looked up at once.
const batch = 100

// Lane stands for one domain of recipients. Items name it by its id, so that
// they can be counted by domain without the database knowing any.
type Lane struct {
	gate.Row
	Domain string `col:"domain" class:"confidential,exact"`
}

// queue puts all recipients into the countdown, each into its domain's lane.
func (b *bundle) queue(x *gate.Tx, until time.Time) error {
	b.HeldUntil = until
	for i := range b.items {
		lane, err := b.lane(x, b.items[i].Address)
		if err != nil {
			return err
		}
		b.items[i].NotBefore, b.items[i].Lane = until, lane
	}
	return nil
}

func laneOf(x *gate.Tx, address string) (string, error) {
	a, err := mailaddr.Parse(address)
	if err != nil {
		return "", err
	}
	l, err := lanes.One(x, gate.Eq("domain", a.Domain()))
	if fault.Is(err, fault.KindNotFound) {
		l = Lane{Domain: a.Domain()}
		err = lanes.Insert(x, &l)
	}
	return l.ID, err
}

type dueRow struct{ ID, Package, Lane string }

type recentRow struct {
	Lane   string
	Begun  int64
	Oldest int64
}

var (
	// dueItems takes from every lane in turn: first everybody's first. A lane
	// that has had its share of this minute stands back, so that a thousand
	// mails to one provider delay nobody else's.
	dueItems = gate.NewQuery[dueRow]("dispatch.due", `WITH recent AS (
			SELECT c.lane AS lane, COUNT(*) AS begun FROM {dispatch_item c} WHERE c.claimed_at > $2 AND c.lane NOT IN ('post', 'fax') GROUP BY c.lane),
		due AS (
			SELECT i.id AS id, i.package_id AS package, i.lane AS lane, i.not_before AS since,
				ROW_NUMBER() OVER (PARTITION BY i.lane ORDER BY i.not_before, i.id) AS place
			FROM {dispatch_item i} WHERE i.state = 'held' AND i.not_before <= $1 AND i.lane NOT IN ('post', 'fax') AND i.package_id NOT IN (
				SELECT p.id FROM {dispatch p} JOIN {dispatch_stop s} ON s.id = p.batch_id WHERE s.stopped))
		SELECT d.id, d.package, d.lane FROM due d LEFT JOIN recent r ON r.lane = d.lane
		WHERE d.place + COALESCE(r.begun, 0) <= $3 ORDER BY d.place, d.since, d.id LIMIT $4`)
	recentItems = gate.NewQuery[recentRow]("dispatch.recent", `SELECT i.lane, COUNT(*), MIN(i.claimed_at) FROM {dispatch_item i}
		WHERE i.claimed_at > $1 AND i.lane NOT IN ('post', 'fax') GROUP BY i.lane ORDER BY i.lane`)
	nextItem = gate.NewQuery[struct{ At int64 }]("dispatch.next", `SELECT i.not_before FROM {dispatch_item i}
		WHERE i.state = 'held' AND i.not_before > $1 AND i.lane NOT IN ('post', 'fax') ORDER BY i.not_before, i.id LIMIT 1`)
)

const unlimited = 1 << 30

// due lists what may be claimed now without overstepping the pace, fairly, and
// when to look again.
func due(x *gate.Tx, in DueIn) (out DueOut, err error) {
	now := x.Now()
	most, left := unlimited, batch
	if in.PerDomain > 0 {
		most = in.PerDomain
	}
	begun := map[string]int{}
	if in.PerDomain > 0 || in.Overall > 0 {
		recent, err := recentItems.Rows(x, now.Add(-paceWindow))
		if err != nil {
			return out, err
		}
		total, oldest := 0, now.UnixMicro()
		for _, r := range recent {
			begun[r.Lane] = int(r.Begun)
			total += int(r.Begun)
			oldest = min(oldest, r.Oldest)
		}
		if total > 0 {
			out.Next = time.UnixMicro(oldest).UTC().Add(paceWindow)
		}
		if in.Overall > 0 {
			left = min(left, max(0, in.Overall-total))
		}
	}
	rows, err := dueItems.Rows(x, now, now.Add(-paceWindow), min(most+len(in.Skip), unlimited), batch+len(in.Skip))
	if err != nil {
		return out, err
	}
	for _, r := range rows {
		if len(out.Items) >= left || begun[r.Lane] >= most || slices.Contains(in.Skip, r.ID) {
			continue
		}
		begun[r.Lane]++
		out.Items = append(out.Items, DueItem{r.ID, r.Package})
	}
	next, err := nextItem.Rows(x, now)
	if err == nil && len(next) > 0 {
		if at := time.UnixMicro(next[0].At).UTC(); out.Next.IsZero() || at.Before(out.Next) {
			out.Next = at
		}
	}
	return out, err
}
