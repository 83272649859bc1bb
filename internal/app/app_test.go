package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"sekisho/internal/app"
	"sekisho/internal/app/apptest"
	"sekisho/internal/app/demo"
	"sekisho/internal/edge/api"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/text"
)

var update = flag.Bool("update", false, "rewrite the golden files; read their diff before committing")

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile("testdata/"+name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/" + name)
	if err != nil || string(want) != got {
		t.Fatalf("testdata/%s differs: read the change, and if it is meant, run go test ./internal/app -update\n%s", name, diff(string(want), got))
	}
}

func diff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	var out []string
	for _, l := range w {
		if !slices.Contains(g, l) {
			out = append(out, "- "+l)
		}
	}
	for _, l := range g {
		if !slices.Contains(w, l) {
			out = append(out, "+ "+l)
		}
	}
	return strings.Join(out[:min(len(out), 40)], "\n")
}

func infos(t *testing.T) []gate.Info {
	t.Helper()
	is, err := app.Infos()
	if err != nil {
		t.Fatal(err)
	}
	return is
}

// The permission matrix, every op for every role, as somebody reads it.
func TestC07_Matrix(t *testing.T) {
	var names []string
	for _, i := range infos(t) {
		names = append(names, i.Name)
	}
	p, err := app.Policy(names)
	if err != nil {
		t.Fatal(err)
	}
	roles := p.Matrix().Roles()
	var b strings.Builder
	for _, i := range infos(t) {
		for _, approve := range []bool{false, true} {
			if approve && !i.FourEyes {
				continue
			}
			fmt.Fprintf(&b, "%s%s:", i.Name, map[bool]string{true: " approve"}[approve])
			for _, r := range roles {
				if c := p.Matrix().Cell(i.Name, approve, r.Name); c != 0 {
					fmt.Fprintf(&b, " %s=%s", r.Name, c)
				}
			}
			b.WriteByte('\n')
		}
	}
	golden(t, "matrix.txt", b.String())
	for _, i := range infos(t) {
		// dispatch.recheck runs the checks again before an approval; it can only stop.
		if p.Matrix().Cell(i.Name, false, "attendant") != 0 && i.Mode == gate.Write && i.Name != "dispatch.recheck" && !strings.HasPrefix(i.Name, "identity.") && !strings.HasPrefix(i.Name, "approval.") {
			t.Errorf("a 立会人 can only approve or refuse, but may run %s", i.Name)
		}
		if p.Matrix().Cell(i.Name, false, "auditor") != 0 && i.Mode == gate.Write && !strings.HasPrefix(i.Name, "identity.") && !strings.HasPrefix(i.Name, "approval.") && !givesBytes(i.Name) {
			t.Errorf("an auditor reads only, but may run %s", i.Name)
		}
	}
}

// givesBytes are the ops by which a document's bytes leave. All they write is the
// mark that says so (decision 026), so an auditor may run them.
func givesBytes(op string) bool {
	return op == "document.content" || op == "invoice.pdf" || op == "share.file" || op == "share.month" || op == "paper.print"
}

// No other op has bytes of documents in its answer: what gives some leaves the
// mark, or an invoice could be voided that somebody has. Those here are public
// keys, the faulty lines of an import, inputs of jobs for the server itself, and
// the own logo and seal, certificates, which hold digests, and letters of
// introduction, which are nobody's documents.
func TestSM09_BytesLeaveByMarkedOpsOnly(t *testing.T) {
	found := 0
	var walk func(op string, schema any)
	walk = func(op string, schema any) {
		m, ok := schema.(map[string]any)
		if !ok {
			return
		}
		if m["contentEncoding"] == "base64" {
			found++
			if !givesBytes(op) && op != "identity.clients" && op != "intake.errors_file" && op != "job.claim" && op != "org.picture_show" && op != "evidence.certificate" && op != "paper.test_page" && op != "intro.print" {
				t.Errorf("%s gives bytes", op)
			}
		}
		for _, v := range m {
			walk(op, v)
		}
	}
	for _, i := range infos(t) {
		walk(i.Name, i.Out)
		if givesBytes(i.Name) && i.Mode != gate.Write {
			t.Errorf("%s leaves no mark", i.Name)
		}
	}
	if found != 12 {
		t.Errorf("%d ops give bytes", found)
	}
}

