package batch

import (
	"embed"
	"encoding/binary"
	"time"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"
)

//go:embed schema/*.sql
var schema embed.FS

// Batch is one plan (一括送付の計画).
type Batch struct {
	gate.Row
	Owner       string     `json:"owner" col:"owner_id" class:"internal,plain"`
	State       State      `json:"state" col:"state" class:"internal,plain"`
	Was         State      `json:"was" col:"was" class:"internal,plain"`      // before it was stopped
	From        civil.Date `json:"from" col:"from_on" class:"internal,plain"` // of the documents' dates, both included
	To          civil.Date `json:"to" col:"to_on" class:"internal,plain"`
	Only        []string   `json:"-" col:"only_ids" class:"confidential"` // these documents; all between the dates if empty
	Subject     string     `json:"subject" col:"subject" class:"personal"`
	Body        string     `json:"body" col:"body" class:"personal"`
	Cursor      string     `json:"-" col:"cursor" class:"internal,plain"`        // partner whose package was made last
	Planned     int64      `json:"planned" col:"planned" class:"internal,plain"` // packages
	Looked      int64      `json:"looked" col:"looked" class:"internal,plain"`   // of them, those the rehearsal has been through
	Ready       int64      `json:"ready" col:"ready" class:"internal,plain"`     // those that go
	Amber       int64      `json:"amber" col:"amber" class:"internal,plain"`     // of these, with something to look at
	Aside       int64      `json:"aside" col:"aside" class:"internal,plain"`     // 例外
	Total       money.Yen  `json:"total" col:"total" class:"confidential,plain"` // of those that go
	Gone        []Gone     `json:"gone" col:"gone" class:"confidential"`         // partners of a month ago without a document now, at most 100
	GoneCount   int64      `json:"gone_count" col:"gone_count" class:"internal,plain"`
	Digest      string     `json:"digest" col:"digest" class:"internal,plain"` // over the packages' in order, "" while changed
	RehearsedAt time.Time  `json:"rehearsed_at" col:"rehearsed_at" class:"internal,plain"`
	Nonce       string     `json:"-" col:"nonce" class:"internal,plain"` // of the sample and the ticks given out, good once
	DrawnFor    string     `json:"-" col:"drawn_for" class:"internal,plain"`
	ExpiresAt   time.Time  `json:"-" col:"expires_at" class:"internal,plain"`
	ConfirmedBy string     `json:"confirmed_by" col:"confirmed_by" class:"internal,plain"`
	ConfirmedAt time.Time  `json:"confirmed_at" col:"confirmed_at" class:"internal,plain"`
	Request     string     `json:"request" col:"request_id" class:"internal,plain"`
	ApprovedBy  string     `json:"approved_by" col:"approved_by" class:"internal,plain"`
	SendAt      time.Time  `json:"send_at" col:"send_at" class:"internal,plain"`
	Stage       int64      `json:"stage" col:"stage" class:"internal,plain"`
	StageAt     time.Time  `json:"stage_at" col:"stage_at" class:"internal,plain"` // when the stage may begin
	Known       int64      `json:"-" col:"known" class:"internal,plain"`           // recipients that went wrong and were looked at
	Tripped     bool       `json:"tripped" col:"tripped" class:"internal,plain"`   // the breaker has stopped it, not a person
	Restart     bool       `json:"-" col:"restart" class:"internal,plain"`         // the server is to lift the stop
	Reason      string     `json:"reason" col:"reason" class:"internal,plain"`     // key of the sentence that says why it stands where it stands
	Said        string     `json:"said" col:"said" class:"confidential"`           // what the person said who stopped it or let it go on
}

// Gone is a partner that was billed a month ago and is not now.
type Gone struct {
	Party  string    `json:"party" class:"internal"`
	Name   string    `json:"name" class:"confidential"`
	Amount money.Yen `json:"amount" class:"confidential"`
}

// Item is one package of a plan.
type Item struct {
	gate.Row
	Batch      string             `json:"batch" col:"batch_id" class:"internal,plain"`
	Place      int64              `json:"place" col:"place" class:"internal,plain"` // from 0
	Party      string             `json:"party" col:"party_id" class:"internal,plain"`
	Code       string             `json:"code" col:"code" class:"internal,plain"`
	Name       string             `json:"name" col:"name" class:"confidential"`
	Recipients []string           `json:"recipients" col:"recipients" class:"personal"`
	Files      int64              `json:"files" col:"files" class:"internal,plain"`
	Amount     money.Yen          `json:"amount" col:"amount" class:"confidential,plain"`
	Prior      money.Yen          `json:"prior" col:"prior" class:"confidential,plain"` // issued to the partner a month ago
	Change     Change             `json:"change" col:"change" class:"internal,plain"`
	Sending    string             `json:"sending" col:"sending_id" class:"internal,plain"`
	Digest     string             `json:"digest" col:"digest" class:"internal,plain"` // of the package as rehearsed
	Check      string             `json:"-" col:"check_id" class:"internal,plain"`    // what was found then
	State      ItemState          `json:"state" col:"state" class:"internal,plain"`
	Cautions   int64              `json:"cautions" col:"cautions" class:"internal,plain"`
	Findings   []dispatch.Finding `json:"findings" col:"findings" class:"personal"` // all but what agrees
	Reason     string             `json:"reason" col:"reason" class:"internal,plain"`
	Said       string             `json:"said" col:"said" class:"confidential"` // by who set it aside
}

