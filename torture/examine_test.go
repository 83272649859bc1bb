//go:build torture

package torture

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sekisho/internal/app/demo"
)

// The examiner trusts neither the server nor its database: it compares the book
// of what was asked and answered, what the relay has got, and what the house
// says now.

// sight is everything the house shows after it has come to rest.
type sight struct {
	bills   []billState
	parcels map[string]parcelState
	unknown map[string]bool // items listed for a person to decide, by Message-ID
	got     map[string][]got
}

// rest waits until nothing is on its way any more.
func (h *house) rest(k *book) {
	h.up()
	var left []string
	for end := time.Now().Add(6 * time.Minute); ; time.Sleep(500 * time.Millisecond) {
		if left = h.busy(k); len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			h.t.Fatalf("%s: the house does not come to rest: %s\njobs: %s%s", h.engine, join(left), h.jobs(), h.tail())
		}
	}
}

// busy names what is still on its way.
func (h *house) busy(k *book) (left []string) {
	books := h.of("accounting", 0)
	for _, l := range k.runs {
		if s := h.runState(l); l.started && s != "published" {
			left = append(left, "file "+l.to.Code+" "+s)
		}
	}
	for _, state := range []string{"held", "claimed"} {
		for _, p := range pages[parcelState](h, books, "dispatch.list", m{"state": state}, "rows") {
			left = append(left, p.Subject+" "+state)
		}
	}
	for _, b := range pages[billState](h, books, "invoice.list", m{"state": "issued"}, "invoices") {
		left = append(left, b.Number+" is not rendered")
	}
	return left
}

// jobs are those that are not done.
func (h *house) jobs() (out []string) {
	for _, p := range []*demo.Person{h.of("accounting", 0), h.of("accounting", 1)} {
		for _, state := range []string{"waiting", "running", "failed"} {
			for _, j := range pages[json.RawMessage](h, p, "job.list", m{"state": state}, "jobs") {
				out = append(out, string(j))
			}
		}
	}
	return out
}

func (h *house) look(k *book) sight {
	books := h.of("accounting", 0)
	v := sight{parcels: map[string]parcelState{}, unknown: map[string]bool{}, got: map[string][]got{}}
	v.bills = pages[billState](h, books, "invoice.list", m{}, "invoices")
	for _, p := range k.parcels {
		v.parcels[p.id] = h.parcel(p.id)
	}
	for _, u := range pages[struct {
		MessageID string `json:"message_id"`
	}](h, books, "dispatch.unknown", m{}, "rows") {
		v.unknown[u.MessageID] = true
	}
	for _, g := range h.sink.taken() {
		v.got[g.id] = append(v.got[g.id], g)
	}
	return v
}

// examine lets the house come to rest and compares.
func (h *house) examine(k *book) {
	h.rest(k)
	v := h.look(k)
	f := &findings{}
	f.billing(k, v)
	f.numbers(h)
	f.sending(k, v)
	for _, l := range k.runs {
		h.whole(k, l)
		if l.started && h.seen(l) != l.rows {
			f.lost = append(f.lost, l.to.Code+" was taken over and is not there")
		}
	}
	f.documents(h, v)
	f.lost = append(f.lost, k.lost...)
	f.gaps = append(f.gaps, h.proof()...)
	h.verdict(k, f, v)
}

// findings are what must not be.
type findings struct {
	lost, doubled, gaps, books, hidden, foreign []string
}

// billing compares what was issued with what is there, by the marks.
func (f *findings) billing(k *book, v sight) {
	byMark, byNumber := map[string][]billState{}, map[string]int{}
	for _, s := range v.bills {
		if _, mark, ok := strings.Cut(s.Subject, "TORTURE-"); ok {
			byMark["TORTURE-"+mark] = append(byMark["TORTURE-"+mark], s)
		}
		if s.Number != "" {
			if byNumber[s.Number]++; byNumber[s.Number] == 2 {
				f.doubled = append(f.doubled, "number "+s.Number)
			}
		}
	}
	for _, b := range k.bills {
		list := byMark[b.mark]
		switch {
		case len(list) == 0:
			f.lost = append(f.lost, "invoice "+b.mark)
		case len(list) > 1:
			f.doubled = append(f.doubled, "invoice "+b.mark)
		case b.issued && list[0].State != "ready":
			f.lost = append(f.lost, "the issue of "+b.mark+": "+list[0].State)
		case b.number != "" && list[0].Number != b.number:
			f.lost = append(f.lost, fmt.Sprintf("number %s of %s, now %s", b.number, b.mark, list[0].Number))
		}
	}
}

// numbers asks the house for its own proof: no gap that is not in the ledger.
func (f *findings) numbers(h *house) {
	var g struct {
		Dense bool              `json:"dense"`
		Runs  []json.RawMessage `json:"runs"`
	}
	h.do(h.of("controller", 0), "org.gaps", m{"series": "invoice"}, &g)
	if !g.Dense {
		f.gaps = append(f.gaps, fmt.Sprintf("%s", g.Runs))
	}
}

