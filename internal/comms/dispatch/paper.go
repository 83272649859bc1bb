package dispatch

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/mailaddr"
)

// Channels that end on paper. A package for them is prepared, checked, ticked,
// approved and held as any other; then no worker takes it but a print run
// (印刷の束). A FAX goes the way of a mail where a mail-to-FAX relay is set.
const (
	Post = party.Post // 郵送
	Fax  = party.Fax  // FAX
)

// toPaper tells whether a package has postal addresses or FAX numbers for recipients.
func (s Sending) toPaper() bool { return s.Channel == Post || s.Channel == Fax }

// Printed tells whether people send it, by a print run.
func (s Sending) Printed() bool { return s.toPaper() && s.FaxRelay == "" }

// byPaper decides about the channels of paper, see channelFor.
func byPaper(want string, files int, way party.Way) (string, bool, error) {
	switch {
	case want == "" && way == party.ByPaper && files > 0:
		return Post, true, nil
	case want != Post && want != Fax:
		return "", false, nil
	case files == 0:
		return "", true, fault.Refused("dispatch.paper_of_nothing").At("channel")
	}
	return want, true, nil
}

// pointOf loads the delivery point of a channel.
func pointOf(x *gate.Tx, channel, id string) (party.DeliveryPoint, error) {
	if channel != Post && channel != Fax {
		return mailPoint(x, id)
	}
	p, err := party.PaperPointByID(x, id)
	return p.Point(), err
}

// ofChannel tells whether a point can be a recipient of a package.
func (s Sending) ofChannel(p party.DeliveryPoint) bool {
	return p.Channel == Mail && !s.toPaper() || p.Channel == s.Channel
}

// onPaper takes the partner's points of a channel of paper into the facts.
func (s *standing) onPaper(x *gate.Tx, b bundle) ([]party.DeliveryPoint, error) {
	list, err := party.PaperPoints(x, b.Party)
	var out []party.DeliveryPoint
	for _, p := range list {
		if p.Channel != b.Channel {
			continue
		}
		out = append(out, p.Point())
		if p.State != party.Retired {
			s.points[p.ID] = p.Point()
			s.papers = append(s.papers, p)
		}
	}
	return out, err
}

// addressee compares one proposal with the partner's postal addresses or numbers.
func (s *standing) addressee(x *gate.Tx, channel string, i Item) (RecipientFact, error) {
	f := RecipientFact{Item: i.ID, Kind: i.Kind, Proposed: i.Proposed}
	for _, p := range s.papers {
		switch {
		case !p.Is(i.Proposed):
		case p.Verified():
			f.Point, f.Label, f.Max = p.ID, p.Addressee, p.MaxClass
			s.Recipients = append(s.Recipients, Recipient{i.Kind, p.ID, p.Shown(), p.Version})
		default:
			f.Pending = true
		}
	}
	others, err := party.PaperLines(x, channel, i.Proposed)
	if err != nil {
		return f, err
	}
	elsewhere := slices.ContainsFunc(others, func(p party.PaperPoint) bool { return p.Party != s.Party })
	if f.Point != "" {
		f.Shared = elsewhere
		return f, nil
	}
	f.Elsewhere = elsewhere
	if _, err := jp.PhoneKey(i.Proposed); err != nil && channel == Fax {
		f.Bad = fault.Of(err).Key
	}
	for _, p := range s.papers {
		if p.Verified() && (f.Near.Point == "" || p.PostalCode != "" && strings.Contains(i.Proposed, p.PostalCode)) {
			f.Near = Beside{p.Shown(), p.ID, ""}
		}
	}
	return f, nil
}

// faxMail is the address of a number at a mail-to-FAX relay.
func faxMail(number, relay string) (string, error) {
	key, err := jp.PhoneKey(number)
	if err != nil {
		return "", err
	}
	if rest, ok := strings.CutPrefix(key, "+81"); ok {
		key = "0" + rest
	}
	a, err := mailaddr.Parse(strings.TrimPrefix(key, "+") + "@" + relay)
	return a.String(), err
}

// goesTo is the address a worker sends to: a FAX number's is at the relay.
func (s Sending) goesTo(address string) (string, error) {
	if s.Channel == Fax {
		return faxMail(address, s.FaxRelay)
	}
	return address, nil
}

// The lanes of what is printed. They are no ids, so no domain has them, and the
// worker passes them by.
const (
	lanePost = "post"
	laneFax  = "fax"
)

// lane is where a recipient waits.
func (s Sending) lane(x *gate.Tx, address string) (string, error) {
	if s.Printed() {
		return map[string]string{Post: lanePost, Fax: laneFax}[s.Channel], nil
	}
	to, err := s.goesTo(address)
	if err != nil {
		return "", err
	}
	return laneOf(x, to)
}

// printed tells whether a recipient waits for people, or has them at work.
func (i Item) printed() bool { return i.Lane == lanePost || i.Lane == laneFax }

// PaperJob is one envelope to be: what goes in it, and where it goes.
type PaperJob struct {
	Package, Item string
	Party         string
	Owner         string
	Department    string
	Channel       string
	Digest        string
	Subject, Body string
	From          string
	Point         party.PaperPoint
	Files         []File
	Fence         int64
}

