package smtp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/textproto"
	"os"
	"sync/atomic"
	"time"

	gosmtp "github.com/emersion/go-smtp"
)

const (
	maxReplies = 256 << 10              // octets a relay may say in one session
	glance     = 2 * time.Millisecond   // how long the wire listens before the mark
	goodbye    = 200 * time.Millisecond // how long a farewell may take to write
)

var (
	errTooMuch = errors.New("smtp: the relay talks without end")
	errStopped = errors.New("smtp: the message was broken off")
	dot        = []byte(".\r\n")
	endOfData  = []byte("\r\n.\r\n")
)

// wire is the connection go-smtp's client writes on, seen above TLS.
//
// It exists because of the final dot. go-smtp's DataCommand keeps up to 4096
// octets in a private buffer and Close flushes them together with the dot, so
// from outside there is no moment when all data has left and the dot has not.
// The wire makes that moment: while the message is written it holds the last
// octets back, and on CRLF.CRLF it writes everything up to that CRLF, calls
// before, and only then writes the dot. In a dot-stuffed stream CRLF.CRLF
// stands nowhere but at the end (RFC 5321, 4.5.2), however go-smtp cuts its
// writes.
//
// It hands replies on one line at a time, so whatever the relay says before it
// is asked stays here, where early finds it, and is never taken for the reply
// to the dot. A line without its line end is no reply.
type wire struct {
	net.Conn
	in   *bufio.Reader
	line []byte // rest of a reply line already taken from in
	tail []byte // octets of the message held back

	before    func() error // the mark
	inData    bool
	stopped   bool
	committed atomic.Bool // the mark is made: nothing below is safe to repeat
}

func newWire(c net.Conn, greeting []byte) *wire {
	replies := &limited{r: c, left: maxReplies}
	return &wire{Conn: c, in: bufio.NewReader(io.MultiReader(bytes.NewReader(greeting), replies))}
}

type limited struct {
	r    io.Reader
	left int
}

func (l *limited) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooMuch
	}
	n, err := l.r.Read(b[:min(len(b), l.left)])
	l.left -= n
	return n, err
}

func (w *wire) Read(b []byte) (int, error) {
	if len(w.line) == 0 {
		line, err := w.in.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return 0, err
		}
		w.line = append(w.line[:0], line...)
		// RFC 5321, 4.2 lets a reply be its code alone; the parser wants a space.
		if code, ok := bytes.CutSuffix(line, []byte("\r\n")); ok && len(code) == 3 {
			w.line = append(w.line[:3], " \r\n"...)
		}
	}
	n := copy(b, w.line)
	w.line = w.line[n:]
	return n, nil
}

// begin says that what is written from now on is the message.
func (w *wire) begin(before func() error) {
	w.inData, w.before = true, before
}

func (w *wire) Write(b []byte) (int, error) {
	if w.stopped {
		return 0, errStopped
	}
	if !w.inData {
		return w.Conn.Write(b)
	}
	if err := w.message(b); err != nil {
		w.stopped = true // no later flush may bring the dot after all
		return 0, err
	}
	return len(b), nil
}

func (w *wire) message(b []byte) error {
	w.tail = append(w.tail, b...)
	if !bytes.HasSuffix(w.tail, endOfData) {
		return w.release(len(endOfData) - 1)
	}
	if err := w.release(len(dot)); err != nil {
		return err
	}
	if err := w.early(); err != nil {
		return err
	}
	if err := w.before(); err != nil {
		return err
	}
	w.inData = false
	w.committed.Store(true)
	_, err := w.Conn.Write(dot)
	return err
}

// release writes the message but for its last keep octets.
func (w *wire) release(keep int) error {
	if len(w.tail) <= keep {
		return nil
	}
	n := len(w.tail) - keep
	if _, err := w.Conn.Write(w.tail[:n]); err != nil {
		return err
	}
	w.tail = append(w.tail[:0], w.tail[n:]...)
	return nil
}

// early gives what the relay said, or that it has gone, before it got the dot.
// It makes a broken connection a safe retry instead of an unknown; what it
// misses is only the last moment.
func (w *wire) early() error {
	if len(w.line) == 0 {
		w.SetReadDeadline(time.Now().Add(glance))
		_, err := w.in.Peek(1)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return w.SetReadDeadline(time.Time{})
		}
		if err != nil {
			return err
		}
	}
	w.SetReadDeadline(time.Now().Add(time.Second))
	code, msg, err := textproto.NewReader(bufio.NewReader(w)).ReadResponse(0)
	if err != nil {
		return err
	}
	return &gosmtp.SMTPError{Code: code, Message: msg}
}

// bye ends the session politely where that is still possible. It does not wait
// for an answer: the outcome is known, and it must not get lost while a relay
// ponders its farewell.
func (w *wire) bye() {
	if w.inData || w.stopped {
		return
	}
	w.SetDeadline(time.Now().Add(goodbye))
	if _, err := w.Conn.Write([]byte("QUIT\r\n")); err == nil {
		w.Conn.Close()
	}
}
