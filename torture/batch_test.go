//go:build torture

package torture

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/japanese"
)

// TestBatch lets a month's invoices leave in one release while the server is
// killed and the relay goes away at random: what was planned is what was sent,
// none twice, and the house counts what the relay has.
func TestBatch(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			dsn := ""
			if engine == "postgres" {
				dsn = freshSchema(t, engine)
			}
			h := newHouse(t, engine, dsn, t.TempDir())
			h.batch(setting("BATCH", 10_000))
		})
	}
}

// planned is a plan as its page shows it.
type planned struct {
	ID      string `json:"id"`
	State   string `json:"state"`
	Planned int    `json:"planned"`
	Ready   int    `json:"ready"`
	Aside   int    `json:"aside"`
	Digest  string `json:"digest"`
	Tripped bool   `json:"tripped"`
	Reason  string `json:"reason"`
	Tally   struct {
		Untried int `json:"untried"`
		Waiting int `json:"waiting"`
		Handed  int `json:"handed"`
		Unknown int `json:"unknown"`
		Bad     int `json:"bad"`
		Back    int `json:"back"`
	} `json:"tally"`
}

// batch makes a company of n partners with one invoice each and lets them go.
func (h *house) batch(n int) {
	books, lead := h.of("accounting", 0), h.of("controller", 0)
	h.up()
	h.manyPartners(n)
	h.manyBills(n)
	var p planned
	h.do(books, "batch.plan", m{"subject": "ご請求書の送付（{請求書番号}）", "body": "{取引先}\nいつもお世話になっております。\n請求書（{請求金額}）を添付します。"}, &p)
	kills := 0
	killed := func(show func() bool) {
		next := time.Now().Add(h.pause())
		for !show() {
			if time.Sleep(200 * time.Millisecond); time.Now().Before(next) {
				continue
			}
			h.kill()
			h.up()
			kills++
			next = time.Now().Add(h.pause())
		}
	}
	began := time.Now()
	killed(func() bool { h.do(books, "batch.show", m{"id": p.ID}, &p); return p.State == "rehearsed" })
	want(h.t, p.Ready == n && p.Aside == 0, "batch", h.engine, "rehearsed while the server was killed", "all", "%d of %d in %.0f s, %d killed", p.Ready, n, time.Since(began).Seconds(), kills)
	h.agreeTo(p.ID)

	began, kills = time.Now(), 0
	away, resumed := 0, 0
	end := time.Now().Add(40 * time.Minute)
	killed(func() bool {
		h.do(books, "batch.show", m{"id": p.ID}, &p)
		if p.State == "stopped" {
			h.must(h.troupe.Together(patient(), books, lead, "batch.resume", m{"id": p.ID, "reason": "中継先が戻ったため続けます"}))
			resumed++
		}
		if rand.N(100) == 0 {
			h.sink.close()
			time.Sleep(rand.N(2 * time.Second))
			h.sink.open()
			away++
		}
		return p.State == "done" && p.Tally.Untried+p.Tally.Waiting == 0 || time.Now().After(end)
	})
	note("batch", h.engine, "sent while killed", "%d in %.0f s: %d times killed, relay away %d times, gone on %d times", n, time.Since(began).Seconds(), kills, away, resumed)
	h.tallied(p, n)
}

// pause is the time to the next kill.
func (h *house) pause() time.Duration { return 3*time.Second + rand.N(9*time.Second) }

const mailbox = "keiri-batch@"

// mailOf is an address that resembles no other.
func mailOf(i int) string {
	sum := sha256.Sum256([]byte(fmt.Sprint("partner ", i)))
	return mailbox + hex.EncodeToString(sum[:8]) + ".example"
}