// C-12: who runs the system reads no business data.
func TestC12_AdminsReadNoBusinessData(t *testing.T) {
	p, err := app.Policy(gate.Names(modules(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range infos(t) {
		for _, noun := range []string{"party.", "invoice.", "dispatch.", "document.", "intake.", "share.", "batch.", "bundle.", "evidence."} {
			for _, role := range []string{"admin", "custodian", "security", "hr"} {
				if strings.HasPrefix(i.Name, noun) && p.Matrix().Cell(i.Name, false, role) != 0 && !allowedForStopping(i.Name) && !(role == "security" && rulesOfSending(i.Name)) {
					t.Errorf("%s may run %s", role, i.Name)
				}
			}
		}
	}
}

// Anybody in charge of security may press the emergency stop, which shows nothing,
// sees whether it is pressed, and sees how many near misses and bounces there were and how the relays are doing, which
// shows ids and counts.
func allowedForStopping(op string) bool {
	return op == "dispatch.stop_all" || op == "dispatch.start_all" || op == "dispatch.running" || op == "dispatch.near_misses" || op == "dispatch.relays" || op == "dispatch.bounce_counts" ||
		strings.HasPrefix(op, "dispatch.notice_") // addresses of machine mail, which holds no business data
}

// Who answers for security reads and sets the rules of sending: they name no partner and show no sending.
func rulesOfSending(op string) bool {
	return op == "dispatch.rule_list" || op == "dispatch.rule_set"
}

func modules(t *testing.T) []gate.Module {
	t.Helper()
	m, err := app.AllModules()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// How every column lies in the database.
func TestC72_Storage(t *testing.T) {
	golden(t, "sealed.txt", strings.Join(gate.Storage(modules(t)), "\n")+"\n")
}

func TestOpenAPI(t *testing.T) {
	golden(t, "openapi.json", string(api.OpenAPI(infos(t), app.Version))+"\n")
}

// Every op, every role, every fault and every condition has its sentences.
func TestSentences(t *testing.T) {
	if err := text.Check(); err != nil {
		t.Fatal(err)
	}
	for _, i := range infos(t) {
		if !text.Has("op." + i.Name) {
			t.Errorf("op.%s has no title", i.Name)
		}
	}
}

func TestHouseOpensWithItsPeople(t *testing.T) {
	apptest.Each(t, func(t *testing.T, w *apptest.World) {
		for _, p := range w.Cast {
			var me struct {
				Person struct {
					Login string   `json:"login"`
					Roles []string `json:"roles"`
				} `json:"person"`
			}
			w.Do(t, p, "identity.me", struct{}{}, &me)
			if me.Person.Login != p.Login || !slices.Equal(me.Person.Roles, p.Roles) {
				t.Fatal(p.Login, me)
			}
		}
	})
}

// Every op is called as every role through the door, with an input its schema
// takes: the answer is "denied" exactly where the matrix has no cell, and
// never a defect of ours.
func TestC07_EveryOpAsEveryRole(t *testing.T) {
	p, err := app.Policy(gate.Names(modules(t)))
	if err != nil {
		t.Fatal(err)
	}
	apptest.Each(t, func(t *testing.T, w *apptest.World) {
		cells := 0
		for _, i := range infos(t) {
			if i.Name == "identity.signout" || i.Name == "identity.totp_begin" || i.Name == "identity.sweep" {
				continue // ends the session the test stands on; their own tests call them
			}
			in, err := json.Marshal(sample(i.In))
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range demo.Roles {
				who := w.Of(r.Name, 2)
				err := w.Troupe.Act(context.Background(), who, i.Name, json.RawMessage(in), nil)
				cells++
				may := p.Matrix().Cell(i.Name, false, r.Name) != 0 || p.Matrix().Cell(i.Name, false, "member") != 0
				var s *demo.Stop
				if err != nil && !errors.As(err, &s) {
					t.Fatal(i.Name, r.Name, err)
				}
				never := s != nil && (s.Code == "policy.role_never")
				if never == may {
					t.Errorf("%s as %s: matrix says %v, the gate says %v", i.Name, r.Name, may, err)
				}
				if s != nil && (s.Code == "fault.failed" || s.Code == "gate.no_record" || strings.HasPrefix(s.Code, "gate.db")) {
					t.Errorf("%s as %s failed: %s", i.Name, r.Name, s.Detail)
				}
			}
			if _, err := w.Troupe.Door.Do(context.Background(), "", i.Name, in); err == nil && p.Matrix().Cell(i.Name, false, "nobody") == 0 {
				t.Errorf("%s answers who has not signed in", i.Name)
			}
		}
		if want := (len(infos(t)) - 3) * len(demo.Roles); cells != want {
			t.Fatal(cells, want)
		}
	})
}

// sample makes an input that a schema takes.
func sample(schema map[string]any) any {
	if e, ok := schema["enum"].([]string); ok {
		return e[0]
	}
	switch schema["type"] {
	case "object":
		out := map[string]any{}
		req, _ := schema["required"].([]string)
		for name, s := range schema["properties"].(map[string]any) {
			if slices.Contains(req, name) || name == "reason" {
				out[name] = sample(s.(map[string]any))
			}
		}
		return out
	case "array":
		return []any{sample(schema["items"].(map[string]any))}
	case "integer":
		return 1
	case "boolean":
		return true
	}
	if schema["contentEncoding"] == "base64" {
		return []byte("a,b\n1,2\n")
	}
	if schema["format"] == "date-time" {
		return "2026-11-22T03:00:00Z"
	}
	return "見本の値です"
}

// Clearances and scope: a role without clearance for a class gets it masked.
func TestC09_Clearances(t *testing.T) {
	p, err := app.Policy(gate.Names(modules(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []string{"admin", "hr", "security", "custodian"} {
		if c := p.Matrix().Clearance([]string{r}); c > policy.Internal {
			t.Errorf("%s sees %s", r, c)
		}
	}
}

// Whoever agrees to a change of rights sees it, though an administrator has no
// clearance for business data.
func TestC12_AdminsSeeWhatTheyAgreeTo(t *testing.T) {
	apptest.Each(t, func(t *testing.T, w *apptest.World) {
		who := w.Of("sales", 1)
		err := w.Troupe.Act(context.Background(), w.Of("admin", 0), "identity.role_grant", m{"person": who.ID, "role": "clerk", "reason": "異動のため"}, nil)
		var s *demo.Stop
		if !errors.As(err, &s) || s.Request == "" {
			t.Fatal(err)
		}
		for _, role := range []string{"admin", "security", "attendant"} {
			var seen struct {
				Staff struct {
					Reason  string `json:"reason"`
					Changes []struct {
						Field string `json:"field"`
						After string `json:"after"`
					} `json:"changes"`
				} `json:"staff"`
			}
			w.Do(t, w.Of(role, 1), "approval.show", m{"id": s.Request}, &seen)
			if seen.Staff.Reason != "異動のため" || len(seen.Staff.Changes) == 0 || !strings.Contains(fmt.Sprint(seen.Staff.Changes), "clerk") {
				t.Fatalf("%s agrees blindly: %+v", role, seen)
			}
		}
	})
}
