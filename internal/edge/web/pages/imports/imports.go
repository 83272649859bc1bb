// Package imports are the pages of taking files of other programs over: upload,
// mapping with a preview, writing, what was refused, and taking it back.
package imports

import (
	"embed"
	"net/http"
	"net/url"
	"strconv"

	"sekisho/internal/base/identity"
	"sekisho/internal/base/org"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
	"sekisho/internal/trade/intake"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "imports", Files: files, Routes: []page.Route{
	{At: "GET /imports", Do: list},
	{At: "POST /imports", Do: upload},
	{At: "GET /imports/trace", Do: trace},
	{At: "GET /imports/{run}", Do: show},
	{At: "POST /imports/{run}/start", Do: start},
	{At: "POST /imports/{run}/{move}", Do: move},
	{At: "GET /imports/{run}/errors", Do: issues},
	{At: "GET /imports/{run}/errors.csv", Do: issuesFile},
	{At: "GET /imports/{run}/addresses", Do: addresses},
	{At: "POST /imports/{run}/addresses", Do: verifyQuiet},
}}

func at(run string) string { return "/imports/" + url.PathEscape(run) }

// listed is the page of all imports, with the form for a new one.
type listed struct {
	Rows   []intake.Run
	Next   string
	People map[string]string
	States []intake.State
}

func list(q *page.Req) (page.Answer, error) {
	out, err := page.Run(q, intake.List, intake.ListIn{State: intake.State(q.Query("state")), After: q.Query("after"), Limit: 30})
	if err != nil {
		return page.Answer{}, err
	}
	var who []string
	for _, r := range out.Rows {
		who = append(who, r.Owner)
	}
	d := listed{Rows: out.Rows, Next: out.Next,
		States: []intake.State{intake.Uploaded, intake.Staging, intake.Blocked, intake.Stopped, intake.Published, intake.Undone}}
	d.People, err = page.Names(q, who...)
	return page.Answer{Template: "imports/list", Title: q.T("web.nav.imports"), Data: d}, err
}

func upload(q *page.Req) (page.Answer, error) {
	a, err := list(q)
	if err != nil {
		return a, err
	}
	content, name, err := q.File("file")
	if err != nil {
		return q.Again(err, a)
	}
	out, err := page.Run(q, intake.Upload, intake.UploadIn{Kind: intake.Kind(q.Form.Get("kind")), Name: name, Content: content,
		Encoding: intake.Encoding(q.Form.Get("encoding")), Again: q.Form.Get("again") != ""})
	if err != nil {
		return q.Again(err, a)
	}
	return q.Go(at(out.ID), "web.done.import_read")
}

// shown is one import as it stands.
type shown struct {
	intake.ShowOut
	People      map[string]string
	Departments []org.Department
	Colleagues  []identity.PersonView
	Bad         string // why the mapping cannot be used

	// before it begins
	Columns intake.Columns
	Preview intake.Preview
	Fields  []intake.Field
	Need    map[intake.Field]bool
	Map     []intake.Field // by column
	Sampled []intake.Field // columns of the preview
}

func show(q *page.Req) (page.Answer, error) {
	r, err := page.Run(q, intake.Show, intake.ByRun{Run: q.PathValue("run")})
	if err != nil {
		return page.Answer{}, err
	}
	d := shown{ShowOut: r}
	if d.People, err = page.Names(q, r.Owner, r.InCharge); err != nil {
		return page.Answer{}, err
	}
	if r.State == intake.Uploaded && q.Can(intake.PreviewOp.Name()) {
		if err := d.prepare(q); err != nil {
			return page.Answer{}, err
		}
	}
	a := page.Answer{Template: "imports/run", Title: r.Name, Data: d}
	if r.State == intake.Staging {
		a.Scripts = []string{"imports.js"}
	}
	return a, nil
}

// prepare reads the columns and how the file would be taken.
func (d *shown) prepare(q *page.Req) (err error) {
	if d.Columns, err = page.Run(q, intake.ColumnsOp, intake.ByRun{Run: d.ID}); err != nil {
		return err
	}
	given, chosen := mapping(q)
	use := given
	if !chosen {
		use = d.Mapping
	}
	d.Fields, d.Need, d.Map = intake.Fields(d.Kind), map[intake.Field]bool{}, make([]intake.Field, len(d.Columns.Headings))
	for _, f := range intake.Required(d.Kind) {
		d.Need[f] = true
	}
	for _, c := range use {
		if c.Column >= 1 && c.Column <= len(d.Map) {
			d.Map[c.Column-1] = c.Field
		}
	}
	d.Preview, err = page.Run(q, intake.PreviewOp, intake.PreviewIn{Run: d.ID, Mapping: given})
	if f := fault.Of(err); err != nil && f.Kind == fault.KindInvalid {
		d.Bad = text.Fault(q.Lang, f)
		err = nil
	}
	d.sample()
	if err != nil {
		return err
	}
	return d.choices(q)
}

