//go:build torture

package torture

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// cluster is a PostgreSQL server of our own, with durable commits, that can be
// killed.
type cluster struct {
	t    testing.TB
	bin  string
	dir  string
	port int
	as   *syscall.Credential // PostgreSQL refuses to run as root
	cmd  *exec.Cmd
	dead chan struct{}
}

const clusterPassword = "torture"

// newCluster makes one; under, if not nil, puts a disk of its own under its folder.
func newCluster(t *testing.T, under func(dir string)) *cluster {
	t.Helper()
	bin, err := exec.Command("../scripts/find-postgres").Output()
	if err != nil {
		t.Fatal("no PostgreSQL server programs were found: ", err)
	}
	c := &cluster{t: t, bin: strings.TrimSpace(string(bin)), port: freePort(t)}
	top, err := os.MkdirTemp("/var/tmp", "torture-pg") // not under TMPDIR: the server's own user must get in
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	c.dir = filepath.Join(top, "pg")
	c.must(os.Chmod(top, 0o711))
	c.must(os.Mkdir(c.dir, 0o700))
	if under != nil {
		under(c.dir)
	}
	if os.Geteuid() == 0 {
		u, err := user.Lookup("sekisho-test") // scripts/with-postgres has made it
		c.must(err)
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		c.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		c.must(os.Chown(c.dir, uid, gid))
	}
	pass := filepath.Join(top, "password")
	c.must(os.WriteFile(pass, []byte(clusterPassword), 0o644))
	out, err := c.command("initdb", "--pgdata=data", "--username=sekisho", "--pwfile="+pass, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8").CombinedOutput()
	if err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	t.Cleanup(c.kill) // before anything is unmounted
	c.start()
	return c
}

// freePort is one below the system's ephemeral range that nobody listens on.
func freePort(t *testing.T) int {
	for range 100 {
		port := 20000 + rand.IntN(12000)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

func (c *cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "HOME="+c.dir, "PGPASSWORD="+clusterPassword)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.as, Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (c *cluster) dsn() string {
	return fmt.Sprintf("postgres://sekisho:%s@127.0.0.1:%d/postgres?sslmode=disable", clusterPassword, c.port)
}

// start starts the server and waits until it answers; after a kill its children
// may hold the shared memory for a moment, so it tries again.
func (c *cluster) start() {
	c.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		log, err := os.OpenFile(filepath.Join(filepath.Dir(c.dir), "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		c.must(err)
		cmd := c.command("postgres", "-D", filepath.Join(c.dir, "data"), "-p", fmt.Sprint(c.port),
			"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="+c.dir, "-c", "max_connections=200")
		cmd.Stdout, cmd.Stderr = log, log
		c.must(cmd.Start())
		log.Close()
		c.cmd, c.dead = cmd, make(chan struct{})
		go func(dead chan struct{}) {
			_ = cmd.Wait()
			close(dead)
		}(c.dead)
		if c.answers() {
			return
		}
	}
	b, _ := os.ReadFile(filepath.Join(filepath.Dir(c.dir), "log"))
	c.t.Fatalf("PostgreSQL did not start: %s", b)
}

func (c *cluster) answers() bool {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		select {
		case <-c.dead:
			return false
		default:
		}
		if c.command("psql", "-h", "127.0.0.1", "-p", fmt.Sprint(c.port), "-U", "sekisho", "-d", "postgres", "-tAc", "SELECT 1").Run() == nil {
			return true
		}
	}
	return false
}

// kill is kill -9 of the postmaster.
func (c *cluster) kill() {
	if c.cmd == nil {
		return
	}
	_ = c.cmd.Process.Signal(syscall.SIGKILL)
	<-c.dead
	c.cmd = nil
}
