//go:build torture

package torture

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/app/demo"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gatetest/pgtest"
	"sekisho/internal/kernel/jobs"
)

// house is a company with its people, its server as a child process and its relay.
type house struct {
	t      *testing.T
	engine string
	home   string
	dsn    string // "" on SQLite
	listen string
	sink   *sink
	cast   []*demo.Person
	troupe *demo.Troupe
	wire   *http.Client
	to     []partner // that mail can be sent to
	app    *app.App  // open in this process: no server runs
	clock  *past     // that one's time
	keys   int       // Idempotency-Keys given out
	marks  int       // marks given out
	turn   int       // shifts the points (blade_test.go)
	srv    *server
	env    []string // further environment of the server
	more   string   // further settings
	public string   // key of the person who can open backups (restore_test.go)
	shown  int      // reads that were answered to the reading clerk (disk_test.go)
}

// partner is one with a verified address.
type partner struct{ ID, Code, Name, Address string }

// each runs f in a house on either engine, beside other tests: they wait more
// than they work.
func each(t *testing.T, f func(h *house)) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			dsn := ""
			if engine == "postgres" {
				dsn = pgtest.DSN(t)
			}
			f(newHouse(t, engine, dsn, t.TempDir()))
		})
	}
}

// newHouse makes a house in an empty folder: keys, people, the company, its
// partners with their verified addresses. All of it is done by its people in
// this process, in a time that has passed, so that nobody waits for codes; the
// folder then belongs to the real server.
func newHouse(t *testing.T, engine, dsn, dir string) *house {
	h := bareHouse(t, engine, dsn, dir)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	h.must(err)
	h.listen = l.Addr().String()
	h.must(l.Close())
	h.seed(&past{at: time.Now().Add(-8 * time.Hour)})
	h.must(h.app.Close())
	h.app = nil
	h.wire = h.client()
	h.troupe = &demo.Troupe{Door: demo.HTTP{Base: "https://" + h.listen, Client: h.wire, Lang: "en"}, Clock: wall{}}
	t.Cleanup(h.kill)
	return h
}

func bareHouse(t *testing.T, engine, dsn, dir string) *house {
	h := &house{t: t, engine: engine, dsn: dsn, home: filepath.Join(dir, "home"), sink: newSink(t, dir), listen: "127.0.0.1:0"}
	for _, role := range []string{"admin", "accounting", "controller", "auditor"} {
		h.cast = append(h.cast, demo.Of(demo.Cast(), role)...)
	}
	return h
}

// inside runs f in a house that is open in this process, whose time is ours, on
// either engine.
func inside(t *testing.T, f func(h *house)) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			dsn := ""
			if engine == "postgres" {
				dsn = pgtest.DSN(t)
			}
			h := bareHouse(t, engine, dsn, t.TempDir())
			h.seed(&past{at: time.Now()})
			t.Cleanup(func() { h.must(h.app.Close()) })
			f(h)
		})
	}
}

// configure writes sekisho.toml.
func (h *house) configure(relay, dsn string) {
	text := fmt.Sprintf(`[company]
origin = "torture.sekisho.test"
[server]
listen = %q
[database]
dsn = %q
[mail]
host = %q
port = %d
mode = "starttls"
ca_file = %q
from = "seikyu@hokuto-supply.example.jp"
hello = "torture.example.jp"
hold_minutes = 1
per_minute = 10000
per_minute_domain = 10000
%s`, h.listen, dsn, relay, h.sink.port, h.sink.ca, h.more)
	h.must(os.WriteFile(filepath.Join(h.home, app.ConfigFile), []byte(text), 0o600))
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatalf("%s: %v%s", h.engine, err, h.tail())
	}
}

// of is the nth person of a role.
func (h *house) of(role string, n int) *demo.Person {
	list := demo.Of(h.cast, role)
	return list[n%len(list)]
}