// sending compares every recipient's state with what the relay has got.
func (f *findings) sending(k *book, v sight) {
	known := map[string]bool{}
	marks := map[string]int{}
	for _, list := range v.got {
		for _, g := range list {
			if at := strings.Index(string(g.raw), "Subject:"); at >= 0 {
				marks[g.packageDigest]++
			}
		}
	}
	for _, p := range k.parcels {
		s := v.parcels[p.id]
		for _, r := range s.Recipients {
			list := v.got[r.MessageID]
			known[r.MessageID] = true
			what := strings.TrimSpace(fmt.Sprintf("%s is %s, the relay got %d %s", p.mark, r.State, len(list), s.Reason))
			switch {
			case len(list) > 1:
				f.doubled = append(f.doubled, what)
			case r.State == "handed_over" && len(list) == 0:
				f.lost = append(f.lost, what)
			case r.State == "unknown" && !v.unknown[r.MessageID]:
				f.hidden = append(f.hidden, what+", and nobody is told")
			case (r.State == "cancelled" || r.State == "refused" || r.State == "prepared") && len(list) > 0:
				f.doubled = append(f.doubled, what+" although it was taken back")
			case p.released && !p.cancelled && r.State != "handed_over" && r.State != "unknown":
				f.lost = append(f.lost, what)
			}
			for _, g := range list {
				sum := sha256.Sum256(g.raw)
				if g.packageDigest != p.approved || g.to != p.address || hex.EncodeToString(sum[:]) != r.Bytes && r.State != "cancelled" {
					f.foreign = append(f.foreign, p.mark+": not what was approved")
				}
			}
		}
	}
	for digest, n := range marks {
		if n > 1 {
			f.doubled = append(f.doubled, "package "+digest+" left under two names")
		}
	}
	for id := range v.got {
		if !known[id] {
			f.foreign = append(f.foreign, "message "+id+" belongs to no package")
		}
	}
}

// documents compares invoices with the archive: each that is ready has one
// document of its number and amount, with the bytes whose digest it names.
func (f *findings) documents(h *house, v sight) {
	type doc struct {
		ID     string `json:"id"`
		Number string `json:"number"`
		Amount int64  `json:"amount"`
		Digest string `json:"digest"`
	}
	books := h.of("accounting", 0)
	byNumber := map[string][]doc{}
	for _, d := range pages[doc](h, books, "document.search", m{"kind": "invoice"}, "rows") {
		byNumber[d.Number] = append(byNumber[d.Number], d)
	}
	for i, s := range v.bills {
		if s.State != "ready" {
			continue
		}
		list := byNumber[s.Number]
		if len(list) != 1 || list[0].ID != s.Document || list[0].Amount != s.Amount {
			f.books = append(f.books, fmt.Sprintf("%s has %d documents", s.Number, len(list)))
			continue
		}
		if i%5 != 0 { // bytes of every fifth
			continue
		}
		var file struct {
			Content []byte `json:"content"`
		}
		h.do(books, "invoice.pdf", m{"id": s.ID}, &file)
		if sum := sha256.Sum256(file.Content); hex.EncodeToString(sum[:]) != list[0].Digest {
			f.books = append(f.books, s.Number+" has other bytes")
		}
		delete(byNumber, s.Number)
	}
	for n := range byNumber {
		if !slices.ContainsFunc(v.bills, func(s billState) bool { return s.Number == n }) {
			f.books = append(f.books, "document "+n+" belongs to no invoice")
		}
	}
}

// proof stops the server and lets both verifiers look at the house.
func (h *house) proof() (bad []string) {
	h.down()
	dir, err := os.MkdirTemp(filepath.Dir(h.home), "export")
	h.must(err)
	defer os.RemoveAll(dir)
	log := filepath.Join(dir, "log")
	out, told, err := h.command(sekisho, "verify", "--home", h.home, "--json", "--export", log)
	var rep struct{ Damages []json.RawMessage }
	if e := json.Unmarshal([]byte(out), &rep); err != nil || e != nil || len(rep.Damages) > 0 {
		bad = append(bad, fmt.Sprintf("sekisho verify: %v %s", err, out))
	}
	said := strings.Fields(told) // its last word is the verifier key
	if out, _, err := h.command(verifier, "--key", said[len(said)-1], log); err != nil {
		bad = append(bad, fmt.Sprintf("sekisho-verify: %v %s", err, out))
	}
	return bad
}

// verdict prints what was found and fails the test for what must not be.
func (h *house) verdict(k *book, f *findings, v sight) {
	unknown := 0
	for _, s := range v.parcels {
		for _, r := range s.Recipients {
			if r.State == "unknown" {
				unknown++
			}
		}
	}
	k.last = func() {
		none(h.t, k.part, h.engine, "lost", f.lost)
		none(h.t, k.part, h.engine, "doubled", f.doubled)
		none(h.t, k.part, h.engine, "imports seen half", k.partial)
		none(h.t, k.part, h.engine, "left before the countdown's end", k.early)
		none(h.t, k.part, h.engine, "number gaps, damage to the log or to a row", f.gaps)
		none(h.t, k.part, h.engine, "invoices and documents that do not fit", f.books)
		none(h.t, k.part, h.engine, "sent other than approved", f.foreign)
		none(h.t, k.part, h.engine, "undecidable and not shown", f.hidden)
		note(k.part, h.engine, "undecidable and shown", "%d of %d packages", unknown, len(v.parcels))
	}
	if h.t.Failed() || len(f.lost)+len(f.doubled)+len(k.partial)+len(f.gaps)+len(f.books)+len(f.foreign)+len(f.hidden) > 0 {
		k.last()
		h.t.FailNow()
	}
}
