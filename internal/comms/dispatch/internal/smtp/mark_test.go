package smtp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sekisho/internal/comms/trap"
)

// TestMain lets the test binary be the process that is killed (see below).
func TestMain(m *testing.M) {
	if os.Getenv("SENDER_PORT") != "" {
		sender()
	}
	os.Exit(m.Run())
}

func stuffed(data string) string {
	return strings.ReplaceAll("\r\n"+data, "\r\n.", "\r\n..")[2:]
}

// sized gives a message of exactly n octets whose lines begin with dots.
func sized(n int) string {
	head := "Subject: x\r\n\r\n"
	body := strings.Repeat(".line\r\n", n/7+1)[:n-len(head)-2]
	body = strings.TrimRight(body, "\r\n")
	return head + body + strings.Repeat("x", n-len(head)-2-len(body)) + "\r\n"
}

// At the moment of the mark the server has every octet of the data and not one
// of the dot, wherever go-smtp's buffer of 4096 octets happens to end.
func TestR03_MarkStandsBetweenDataAndDot(t *testing.T) {
	both(t, func(t *testing.T, m Mode, implicit bool) {
		sizes := []int{40, 8190, 70_000}
		for n := 3490; n <= 4100; n++ {
			if len(stuffed(sized(n))) >= 4088 && len(stuffed(sized(n))) <= 4100 {
				sizes = append(sizes, n)
			}
		}
		if len(sizes) < 8 {
			t.Fatalf("only %d sizes near the edge", len(sizes))
		}
		for _, size := range sizes {
			tr := startTrap(t, trap.Config{ImplicitTLS: implicit, Record: true})
			data, called := sized(size), 0
			mark := func(context.Context) error {
				called++
				var after string
				for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
					_, after, _ = strings.Cut(tr.Transcript(), "\r\n354 ")
					if _, after, _ = strings.Cut(after, "\r\n"); len(after) >= len(stuffed(data)) {
						break
					}
				}
				time.Sleep(5 * time.Millisecond) // a dot on its way would arrive now
				if after != stuffed(data) || !strings.HasSuffix(tr.Transcript(), stuffed(data)) {
					t.Errorf("size %d: at the mark the server has %d octets ending in %q, want %d", size, len(after), after[max(0, len(after)-9):], len(stuffed(data)))
				}
				if len(tr.List()) != 0 {
					t.Error("accepted before the mark")
				}
				return nil
			}
			o := Send(t.Context(), relayTo(tr, m), envelope(data), mark)
			want(t, o, HandedOver, "smtp.handed_over", AtDot)
			if _, got, err := tr.Get(1); err != nil || string(got) != data || called != 1 {
				t.Errorf("size %d: %d octets arrived, %v, %d marks", size, len(got), err, called)
			}
			if !strings.Contains(tr.Transcript(), stuffed(data)+".\r\n") {
				t.Errorf("size %d: the dot does not follow the data", size)
			}
		}
	})
}

// pipe is the far end of a wire: it keeps what was written and answers nothing.
type pipe struct {
	net.Conn
	got bytes.Buffer
}

func (p *pipe) Write(b []byte) (int, error)     { return p.got.Write(b) }
func (p *pipe) Read([]byte) (int, error)        { return 0, os.ErrDeadlineExceeded }
func (p *pipe) SetDeadline(time.Time) error     { return nil }
func (p *pipe) SetReadDeadline(time.Time) error { return nil }

func TestWireHoldsTheDotHoweverWritesAreCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.StringOf(rapid.RuneFrom([]rune(".\r\na"))).Draw(t, "data")
		var all bytes.Buffer
		dw := textproto.NewWriter(bufio.NewWriter(&all)).DotWriter()
		io.WriteString(dw, data)
		dw.Close()
		body, ok := strings.CutSuffix(all.String(), ".\r\n")
		if !ok {
			t.Fatalf("%q", all.String())
		}
		fails := rapid.Bool().Draw(t, "fails")
		p, calls := new(pipe), 0
		w := newWire(p, nil)
		w.begin(func() error {
			calls++
			if p.got.String() != body {
				t.Fatalf("at the mark %q, want %q", p.got.String(), body)
			}
			if fails {
				return errors.New("no")
			}
			return nil
		})
		var err error
		for rest := all.Bytes(); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			if calls == 1 {
				t.Fatal("the mark came before the end")
			}
			_, err = w.Write(rest[:n])
			rest = rest[n:]
		}
		full := all.String()
		if fails {
			full = body
			w.Write([]byte(".\r\n")) // a late flush must not bring the dot
		}
		if calls != 1 || fails != (err != nil) || p.got.String() != full || w.committed.Load() == fails {
			t.Fatalf("%d marks, %v, %q; want %q", calls, err, p.got.String(), full)
		}
	})
}