// past is a clock that runs only when it is asked, in a time that is over.
type past struct {
	mu sync.Mutex
	at time.Time
}

func (p *past) Now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = p.at.Add(time.Millisecond)
	return p.at
}

func (p *past) Pass(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = p.at.Add(d)
}

func (p *past) set(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = at
}

// wall is the machine's clock.
type wall struct{}

func (wall) Now() time.Time       { return time.Now() }
func (wall) Pass(d time.Duration) { time.Sleep(d) }

// reopen opens the house in this process, again if it is open.
func (h *house) reopen() {
	h.t.Helper()
	if h.app != nil {
		h.must(h.app.Close())
	}
	a, err := app.Open(bg, app.Options{Home: h.home, Clock: h.clock.Now, Log: slog.New(slog.DiscardHandler)})
	h.must(err)
	h.app = a
	if h.troupe != nil {
		h.troupe.Door = demo.Inside{Gate: a.Gate}
	}
}

// seed makes the house and leaves it open in this process.
func (h *house) seed(clock *past) {
	h.must(app.Init(h.home, "torture.sekisho.test", false, clock.Now()))
	h.configure("localhost", h.dsn)
	h.clock = clock
	h.reopen()
	a := h.app
	code, err := a.SetupCode(bg)
	h.must(err)
	h.troupe = &demo.Troupe{Door: demo.Inside{Gate: a.Gate}, Clock: clock}
	h.must(h.troupe.Hire(bg, code, h.cast, demo.Secrets(3)))
	lead := h.of("controller", 0)
	h.must(h.troupe.Together(bg, lead, h.of("controller", 1), "org.issuer_update", issuer()))
	h.do(lead, "org.series_create", m{"name": "invoice", "pattern": "INV-{yyyy}-{000000}"}, nil)
	// However quiet a sending is, a second person looks at it here.
	h.do(lead, "dispatch.rule_set", m{"rule": "second_class", "value": "confidential", "from": civil.Of(clock.Now()), "reason": "全件を二人で確かめるため"}, nil)
	file, err := os.ReadFile("../internal/app/demo/files/partners.csv")
	h.must(err)
	run := h.bring("partners", "partners.csv", file)
	h.turnJobs()
	var quiet struct {
		Digest string `json:"digest"`
	}
	books := h.of("accounting", 0)
	h.do(books, "party.first_verification_list", m{"run": run, "kind": "quiet"}, &quiet)
	h.must(h.troupe.Together(bg, books, lead, "party.first_verify_quiet", m{"run": run, "digest": quiet.Digest, "reason": "契約書の送付先と見比べて確認しました"}))
	h.addresses(books)
}

// turnJobs runs what is due of the house that is open in this process.
func (h *house) turnJobs() {
	worker := &jobs.Worker{Gate: h.app.Gate, Parallel: 1, Log: h.app.Log}
	for n, err := 1, error(nil); n > 0; {
		n, _, err = worker.Once(bg)
		h.must(err)
	}
}

// addresses finds the partners that mail can be sent to.
func (h *house) addresses(books *demo.Person) {
	var page struct {
		Rows []partner `json:"rows"`
	}
	h.do(books, "party.list", m{"limit": 200}, &page)
	for _, p := range page.Rows {
		var shown struct {
			Points []struct {
				Address string `json:"address"`
				State   string `json:"state"`
			} `json:"points"`
		}
		h.do(books, "party.show", m{"id": p.ID}, &shown)
		for _, q := range shown.Points {
			if q.State == "verified" {
				p.Address = q.Address
			}
		}
		if p.Address != "" {
			h.to = append(h.to, p)
		}
	}
	if len(h.to) < 10 {
		h.t.Fatalf("only %d partners have a verified address", len(h.to))
	}
}

