// Package backup are the pages of backups (控え): what there is beside what the
// rule wants, and opening the seal of a restored house.
package backup

import (
	"embed"
	"strconv"
	"time"

	"sekisho/internal/assure/backup"
	"sekisho/internal/edge/web/page"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "backup", Files: files, Routes: []page.Route{
	{At: "GET /backups", Do: show},
	{At: "POST /backups/unseal", Do: unseal},
}}

const statusOp = "backup.status"

// shown is the rule, what there is, and what was made.
type shown struct {
	backup.Overview
	Fresh   *backup.Place // with the newest good copy; nil: there is none
	Age     string
	Every   string
	Next    time.Time
	Missing []string // what is not as it should be, each with what to do
	Runs    []made
	More    string
}

// made is one run with its copies.
type made struct {
	backup.Run
	Copies []backup.Copy
	Why    string
}

func show(q *page.Req) (page.Answer, error) {
	o, err := page.Named[backup.Overview](q, statusOp, struct{}{})
	if err != nil {
		return page.Answer{}, err
	}
	d := shown{Overview: o, Missing: missing(q, o), Every: span(q, o.Rule.EverySeconds)}
	d.Next, _ = time.Parse(time.RFC3339, o.Next) // "": none is due
	for i, p := range o.Places {
		if !p.LastGood.IsZero() && (d.Fresh == nil || p.LastGood.After(d.Fresh.LastGood)) {
			d.Fresh, d.Age = &o.Places[i], span(q, p.AgeSeconds)
		}
	}
	list, err := page.Run(q, backup.List, backup.Page{After: q.Query("after"), Limit: 30})
	if err != nil {
		return page.Answer{}, err
	}
	d.More = list.Next
	for _, r := range list.Runs {
		m := made{Run: r}
		for _, c := range list.Copies {
			if c.Run == r.ID {
				m.Copies = append(m.Copies, c)
			}
		}
		if r.Reason != "" {
			m.Why = page.Blanked(q.T(r.Reason, "count", r.Damaged))
		}
		d.Runs = append(d.Runs, m)
	}
	q.Meet(o.Seal.OpenedBy)
	return q.Show("backup/show", q.T("web.nav.backups"), d)
}

// missing says what the rule wants and there is not.
func missing(q *page.Req, o backup.Overview) []string {
	var out []string
	say := func(key string, args ...any) { out = append(out, page.Blanked(q.T(key, args...))) }
	switch o.Rule.Recipients {
	case 0:
		say("backup.no_recipients", "file", q.T("web.backup.recipients_file"))
	case 1:
		say("backup.one_recipient")
	}
	remote := false
	for _, p := range o.Places {
		remote = remote || p.Target == backup.Remote
		if p.SameDisk {
			say("backup.same_disk", "dir", p.Dir)
		}
		if p.Problem != "" && o.Rule.Recipients > 0 {
			say(p.Problem, "dir", p.Dir, "count", len(p.Missing), "age", span(q, p.AgeSeconds))
		}
	}
	if !remote {
		say("backup.no_remote")
	}
	return out
}

// span is a length of time, in words.
func span(q *page.Req, seconds int64) string {
	switch {
	case seconds < 0:
		return ""
	case seconds < 2*3600:
		return q.T("web.backup.minutes", "n", strconv.FormatInt(max(1, seconds/60), 10))
	case seconds < 48*3600:
		return q.T("web.backup.hours", "n", strconv.FormatInt(seconds/3600, 10))
	}
	return q.T("web.backup.days", "n", strconv.FormatInt(seconds/86400, 10))
}

func unseal(q *page.Req) (page.Answer, error) {
	if _, err := page.Run(q, backup.Unseal, backup.UnsealIn{Reason: q.Form.Get("reason")}); err != nil {
		a, bad := show(q)
		if bad != nil {
			return a, err
		}
		return q.Again(err, a)
	}
	return q.Go("/backups", "web.done.unsealed")
}
