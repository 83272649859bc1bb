package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/text"
)

type importCmd struct {
	home
	signIn
	File       string `arg:"" help:"CSV（UTF-8 か CP932） / CSV file, UTF-8 or CP932." type:"existingfile"`
	Kind       string `help:"取引先か、未回収の請求 / Partners, or open invoices." enum:"partners,open_invoices" default:"partners"`
	Write      bool   `help:"確かめるだけでなく取り込む / Import, not only check." name:"run"`
	SkipBad    bool   `help:"直せない行を除いて取り込む / Leave out rows that are refused."`
	Again      bool   `help:"同じファイルをもう一度取り込む / Import the same file once more."`
	Department string `help:"新しい取引先の部門 / Department of new partners." placeholder:"ID"`
	// kong's own map type would sort the headings apart; the order is the user's.
	Map []string `help:"見出しと項目の対応を直す（例 --map 得意先番号=code、項目を空にすると取り込まない） / Correct which column is what: heading=field; an empty field leaves it out." placeholder:"HEADING=FIELD" sep:"none"`
}

type importTotals struct {
	Rows     int   `json:"rows"`
	Accepted int   `json:"accepted"`
	Refused  int   `json:"refused"`
	New      int   `json:"new"`
	Existing int   `json:"existing"`
	Total    int64 `json:"total"`
}

type importIssue struct {
	Line    int      `json:"line"`
	Heading string   `json:"heading"`
	Value   string   `json:"value"`
	Key     string   `json:"key"`
	Args    []string `json:"args"`
	Note    bool     `json:"note"`
}

// call runs an op with Go values.
func call(ctx context.Context, a *app.App, c gate.Credential, op string, in, out any) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	res, err := a.Gate.JSON(ctx, c, op, raw)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(res, out)
}

// Run shows what a file would bring, and brings it when told to.
func (c importCmd) Run(e *env) error {
	content, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	return withGate(e, c.home, c.signIn, func(ctx context.Context, a *app.App, cred gate.Credential) error {
		up, err := c.upload(ctx, a, cred, content)
		if err != nil {
			return err
		}
		pre, err := c.preview(ctx, a, cred, up.ID)
		if err != nil {
			return err
		}
		t := pre.Totals
		e.say("cli.import_totals", "run", up.ID, "rows", t.Rows, "accepted", t.Accepted, "refused", t.Refused, "new", t.New, "existing", t.Existing, "total", t.Total)
		for _, i := range pre.Issues {
			args := make([]any, len(i.Args))
			for k, v := range i.Args {
				args[k] = v
			}
			mark := map[bool]string{true: "・", false: "✗"}[i.Note]
			fmt.Fprintf(e.out, "%s %d %s 「%s」 %s\n", mark, i.Line, i.Heading, i.Value, text.T(e.lang, i.Key, args...))
		}
		if !c.Write {
			e.say("cli.import_dry")
			return nil
		}
		if err := call(ctx, a, cred, "intake.start", map[string]any{"run": up.ID, "mapping": pre.Mapping, "skip_bad": c.SkipBad, "department": c.Department,
			"expect": map[string]any{"rows": t.Accepted, "total": t.Total}}, nil); err != nil {
			return err
		}
		return c.follow(ctx, e, a, cred, up.ID)
	})
}

type preview struct {
	Totals   importTotals   `json:"totals"`
	Issues   []importIssue  `json:"issues"`
	Headings []string       `json:"headings"`
	Mapping  []importColumn `json:"mapping"`
}

type importColumn struct {
	Column  int    `json:"column"`
	Heading string `json:"heading"`
	Field   string `json:"field"`
}

// preview shows how the file would be taken: with the guessed mapping, or with
// what --map corrects in it.
func (c importCmd) preview(ctx context.Context, a *app.App, cred gate.Credential, run string) (preview, error) {
	var guessed, p preview
	if err := call(ctx, a, cred, "intake.preview", map[string]any{"run": run}, &guessed); err != nil || len(c.Map) == 0 {
		return guessed, err
	}
	mapping := guessed.Mapping
	for _, m := range c.Map {
		heading, field, ok := strings.Cut(m, "=")
		at := slices.Index(guessed.Headings, heading)
		if !ok || at < 0 {
			return p, fault.Invalid("cli.import_map", "given", m, "headings", strings.Join(guessed.Headings, ", "))
		}
		mapping = slices.DeleteFunc(mapping, func(k importColumn) bool { return k.Column == at+1 || k.Field == field })
		if field != "" {
			mapping = append(mapping, importColumn{at + 1, heading, field})
		}
	}
	err := call(ctx, a, cred, "intake.preview", map[string]any{"run": run, "mapping": mapping}, &p)
	return p, err
}

type upload struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Digest string `json:"digest"` // SHA-256 of the file
}

// upload hands the file in, or goes on with the same file where it was only
// looked at before: first without --run, then with it.
func (c importCmd) upload(ctx context.Context, a *app.App, cred gate.Credential, content []byte) (upload, error) {
	var before struct {
		Rows []upload `json:"rows"`
	}
	if err := call(ctx, a, cred, "intake.list", map[string]any{"state": "uploaded", "limit": 50}, &before); err != nil {
		return upload{}, err
	}
	for _, u := range before.Rows {
		if u.Kind == c.Kind && u.Digest == blob.Sum(content).String() {
			return u, nil
		}
	}
	var up upload
	err := call(ctx, a, cred, "intake.upload", map[string]any{"kind": c.Kind, "name": filepath.Base(c.File), "content": content, "again": c.Again}, &up)
	return up, err
}

var errImport = errors.New("the import did not finish")

// follow shows the progress. Where no server runs the jobs, this command does.
func (c importCmd) follow(ctx context.Context, e *env, a *app.App, cred gate.Credential, run string) error {
	w := &jobs.Worker{Gate: a.Gate, Parallel: 1, Log: a.Log}
	for {
		if _, _, err := w.Once(ctx); err != nil && !fault.Is(err, fault.KindConflict) {
			return err
		}
		var r struct {
			State string `json:"state"`
			Done  int64  `json:"done"`
			Total int64  `json:"slices"`
		}
		if err := call(ctx, a, cred, "intake.show", map[string]string{"run": run}, &r); err != nil {
			return err
		}
		switch r.State {
		case "published":
			e.say("cli.import_done", "run", run)
			return nil
		case "staging":
			fmt.Fprintf(e.err, "\r%d/%d", r.Done, r.Total)
		default:
			e.say("cli.import_state", "run", run, "state", fault.Word("intake.state."+r.State))
			return errImport
		}
		time.Sleep(50 * time.Millisecond)
	}
}
