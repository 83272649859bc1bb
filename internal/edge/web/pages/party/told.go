package party

import (
	"sekisho/internal/comms/intro"
	"sekisho/internal/edge/web/page"
)

// told loads whether the partner was told of links.
func (d *shown) told(q *page.Req) error {
	if !q.Can("intro.of") {
		return nil
	}
	out, err := page.Run(q, intro.Of, intro.OfIn{Party: d.Party.ID})
	if err != nil {
		return err
	}
	d.Told = out
	var who []string
	for _, t := range out.Rows {
		who = append(who, t.Person)
	}
	names, err := page.Names(q, who...)
	for id, n := range names {
		d.People[id] = n
	}
	return err
}
