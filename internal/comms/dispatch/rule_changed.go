package dispatch

import (
	"time"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

type lastRow struct{ Package string }

// lastSent finds the package that last left for a partner, of one purpose first.
var lastSent = gate.NewQuery[lastRow]("dispatch.last_sent", `SELECT i.package_id FROM {dispatch_item i} JOIN {dispatch d} ON d.id = i.package_id
	WHERE i.party_id = $1 AND d.id <> $2 AND i.state IN ('handed_over', 'delivered', 'opened', 'bounced', 'recalled')
	ORDER BY CASE WHEN d.purpose = $3 THEN 0 ELSE 1 END, i.settled_at DESC, i.id DESC LIMIT 1`)

// lastTo is the package that last left for the same partner, nil if none did:
// of the same purpose if there is one.
func lastTo(x *gate.Tx, b bundle) (*bundle, error) {
	rows, err := lastSent.Rows(x, b.Party, b.ID, string(b.Purpose))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	last, err := load(x, rows[0].Package)
	return &last, err
}

// left is when the last of its mails left.
func (b bundle) left() (at time.Time) {
	for _, i := range b.items {
		if i.SettledAt.After(at) {
			at = i.SettledAt
		}
	}
	return at
}

// firstSent is when anything first left for a partner.
var firstSent = gate.NewQuery[int64Row]("dispatch.first_sent", `SELECT CAST(COALESCE(MIN(i.settled_at), 0) AS BIGINT) FROM {dispatch_item i}
	WHERE i.party_id = $1 AND i.state IN ('handed_over', 'delivered', 'opened', 'bounced', 'recalled')`)

type int64Row struct{ N int64 }

// asksSince is from when on a change of a partner's register asks: since anything
// was last sent to it, or for some days, whichever is longer. What was entered
// before the very first sending is no change.
func asksSince(first, last, now time.Time, days int) time.Time {
	since := now.AddDate(0, 0, -days)
	if last.Before(since) {
		since = last
	}
	if first.After(since) {
		return first
	}
	return since
}

// changed tells what of the partner was changed since anything was last sent to
// it, or within so many days, of these delivery points and of its accounts. Where
// nothing ever was sent, every address is a first one.
func changed(x *gate.Tx, b bundle, points []party.DeliveryPoint, days int) (ChangedFact, error) {
	var c ChangedFact
	last, err := lastTo(x, b)
	if err != nil || last == nil {
		return c, err
	}
	first, err := firstSent.Rows(x, b.Party)
	if err != nil {
		return c, err
	}
	since := asksSince(time.UnixMicro(first[0].N), last.left(), x.Now(), days)
	for _, p := range points {
		if p.State != party.Proposed && p.UpdatedAt.After(since) {
			c.Point = p.Address
		}
	}
	accounts, err := party.Accounts(x, b.Party)
	for _, a := range accounts {
		c.Account = c.Account || a.UpdatedAt.After(since)
	}
	return c, err
}

// What a check looks up beside the register in memory.
var (
	relationStamp = gate.NewQuery[stampRow]("dispatch.relation_stamp", `SELECT COUNT(*), CAST(COALESCE(SUM(p.version), 0) AS BIGINT),
		COALESCE(MAX(p.record), '') FROM {party_relation p}`)
	accountStamp = gate.NewQuery[stampRow]("dispatch.account_stamp", `SELECT COUNT(*), CAST(COALESCE(SUM(p.version), 0) AS BIGINT),
		COALESCE(MAX(p.record), '') FROM {party_account p}`)
)

// sameRules is fault.Refused if the rules ask more now than when c was made. The
// record names the version it was judged by.
func sameRules(x *gate.Tx, c Checking) error {
	x.Note("rules", Rules{Version: c.Rules}.name())
	rows, now, err := rulesNow(x)
	if err != nil {
		return err
	}
	if name, ok := now.strengthened(rulesAt(rows, civil.Of(x.Now()), c.Rules)); ok {
		return fault.Refused("dispatch.rules_changed", "rule", fault.Word("dispatch.rule_name."+name))
	}
	return nil
}

// current is fault.Refused if what c read of the contents was compared with
// another register than today's.
func current(x *gate.Tx, c Checking) error {
	version, _, err := registerVersion(x)
	if err != nil {
		return err
	}
	beside, err := stamp(x, relationStamp, accountStamp)
	if err == nil && version+" "+beside != c.Register {
		err = fault.Refused("dispatch.check_stale")
	}
	return err
}

// recent is fault.Refused if c is older than the rules of today let it be.
func recent(x *gate.Tx, c Checking) error {
	_, rules, err := rulesNow(x)
	if err == nil && x.Now().Sub(c.CreatedAt) > rules.CheckLife() {
		err = fault.Refused("dispatch.check_stale")
	}
	return err
}
