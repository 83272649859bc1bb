//go:build torture

package torture

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sekisho/internal/app/demo"
)

// disk is a file system of its own, made of a file: ext4 on a loop device, or
// memory where there are none; it says which.
type disk struct {
	h        *house
	at, kind string
	image    string
	filler   string
	freed    func() // what else has to be done when there is room again
}

// sh runs a command of the system.
func sh(args ...string) error {
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
	}
	return err
}

const diskMB = 1400 // above the reserve of 1 GB, so that at first nothing is refused

// newDisk mounts an empty disk at a folder, with what was in it.
func (h *house) newDisk(at string) *disk {
	d := &disk{h: h, at: at, kind: "loop-mounted ext4", filler: filepath.Join(at, "filler"),
		image: filepath.Join(filepath.Dir(h.home), filepath.Base(at)+".img")}
	h.must(os.MkdirAll(at, 0o700))
	h.must(os.Rename(at, at+".was"))
	h.must(os.Mkdir(at, 0o700))
	f, err := os.Create(d.image)
	h.must(err)
	h.must(errors.Join(f.Truncate(diskMB<<20), f.Close()))
	h.must(sh("mkfs.ext4", "-q", "-m", "0", d.image))
	if err := sh("mount", "-o", "loop", d.image, at); err != nil {
		d.kind = "tmpfs (no loop device: " + err.Error() + ")"
		h.must(sh("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", diskMB), "torture", at))
	}
	h.must(os.Chmod(at, 0o700))
	h.must(sh("cp", "-a", at+".was/.", at))
	h.must(sh("sync", "-f", at)) // as if it had always lain there
	h.t.Cleanup(func() {
		h.kill()
		err := sh("umount", at)
		for range 100 { // who was killed there may take a moment to be gone
			if err == nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
			err = sh("umount", at)
		}
		h.t.Error(err)
	})
	return d
}

// fill leaves so many bytes free, at once.
func (d *disk) fill(leave int64) {
	f, err := os.OpenFile(d.filler, os.O_CREATE|os.O_RDWR, 0o600)
	d.h.must(err)
	defer f.Close()
	var size int64
	if s, err := f.Stat(); err == nil {
		size = s.Size()
	}
	for step := int64(512 << 20); step >= 4096; {
		free := d.free()
		if free <= leave {
			return
		}
		step = min(step, max(4096, (free-leave)&^4095))
		if err := syscall.Fallocate(int(f.Fd()), 0, size, step); err != nil {
			step /= 2
			continue
		}
		size += step
	}
}

func (d *disk) free() int64 {
	var st syscall.Statfs_t
	d.h.must(syscall.Statfs(d.at, &st))
	return int64(st.Bavail) * int64(st.Bsize)
}

func (d *disk) empty() {
	d.h.must(os.Remove(d.filler))
	if d.freed != nil {
		d.freed()
	}
}

// remount makes the disk read-only, or writable again.
func (d *disk) remount(how string) error { return sh("mount", "-o", "remount,"+how, d.at) }

// mend checks the file system and mounts it again; nothing may have it open.
func (d *disk) mend() error {
	err := sh("umount", d.at)
	if err == nil {
		err = sh("e2fsck", "-f", "-p", d.image)
	}
	var mended *exec.ExitError
	if errors.As(err, &mended) && mended.ExitCode() == 1 { // errors were corrected
		err = nil
	}
	if err == nil {
		err = sh("mount", "-o", "loop", d.image, d.at)
	}
	return err
}

// clerks draft invoices and read all the time; what is answered to them is kept.
type clerks struct {
	h       *house
	stop    chan struct{}
	all     sync.WaitGroup
	mu      sync.Mutex
	acked   []string       // ids of drafts that were answered
	codes   map[string]int // refusals, by the key of their sentence
	silent  []string       // refusals without a sentence
	reads   int            // reads that were answered
	last    time.Time      // the latest answer to a draft
	refused time.Time      // the latest refusal of one
}

func (h *house) work() *clerks {
	c := &clerks{h: h, stop: make(chan struct{}), codes: map[string]int{}}
	b := h.newBill(newBook())
	writer, reader := h.of("accounting", 0).Token(), h.of("accounting", 2).Token()
	c.all.Go(func() { c.loop(func(i int) { c.write(writer, i) }) })
	c.all.Go(func() { c.loop(func(int) { c.read(reader, b.id) }) })
	return c
}

func (c *clerks) loop(f func(i int)) {
	for i := 0; ; i++ {
		select {
		case <-c.stop:
			return
		default:
			f(i)
			time.Sleep(15 * time.Millisecond)
		}
	}
}

