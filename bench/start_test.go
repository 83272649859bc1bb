//go:build bench

package bench

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// start starts the server, waits for its first answer, and gives how long that
// took and the megabytes it holds ten seconds later.
func start(t *testing.T, bin, home string) (time.Duration, int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	cmd := exec.Command(bin, "serve", "--home", home, "--listen", addr)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "SEKISHO_TEST_CACHE=") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: time.Second}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var took time.Duration
	for took == 0 {
		if res, err := c.Get("https://" + addr + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				took = time.Since(began)
			}
		}
		if time.Since(began) > 30*time.Second {
			t.Fatal("no answer: ", log.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(10 * time.Second)
	rss := 0
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			fmt.Sscanf(strings.TrimSpace(kb), "%d", &rss)
		}
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err, log.String())
	}
	return took, rss >> 10
}
