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
	p, err := party.DeliveryPointByID(x, n.Point)
	if err != nil {
		return "", false, err
	}
	s, _, err := switchRow(x)
	return p.Address, p.Verified() && !s.Stopped && x.Now().Before(n.Until), err
}

// mailPoint queues a machine mail to a delivery point.
func (n Notice) mailPoint(x *gate.Tx) error {
	n.State, n.NotBefore = NoticeWaiting, x.Now()
	x.AfterCommit(func() { gate.Ring(x, noticeBell) })
	return notices.Insert(x, &n)
}
