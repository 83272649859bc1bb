package dispatch

import (
	"slices"
	"time"

	"sekisho/internal/kernel/gate"
)

// watchMost bounds what one look gives.
const watchMost = 200

// UnknownSince gives the ids of the packages with a recipient whose outcome
// nobody has settled since before t.
func UnknownSince(x *gate.Tx, t time.Time) ([]string, error) {
	p, err := items.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("state", Unknown), gate.Le("settled_at", t)}, By: "settled_at", Limit: watchMost})
	var out []string
	for _, i := range p.Rows {
		if !slices.Contains(out, i.Package) {
			out = append(out, i.Package)
		}
	}
	return out, err
}

// NoticesLost gives the ids of the addresses that a machine mail settled after t
// did not reach.
func NoticesLost(x *gate.Tx, t time.Time) ([]string, error) {
	var out []string
	for _, s := range []NoticeState{NoticeRefused, NoticeUnknown} {
		p, err := notices.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("state", s), gate.Ge("settled_at", t), gate.Ne("reason", "dispatch.notice_retired"), gate.Ne("reason", "dispatch.notice_restored")},
			By: "settled_at", Limit: watchMost})
		if err != nil {
			return out, err
		}
		for _, n := range p.Rows {
			if n.Point == "" && !slices.Contains(out, n.Address) {
				out = append(out, n.Address)
			}
		}
	}
	return out, nil
}