// manyPartners brings n partners with confirmed addresses.
func (h *house) manyPartners(n int) {
	var b strings.Builder
	b.WriteString("得意先コード,得意先名,フリガナ,郵便番号,住所1,住所2,電話番号,登録番号,締日,支払サイト,部署,担当者名,メールアドレス\r\n")
	x, y := []rune("青北東西南海山谷金銀"), []rune("木水火土石竹松梅桜桃")
	for i := range n {
		fmt.Fprintf(&b, "B%05d,株式会社%c%c%c%c工業,,,,,,,末,翌月末,経理部,,%s\r\n", i, x[i/1000%10], y[i/100%10], x[i/10%10], y[i%10], mailOf(i))
	}
	file, err := japanese.ShiftJIS.NewEncoder().String(b.String())
	h.must(err)
	run := h.bring("partners", "batch.csv", []byte(file))
	by, lead := h.of("accounting", 1), h.of("controller", 0)
	h.until(10*time.Minute, "the partners are there", func() bool {
		var s struct {
			State string `json:"state"`
		}
		h.do(by, "intake.show", m{"run": run}, &s)
		return s.State == "published"
	})
	var quiet struct {
		Digest string `json:"digest"`
	}
	h.do(by, "party.first_verification_list", m{"run": run, "kind": "quiet"}, &quiet)
	h.must(h.troupe.Together(patient(), by, lead, "party.first_verify_quiet", m{"run": run, "digest": quiet.Digest, "reason": "契約書の送付先と見比べて確認しました"}))
}

// manyBills issues one invoice to each of them and waits until all are archived.
func (h *house) manyBills(n int) {
	books := h.of("accounting", 0)
	made := 0
	for _, p := range pages[partner](h, books, "party.list", m{"code_prefix": "B"}, "rows") {
		var d struct {
			ID      string `json:"id"`
			Version int64  `json:"version"`
		}
		h.do(books, "invoice.draft", draft(p, h.mark(), 1), &d)
		h.do(books, "invoice.issue", m{"id": d.ID, "version": d.Version}, nil)
		made++
	}
	if made != n {
		h.t.Fatalf("%s: %d partners instead of %d", h.engine, made, n)
	}
	h.until(20*time.Minute, "the invoices are archived", func() bool {
		return len(pages[billState](h, books, "invoice.list", m{"state": "issued"}, "invoices")) == 0
	})
}

// agreeTo ticks everything and has the plan approved.
func (h *house) agreeTo(id string) {
	by, lead := h.of("accounting", 0), h.of("controller", 0)
	var r struct {
		Digest string `json:"digest"`
		Lines  []struct {
			Ticks []struct {
				Tick string `json:"tick"`
			} `json:"ticks"`
		} `json:"lines"`
	}
	h.do(by, "batch.review", m{"id": id}, &r)
	ticks := []string{}
	for _, l := range r.Lines {
		for _, k := range l.Ticks {
			ticks = append(ticks, k.Tick)
		}
	}
	h.do(by, "batch.confirm", m{"id": id, "digest": r.Digest, "ticks": ticks}, nil)
	h.must(h.troupe.Together(patient(), by, lead, "batch.release", m{"id": id, "digest": r.Digest}))
}

// tallied compares what was planned with what the relay has.
func (h *house) tallied(p planned, n int) {
	books := h.of("accounting", 0)
	got := map[string]int{}
	for _, g := range h.sink.taken() {
		got[g.to]++
	}
	var doubled, foreign []string
	for to, k := range got {
		if k > 1 {
			doubled = append(doubled, to)
		}
		if !strings.HasPrefix(to, mailbox) {
			foreign = append(foreign, to)
		}
	}
	unknown := pages[struct {
		ID      string `json:"id"`
		Address string `json:"address"`
	}](h, books, "dispatch.unknown", m{}, "rows")
	known := 0
	for _, u := range unknown {
		known += min(1, got[u.Address])
	}
	none(h.t, "batch", h.engine, "sent twice", doubled)
	none(h.t, "batch", h.engine, "sent to somebody who was not planned", foreign)
	var lost []string
	if missing := n - p.Tally.Handed - len(unknown); missing != 0 {
		lost = append(lost, fmt.Sprintf("%d of the plan are neither sent nor shown as unknown: %+v", missing, p.Tally))
	}
	none(h.t, "batch", h.engine, "lost", lost)
	want(h.t, p.Tally.Handed+known == len(got), "batch", h.engine, "the house counts what the relay has", "equal",
		"%d handed over and %d unknown that arrived, the relay has %d (%d unknown in all)", p.Tally.Handed, known, len(got), len(unknown))
}
