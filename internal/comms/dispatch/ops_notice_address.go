package dispatch

import (
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/mailaddr"
	"sekisho/internal/kernel/policy"
)

// noticeLock is held by whatever changes where machine mail goes.
const noticeLock = "dispatch/notice_address"

func aloneOnNotices[In any](In) []string { return []string{noticeLock} }

func addressTarget(x *gate.Tx, id string) (gate.Target, error) {
	a, err := noticeAddresses.Get(x, id)
	return gate.Target{Kind: "notice_address", ID: a.ID, Class: policy.Internal}, err
}

// NoticeProposeIn names an address for machine mail.
type NoticeProposeIn struct {
	Address string `json:"address" required:"true" max:"320" text:"raw"`
	Purpose string `json:"purpose" required:"true" enum:"alarm,checkpoint"`
	Label   string `json:"label" required:"true" max:"100"` // whose it is
}

// NoticePropose proposes an address (通知先の提案). Nothing goes there before two
// people have confirmed it.
var NoticePropose = gate.New(gate.Op[NoticeProposeIn, NoticeAddress]{
	Name: "dispatch.notice_propose", Mode: gate.Write, Alone: aloneOnNotices[NoticeProposeIn], Target: system[NoticeProposeIn],
	Do: func(x *gate.Tx, in NoticeProposeIn) (NoticeAddress, error) {
		addr, err := mailaddr.Parse(in.Address)
		if err != nil {
			return NoticeAddress{}, fault.Of(err).At("address")
		}
		there, err := noticeAddresses.Has(x, gate.Eq("address", addr.String()), gate.Eq("purpose", in.Purpose), gate.Ne("state", AddressRetired))
		if err != nil {
			return NoticeAddress{}, err
		}
		if there {
			return NoticeAddress{}, fault.Invalid("dispatch.notice_taken").At("address")
		}
		a := NoticeAddress{Purpose: in.Purpose, Address: addr.String(), Label: in.Label, State: AddressProposed, ProposedBy: x.Actor().Person}
		return a, noticeAddresses.Insert(x, &a)
	},
})

// NoticeAddressIn names an address and says why.
type NoticeAddressIn struct {
	ID     string `json:"id" required:"true"`
	Reason string `json:"reason" required:"true" text:"multiline" max:"500"`
}

// addressView is what the second person sees.
type addressView struct {
	Address string       `json:"address"`
	Purpose string       `json:"purpose"`
	Label   string       `json:"label"`
	State   AddressState `json:"state"`
}

func (a NoticeAddress) second(to AddressState) gate.Second {
	var d canon
	d.text("notice address", a.ID, a.Purpose, a.Address, a.Label, string(a.State), string(to))
	d.number(a.Version)
	view := addressView{a.Address, a.Purpose, a.Label, a.State}
	after := view
	after.State = to
	return gate.Second{Needed: true, Digest: d.b, Class: policy.Internal, Before: view, After: after, Silent: "proposed"}
}

func confirmable(x *gate.Tx, id string) (NoticeAddress, error) {
	a, err := noticeAddresses.Get(x, id)
	if err != nil {
		return a, err
	}
	if a.State != AddressProposed {
		return a, fault.Refused("dispatch.notice_not_proposed")
	}
	n, err := noticeAddresses.Count(x, noticeMost, gate.Eq("purpose", a.Purpose), gate.Eq("state", AddressConfirmed))
	if err == nil && n >= noticeMost {
		err = fault.Refused("dispatch.notice_many", "most", noticeMost)
	}
	return a, err
}

// NoticeConfirm confirms an address (通知先の確認). A second person agrees: what
// machine mail says about the house is for the own people and the witness.
var NoticeConfirm = gate.New(gate.Op[NoticeAddressIn, NoticeAddress]{
	Name: "dispatch.notice_confirm", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true}, Alone: aloneOnNotices[NoticeAddressIn],
	Target: func(x *gate.Tx, in NoticeAddressIn) (gate.Target, error) { return addressTarget(x, in.ID) },
	FourEyes: func(x *gate.Tx, in NoticeAddressIn) (gate.Second, error) {
		a, err := confirmable(x, in.ID)
		return a.second(AddressConfirmed), err
	},
	Do: func(x *gate.Tx, in NoticeAddressIn) (NoticeAddress, error) {
		a, err := confirmable(x, in.ID)
		if err != nil {
			return a, err
		}
		a.State, a.ConfirmedBy, a.ApprovedBy, a.ConfirmedAt = AddressConfirmed, x.Actor().Person, x.ApprovedBy(), x.Now()
		x.Note("reason", in.Reason)
		return a, noticeAddresses.Update(x, &a)
	},
})

func retirable(x *gate.Tx, id string) (NoticeAddress, error) {
	a, err := noticeAddresses.Get(x, id)
	if err == nil && a.State == AddressRetired {
		err = fault.Refused("dispatch.notice_retired")
	}
	return a, err
}

// NoticeRetire ends the use of an address. Taking a confirmed one away makes
// the watch weaker, so a second person agrees; what waits for it is dropped.
var NoticeRetire = gate.New(gate.Op[NoticeAddressIn, NoticeAddress]{
	Name: "dispatch.notice_retire", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true}, Alone: aloneOnNotices[NoticeAddressIn],
	Target: func(x *gate.Tx, in NoticeAddressIn) (gate.Target, error) { return addressTarget(x, in.ID) },
	FourEyes: func(x *gate.Tx, in NoticeAddressIn) (gate.Second, error) {
		a, err := retirable(x, in.ID)
		s := a.second(AddressRetired)
		s.Needed = a.State == AddressConfirmed
		return s, err
	},
	Do: func(x *gate.Tx, in NoticeAddressIn) (NoticeAddress, error) {
		a, err := retirable(x, in.ID)
		if err != nil {
			return a, err
		}
		a.State, a.RetiredBy, a.RetiredAt = AddressRetired, x.Actor().Person, x.Now()
		if err := noticeAddresses.Update(x, &a); err != nil {
			return a, err
		}
		x.Note("reason", in.Reason)
		return a, settle(x, "dispatch.notice_retired", gate.Eq("address_id", a.ID), gate.Eq("state", NoticeWaiting))
	},
})

// dropNotices settles what is in certain states as refused: it is not sent any more.
func dropNotices(x *gate.Tx, reason string, in ...NoticeState) error {
	return settle(x, reason, gate.In("state", in))
}

func settle(x *gate.Tx, reason string, which ...gate.Cond) error {
	list, err := notices.Find(x, which...)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].State, list[i].Reason, list[i].SettledAt = NoticeRefused, reason, x.Now()
	}
	return notices.UpdateMany(x, list)
}

// NoticeAddressList are the addresses of machine mail.
type NoticeAddressList struct {
	Rows []NoticeAddress `json:"rows"`
	Next string          `json:"next" class:"internal"`
}

// NoticePage asks for a page.
type NoticePage struct {
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// NoticeAddresses lists them, newest first, also those retired.
var NoticeAddresses = gate.New(gate.Op[NoticePage, NoticeAddressList]{
	Name: "dispatch.notice_addresses", Mode: gate.List, Target: system[NoticePage],
	Do: func(x *gate.Tx, in NoticePage) (NoticeAddressList, error) {
		p, err := noticeAddresses.Page(x, gate.PageQuery{By: "id", Desc: true, After: in.After, Limit: in.Limit})
		return NoticeAddressList{p.Rows, p.Next}, err
	},
})
