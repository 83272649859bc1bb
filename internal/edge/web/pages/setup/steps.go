package setup

import (
	"slices"

	"sekisho/internal/assure/backup"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/edge/web/page"
)

type keysData struct {
	Copies backup.Overview
	Remote []backup.Place
	Later  bool // put off, and not over yet
}

func keysPage(q *page.Req) (page.Answer, error) {
	o, err := copies(q)
	if err != nil {
		return page.Answer{}, err
	}
	return q.Show("setup/keys", q.T("web.setup.step_keys"), keysData{o, remote(o), o.Postponed.Until.After(q.House.Gate.Now())})
}

// postpone puts off the copy on another machine.
func postpone(q *page.Req) (page.Answer, error) {
	until, err := q.Date("until")
	if err == nil {
		_, err = page.Run(q, backup.Postpone, backup.PostponeIn{Until: until, Reason: q.Form.Get("reason")})
	}
	if err != nil {
		a, bad := keysPage(q)
		if bad != nil {
			return a, bad
		}
		return q.Again(err, a)
	}
	return q.Go("/setup", "web.done.setup_later")
}

type relayData struct {
	Addresses []dispatch.NoticeAddress
	Tests     map[string]dispatch.Notice // the newest of each address
	Health    []dispatch.RelayHealth
}

func relayPage(q *page.Req) (page.Answer, error) {
	d := relayData{Tests: map[string]dispatch.Notice{}}
	health, err := page.Run(q, dispatch.Relays, struct{}{})
	if err != nil {
		return page.Answer{}, err
	}
	d.Health = health.Rows
	all, err := page.Run(q, dispatch.NoticeAddresses, dispatch.NoticePage{Limit: 50})
	if err != nil {
		return page.Answer{}, err
	}
	d.Addresses = slices.DeleteFunc(all.Rows, func(a dispatch.NoticeAddress) bool { return a.State == dispatch.AddressRetired })
	sent, err := page.Run(q, dispatch.NoticeList, dispatch.NoticePage{Limit: 50})
	if err != nil {
		return page.Answer{}, err
	}
	for _, n := range slices.Backward(sent.Rows) {
		d.Tests[n.Address] = n
	}
	return q.Show("setup/relay", q.T("web.setup.step_relay"), d)
}

// relay proposes an address of one's own, has it confirmed by two, and sends a
// test there.
func relay(q *page.Req) (page.Answer, error) {
	var err error
	said := ""
	switch q.Form.Get("act") {
	case "propose":
		said = "web.done.setup_proposed"
		_, err = page.Run(q, dispatch.NoticePropose, dispatch.NoticeProposeIn{Address: q.Form.Get("address"), Purpose: "alarm", Label: q.Form.Get("label")})
	case "confirm":
		_, err = page.Run(q, dispatch.NoticeConfirm, dispatch.NoticeAddressIn{ID: q.Form.Get("id"), Reason: q.T("web.setup.relay_reason")})
	default:
		said = "web.done.setup_tested"
		_, err = page.Run(q, dispatch.NoticeTest, dispatch.ByID{ID: q.Form.Get("id")})
	}
	if err != nil {
		a, bad := relayPage(q)
		if bad != nil {
			return a, bad
		}
		return q.Again(err, a)
	}
	return q.Go("/setup/relay", said)
}
