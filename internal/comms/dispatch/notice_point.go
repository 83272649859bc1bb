package dispatch

import (
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/gate"
)

// goesTo gives the address of a machine mail, and whether mail may go there now:
// a notice's own address, or the delivery point of a link. The latter is the
// business's, so the emergency stop and an expiry hold it back.
func (n Notice) goesTo(x *gate.Tx) (address string, may bool, err error) {
	if n.Point == "" {
		a, err := noticeAddresses.Get(x, n.Address)
		return a.Address, a.State == AddressConfirmed, err
	}
	p, err := mailPoint(x, n.Point)
	if err != nil {
		return "", false, err
	}
	s, _, err := switchRow(x)
	may = p.Verified() || p.State == party.Proposed && (n.Template == ProofMail || n.Template == AnswerMail)
	return p.Address, may && !s.Stopped && x.Now().Before(n.Until), err
}

// MailProof asks whoever reads the address of a point whether it is theirs: by
// the link of a proof, or by an answer that quotes its secret. It is the only
// mail that goes to an address nobody has confirmed, and says nothing else.
func MailProof(x *gate.Tx, p party.Proof, secret string, answer bool) error {
	if err := running(x); err != nil {
		return err
	}
	n := Notice{Template: ProofMail, Leaf: -1, Point: p.Point, Secret: secret, Until: p.Ends}
	if answer {
		n.Template = AnswerMail
	}
	return n.mailPoint(x)
}

// mailPoint queues a machine mail to a delivery point.
func (n Notice) mailPoint(x *gate.Tx) error {
	n.State, n.NotBefore = NoticeWaiting, x.Now()
	x.AfterCommit(func() { gate.Ring(x, noticeBell) })
	return notices.Insert(x, &n)
}
