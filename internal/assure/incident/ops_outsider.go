package incident

import (
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/share"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/text"
)

// NotOursIn is a link with the words of who should not have got it.
type NotOursIn struct {
	Locator string `json:"locator" required:"true" max:"32"`
	Ticket  string `json:"ticket" required:"true" max:"64"` // of a browser that has come with the link's secret
	Words   string `json:"words" text:"multiline" max:"1000"`
}

// NotOurs is a recipient's report that something was not for them (宛先が違う). It does
// what a report of our own does: every link of the sending dies, nothing of it
// goes out again, and an incident begins. It needs no code: to say so must be
// easy, and it only ever makes things safer.
var NotOurs = gate.New(gate.Op[NotOursIn, share.None]{
	Name: "incident.not_ours", Mode: gate.Write,
	Target: func(x *gate.Tx, in NotOursIn) (gate.Target, error) {
		return gate.Target{Kind: "share", ID: "*"}, nil
	},
	Do: func(x *gate.Tx, in NotOursIn) (share.None, error) {
		l, err := share.Holder(x, in.Locator, in.Ticket)
		if err != nil {
			return share.None{}, err
		}
		before, err := dispatch.Items(x, l.Package)
		if err != nil {
			return share.None{}, err
		}
		const cause = "wrong_recipient"
		s, err := dispatch.CallBack(x, l.Package, cause)
		if err != nil {
			return share.None{}, err
		}
		if err := share.Says(x, l.LinkRow, share.NotOurs, in.Words); err != nil {
			return share.None{}, err
		}
		_, err = keep(x, ReportIn{Package: l.Package, Cause: cause, Known: civil.Of(x.Now()),
			Reason: text.T(text.JA, "incident.outsider_reason", "words", in.Words)}, before, s)
		return share.None{}, err
	},
})
