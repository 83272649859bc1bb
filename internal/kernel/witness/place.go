package witness

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sekisho/internal/kernel/fault"
)

// Place is where a feed or a mirror can be read: a folder, or the address of a
// web server that gives the same files. Nothing it says is believed without a
// signature, so plain HTTP is allowed; TLS keeps ids from being read on the way.
type Place struct {
	name   string // as given, for sentences
	dir    string
	url    string // without the last slash
	client *http.Client
}

const (
	askFor     = 60 * time.Second
	chunkBytes = 4 << 20 // of one request
)

// At understands a folder or an http(s) address. fingerprint, which may be
// empty, is the SHA-256 of a self-signed certificate as the server prints it.
// Invalid "witness.place".
func At(where, fingerprint string) (*Place, error) {
	if !strings.HasPrefix(where, "http://") && !strings.HasPrefix(where, "https://") {
		return &Place{name: where, dir: where}, nil
	}
	u, err := url.Parse(where)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fault.Invalid("witness.place", "place", where)
	}
	p := &Place{name: u.Redacted(), url: strings.TrimSuffix(where, "/"), client: &http.Client{Timeout: askFor}}
	if fingerprint == "" {
		return p, nil
	}
	want, err := hex.DecodeString(strings.ReplaceAll(fingerprint, ":", ""))
	if err != nil || len(want) != sha256.Size {
		return nil, fault.Invalid("witness.fingerprint")
	}
	p.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, // the very certificate is compared instead
		VerifyConnection: func(s tls.ConnectionState) error {
			if got := sha256.Sum256(s.PeerCertificates[0].Raw); string(got[:]) != string(want) {
				return fmt.Errorf("witness: the certificate has the fingerprint %x", got)
			}
			return nil
		}}}
	return p, nil
}

// String is the place as it was given, without a password.
func (p *Place) String() string { return p.name }

// Remote tells an address from a folder.
func (p *Place) Remote() bool { return p.dir == "" }

var errNone = errors.New("witness: no such file")

// small reads a file of a few lines. errNone if there is none.
func (p *Place) small(ctx context.Context, name string) ([]byte, error) {
	r := p.open(ctx, name, 0)
	defer r.close()
	const most = 64 << 10
	b, err := io.ReadAll(io.LimitReader(r, most))
	if err == nil && len(b) == most {
		err = errors.New("witness: a file is too long")
	}
	return b, err
}

// open reads a file from a byte on; it notices that there is none when read.
func (p *Place) open(ctx context.Context, name string, from int64) *reader {
	return &reader{p: p, ctx: ctx, name: name, at: from}
}

type reader struct {
	p    *Place
	ctx  context.Context
	name string
	at   int64
	f    *os.File
	buf  []byte
	end  bool
}

func (r *reader) close() {
	if r.f != nil {
		_ = r.f.Close()
	}
}

// Read reads on.
func (r *reader) Read(b []byte) (int, error) {
	if r.p.dir != "" {
		return r.readFile(b)
	}
	if len(r.buf) == 0 {
		if r.end {
			return 0, io.EOF
		}
		if err := r.ask(); err != nil {
			return 0, err
		}
		if len(r.buf) == 0 {
			r.end = true
			return 0, io.EOF
		}
	}
	n := copy(b, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}

func (r *reader) readFile(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.f == nil {
		f, err := os.Open(filepath.Join(r.p.dir, r.name))
		if errors.Is(err, fs.ErrNotExist) {
			return 0, errNone
		} else if err != nil {
			return 0, err
		}
		r.f = f
	}
	n, err := r.f.ReadAt(b, r.at)
	r.at += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// ask gets the next part of a file from a web server.
func (r *reader) ask() error {
	q, err := http.NewRequestWithContext(r.ctx, http.MethodGet, r.p.url+"/"+r.name, nil)
	if err != nil {
		return err
	}
	q.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", r.at, r.at+chunkBytes-1))
	a, err := r.p.client.Do(q)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	switch a.StatusCode {
	case http.StatusRequestedRangeNotSatisfiable:
		r.end = true
		return nil
	case http.StatusNotFound:
		return errNone
	case http.StatusPartialContent:
		if !strings.HasPrefix(a.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", r.at)) {
			return errors.New("witness: the server gave another part than was asked for")
		}
	case http.StatusOK: // it knows no parts
		r.end = true
		if _, err := io.CopyN(io.Discard, a.Body, r.at); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	default:
		return fmt.Errorf("witness: the server answered %s", a.Status)
	}
	limit := int64(chunkBytes)
	if r.end {
		limit = wholeBytes
	}
	r.buf, err = io.ReadAll(io.LimitReader(a.Body, limit))
	r.at += int64(len(r.buf))
	return err
}

// wholeBytes bounds what a server that knows no parts may give at once.
const wholeBytes = 1 << 30