// PaperDue lists what is held, due and to be printed, of one channel, oldest first.
func PaperDue(x *gate.Tx, channel string, limit int) ([]PaperJob, error) {
	rows, err := items.Find(x, gate.Eq("state", Held), gate.Eq("lane", channel))
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(i Item) bool { return x.Now().Before(i.NotBefore) })
	slices.SortFunc(rows, func(a, b Item) int { return cmp.Or(a.NotBefore.Compare(b.NotBefore), cmp.Compare(a.ID, b.ID)) })
	var out []PaperJob
	for _, r := range rows {
		if len(out) == limit {
			break
		}
		s, err := sendings.Get(x, r.Package)
		if err != nil {
			return out, err
		}
		if err := s.goes(x); fault.Is(err, fault.KindRefused) && fault.Of(err).Key == "dispatch.stopped_batch" {
			continue
		}
		j, err := PaperOf(x, r.Package, r.ID)
		if err != nil {
			return out, err
		}
		out = append(out, j)
	}
	return out, nil
}

// PaperOf is the envelope of a recipient as it stands now.
func PaperOf(x *gate.Tx, id, item string) (PaperJob, error) {
	b, i, err := loadItem(x, id, item)
	if err != nil {
		return PaperJob{}, err
	}
	p, err := party.PaperPointByID(x, i.Point)
	return PaperJob{Package: b.ID, Item: i.ID, Party: b.Party, Owner: b.Owner, Department: b.Department, Channel: b.Channel, Digest: b.Digest,
		Subject: b.Subject, Body: b.Body, From: b.FromName, Point: p, Files: b.files, Fence: i.Fence}, err
}

// PaperClaim takes an envelope into a print run, as a worker claims a mail: the
// package is compared with the register once more. If anything differs from what
// was approved, it goes back, and the fault is given beside the change, which is
// to be kept.
func PaperClaim(x *gate.Tx, id, item, run string) (PaperJob, *fault.Error, error) {
	b, i, err := loadItem(x, id, item)
	if err != nil {
		return PaperJob{}, nil, err
	}
	if err := b.goes(x); err != nil {
		return PaperJob{}, nil, err
	}
	if i.State != Held || !i.printed() || x.Now().Before(i.NotBefore) {
		return PaperJob{}, fault.Refused("dispatch.not_due"), nil
	}
	if _, err := unchanged(x, *b); err != nil {
		if !fault.Is(err, fault.KindRefused) {
			return PaperJob{}, nil, err
		}
		return PaperJob{}, fault.Of(err), b.void(x)
	}
	i.State, i.Holder, i.Fence, i.ClaimedAt = Claimed, run, i.Fence+1, x.Now()
	i.LeaseUntil, i.MarkedAt, i.Reason = time.Time{}, time.Time{}, "dispatch.in_print_run"
	i.Attempts++
	if i.FirstTry.IsZero() {
		i.FirstTry = x.Now()
	}
	if err := b.given(x, "dispatch.mark"); err != nil { // whoever prints the run has the bytes in hand
		return PaperJob{}, nil, err
	}
	if err := b.summarise(x); err != nil {
		return PaperJob{}, nil, err
	}
	j, err := PaperOf(x, id, item)
	return j, nil, err
}

// inRun loads an envelope that a print run has, by its claim.
func inRun(x *gate.Tx, id, item, run string, fence int64) (*bundle, *Item, error) {
	b, i, err := loadItem(x, id, item)
	if err == nil && (i.State != Claimed || i.Holder != run || i.Fence != fence) {
		err = fault.Refused("dispatch.lease_lost")
	}
	return b, i, err
}

// PaperStands is fault.Refused if an envelope of a run may not leave as it is: the
// register has changed, it was reported, or all sending is stopped.
func PaperStands(x *gate.Tx, id, item, run string, fence int64) error {
	b, _, err := inRun(x, id, item, run, fence)
	if err != nil {
		return err
	}
	if err := b.goes(x); err != nil {
		return err
	}
	_, err = unchanged(x, *b)
	return err
}

// PaperClosed keeps that an envelope is closed, or a number dialled: from here on
// it may leave. printed is the digest of exactly what was printed.
func PaperClosed(x *gate.Tx, id, item, run string, fence int64, printed string) error {
	if err := PaperStands(x, id, item, run, fence); err != nil {
		return err
	}
	b, i, err := inRun(x, id, item, run, fence)
	if err != nil {
		return err
	}
	if err := b.given(x, "dispatch.mark"); err != nil {
		return err
	}
	i.MarkedAt, i.Bytes, i.Relay = x.Now(), printed, b.Channel
	return b.save(x)
}

// PaperHanded keeps that an envelope was posted or a FAX sent (投函済み), with who
// says so.
func PaperHanded(x *gate.Tx, id, item, run string, fence int64, evidence string) error {
	if err := PaperStands(x, id, item, run, fence); err != nil {
		return err
	}
	b, i, err := inRun(x, id, item, run, fence)
	if err != nil {
		return err
	}
	if i.MarkedAt.IsZero() {
		return fault.Refused("dispatch.paper_open")
	}
	if i.State, err = Next(i.State, HandOver); err != nil {
		return err
	}
	i.SettledAt, i.Reason, i.ResolvedBy, i.Evidence = x.Now(), "dispatch.handed_"+b.Channel, x.Actor().Person, evidence
	return b.summarise(x)
}

// PaperBack takes an envelope out of its run before it is posted: it waits again,
// and can be cancelled.
func PaperBack(x *gate.Tx, id, item, run string, fence int64) error {
	b, i, err := inRun(x, id, item, run, fence)
	if err != nil {
		return err
	}
	if i.State, err = Next(i.State, Return); err != nil {
		return err
	}
	i.NotBefore, i.MarkedAt, i.Holder, i.Reason = x.Now(), time.Time{}, "", "dispatch.returned"
	return b.summarise(x)
}

// PaperStopped counts an envelope that was about to get another's sheets among
// the near misses.
func PaperStopped(x *gate.Tx, id, key string) error {
	b, err := load(x, id)
	if err != nil {
		return err
	}
	return nearMiss(x, b.Sending, NearStop, "", key)
}
