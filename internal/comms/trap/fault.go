package trap

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	gosmtp "github.com/emersion/go-smtp"
)

// Step is where a Fault strikes.
type Step string

// The steps in their order.
const (
	AtGreeting Step = "greeting"
	AtHello    Step = "hello"
	AtAuth     Step = "auth" // Reply only
	AtMail     Step = "mail"
	AtRcpt     Step = "rcpt"
	AtData     Step = "data" // in place of the 354
	AtBody     Step = "body" // after the 354, before the message is read
	AtDot      Step = "dot"  // after the final dot, in place of the 250
)

// Act is what happens there.
type Act string

// The acts. After Drop, ReplyThenDrop, Drip and Garbage the connection is gone.
const (
	Reply         Act = "reply"           // answers Fault.Code
	Stall         Act = "stall"           // says and reads nothing any more
	Drop          Act = "drop"            // hangs up without a word
	ReplyThenDrop Act = "reply then drop" // gives the regular answer and hangs up
	Drip          Act = "drip"            // gives the regular answer, one octet per Fault.Pause
	Garbage       Act = "garbage"         // answers Fault.Text, as it stands
)

// Fault is one way a relay misbehaves.
type Fault struct {
	At    Step
	Act   Act
	Code  int           // of Reply
	Text  string        // of Reply or Garbage
	Pause time.Duration // of Drip
	To    string        // at AtRcpt: strikes this recipient only, "" all
	Keep  bool          // at AtDot: the message is kept although the sender is not told so
}

// Break lets every session from now on misbehave so; Fault{} mends it.
func (t *Trap) Break(f Fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fault = f
}

func (t *Trap) faultAt(s Step) *Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fault.At != s || t.fault.Act == "" {
		return nil
	}
	f := t.fault
	return &f
}

func (f *Fault) smtpError() *gosmtp.SMTPError {
	text := f.Text
	if text == "" {
		text = "as you like it"
	}
	return &gosmtp.SMTPError{Code: f.Code, EnhancedCode: gosmtp.EnhancedCode{f.Code / 100, 3, 0}, Message: text}
}

// play takes the connection away from the server and misbehaves on it. regular
// is the answer a healthy server would give.
func (t *Trap) play(c net.Conn, f *Fault, regular string) {
	defer c.Close()
	switch f.Act {
	case Reply:
		e := f.smtpError()
		fmt.Fprintf(c, "%d %d.%d.%d %s\r\n", e.Code, e.EnhancedCode[0], e.EnhancedCode[1], e.EnhancedCode[2], e.Message)
		// Reading on keeps the reply from being lost in a reset.
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		io.Copy(io.Discard, c)
	case Stall:
		<-t.done
	case ReplyThenDrop:
		io.WriteString(c, regular+"\r\n")
	case Garbage:
		io.WriteString(c, f.Text)
	case Drip:
		for _, b := range []byte(regular + "\r\n") {
			select {
			case <-t.done:
				return
			case <-time.After(f.Pause):
			}
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
		}
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		io.Copy(io.Discard, c)
	}
}

// playAfterRcpt answers RCPT, waits for the DATA command and plays f on it:
// go-smtp's server answers 354 by itself.
func (t *Trap) playAfterRcpt(c net.Conn, f *Fault) {
	io.WriteString(c, "250 2.1.5 Ok\r\n")
	line, _ := bufio.NewReader(c).ReadString('\n')
	if !strings.EqualFold(strings.TrimSpace(line), "DATA") {
		c.Close()
		return
	}
	t.play(c, f, "354 Go ahead")
}