func (c *clerks) write(token string, i int) {
	op, in := "invoice.draft", any(draft(c.h.to[0], fmt.Sprintf("DISK-%d", i), 2))
	if i%3 == 2 { // a file goes to the blob store
		op, in = "document.upload", m{"name": "memo.txt", "content": []byte(fmt.Sprintf("見本 %d %d", i, time.Now().UnixNano())), "kind": "other", "direction": "internal"}
	}
	raw, err := c.h.post(token, op, in)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.refused = time.Now()
		c.refuse(op, err)
		return
	}
	c.last = time.Now()
	if _, id, ok := strings.Cut(string(raw), `"id":"`); ok {
		c.acked = append(c.acked, op+" "+id[:strings.IndexByte(id, '"')])
	}
}

func (c *clerks) read(token, id string) {
	_, err := c.h.post(token, "invoice.show", m{"id": id})
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.refuse("invoice.show", err)
		return
	}
	c.reads++
}

func (c *clerks) refuse(op string, err error) {
	var s *demo.Stop
	if !errors.As(err, &s) || s.Code == "" || s.Code == "gate.failed" || len(s.Detail) < 20 {
		c.silent = append(c.silent, op+": "+why(err))
		return
	}
	c.codes[s.Code]++
}

func (c *clerks) end() {
	close(c.stop)
	c.all.Wait()
}

// said are the sentences that were given, with how often.
func (c *clerks) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, k := range slices.Sorted(maps.Keys(c.codes)) {
		out = append(out, fmt.Sprintf("%s %d", k, c.codes[k]))
	}
	return join(out)
}

func (c *clerks) refusals() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.codes {
		n += k
	}
	return n
}

// TestDisk fills the disks of the data, of the files and of the temporary files,
// one after the other and while people work, and makes them read-only (R-12,
//
func TestDisk(t *testing.T) {
	each(t, func(h *house) {
		h.down()
		disks := map[string]*disk{"files": h.newDisk(filepath.Join(h.home, "data", "blobs"))}
		tmp := filepath.Join(filepath.Dir(h.home), "tmp")
		disks["temporary"] = h.newDisk(tmp)
		h.env = append(h.env, "TMPDIR="+tmp)
		h.freshen()
		for _, what := range []string{"files", "temporary"} {
			h.full(what, disks[what])
		}
		h.readOnly("files", disks["files"])
		none(t, "disk", h.engine, "damage to the log or to a row", h.proof())
	})
}

// TestDataDisk does the same to the disk that the database lies on.
func TestDataDisk(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "sqlite", "", t.TempDir())
	h.down()
	d := h.newDisk(filepath.Join(h.home, "data"))
	h.freshen()
	h.reserve(d)
	h.full("database", d)
	h.aborted(d)
	none(t, "disk", h.engine, "damage to the log or to a row", h.proof())
}

// TestClusterDisk fills the disk that PostgreSQL's own data lies on.
func TestClusterDisk(t *testing.T) {
	t.Parallel()
	var d *disk
	c := newCluster(t, func(dir string) {
		d = (&house{t: t, engine: "postgres", home: filepath.Join(t.TempDir(), "home")}).newDisk(dir)
	})
	h := newHouse(t, "postgres", c.dsn(), t.TempDir())
	d.h, d.freed = h, func() {
		select {
		case <-c.dead: // it gave up when it could not write: its administrator starts it again
			note("disk", h.engine, "disk full: database", "PostgreSQL ended, and was started again")
			c.start()
		default:
		}
	}
	h.freshen()
	h.full("database", d)
	none(t, "disk", h.engine, "damage to the log or to a row", h.proof())
}

// full fills a disk to its last byte while people work, and frees it.
func (h *house) full(what string, d *disk) {
	c := h.work()
	time.Sleep(time.Second)
	d.fill(0)
	time.Sleep(4 * time.Second)
	d.empty()
	freed := time.Now()
	h.until(30*time.Second, "nobody can work again", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.last.After(freed) && c.last.After(c.refused.Add(500*time.Millisecond))
	})
	back := c.last.Sub(freed)
	if c.refused.After(freed) {
		back = c.refused.Sub(freed)
	}
	time.Sleep(time.Second)
	c.end()
	part := "disk full: " + what
	note("disk", h.engine, part, "%s; %d answered, refused: %s", d.kind, len(c.acked), c.said())
	if what != "temporary" { // nothing of ours need lie there
		want(h.t, c.refusals() > 0, "disk", h.engine, part+": refused with a sentence", "> 0", "%d", c.refusals())
	}
	none(h.t, "disk", h.engine, part+": refused without a sentence", c.silent)
	want(h.t, back <= 5*time.Second, "disk", h.engine, part+": works again without restart", "≤ 5 s", "%v", back.Round(10*time.Millisecond))
	h.kept(part, c)
}