var (
	batches = gate.NewTable[Batch]("batch", gate.Scoped("owner_id", "", ""), gate.Unit(vault.KindPersonal, "batch", "id"))
	items   = gate.NewTable[Item]("batch_item", gate.Unscoped(), gate.Unit(vault.KindPersonal, "batch", "batch_id"))
)

// left are the states of a recipient that has got a mail or may yet get it.
const left = `('confirmed', 'awaiting_approval', 'approved', 'held', 'claimed', 'unknown', 'handed_over', 'delivered', 'opened', 'bounced', 'recalled')`

type docRow struct {
	Party, ID, Number string
	Amount            int64
	Date              string
}

type liveRow struct {
	ID, Sending, Digest, Check string
	Cautions, Amount           int64
}

type stateRow struct {
	State string
	Tried int64
	N     int64
}

type sumRow struct {
	Party string
	N     int64
	Sum   int64
}

var (
	// unsent are issued invoices that neither went anywhere nor are in another plan.
	unsent = gate.NewQuery[docRow]("batch.unsent", `SELECT d.party_id, d.id, d.number, d.amount, d.doc_date FROM {document d}
		WHERE d.kind = 'invoice' AND d.direction = 'issued' AND d.standing = '' AND d.latter_id = '' AND d.party_id > $1 AND d.doc_date >= $2 AND d.doc_date <= $3
		AND NOT EXISTS (SELECT 1 FROM {dispatch_file f} JOIN {dispatch_item t} ON t.package_id = f.package_id WHERE f.document_id = d.id AND t.state IN `+left+`)
		AND NOT EXISTS (SELECT 1 FROM {dispatch_file o} JOIN {dispatch p} ON p.id = o.package_id JOIN {batch b} ON b.id = p.batch_id
			WHERE o.document_id = d.id AND b.state NOT IN ('done', 'cancelled'))
		ORDER BY d.party_id, d.id LIMIT $4`)
	live = gate.NewQuery[liveRow]("batch.live", `SELECT i.id, i.sending_id, i.digest, i.check_id, i.cautions, i.amount FROM {batch_item i}
		WHERE i.batch_id = $1 AND i.state IN ('clean', 'amber') ORDER BY i.place, i.id`)
	// altered are packages that are no longer as they were rehearsed.
	altered = gate.NewQuery[struct{ ID string }]("batch.altered", `SELECT i.id FROM {batch_item i} JOIN {dispatch d} ON d.id = i.sending_id
		WHERE i.batch_id = $1 AND i.state IN ('clean', 'amber') AND (d.digest <> i.digest OR d.check_id <> i.check_id OR d.state <> 'checked')
		ORDER BY i.place, i.id LIMIT 1`)
	itemStates = gate.NewQuery[stateRow]("batch.item_states", `SELECT i.state, 0, COUNT(*) FROM {batch_item i} WHERE i.batch_id = $1 GROUP BY i.state ORDER BY i.state`)
	letGo      = gate.NewQuery[stateRow]("batch.let_go", `SELECT r.state, CASE WHEN r.attempts > 0 THEN 1 ELSE 0 END, COUNT(*)
		FROM {batch_item i} JOIN {dispatch_item r} ON r.package_id = i.sending_id WHERE i.batch_id = $1 AND i.state = 'released'
		GROUP BY r.state, CASE WHEN r.attempts > 0 THEN 1 ELSE 0 END ORDER BY r.state, 2`)
	billed = gate.NewQuery[sumRow]("batch.billed", `SELECT d.party_id, COUNT(*), CAST(SUM(d.amount) AS BIGINT) FROM {document d}
		WHERE d.kind = 'invoice' AND d.direction = 'issued' AND d.standing = '' AND d.latter_id = '' AND d.party_id = $1 AND d.doc_date >= $2 AND d.doc_date <= $3
		GROUP BY d.party_id ORDER BY d.party_id`)
	gone = gate.NewQuery[sumRow]("batch.gone", `SELECT d.party_id, COUNT(*), CAST(SUM(d.amount) AS BIGINT) FROM {document d}
		WHERE d.kind = 'invoice' AND d.direction = 'issued' AND d.standing = '' AND d.latter_id = '' AND d.party_id <> '' AND d.doc_date >= $2 AND d.doc_date <= $3
		AND d.party_id NOT IN (SELECT i.party_id FROM {batch_item i} WHERE i.batch_id = $1)
		AND d.party_id NOT IN (SELECT n.party_id FROM {document n} WHERE n.kind = 'invoice' AND n.direction = 'issued' AND n.standing = '' AND n.doc_date > $3)
		GROUP BY d.party_id ORDER BY d.party_id`)
	// lastPoints are where the partner's last invoice went.
	lastPoints = gate.NewQuery[struct{ Point, Kind string }]("batch.last_points", `SELECT i.point_id, i.kind FROM {dispatch_item i} WHERE i.package_id IN (
			SELECT d.id FROM {dispatch d} JOIN {dispatch_item t} ON t.package_id = d.id
			WHERE d.party_id = $1 AND d.purpose = 'invoice' AND t.state IN ('handed_over', 'delivered', 'opened') ORDER BY d.created_at DESC, d.id DESC LIMIT 1)
		ORDER BY i.place, i.id`)
	sendingState = gate.NewQuery[struct{ State string }]("batch.sending_state", `SELECT d.state FROM {dispatch d} WHERE d.id = $1 ORDER BY d.id`)
	cancellable  = gate.NewQuery[struct{ ID string }]("batch.cancellable", `SELECT d.id FROM {dispatch d} WHERE d.batch_id = $1
		AND d.state IN ('prepared', 'stopped', 'checked', 'confirmed', 'awaiting_approval', 'approved', 'rejected', 'held') ORDER BY d.id LIMIT 25`)
	active = gate.NewQuery[struct{ ID string }]("batch.active", `SELECT b.id FROM {batch b} WHERE b.state IN ('awaiting', 'scheduled', 'sending') ORDER BY b.id`)
)

