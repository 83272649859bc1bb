package app_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"sekisho/internal/app/apptest"
	"sekisho/internal/app/demo"
	"sekisho/internal/kernel/gate"
)

// issuedPaper is what must never change of an issued invoice.
type issuedPaper struct {
	ID       string `json:"id"`
	Version  int64  `json:"version"`
	State    string `json:"state"`
	Number   string `json:"number"`
	Date     string `json:"date"`
	Amount   int64  `json:"amount"`
	Party    string `json:"party"`
	Snapshot string `json:"snapshot_digest"`
	Document string `json:"document"`
}

// bookkeeping is a house with one issued and archived invoice, in the clerk's department.
func bookkeeping(t *testing.T, w *apptest.World) (partner string, inv map[string]any) {
	t.Helper()
	w.Do(t, w.Of("controller", 0), "org.issuer_update", m{"name": "北斗サプライ株式会社", "registration_number": "T7000012050002", "postal_code": "060-0001",
		"address": "札幌市中央区北一条西1-1", "fiscal_start": 4, "rounding": "floor"}, nil)
	w.Do(t, w.Of("controller", 0), "org.series_create", m{"name": "invoice", "pattern": "INV-{yyyy}-{0000}"}, nil)
	var me struct {
		Person struct {
			Department string `json:"department"`
		} `json:"person"`
	}
	w.Do(t, w.Of("clerk", 0), "identity.me", struct{}{}, &me)
	var p struct {
		ID string `json:"id"`
	}
	w.Do(t, w.Of("accounting", 0), "party.create", m{"code": "A001", "name": "株式会社青葉商会", "postal_code": "060-0001", "address": "札幌市中央区北一条西2-1",
		"terms": m{"close": 31, "months": 1, "pay_day": 31, "shift": "next"}, "department": me.Person.Department}, &p)
	draft := m{"party": p.ID, "subject": "11月分", "date": "2026-11-22", "lines": []m{{"date": "2026-11-20", "description": "業務用洗剤", "quantity": "2", "unit_price": "5000", "category": "standard"}}}
	w.Do(t, w.Of("accounting", 0), "invoice.draft", draft, &inv)
	w.Do(t, w.Of("accounting", 0), "invoice.issue", m{"id": inv["id"], "version": inv["version"]}, nil)
	w.Work(t)
	return p.ID, inv
}

// J2 (12): clerk, manager, admin and everybody else try every op that writes
// invoices or documents on an issued one, with each version it ever had. What was
// issued is the same afterwards, to the byte; a correction is a document of its own.
func TestSM09_C28_J2_IssuedIsNeitherEditedNorDeletedByAnyOp(t *testing.T) {
	apptest.Each(t, func(t *testing.T, w *apptest.World) {
		partner, inv := bookkeeping(t, w)
		book := w.Of("accounting", 0)
		var before, after issuedPaper
		var file, again struct {
			Digest  string `json:"digest"`
			Content []byte `json:"content"`
		}
		w.Do(t, book, "invoice.show", m{"id": inv["id"]}, &before)
		w.Do(t, book, "invoice.pdf", m{"id": inv["id"]}, &file)
		if before.State != "ready" || len(file.Content) < 1000 {
			t.Fatalf("%+v", before)
		}
		tried := 0
		for _, i := range infos(t) {
			if i.Mode != gate.Write || !strings.HasPrefix(i.Name, "invoice.") && !strings.HasPrefix(i.Name, "document.") {
				continue
			}
			for _, id := range []string{before.ID, before.Document} {
				for version := range before.Version + 1 {
					in := sample(i.In).(map[string]any)
					given := m{"id": id, "version": version + 1, "former": before.Document, "party": partner, "subject": "書き換え", "lines": []m{}}
					for k, v := range given {
						if _, ok := i.In["properties"].(map[string]any)[k]; ok {
							in[k] = v
						}
					}
					for _, r := range demo.Roles {
						err := w.Troupe.Act(context.Background(), w.Of(r.Name, 0), i.Name, in, nil)
						tried++
						var s *demo.Stop
						if err != nil && !errors.As(err, &s) {
							t.Fatal(i.Name, r.Name, err)
						}
						changes := i.Name == "invoice.update" || i.Name == "invoice.discard" || i.Name == "invoice.issue"
						if changes && err == nil {
							t.Errorf("%s as %s went through", i.Name, r.Name)
						}
						if changes && id == before.ID && (r.Name == "clerk" || r.Name == "accounting") && s.Code != "invoice.is_issued" {
							t.Errorf("%s as %s: %s", i.Name, r.Name, s.Code)
						}
					}
				}
			}
		}
		if tried < 100 {
			t.Fatal("too few attempts", tried)
		}
		w.Work(t)
		w.Do(t, book, "invoice.show", m{"id": inv["id"]}, &after)
		w.Do(t, book, "invoice.pdf", m{"id": inv["id"]}, &again)
		after.Version, before.Version = 0, 0
		if after != before || again.Digest != file.Digest || string(again.Content) != string(file.Content) {
			t.Fatalf("%+v\n%+v", before, after)
		}
	})
}

// The way there is instead: the clerk corrects by a linked document, which says
// what it replaces; both stay in the archive.
func TestSM09_J2_CorrectedThroughTheDoor(t *testing.T) {
	apptest.Each(t, func(t *testing.T, w *apptest.World) {
		_, inv := bookkeeping(t, w)
		clerk := w.Of("clerk", 0)
		var old issuedPaper
		w.Do(t, clerk, "invoice.show", m{"id": inv["id"]}, &old)
		var c map[string]any
		w.Do(t, clerk, "invoice.correct", m{"id": old.ID, "reason": "数量の誤り",
			"lines": []m{{"date": "2026-11-20", "description": "業務用洗剤", "quantity": "1", "unit_price": "5000", "category": "standard"}}}, &c)
		w.Do(t, clerk, "invoice.issue", m{"id": c["id"], "version": c["version"]}, nil)
		w.Work(t)
		var shown struct {
			issuedPaper
			Standing string `json:"standing"`
			Links    []struct {
				ID       string `json:"id"`
				Relation string `json:"relation"`
				Later    bool   `json:"later"`
				Number   string `json:"number"`
			} `json:"links"`
		}
		w.Do(t, clerk, "invoice.show", m{"id": old.ID}, &shown)
		if shown.Standing != "superseded" || shown.Amount != old.Amount || shown.Snapshot != old.Snapshot || len(shown.Links) != 1 ||
			shown.Links[0].ID != c["id"] || shown.Links[0].Relation != "correct" || !shown.Links[0].Later || shown.Links[0].Number != "INV-2026-0002" {
			t.Fatalf("%+v", shown)
		}
		for _, role := range []string{"admin", "auditor", "security", "hr"} {
			var s *demo.Stop
			if err := w.Troupe.Act(context.Background(), w.Of(role, 0), "invoice.correct", m{"id": c["id"], "reason": "数量の誤り"}, nil); !errors.As(err, &s) || s.Code != "policy.role_never" {
				t.Fatal(role, err)
			}
		}
	})
}
