package page

import "strings"

// Item is one place in the navigation, shown to whom the op is open.
type Item struct {
	To, Key, Icon string // Key: text key "web.nav.…"
	Op            string // "": everybody signed in
	Phone         bool   // also in the bar of a phone
}

// Group is a heading with its items.
type Group struct {
	Key   string // "": no heading
	Items []Item
}

// nav is the whole navigation, in its order.
func nav() []Group {
	return []Group{
		{"", []Item{
			{"/", "home", "home", "", true},
			{"/approvals", "approvals", "check", "approval.list", true},
		}},
		{"sales", []Item{
			{"/invoices", "invoices", "invoice", "invoice.list", true},
			{"/sendings", "sendings", "send", "dispatch.list", true},
			{"/batches", "batches", "send", "batch.list", false},
			{"/bundles", "bundles", "file", "bundle.list", false},
			{"/print-runs", "print_runs", "print", "paper.list", false},
			{"/gaps", "gaps", "gap", "org.gaps", false},
			{"/archive", "archive", "inbox", "document.search", false},
		}},
		{"partners", []Item{
			{"/partners", "partners", "building", "party.list", false},
			{"/imports", "imports", "upload", "intake.list", false},
			{"/introductions", "introductions", "file", "intro.list", false},
		}},
		{"safety", []Item{
			{"/near-misses", "near_misses", "stop", "dispatch.near_misses", false},
			{"/incidents", "incidents", "warn", "incident.list", false},
			{"/drills", "drills", "eye", "drill.lessons", false},
			{"/approvals/speed", "speed", "clock", "approval.haste", false},
			{"/alarms", "alarms", "bell", "watch.list", false},
			{"/records", "records", "history", "record.search", false},
			{"/backups", "backups", "shield", "backup.status", false},
		}},
		{"settings", []Item{
			{"/people", "people", "people", "identity.people", false},
			{"/jobs", "jobs", "job", "job.list", false},
			{"/settings", "settings", "gear", "org.issuer_show", false},
		}},
	}
}

// Nav is the navigation as who asks may use it.
func (q *Req) Nav() []Group {
	var out []Group
	for _, g := range nav() {
		var items []Item
		for _, i := range g.Items {
			if i.Op == "" || q.Can(i.Op) {
				items = append(items, i)
			}
		}
		if len(items) > 0 {
			out = append(out, Group{g.Key, items})
		}
	}
	return out
}

// Here tells whether a place of the navigation is where the reader is.
func (q *Req) Here(to string) bool {
	return q.URL.Path == to || to != "/" && strings.HasPrefix(q.URL.Path, to+"/")
}

// Initial is the first character of the person's name.
func (q *Req) Initial() string {
	for _, r := range q.Me.Person.Name {
		return string(r)
	}
	return ""
}

// Thing is the page of a thing by the kind its records name, "" where there is
// none or the reader's roles do not have it.
func (q *Req) Thing(kind, id string) string {
	for _, p := range []struct{ kind, op, at string }{
		{"invoice", "invoice.show", "/invoices/"}, {"party", "party.show", "/partners/"}, {"document", "document.show", "/archive/"},
		{"dispatch", "dispatch.show", "/sendings/"}, {"identity", "identity.people", "/people/"}, {"incident", "incident.show", "/incidents/"},
		{"approval", "approval.show", "/approvals/"}, {"batch", "batch.show", "/batches/"},
	} {
		if p.kind == kind && q.Can(p.op) {
			return p.at + id
		}
	}
	return ""
}
