package party

import (
	"fmt"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"

	"sekisho/internal/base/party"
	"sekisho/internal/comms/optin"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
)

// proved are the ways in which the addressee of a point has answered: those one
// can verify it by, beside the others.
func proved(q *page.Req, partner, point string) ([]option, error) {
	if !q.Can(party.Proofs.Name()) {
		return nil, nil
	}
	out, err := page.Run(q, party.Proofs, party.ProofsIn{Party: partner})
	var list []option
	seen := map[string]bool{}
	for _, p := range out.Rows {
		if p.Point == point && p.State == party.ProofGiven && !seen[p.Way] {
			seen[p.Way] = true
			list = append(list, option{p.Way, q.T("web.partner.how_" + p.Way)})
		}
	}
	return list, err
}

func askPointForm(q *page.Req, s party.Shown, f *form) error {
	p, err := pick(q, s.Points, pointID)
	f.Facts = []fact{{q.T("web.partner.f.address_mail"), p.Address}, {q.T("web.partner.f.label"), p.Label}}
	f.Inputs = []input{{Name: "way", Text: "ask_way", Radio: true, Required: true, Set: party.ByOptIn, Options: []option{
		{party.ByOptIn, q.T("web.partner.ask_link")}, {party.ByReply, q.T("web.partner.ask_reply")}}}}
	return err
}

func askPoint(q *page.Req, _ string) error {
	_, err := page.Run(q, optin.Ask, optin.AskIn{Point: item(q), Way: q.Form.Get("way")})
	return err
}

func renew(q *page.Req, _ string) error {
	_, err := page.Run(q, party.PointRenew, party.VerifyIn{ID: item(q), Version: q.Int("version"), How: q.Form.Get("how"), Reason: q.Form.Get("reason")})
	return err
}

func mergeForm(q *page.Req, _ party.Shown, f *form) error {
	f.Inputs = []input{{Name: "gone_code", Max: 20, Required: true, Hint: true, Mono: true, Set: q.Query("code")}, reason}
	return nil
}

func merge(q *page.Req, id string) error {
	out, err := page.Run(q, party.List, party.ListIn{Code: q.Form.Get("gone_code"), Limit: 1})
	if err == nil && len(out.Rows) == 0 {
		err = fault.Invalid("party.no_such_party").At("gone_code")
	}
	if err != nil {
		return err
	}
	_, err = page.Run(q, party.MergeOp, party.MergeIn{Keep: id, Gone: out.Rows[0].ID, Reason: q.Form.Get("reason")})
	return err
}

func unmerge(q *page.Req, _ string) error {
	_, err := page.Run(q, party.Unmerge, party.UnmergeIn{ID: item(q), Reason: q.Form.Get("reason")})
	return err
}

// card is a QR code on its only page.
type card struct {
	Party string
	Path  string
	Side  int
	Ends  time.Time
}

func showCard(q *page.Req) (page.Answer, error) {
	id := q.PathValue("id")
	got, err := page.Run(q, optin.Card, optin.CardIn{Party: id})
	if err != nil {
		return page.Answer{}, err
	}
	c, err := qr.Encode(got.URL, qr.M, qr.Auto)
	if err != nil {
		return page.Answer{}, err
	}
	var b strings.Builder
	side := c.Bounds().Dx()
	for y := range side {
		for x := range side {
			if r, _, _, _ := c.At(x, y).RGBA(); r == 0 {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+4, y+4)
			}
		}
	}
	return q.Show("party/card", q.T("web.partner.card"), card{id, b.String(), side + 8, got.Ends})
}

// reviewing is the list of addresses to be looked at again, with those that
// several partners share.
type reviewing struct {
	party.ReviewsOut
	Shared []party.Shares
	More   bool
	Words  map[string][]string // findings by point
}

// Whys are the causes a list can be narrowed to.
func (reviewing) Whys() []string {
	return []string{party.ReviewAge, party.ReviewBounce, party.ReviewDomain, party.ReviewAlike, party.ReviewLeft, party.ReviewDenied}
}

func review(q *page.Req) (page.Answer, error) {
	d := reviewing{Words: map[string][]string{}}
	var err error
	if d.ReviewsOut, err = page.Run(q, party.Reviews, party.ReviewsIn{Why: q.Query("why"), After: q.Query("after"), Limit: 50}); err != nil {
		return page.Answer{}, err
	}
	for _, r := range d.Rows {
		for _, f := range r.Findings {
			d.Words[r.Point] = append(d.Words[r.Point], finding(q, f))
		}
	}
	if q.Can(party.Shared.Name()) {
		out, err := page.Run(q, party.Shared, struct{}{})
		if err != nil {
			return page.Answer{}, err
		}
		d.Shared, d.More = out.Rows, out.More
	}
	return q.Show("party/review", q.T("web.partner.review"), d)
}

// doubles are likely double entries, and the merges that stand.
type doubles struct {
	party.TwinsOut
	Merged party.MergesOut
}

func twins(q *page.Req) (page.Answer, error) {
	var d doubles
	var err error
	if d.TwinsOut, err = page.Run(q, party.Twins, struct{}{}); err != nil {
		return page.Answer{}, err
	}
	d.Merged, err = page.Run(q, party.Merges, party.MergesIn{After: q.Query("after"), Limit: 50})
	if err != nil {
		return page.Answer{}, err
	}
	return q.Show("party/twins", q.T("web.partner.twins"), d)
}
