//go:build torture

package torture

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sekisho/internal/kernel/gatetest/pgtest"
)

// TestRestore makes generations of a house that works, kills the making, ruins
// the house in one way after the other, and brings it back each time: what was
// answered before the generation is there, both verifiers are content, and
// nothing is sent by what was brought back.
func TestRestore(t *testing.T) {
	each(t, func(h *house) {
		h.backups()
		h.freshen()
		k := newBook()
		for range 6 {
			h.through(h.issue(h.newBill(k)))
		}
		for _, b := range k.bills[:3] {
			h.until(time.Minute, "an invoice is not rendered", func() bool { return h.bill(b.id).State == "ready" })
			h.held(k, b) // it is still held in the generation: the restored house must not send it
		}
		l := h.newLoad(k, 600)
		h.through(h.start(k, l))
		h.until(time.Minute, "the import did not end", func() bool { return h.runState(l) == "published" })
		h.killedBackups()
		h.rest(k)
		sent := len(h.sink.taken())
		all := h.disasters()
		for _, d := range all[:min(len(all), setting("DISASTERS", len(all)))] {
			h.bringBack(k, d.name, d.ruin, sent)
		}
	})
}

// backups lets the house have a target elsewhere and a recipient's key.
func (h *house) backups() {
	dir := filepath.Dir(h.home)
	h.must(os.Mkdir(filepath.Join(dir, "target"), 0o700))
	var err error
	h.public, _, err = h.command(sekisho, "backup", "keygen", "--out", filepath.Join(dir, "person.key"))
	h.must(err)
	h.must(os.WriteFile(filepath.Join(h.home, "backup-recipients.txt"), []byte(h.public), 0o600))
	h.more = fmt.Sprintf("[backup]\nremote = %q\n", filepath.Join(dir, "target"))
	h.configure("localhost", h.dsn)
}

func (h *house) target() string { return filepath.Join(filepath.Dir(h.home), "target") }

// backup makes a generation while the server works.
func (h *house) backup() error {
	_, _, err := h.command(sekisho, "backup", "now", "--home", h.home)
	return err
}

// killedBackups kills the making of a generation at random moments: the newest
// whole one is still what a restore takes, and the next is made.
func (h *house) killedBackups() {
	h.must(h.backup())
	began := time.Now()
	h.must(h.backup())
	long := time.Since(began)
	kills := setting("BACKUPS", 20)
	var bad []string
	for range kills {
		h.spawnBeside(rand.N(long), sekisho, "backup", "now", "--home", h.home)
		if _, _, err := h.command(sekisho, "backup", "check", "--from", h.target(), "--identity", h.person(), "--keys", filepath.Join(h.home, "keys")); err != nil {
			bad = append(bad, err.Error())
		}
	}
	none(h.t, "restore", h.engine, fmt.Sprintf("backup killed %d times: newest generation unfit", kills), bad)
	h.must(h.backup())
}

func (h *house) person() string { return filepath.Join(filepath.Dir(h.home), "person.key") }

// spawnBeside starts a command and kills it after a while; it says whether the
// command was done before.
func (h *house) spawnBeside(after time.Duration, name string, args ...string) bool {
	other := &house{t: h.t, engine: h.engine, home: h.home}
	other.spawn(name, args...)
	time.Sleep(after)
	other.kill()
	return other.srv.cmd.ProcessState.Success()
}

type disaster struct {
	name string
	ruin func() // of the old house; the server is dead afterwards
}

// disasters are the ways in which a house is lost.
func (h *house) disasters() []disaster {
	data := func(name ...string) string { return filepath.Join(append([]string{h.home, "data"}, name...)...) }
	list := []disaster{
		{"killed while writing", h.kill},
		{"the data folder is gone", func() { h.kill(); h.must(os.RemoveAll(data())) }},
	}
	if h.dsn == "" {
		list = append(list, disaster{"the database is overwritten in places", func() {
			h.kill()
			f, err := os.OpenFile(data("sekisho.db"), os.O_RDWR, 0)
			h.must(err)
			defer f.Close()
			s, err := f.Stat()
			h.must(err)
			for range 20 {
				_, err := f.WriteAt([]byte("ruined by torture"), rand.N(s.Size()-20))
				h.must(err)
			}
		}}, disaster{"the database is cut in half", func() {
			h.kill()
			s, err := os.Stat(data("sekisho.db"))
			h.must(err)
			h.must(os.Truncate(data("sekisho.db"), s.Size()/2))
			h.must(os.RemoveAll(data("sekisho.db-wal")))
		}})
	}
	list = append(list, disaster{"the files of the archive are gone", func() { h.kill(); h.must(os.RemoveAll(data("blobs"))) }},
		disaster{"the whole disk is gone, but for the keys", func() {
			h.kill()
			h.must(os.Rename(filepath.Join(h.home, "keys"), filepath.Join(filepath.Dir(h.home), "kept-keys")))
			h.must(os.RemoveAll(h.home))
			h.must(os.Mkdir(h.home, 0o700))
			h.must(os.Rename(filepath.Join(filepath.Dir(h.home), "kept-keys"), filepath.Join(h.home, "keys")))
		}})
	return list
}

