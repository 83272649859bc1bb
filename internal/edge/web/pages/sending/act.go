package sending

import (
	"slices"
	"strings"

	"sekisho/internal/assure/incident"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/intro"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
)

func check(q *page.Req) (page.Answer, error) {
	id := q.PathValue("id")
	a, err := look(q, id, "")
	if err != nil {
		return stays(q, id, err)
	}
	return a, nil
}

// fix takes a way out of a stop, and checks again.
func fix(q *page.Req) (page.Answer, error) {
	id := q.PathValue("id")
	if q.Form.Get("op") == dispatch.WayIntroduce {
		return introduce(q, id)
	}
	if err := mend(q, id); err != nil {
		return stays(q, id, err)
	}
	return look(q, id, "web.done.sending_mended")
}

func mend(q *page.Req, id string) error {
	item := q.Form.Get("item")
	var err error
	switch q.Form.Get("op") {
	case dispatch.WayRegistered:
		_, err = page.Named[dispatch.Shown](q, dispatch.WayRegistered, dispatch.TakeIn{ID: id, Item: item, Point: q.Form.Get("point")})
	case dispatch.WayRemove:
		_, err = page.Named[dispatch.Shown](q, dispatch.WayRemove, dispatch.RemoveIn{ID: id, Item: item})
	case dispatch.WayEdit:
		err = detach(q, id, item)
	case dispatch.WayRelation:
		_, err = page.Run(q, dispatch.RelationAsk, dispatch.RelationAskIn{ID: id, Item: item, Other: q.Form.Get("other"),
			Kind: party.RelationKind(q.Form.Get("kind")), Reason: q.Form.Get("reason")})
	case dispatch.WayOnce:
		_, err = page.Run(q, dispatch.OnceAsk, dispatch.OnceIn{ID: id, Item: item, Reason: q.Form.Get("reason")})
	default:
		err = fault.Invalid("web.sending.no_way")
	}
	return err
}

// introduce prepares a letter of introduction to the partner of a package, and
// goes to it: the package waits.
func introduce(q *page.Req, id string) (page.Answer, error) {
	s, err := page.Run(q, dispatch.Show, dispatch.ByID{ID: id})
	if err != nil {
		return page.Answer{}, err
	}
	out, err := page.Named[intro.Done](q, dispatch.WayIntroduce, intro.PrepareIn{Parties: []string{s.Party}, Way: dispatch.TellMail})
	if err == nil && len(out.Made) == 0 {
		err = fault.Refused(out.Left[0].Why)
	}
	if err != nil {
		return stays(q, id, err)
	}
	return q.Go(at(out.Made[0].Sending), "web.done.letter_made")
}

// detach takes one attachment out of the package as it was seen.
func detach(q *page.Req, id, item string) error {
	s, err := page.Run(q, dispatch.Show, dispatch.ByID{ID: id})
	if err != nil {
		return err
	}
	in := dispatch.EditIn{ID: id, Version: q.Int("version"), Subject: s.Subject, Body: s.Body, Documents: []string{}}
	for _, f := range s.Attachments {
		if f.ID != item {
			in.Documents = append(in.Documents, f.Document)
		}
	}
	_, err = page.Named[dispatch.Shown](q, dispatch.WayEdit, in)
	return err
}

// confirm gives the ticks back and asks for the sending in one act. A form that
// lacks some is shown again with those it has; every other mistake is the op's
// to refuse.
func confirm(q *page.Req) (page.Answer, error) {
	id, given := q.PathValue("id"), q.Form["tick"]
	c, err := page.Run(q, dispatch.CheckedOp, dispatch.ByID{ID: id})
	if err != nil {
		return page.Answer{}, err
	}
	if n := missing(c.Ticks, given); n > 0 {
		return stays(q, id, fault.Invalid("web.sending.missing", "n", n))
	}
	if (sheet{Check: c}).WantsReason() && strings.TrimSpace(q.Form.Get("reason")) == "" {
		return stays(q, id, fault.Invalid("dispatch.reason_wanted").At("reason"))
	}
	if _, err := page.Run(q, dispatch.ConfirmOp, dispatch.ConfirmIn{ID: id, Digest: q.Form.Get("digest"), Ticks: given}); err != nil {
		return stays(q, id, err)
	}
	return let(q, dispatch.ReleaseIn{ID: id, Digest: q.Form.Get("digest"), Reason: q.Form.Get("reason")})
}

// missing is how many of the wanted ticks were left out, if all that were given
// are good.
func missing(wanted []dispatch.Tick, given []string) int {
	good := 0
	for _, g := range given {
		if slices.ContainsFunc(wanted, func(t dispatch.Tick) bool { return t.Tick == g }) {
			good++
		}
	}
	if good < len(given) {
		return 0
	}
	return len(wanted) - good
}

// release lets a quiet package go with its one tick, or one that was confirmed.
func release(q *page.Req) (page.Answer, error) {
	return let(q, dispatch.ReleaseIn{ID: q.PathValue("id"), Digest: q.Form.Get("digest"), Ticks: q.Form["tick"], Reason: q.Form.Get("reason")})
}

func let(q *page.Req, in dispatch.ReleaseIn) (page.Answer, error) {
	_, err := page.Named[dispatch.Shown](q, "dispatch.release", in)
	if fault.Of(err) != nil && fault.Of(err).Key == "dispatch.check_stale" {
		if _, err = page.Named[dispatch.RecheckOut](q, "dispatch.recheck", dispatch.ByID{ID: in.ID}); err == nil {
			_, err = page.Named[dispatch.Shown](q, "dispatch.release", in)
		}
	}
	if err != nil {
		return stays(q, in.ID, err)
	}
	return q.Go(at(in.ID), "web.done.sending_held")
}

func cancel(q *page.Req) (page.Answer, error) {
	id := q.PathValue("id")
	if _, err := page.Run(q, dispatch.CancelOp, dispatch.CancelIn{ID: id, Reason: q.Form.Get("reason")}); err != nil {
		return stays(q, id, err)
	}
	return q.Go(at(id), "web.done.sending_cancelled")
}

// report reports a mis-send: what can be called back is.
func report(q *page.Req) (page.Answer, error) {
	id := q.PathValue("id")
	known, err := q.Date("known_on")
	if err != nil {
		return stays(q, id, err)
	}
	i, err := page.Run(q, incident.Report, incident.ReportIn{Package: id, Cause: q.Form.Get("cause"), Reason: q.Form.Get("reason"),
		ShouldBe: q.Form.Get("should_be"), Known: known})
	if err != nil {
		return stays(q, id, err)
	}
	return q.Go("/incidents/"+i.ID, "web.done.reported")
}

// Causes are those of a mis-send.
func (sheet) Causes() []string {
	return []string{"wrong_recipient", "wrong_document", "wrong_content", "wrong_amount", "duplicate", "other"}
}
