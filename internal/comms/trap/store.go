package trap

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"sekisho/internal/kernel/fault"
)

// Message is one message in the trap, without its bytes.
type Message struct {
	ID    int       // counts up, also over restarts with the same folder
	At    time.Time // by Config.Now
	From  string    // envelope
	To    []string  // envelope
	Hello string    // what the sender called itself
	TLS   string    // version, "" if it came in the clear
	UTF8  bool      // sent with SMTPUTF8
	Size  int       // octets as received, without dot-stuffing
	File  string    // path of the .eml file

	head   int // octets the trap put before the message in the file
	digest [sha256.Size]byte
}

func (t *Trap) openFolder() error {
	if err := os.MkdirAll(t.cfg.Dir, 0o700); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(t.cfg.Dir, "*.eml"))
	if err != nil {
		return err
	}
	for _, f := range old {
		var n int
		if _, err := fmt.Sscanf(filepath.Base(f), "%d.eml", &n); err == nil {
			t.next = max(t.next, n)
		}
	}
	return nil
}

// keep writes the message with the fields a real server puts on top at delivery
// (RFC 5321, 4.4), so the file shows the envelope in any mail program.
func (t *Trap) keep(m Message, data []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.index) >= t.cfg.MaxMessages {
		return 0, &gosmtp.SMTPError{Code: 452, EnhancedCode: gosmtp.EnhancedCode{4, 3, 1}, Message: "The trap is full"}
	}
	t.next++
	m.ID, m.At, m.Size, m.digest = t.next, t.cfg.Now(), len(data), sha256.Sum256(data)
	var b bytes.Buffer
	fmt.Fprintf(&b, "Return-Path: <%s>\r\n", oneLine(m.From))
	for _, to := range m.To {
		fmt.Fprintf(&b, "Delivered-To: %s\r\n", oneLine(to))
	}
	fmt.Fprintf(&b, "Received: from %s by trap.localhost id %06d (%s);\r\n %s\r\n",
		oneLine(m.Hello), m.ID, m.TLS, m.At.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	m.head = b.Len()
	b.Write(data)
	m.File = filepath.Join(t.cfg.Dir, fmt.Sprintf("%06d.eml", m.ID))
	if err := os.WriteFile(m.File, b.Bytes(), 0o600); err != nil {
		return 0, &gosmtp.SMTPError{Code: 452, EnhancedCode: gosmtp.EnhancedCode{4, 3, 1}, Message: "Cannot be stored"}
	}
	t.index = append(t.index, m)
	return m.ID, nil
}

func oneLine(s string) string { return strings.NewReplacer("\r", "", "\n", "").Replace(s) }

// List gives the messages of this run in the order they came.
func (t *Trap) List() []Message {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.index)
}

// Get gives a message with the bytes its sender sent. It fails with
// fault.NotFound, or fault.Unavailable if the file is gone or changed.
func (t *Trap) Get(id int) (Message, []byte, error) {
	t.mu.Lock()
	i := slices.IndexFunc(t.index, func(m Message) bool { return m.ID == id })
	if i < 0 {
		t.mu.Unlock()
		return Message{}, nil, fault.NotFound()
	}
	m := t.index[i]
	t.mu.Unlock()
	b, err := os.ReadFile(m.File)
	if err != nil || len(b) < m.head || sha256.Sum256(b[m.head:]) != m.digest {
		return Message{}, nil, fault.Unavailable("trap.lost").Because(err)
	}
	return m, b[m.head:], nil
}