// bringBack makes a generation while people work, ruins the house, restores it
// into an empty place, kills the restoring twice on the way, and goes on in the
// new place.
func (h *house) bringBack(k *book, name string, ruin func(), sent int) {
	h.up()
	for range 2 {
		h.through(h.issue(h.newBill(k)))
	}
	c := h.work() // goes on until the end
	h.must(h.backup())
	ruin()
	c.end()
	old, keys := h.home, filepath.Join(h.home, "keys")
	next := filepath.Join(filepath.Dir(h.home), fmt.Sprintf("home%d", time.Now().UnixNano()))
	args := []string{"restore", "--from", h.target(), "--identity", h.person(), "--home", next, "--keys", keys}
	if h.dsn != "" {
		h.dsn = freshSchema(h.t, h.dsn)
		args = append(args, "--dsn", h.dsn)
	}
	began := time.Now()
	restored := h.dsn == "" && // a database that was begun is another place
		(h.spawnBeside(rand.N(300*time.Millisecond), sekisho, args...) || h.spawnBeside(rand.N(600*time.Millisecond), sekisho, args...))
	if !restored {
		if out, _, err := h.command(sekisho, args...); err != nil {
			h.t.Fatalf("%s: %s: the house cannot be restored: %v\n%s", h.engine, name, err, out)
		}
	}
	took := time.Since(began)
	h.home = next
	h.backupsAgain(old)
	h.freshen()
	bad := h.missing(k)
	time.Sleep(1500 * time.Millisecond)
	if n := len(h.sink.taken()); n != sent {
		bad = append(bad, fmt.Sprintf("%d messages were sent by a restored house", n-sent))
	}
	bad = append(bad, h.proof()...)
	found := "nothing"
	if len(bad) > 0 {
		found = join(bad[:min(len(bad), 5)])
	}
	want(h.t, len(bad) == 0, "restore", h.engine, name+": missing, sent or damaged after the restore", "nothing", "%s, restored in %v", found, took.Round(100*time.Millisecond))
}

// backupsAgain gives the new house its target and its keys in place, as a person
// does before it works on.
func (h *house) backupsAgain(old string) {
	h.must(os.WriteFile(filepath.Join(h.home, "backup-recipients.txt"), []byte(h.public), 0o600))
	h.must(os.Rename(filepath.Join(old, "keys"), filepath.Join(h.home, "keys")))
	h.configure("localhost", h.dsn)
}

// missing compares the book with the restored house.
func (h *house) missing(k *book) (bad []string) {
	h.up()
	f := &findings{}
	v := sight{}
	v.bills = pages[billState](h, h.of("accounting", 0), "invoice.list", m{}, "invoices")
	there := map[string]billState{}
	for _, s := range v.bills {
		if _, mark, ok := strings.Cut(s.Subject, "TORTURE-"); ok {
			there["TORTURE-"+mark] = s
		}
	}
	for _, b := range k.bills {
		if s, ok := there[b.mark]; !ok || b.issued && s.State != "ready" && s.State != "issued" || b.number != "" && s.Number != b.number {
			bad = append(bad, "invoice "+b.mark)
		}
	}
	for _, l := range k.runs {
		if n := h.seen(l); n != l.rows {
			bad = append(bad, fmt.Sprintf("%d of %d imported rows", n, l.rows))
		}
	}
	f.numbers(h)
	f.documents(h, v)
	return append(bad, append(f.gaps, f.books...)...)
}

// freshSchema is an empty place in the same database.
func freshSchema(t *testing.T, _ string) string {
	u, err := url.Parse(pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	return u.String()
}
