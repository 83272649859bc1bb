package party

import (
	"sekisho/internal/base/party"
	"sekisho/internal/edge/web/page"
)

func choiceForm(q *page.Req, s party.Shown, f *form) error {
	was, err := page.Run(q, party.Choices, party.ChoicesIn{Party: s.Party.ID, Limit: 1})
	if err != nil {
		return err
	}
	way := "none"
	if len(was.Rows) > 0 {
		way = string(was.Rows[0].Way)
	}
	f.Facts = append(f.Facts, fact{Label: q.T("web.partner.choice_now"), Value: q.T("party.way." + way)})
	var ways []option
	for _, w := range []party.Way{party.ByLink, party.ByAttachment, party.ByService, party.ByPaper} {
		ways = append(ways, option{string(w), q.T("party.way." + string(w))})
	}
	f.Inputs = []input{{Name: "way", Options: ways}, {Name: "address", Text: "choice_address", Max: 254, Hint: true, Mono: true},
		{Name: "said_by", Max: 100, Required: true}, {Name: "said_on", Max: 20, Norm: "date", Set: page.Date(q.Today())},
		{Name: "proof", Max: 1000, Required: true, Hint: true, Wide: true}}
	return nil
}

func choiceSet(q *page.Req, id string) error {
	on, err := q.Date("said_on")
	if err != nil {
		return err
	}
	_, err = page.Run(q, party.ChoiceSet, party.ChoiceIn{Party: id, Way: party.Way(q.Form.Get("way")), Address: q.Form.Get("address"), SaidOn: on,
		SaidBy: q.Form.Get("said_by"), Proof: q.Form.Get("proof")})
	return err
}