// choices are who and which department new partners can be given to.
func (d *shown) choices(q *page.Req) error {
	if q.Can(org.DepartmentList.Name()) {
		out, err := page.Run(q, org.DepartmentList, org.Nothing{})
		if err != nil {
			return err
		}
		for _, dept := range out.Rows {
			if dept.ClosedOn.IsZero() {
				d.Departments = append(d.Departments, dept)
			}
		}
	}
	if q.Can(identity.People.Name()) {
		out, err := page.Run(q, identity.People, identity.PeopleIn{State: "active", Limit: 200})
		d.Colleagues = out.Rows
		return err
	}
	return nil
}

// sample names the columns of the preview: those fields that any row fills.
func (d *shown) sample() {
	filled := map[intake.Field]bool{}
	for _, r := range d.Preview.Rows {
		for _, c := range r.Cells {
			filled[c.Field] = true
		}
	}
	for _, f := range d.Fields {
		if filled[f] {
			d.Sampled = append(d.Sampled, f)
		}
	}
}

// Cell is what a row of the preview has for a field.
func (shown) Cell(s intake.Sample, f intake.Field) string {
	for _, c := range s.Cells {
		if c.Field == f {
			return c.Value
		}
	}
	return ""
}

// mapping is that of the address or the form: c1=code&c2=name…
func mapping(q *page.Req) (out []intake.Column, chosen bool) {
	from := q.URL.Query()
	if q.Method == http.MethodPost {
		from = q.Form
	}
	for n := 1; n <= intake.MaxColumns; n++ {
		v, given := from["c"+strconv.Itoa(n)]
		if !given {
			break
		}
		if chosen = true; v[0] != "" {
			out = append(out, intake.Column{Column: n, Field: intake.Field(v[0])})
		}
	}
	return out, chosen
}

// Mapped is the query that keeps the mapping as it is chosen.
func (d shown) Mapped() string {
	v := url.Values{}
	for i, f := range d.Map {
		v.Set("c"+strconv.Itoa(i+1), string(f))
	}
	return v.Encode()
}

func start(q *page.Req) (page.Answer, error) {
	a, err := show(q)
	if err != nil {
		return a, err
	}
	total, err := q.Yen("total")
	if err != nil {
		return q.Again(err, a)
	}
	cols, _ := mapping(q)
	dry := q.Form.Get("dry") != ""
	out, err := page.Run(q, intake.Start, intake.StartIn{Run: q.PathValue("run"), Mapping: cols, SkipBad: q.Form.Get("skip_bad") != "", DryRun: dry,
		Expect: intake.Expect{Rows: int(q.Int("rows")), Total: total}, Owner: q.Form.Get("owner"), Department: q.Form.Get("department")})
	if err != nil {
		return q.Again(err, a)
	}
	if dry {
		return q.Go(at(out.ID)+"?"+a.Data.(shown).Mapped(), "web.done.import_dry")
	}
	return q.Go(at(out.ID), "web.done.import_started")
}

// move stops a run, goes on with it, or takes it back.
func move(q *page.Req) (page.Answer, error) {
	run, done := q.PathValue("run"), ""
	var err error
	switch q.PathValue("move") {
	case "stop":
		_, err = page.Run(q, intake.Stop, intake.ByRun{Run: run})
		done = "web.done.import_stopped"
	case "resume":
		_, err = page.Run(q, intake.Resume, intake.ByRun{Run: run})
		done = "web.done.import_resumed"
	case "undo":
		_, err = page.Run(q, intake.Undo, intake.UndoIn{Run: run, Reason: q.Form.Get("reason")})
		done = "web.done.import_undone"
	default:
		return page.Answer{}, fault.NotFound()
	}
	if err != nil {
		a, e := show(q)
		if e != nil {
			return a, e
		}
		return q.Again(err, a)
	}
	return q.Go(at(run), done)
}
