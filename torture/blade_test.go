//go:build torture

package torture

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Killing at the n-th call of a system call is done from outside, by strace: it
// delivers SIGKILL when the call is entered, so the call does not happen. strace
// counts per thread, so the server runs with GOMAXPROCS=1 (server_test.go).

// point is where a process dies: at the n-th entry into one system call.
type point struct {
	call string
	n    int
}

func (p point) String() string { return fmt.Sprintf("%s:%d", p.call, p.n) }

// calls are the system calls by which an engine's server changes anything:
// files, and on PostgreSQL the socket.
func (h *house) calls() []string {
	if h.dsn == "" {
		return []string{"pwrite64", "fdatasync", "fsync", "write", "renameat", "openat", "futex"}
	}
	return []string{"write", "read", "fsync", "renameat", "openat", "futex"}
}

// blade is strace at the server's throat.
type blade struct {
	cmd *exec.Cmd
	out string
}

// arm attaches strace to the server: it dies at pt.
func (h *house) arm(pt point) *blade {
	return h.attach("-e", "trace="+pt.call, "-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", pt.call, pt.n))
}

// watch attaches strace to count.
func (h *house) watch() *blade { return h.attach("-e", "trace="+strings.Join(h.calls(), ",")) }

func (h *house) attach(args ...string) *blade {
	h.t.Helper()
	b := &blade{out: filepath.Join(filepath.Dir(h.home), "strace.out")}
	b.cmd = exec.Command("strace", append([]string{"-f", "-o", b.out, "-p", fmt.Sprint(h.srv.cmd.Process.Pid)}, args...)...)
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	said, err := b.cmd.StderrPipe()
	h.must(err)
	h.must(b.cmd.Start())
	attached := make(chan string, 2)
	go func() {
		all, told, lines := "", false, bufio.NewScanner(said)
		for lines.Scan() {
			all += lines.Text() + "\n"
			if !told && strings.Contains(lines.Text(), "attached") {
				told = true
				attached <- ""
			}
		}
		attached <- all
	}()
	select {
	case what := <-attached:
		if what != "" && h.running() {
			h.t.Fatalf("strace could not be attached: %s", what)
		}
	case <-time.After(10 * time.Second):
		h.t.Fatal("strace could not be attached within 10 s")
	}
	return b
}

// off takes the blade away; a server that still lives goes on.
func (b *blade) off() {
	_ = b.cmd.Process.Signal(syscall.SIGINT)
	done := make(chan struct{})
	go func() { _ = b.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		_ = b.cmd.Process.Kill()
		<-done
	}
}

// counted gives, after off, how often each call was entered by the thread that
// did so most.
func (b *blade) counted() (map[string]int, error) {
	raw, err := os.ReadFile(b.out)
	if err != nil {
		return nil, err
	}
	threads := map[string]int{}
	most := map[string]int{}
	for _, l := range strings.Split(string(raw), "\n") {
		f := strings.Fields(l)
		if len(f) < 2 || strings.HasPrefix(f[1], "<") {
			continue
		}
		call, _, ok := strings.Cut(f[1], "(")
		if !ok {
			continue
		}
		k := f[0] + call
		threads[k]++
		most[call] = max(most[call], threads[k])
	}
	return most, nil
}

// spread chooses n points between two counts: the calls take turns, as a commit
// is a hundred writes and one flush, and within a call they lie evenly, each
// time shifted. Where a call is made less often it goes round again: the same
// point is another moment to the other threads.
func (h *house) spread(from, to map[string]int, n int) []point {
	var calls []string
	for _, c := range h.calls() {
		if to[c] > from[c] {
			calls = append(calls, c)
		}
	}
	if len(calls) == 0 {
		return nil
	}
	out := make([]point, n)
	for i := range out {
		h.turn++
		c := calls[h.turn%len(calls)]
		_, place := math.Modf(float64(h.turn/len(calls)) * math.Phi) // never twice at one place, and evenly at all times
		out[i] = point{c, from[c] + 1 + int(place*float64(to[c]-from[c]))}
	}
	return out
}
