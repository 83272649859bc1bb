//go:build bench

// Package bench measures the product through its own doors, on both engines,
// beside raw commits of the same run. make bench prints the figures.
package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sekisho/internal/app"
	"sekisho/internal/app/apptest"
	"sekisho/internal/app/demo"
	"sekisho/internal/kernel/gatetest/pgtest"
)

var bg = context.Background()

// rows is how many invoices the lists are measured over; 0 leaves out what
// needs an import.
func rows() int {
	if n, err := strconv.Atoi(os.Getenv("SEKISHO_BENCH_ROWS")); err == nil {
		return n
	}
	return 1_000_000
}

type house struct {
	*apptest.World
	t      *testing.T
	engine string
	raw    float64 // raw single-row commits a second, one client
	depts  []string
	books  *demo.Person // 経理
	read   string       // the partner that readers read
	draft  string       // and the draft
}

// TestMain collects garbage as seldom as the program does.
func TestMain(m *testing.M) {
	debug.SetGCPercent(app.GCPercent)
	os.Exit(m.Run())
}

func TestBench(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			dsn := ""
			if engine == "postgres" {
				dsn = pgtest.DSN(t)
			}
			h := &house{World: apptest.Open(t, dsn), t: t, engine: engine}
			h.books = h.Of("accounting", 0)
			h.prepare()
			h.raw = rawCommits(t, engine, h.Home)
			h.ops()
			h.readers()
			if rows() == 0 {
				return
			}
			h.invoices()
			h.readersDuringImport()
			h.lists()
			h.pages()
		})
	}
}

func (h *house) say(format string, args ...any) {
	fmt.Printf("%-9s %s\n", h.engine, fmt.Sprintf(format, args...))
}

// want says whether a bound holds and fails the run when it does not.
func (h *house) want(ok bool, format string, args ...any) {
	mark := "ok  "
	if !ok {
		mark = "MISS"
		h.t.Fail()
	}
	h.say(mark+" "+format, args...)
}

func (h *house) do(p *demo.Person, op string, in, out any) {
	h.t.Helper()
	h.Do(h.t, p, op, in, out)
}

type m = map[string]any

func (h *house) prepare() {
	lead, other := h.Of("controller", 0), h.Of("controller", 1)
	for i := range 20 {
		var d struct {
			ID string `json:"id"`
		}
		h.do(h.Of("admin", 0), "org.department_create", m{"code": fmt.Sprintf("D%02d", i), "name": fmt.Sprintf("営業%d課", i+1)}, &d)
		h.depts = append(h.depts, d.ID)
	}
	together := func(op string, in any) {
		if err := h.Troupe.Together(bg, lead, other, op, in); err != nil {
			h.t.Fatal(op, err)
		}
	}
	together("org.issuer_update", issuer())
	h.do(lead, "org.series_create", m{"name": "invoice", "pattern": "INV-{yyyy}-{000000}"}, nil)
}

// ops measures one client creating and updating. The bounds are about an op
// that writes one row, like the raw commit beside it: a contact of a partner,
// whose values are sealed and whose record goes with it. party.create writes
// three rows (partner, data key, assignment) under a lock; it and the ops of an
// invoice are printed beside.
func (h *house) ops() {
	const n = 1000
	type row struct {
		ID      string `json:"id"`
		Version int64  `json:"version"`
	}
	rate := func(op string, p *demo.Person, in func(i int) m, out []row) float64 {
		began := time.Now()
		for i := range n {
			h.do(p, op, in(i), &out[i])
		}
		return n / time.Since(began).Seconds()
	}
	say := func(op string, perSecond float64) {
		h.say("     %-14s %.0f/s = %.2f of %.0f raw commits/s", op, perSecond, perSecond/h.raw, h.raw)
	}
	made, people, drafts := make([]row, n), make([]row, n), make([]row, n)
	say("party.create", rate("party.create", h.books, func(i int) m {
		return m{"code": fmt.Sprintf("C%06d", i), "name": fmt.Sprintf("株式会社見本%d", i), "terms": m{"close": 31, "months": 1, "pay_day": 31, "shift": "next"}, "department": h.depts[0]}
	}, made))
	say("party.update", rate("party.update", h.books, func(i int) m {
		return m{"id": made[i].ID, "version": made[i].Version, "kana": "ミホン", "reason": "計測のため"}
	}, make([]row, n)))
	h.read = made[0].ID
	draft := func() m { return m{"party": h.read, "date": "2026-11-22", "due": "2026-12-30", "lines": tenLines()} }
	say("invoice.draft", rate("invoice.draft", h.books, func(int) m { return draft() }, drafts))
	say("invoice.update", rate("invoice.update", h.books, func(i int) m {
		d := draft()
		d["id"], d["version"], d["due"] = drafts[i].ID, drafts[i].Version, "2026-12-28"
		return d
	}, make([]row, n)))
	create := rate("party.contact_add", h.books, func(i int) m {
		return m{"party": made[i].ID, "name": "見本 太郎", "section": "経理部", "mail": fmt.Sprintf("keiri%d@mihon.example.jp", i)}
	}, people)
	h.want(create/h.raw >= 0.5, "create op (party.contact_add, one row) %.0f/s = %.2f of %.0f raw commits/s (want ≥ 0.5)", create, create/h.raw, h.raw)
	update := rate("party.contact_update", h.books, func(i int) m {
		return m{"id": people[i].ID, "version": people[i].Version, "kana": "ミホン タロウ"}
	}, make([]row, n))
	h.want(update/h.raw >= 0.4, "update op (party.contact_update, one row) %.0f/s = %.2f of raw (want ≥ 0.4)", update, update/h.raw)
	h.draft = drafts[0].ID
}