// about is the target of everything about one plan.
func about(x *gate.Tx, id string) (gate.Target, error) {
	b, err := batches.Get(x, id)
	return gate.Target{Kind: "batch", ID: b.ID, Owner: b.Owner, Class: policy.Confidential}, err
}

func every[In any](*gate.Tx, In) (gate.Target, error) {
	return gate.Target{Kind: "batch", ID: "*"}, nil
}

// lock is what everything that moves a plan is alone on.
func lock(id string) []string { return []string{"batch/" + id} }

// ByID names a plan.
type ByID struct {
	ID string `json:"id" required:"true"`
}

// digest names a plan: SHA-256 over its packages in order, each with what was
// found about it. It is given out as 64 hex digits.
func digest(id string, rows []liveRow) string {
	var c canon
	c.text("sekisho batch 1", id)
	for _, r := range rows {
		c.text(r.ID, r.Sending, r.Digest, r.Check)
	}
	return blob.Sum(c).String()
}

// canon is text with its length before it, so that no two lists are the same.
type canon []byte

func (c *canon) text(ss ...string) {
	for _, s := range ss {
		*c = append(binary.BigEndian.AppendUint64(*c, uint64(len(s))), s...)
	}
}

// standing is fault.Refused unless every package is as it was rehearsed and the
// plan is what its digest says. Each is compared whole again when it is let go.
func (b Batch) standing(x *gate.Tx) ([]liveRow, error) {
	rows, err := live.Rows(x, b.ID)
	if err != nil {
		return nil, err
	}
	other, err := altered.Rows(x, b.ID)
	if err == nil && (len(other) > 0 || b.Digest == "" || digest(b.ID, rows) != b.Digest) {
		err = fault.Refused("batch.changed")
	}
	return rows, err
}

// void takes back what was confirmed about a plan, and keeps that.
func (b *Batch) void(x *gate.Tx, why error) error {
	if !fault.Is(why, fault.KindRefused) {
		return why
	}
	b.unconfirm()
	b.State, b.Digest, b.Reason = Changed, "", fault.Of(why).Key
	if err := batches.Update(x, b); err != nil {
		return err
	}
	return gate.Refused(x, fault.Of(why))
}

func (b *Batch) unconfirm() {
	b.Nonce, b.DrawnFor, b.ExpiresAt = "", "", time.Time{}
	b.ConfirmedBy, b.ConfirmedAt, b.Request, b.ApprovedBy, b.SendAt = "", time.Time{}, "", "", time.Time{}
}

// tally counts what was let go.
func tally(x *gate.Tx, id string) (Tally, error) {
	rows, err := letGo.Rows(x, id)
	var t Tally
	for _, r := range rows {
		t.count(dispatch.State(r.State), r.Tried > 0, r.N)
	}
	return t, err
}

// recount takes over how many go, and how many do not.
func (b *Batch) recount(x *gate.Tx) error {
	rows, err := itemStates.Rows(x, b.ID)
	if err != nil {
		return err
	}
	b.Ready, b.Amber, b.Aside = 0, 0, 0
	for _, r := range rows {
		switch ItemState(r.State) {
		case Clean, Released:
			b.Ready += r.N
		case Amber:
			b.Ready, b.Amber = b.Ready+r.N, r.N
		case Aside:
			b.Aside = r.N
		}
	}
	return nil
}