// bring uploads a file and starts taking it over; it gives the run.
func (h *house) bring(kind, name string, content []byte) string {
	by := h.of("accounting", 1)
	var up struct {
		ID string `json:"id"`
	}
	h.do(by, "intake.upload", m{"kind": kind, "name": name, "content": content}, &up)
	h.do(by, "intake.start", m{"run": up.ID, "expect": h.totals(by, up.ID)}, nil)
	return up.ID
}

func (h *house) totals(by *demo.Person, run string) m {
	var pre struct {
		Totals struct {
			Accepted int   `json:"accepted"`
			Total    int64 `json:"total"`
		} `json:"totals"`
	}
	h.do(by, "intake.preview", m{"run": run}, &pre)
	return m{"rows": pre.Totals.Accepted, "total": pre.Totals.Total}
}

func issuer() m {
	return m{"name": "北斗サプライ株式会社", "kana": "ホクトサプライカブシキガイシャ", "registration_number": demo.Registration,
		"postal_code": "060-0001", "address": "北海道札幌市中央区北一条西９丁目９番地", "phone": "011-001-0001",
		"fiscal_start": 4, "rounding": "floor",
		"bank_accounts": []m{{"bank_code": "9999", "bank_name": "見本銀行", "branch_code": "001", "branch_name": "本店営業部",
			"kind": "ordinary", "number": "0012345", "holder": "ﾎｸﾄｻﾌﾟﾗｲ(ｶ"}}}
}

// do runs an op that must succeed, if need be after a while.
func (h *house) do(p *demo.Person, op string, in, out any) {
	h.t.Helper()
	if err := h.troupe.Act(patient(), p, op, in, out); err != nil {
		h.t.Fatalf("%s: %s %s: %v%s", h.engine, p.Login, op, why(err), h.tail())
	}
}

// why is an error with all that the server said.
func why(err error) string {
	var s *demo.Stop
	if errors.As(err, &s) {
		b, _ := json.Marshal(s)
		return string(b)
	}
	return err.Error()
}

// code is the text key of a refusal, "" if err is none.
func code(err error) string {
	var s *demo.Stop
	if errors.As(err, &s) {
		return s.Code
	}
	return ""
}

// mark is a word that finds a thing again, whatever its id.
func (h *house) mark() string { h.marks++; return fmt.Sprintf("TORTURE-%05d", h.marks) }

// draft writes a draft that bears a mark in its subject. Its amount is one that a
// second person has to look at.
func draft(p partner, mark string, lines int) m {
	day := civil.Of(time.Now())
	list := make([]m, lines)
	for i := range list {
		list[i] = m{"date": day.AddDays(-2), "slip": fmt.Sprintf("D-%05d", 40000+i), "description": "業務用中性洗剤 18L", "quantity": "20", "unit": "缶",
			"unit_price": "45000", "category": []string{"standard", "reduced"}[i%2]}
	}
	return m{"party": p.ID, "subject": "ご請求 " + mark, "date": day, "delivery": true, "lines": list}
}

// pages reads every page of a list op.
func pages[T any](h *house, p *demo.Person, op string, in m, rows string) []T {
	h.t.Helper()
	var all []T
	in = mapsClone(in)
	in["limit"] = 200
	for {
		var page map[string]json.RawMessage
		h.do(p, op, in, &page)
		var list []T
		if raw := page[rows]; raw != nil {
			h.must(json.Unmarshal(raw, &list))
		}
		all = append(all, list...)
		var next string
		if raw := page["next"]; raw != nil {
			h.must(json.Unmarshal(raw, &next))
		}
		if next == "" {
			return all
		}
		in["after"] = next
	}
}

func mapsClone(in m) m {
	out := m{}
	for k, v := range in {
		out[k] = v
	}
	return out
}

// letter is the body of a mail.
func letter(p partner, mark string) string {
	return p.Name + " 御中\n\nいつもお世話になっております。請求書を添付いたします。\n" + mark + "\n"
}

func sorted(list []string) []string { slices.Sort(list); return list }

func join(list []string) string { return strings.Join(list, ", ") }