// tenLines are the lines of the bench's invoices.
func tenLines() []any {
	lines := make([]any, 10)
	for i := range lines {
		lines[i] = m{"date": "2026-11-10", "slip": fmt.Sprintf("D-%07d", i), "description": fmt.Sprintf("コピー用紙 A4 %d", i), "quantity": "12", "unit": "箱",
			"unit_price": "2480", "category": []string{"standard", "reduced"}[i%2]}
	}
	return lines
}

// token is a person's open session.
func (h *house) token(p *demo.Person) string {
	h.do(p, "identity.me", struct{}{}, nil)
	return p.Token()
}

// clients runs n clients for d and gives the rate and the latencies.
func (h *house) clients(n int, d time.Duration, p *demo.Person, op string, in any) (perSecond float64, lat []time.Duration) {
	tok := h.token(p)
	raw, err := json.Marshal(in)
	if err != nil {
		h.t.Fatal(err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	began := time.Now()
	for range n {
		wg.Go(func() {
			var mine []time.Duration
			for time.Since(began) < d {
				b := time.Now()
				if _, err := h.Troupe.Door.Do(bg, tok, op, raw); err != nil {
					h.t.Error(op, err)
					return
				}
				mine = append(mine, time.Since(b))
			}
			mu.Lock()
			lat = append(lat, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	slices.Sort(lat)
	return float64(len(lat)) / time.Since(began).Seconds(), lat
}

func at(lat []time.Duration, q float64) time.Duration {
	if len(lat) == 0 {
		return time.Hour
	}
	return lat[min(int(float64(len(lat))*q), len(lat)-1)]
}

// readers measures 32 clients reading, each read with its durable record. The
// bound is about an op that reads one row, a document in the archive; a partner
// or draft whole, which is several, is printed beside.
func (h *house) readers() {
	var doc struct {
		ID string `json:"id"`
	}
	h.do(h.books, "document.upload", m{"name": "memo.txt", "content": []byte("見本"), "kind": "other", "direction": "internal", "department": h.depts[0]}, &doc)
	for _, r := range []struct{ op, id string }{{"party.show", h.read}, {"invoice.show", h.draft}, {"document.show", doc.ID}} {
		rate, lat := h.clients(32, 5*time.Second, h.books, r.op, m{"id": r.id})
		p99 := at(lat, .99)
		if r.op != "document.show" {
			h.say("     32 readers, %-13s %.0f/s = %.2f of raw, p99 %v", r.op, rate, rate/h.raw, p99.Round(10*time.Microsecond))
			continue
		}
		h.want(rate >= 3*h.raw, "32 readers with durable record (document.show, one row) %.0f/s = %.2f of raw (want ≥ 3)", rate, rate/h.raw)
		h.want(p99 <= 25*time.Millisecond, "  p99 %v (want ≤ 25ms)", p99.Round(10*time.Microsecond))
	}
}

// invoices issues, renders and archives 1,000 invoices of ten lines.
func (h *house) invoices() {
	const n = 1000
	type drafted struct {
		ID      string `json:"id"`
		Version int64  `json:"version"`
	}
	var d drafted
	ds := make([]drafted, n)
	for i := range ds {
		h.do(h.books, "invoice.draft", m{"party": h.read, "date": "2026-11-22", "due": "2026-12-30", "lines": tenLines()}, &ds[i])
	}
	began := time.Now()
	for _, d = range ds {
		h.do(h.books, "invoice.issue", m{"id": d.ID, "version": d.Version}, nil)
	}
	issued := time.Since(began)
	h.Work(h.t)
	all := time.Since(began)
	var last struct {
		State string `json:"state"`
	}
	h.do(h.books, "invoice.show", m{"id": d.ID}, &last)
	if last.State != "ready" {
		h.t.Fatal("the last invoice is not ready", last)
	}
	h.want(all <= 20*time.Second, "1,000 invoices of 10 lines issued, rendered, archived in %.1f s (issuing %.1f s; want ≤ 20 s)", all.Seconds(), issued.Seconds())
	bare := bareRender(h.t, n)
	h.say("     bare rendering of the same %.1f s: ratio %.1f", bare.Seconds(), all.Seconds()/bare.Seconds())
}

func csv(head string, n int, line func(i int) string) []byte {
	var b strings.Builder
	b.WriteString(head + "\r\n")
	for i := range n {
		b.WriteString(line(i) + "\r\n")
	}
	return []byte(b.String())
}

// bring imports a file and waits for it.
func (h *house) bring(kind, name, dept string, content []byte) {
	var up struct {
		ID string `json:"id"`
	}
	h.do(h.books, "intake.upload", m{"kind": kind, "name": name, "content": content}, &up)
	var pre struct {
		Totals struct {
			Accepted int   `json:"accepted"`
			Total    int64 `json:"total"`
		} `json:"totals"`
	}
	h.do(h.books, "intake.preview", m{"run": up.ID}, &pre)
	h.do(h.books, "intake.start", m{"run": up.ID, "department": dept, "expect": m{"rows": pre.Totals.Accepted, "total": pre.Totals.Total}}, nil)
	var r struct {
		State string `json:"state"`
	}
	for range 200 { // a slice that met another transaction waits for its next try
		h.Work(h.t)
		if h.do(h.books, "intake.show", m{"run": up.ID}, &r); r.State == "published" {
			return
		}
		h.Pass(3 * time.Second)
	}
	h.t.Error("the import is ", r.State)
}

func invoicesCSV(from, n int) []byte {
	return csv("得意先コード,請求番号,請求日,支払期限,金額", n, func(i int) string {
		k := from + i
		return fmt.Sprintf("P%05d,OLD-%07d,%s,2027-01-31,%d", k%10_000, k, time.Date(2024, 1, 1+(k*7)%1000, 0, 0, 0, 0, time.UTC).Format("2006-01-02"), 1000+(k*7919)%3_000_000)
	})
}

func (h *house) readersDuringImport() {
	h.bring("partners", "partners0.csv", h.depts[0], csv("得意先コード,取引先名", 500, func(i int) string { return fmt.Sprintf("P%05d,株式会社取引先%05d", i*20, i*20) }))
	for d := 1; d < 20; d++ {
		h.bring("partners", fmt.Sprintf("partners%d.csv", d), h.depts[d], csv("得意先コード,取引先名", 500, func(i int) string {
			return fmt.Sprintf("P%05d,株式会社取引先%05d", i*20+d, i*20+d)
		}))
	}
	done := make(chan time.Duration)
	go func() {
		began := time.Now()
		h.bring("open_invoices", "open0.csv", "", invoicesCSV(0, 100_000))
		done <- time.Since(began)
	}()
	var all []time.Duration
	for {
		_, lat := h.clients(8, time.Second, h.Of("controller", 2), "party.show", m{"id": h.read})
		all = append(all, lat...)
		select {
		case took := <-done:
			slices.Sort(all)
			h.want(at(all, .99) <= 50*time.Millisecond, "8 readers during a 100,000-row import of %.0f s: p99 %v of %d reads (want ≤ 50ms)", took.Seconds(), at(all, .99).Round(10*time.Microsecond), len(all))
			return
		default:
		}
	}
}