// kept compares what was answered with what is there, and the reads that were
// answered with their records: none may have been shown unrecorded.
func (h *house) kept(part string, c *clerks) {
	h.kill() // not gracefully: what was answered is on the disk
	h.up()
	var lost []string
	for _, a := range c.acked {
		op, id, _ := strings.Cut(a, " ")
		show := map[string]string{"invoice.draft": "invoice.show", "document.upload": "document.show"}[op]
		if err := h.troupe.Act(bg, h.of("accounting", 0), show, m{"id": id}, nil); err != nil {
			lost = append(lost, a+" "+why(err))
		}
	}
	none(h.t, "disk", h.engine, part+fmt.Sprintf(": lost of %d answered", len(c.acked)), lost)
	h.shown += c.reads
	records := 0
	for end := time.Now().Add(20 * time.Second); records < h.shown && time.Now().Before(end); time.Sleep(time.Second) {
		records = h.records(h.of("accounting", 2).ID, "invoice.show") // sealed when the lease of the killed server is over
	}
	want(h.t, records >= h.shown, "disk", h.engine, part+": reads answered, and recorded", "each", "%d, %d", h.shown, records)
}

// records counts what the log says that a person has done.
func (h *house) records(person, op string) (n int) {
	in := m{"person": person, "op": op, "outcome": "ok", "limit": 200}
	for {
		var page struct {
			Records []struct{} `json:"records"`
			Before  int64      `json:"before"`
		}
		h.do(h.of("auditor", 0), "record.search", in, &page)
		n += len(page.Records)
		if page.Before == 0 {
			return n
		}
		in["before"] = page.Before
	}
}

// reserve fills the disk to within the reserve: what stops and revokes still
// works when nothing else does.
func (h *house) reserve(d *disk) {
	d.fill(200 << 20)
	time.Sleep(2500 * time.Millisecond) // a look at the disk is good for 2 s
	books := h.of("accounting", 0)
	err := h.troupe.Act(bg, books, "invoice.draft", draft(h.to[0], "RESERVE", 1), nil)
	want(h.t, code(err) == "gate.reserve", "disk", h.engine, "200 MB left: other work", "gate.reserve", "%s", why(orOK(err)))
	err = h.troupe.Act(bg, books, "dispatch.stop_all", m{"reason": "ディスクの空きがないため"}, nil)
	want(h.t, err == nil, "disk", h.engine, "200 MB left: all sending is stopped", "ok", "%s", why(orOK(err)))
	d.empty()
	time.Sleep(2500 * time.Millisecond)
	err = h.troupe.Act(bg, books, "invoice.draft", draft(h.to[0], "RESERVE", 1), nil)
	want(h.t, err == nil, "disk", h.engine, "freed: other work", "ok", "%s", why(orOK(err)))
}

func orOK(err error) error {
	if err == nil {
		return errors.New("ok")
	}
	return err
}

// readOnly makes a disk read-only while people work, and writable again.
func (h *house) readOnly(what string, d *disk) {
	c := h.work()
	time.Sleep(500 * time.Millisecond)
	var err error
	for range 200 { // busy while a file is being written
		if err = d.remount("ro"); err == nil {
			break
		}
		time.Sleep(7 * time.Millisecond)
	}
	h.must(err)
	time.Sleep(2 * time.Second)
	h.must(d.remount("rw"))
	freed := time.Now()
	time.Sleep(time.Second)
	c.end()
	part := "read-only: " + what
	note("disk", h.engine, part, "%d answered, refused: %s", len(c.acked), c.said())
	want(h.t, c.refusals() > 0, "disk", h.engine, part+": refused with a sentence", "> 0", "%d", c.refusals())
	none(h.t, "disk", h.engine, part+": refused without a sentence", c.silent)
	want(h.t, c.last.After(freed), "disk", h.engine, part+": works again without restart", "yes", "%v", c.last.After(freed))
	h.kept(part, c)
}

// aborted makes the file system of the database refuse every write, as the
// kernel does after an error of the device, while people work. It is mended as a
// person would mend it: stop, check the file system, start.
func (h *house) aborted(d *disk) {
	if !strings.HasPrefix(d.kind, "loop") {
		note("disk", h.engine, "read-only: database", "not tried: %s", d.kind)
		return
	}
	c := h.work()
	time.Sleep(time.Second)
	h.must(d.remount("abort"))
	time.Sleep(3 * time.Second)
	c.end()
	h.kill()
	h.must(d.mend())
	h.freshen()
	part := "read-only: database"
	note("disk", h.engine, part, "%d answered, refused: %s", len(c.acked), c.said())
	want(h.t, c.refusals() > 0, "disk", h.engine, part+": refused with a sentence", "> 0", "%d", c.refusals())
	none(h.t, "disk", h.engine, part+": refused without a sentence", c.silent)
	h.kept(part, c)
}