// sender is the process that dies: it sends one message and writes the mark to
// a file as dispatch would to its database.
func sender() {
	port, _ := strconv.Atoi(os.Getenv("SENDER_PORT"))
	pem, err := os.ReadFile(os.Getenv("SENDER_PEM"))
	if err != nil {
		panic(err)
	}
	r := Relay{Host: "127.0.0.1", Port: port, Mode: StartTLS, ExtraRoots: pem, Hello: "sekisho.hokuto.example"}
	o := Send(context.Background(), r, envelope(sized(20_000)), func(context.Context) error {
		f, err := os.Create(os.Getenv("SENDER_MARK"))
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
		fmt.Println("marked")
		if os.Getenv("SENDER_HANG") != "" {
			select {}
		}
		return nil
	})
	fmt.Println(o.Kind)
	os.Exit(0)
}

type child struct {
	*exec.Cmd
	out  *bufio.Reader
	mark string
}

func startSender(t *testing.T, tr *trap.Trap, hang string) *child {
	t.Helper()
	dir := t.TempDir()
	pem := filepath.Join(dir, "pem")
	if err := os.WriteFile(pem, tr.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &child{Cmd: exec.Command(os.Args[0]), mark: filepath.Join(dir, "mark")}
	c.Env = append(os.Environ(), "SENDER_PORT="+strconv.Itoa(tr.Port()), "SENDER_PEM="+pem, "SENDER_MARK="+c.mark, "SENDER_HANG="+hang)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewReader(out)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *child) kill() (said string, marked bool) {
	c.Process.Kill()
	rest, _ := io.ReadAll(c.out)
	c.Wait()
	_, err := os.Stat(c.mark)
	return string(rest), err == nil
}

func TestR03_KilledBetweenMarkAndDot(t *testing.T) {
	tr := startTrap(t, trap.Config{})
	c := startSender(t, tr, "yes")
	if line, err := c.out.ReadString('\n'); line != "marked\n" {
		t.Fatal(line, err)
	}
	said, marked := c.kill()
	time.Sleep(100 * time.Millisecond)
	if !marked || said != "" || len(tr.List()) != 0 {
		t.Errorf("marked %v, said %q, %d kept", marked, said, len(tr.List()))
	}
}

func TestR03_KilledBetweenDotAndReply(t *testing.T) {
	tr := startTrap(t, trap.Config{})
	tr.Break(trap.Fault{At: trap.AtDot, Act: trap.Stall, Keep: true})
	c := startSender(t, tr, "")
	for end := time.Now().Add(30 * time.Second); len(tr.List()) == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	said, marked := c.kill()
	if !marked || said != "marked\n" || len(tr.List()) != 1 {
		t.Errorf("marked %v, said %q, %d kept", marked, said, len(tr.List()))
	}
}

// Whenever it dies: at most one message, and none without a mark.
func TestR03_KilledAnywhere(t *testing.T) {
	ends := map[string]int{}
	for i := range 30 {
		tr := startTrap(t, trap.Config{})
		c := startSender(t, tr, "")
		for end := time.Now().Add(30 * time.Second); tr.Sessions() == 0 && time.Now().Before(end); {
			time.Sleep(50 * time.Microsecond)
		}
		time.Sleep(time.Duration(i) * 500 * time.Microsecond)
		said, marked := c.kill()
		time.Sleep(20 * time.Millisecond)
		kept := len(tr.List())
		if kept > 1 || kept == 1 && !marked || strings.Contains(said, string(HandedOver)) && kept != 1 {
			t.Errorf("marked %v, said %q, %d kept", marked, said, kept)
		}
		ends[fmt.Sprintf("marked %v kept %d done %v", marked, kept, strings.Contains(said, string(HandedOver)))]++
		tr.Close()
	}
	if len(ends) < 2 {
		t.Errorf("every kill hit the same moment: %v", ends)
	}
	t.Log(ends)
}
