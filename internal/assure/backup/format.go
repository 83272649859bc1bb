package backup

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"filippo.io/age"
	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

// What a generation holds inside age:
//
//	"sekisho-backup 1\n"
//	chunks: length (4 bytes, big endian), bytes; one of length 0 ends them.
//	        Together they are the gzip of gate's dump
//	manifest: length, JSON
//	code: 32 bytes, the ring's MAC over the manifest
//
// age proves that nothing was altered on the way; it does not prove who wrote
// it, for anybody may know a public key. The ring's MAC does, and the manifest
// under it holds the hash of every chunk.
const (
	formatMagic = "sekisho-backup 1\n"
	chunkSize   = 1 << 20
	manifestMax = 512 << 20
)

// Manifest describes a generation.
type Manifest struct {
	Generation string            `json:"generation"` // its file's name: another's content is noticed
	Made       time.Time         `json:"made"`
	Program    string            `json:"program"` // version of Sekisho
	Dump       gate.Dumped       `json:"dump"`
	Chunks     []byte            `json:"chunks"` // SHA-256 of each, in order
	Blobs      []byte            `json:"blobs"`  // names of the archive's files, 32 bytes each, in order
	Config     []byte            `json:"config"` // sekisho.toml
	Proofs     map[string][]byte `json:"proofs"` // per kind of class key: sealed under the newest one
	LogKey     string            `json:"log_key"`
}

func kinds() []vault.Kind {
	return []vault.Kind{vault.KindPersonal, vault.KindConfidential, vault.KindSecret, vault.KindAudit, vault.KindBlob}
}

// prove puts what only this ring, whole, can open into the manifest.
func (m *Manifest) prove(r *vault.Ring) error {
	m.Proofs, m.LogKey = map[string][]byte{}, r.LogVerifier()
	for _, k := range kinds() {
		sealed, err := r.Seal(k, vault.AAD("backup proof", m.Generation), []byte(m.Generation))
		if err != nil {
			return err
		}
		m.Proofs[string(k)] = sealed
	}
	return nil
}

// fits tells whether r is the ring of the generation, with all its keys.
// Refused "backup.wrong_ring", "backup.old_ring"; "backup.forged" when the
// manifest was not written by who has the ring.
func (m *Manifest) fits(r *vault.Ring, raw, code []byte) error {
	if m.Dump.Ring != r.KeyID() {
		return fault.Refused("backup.wrong_ring", "want", m.Dump.Ring, "have", r.KeyID())
	}
	if !vault.Equal(code, manifestCode(r, raw)) {
		return fault.Refused("backup.forged", "generation", m.Generation)
	}
	if m.LogKey != r.LogVerifier() {
		return fault.Refused("backup.wrong_ring", "want", m.LogKey, "have", r.LogVerifier())
	}
	for _, k := range kinds() {
		b, err := r.Open(k, vault.AAD("backup proof", m.Generation), m.Proofs[string(k)])
		if err != nil || string(b) != m.Generation {
			return fault.Refused("backup.old_ring").Because(err)
		}
	}
	return nil
}

func manifestCode(r *vault.Ring, raw []byte) []byte { return r.MAC("backup manifest", raw) }

// writer writes a generation: the dump goes through its zip, and close ends it.
type writer struct {
	age    io.WriteCloser
	zip    *gzip.Writer
	chunk  []byte
	hashes []byte
}

func newWriter(w io.Writer, r Recipients) (*writer, error) {
	a, err := age.Encrypt(w, r.list...)
	if err != nil {
		return nil, err
	}
	b := &writer{age: a, chunk: make([]byte, 0, chunkSize)}
	if b.zip, err = gzip.NewWriterLevel(chunker{b}, gzip.BestSpeed); err != nil {
		return nil, err
	}
	_, err = io.WriteString(a, formatMagic)
	return b, err
}

// chunker cuts what gzip gives into chunks.
type chunker struct{ b *writer }

func (c chunker) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k := min(len(p), chunkSize-len(c.b.chunk))
		c.b.chunk = append(c.b.chunk, p[:k]...)
		if p = p[k:]; len(c.b.chunk) == chunkSize {
			if err := c.b.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (b *writer) flush() error {
	if len(b.chunk) == 0 {
		return nil
	}
	h := sha256.Sum256(b.chunk)
	b.hashes = append(b.hashes, h[:]...)
	err := b.part(b.chunk)
	b.chunk = b.chunk[:0]
	return err
}

func (b *writer) part(p []byte) error {
	if _, err := b.age.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p)))); err != nil {
		return err
	}
	_, err := b.age.Write(p)
	return err
}

// endDump ends the chunks.
func (b *writer) endDump() error {
	if err := b.zip.Close(); err != nil {
		return err
	}
	return errors.Join(b.flush(), b.part(nil))
}

func (b *writer) close(m Manifest, r *vault.Ring) error {
	m.Chunks = b.hashes
	raw, err := json.Marshal(m, json.Deterministic(true))
	if err != nil {
		return err
	}
	if err := b.part(raw); err != nil {
		return err
	}
	if _, err := b.age.Write(manifestCode(r, raw)); err != nil {
		return err
	}
	return b.age.Close()
}

// reader reads the chunks of a generation as the dump they hold, and keeps
// their hashes.
type reader struct {
	in     io.Reader
	chunk  []byte
	left   []byte
	hashes []byte
	ended  bool
}

// open begins to read: it finds the identity and undoes age.
func open(in io.Reader, ids Identities) (*reader, error) {
	a, err := age.Decrypt(in, ids...)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none):
		return nil, fault.Refused("backup.wrong_identity")
	case err != nil:
		return nil, damaged(err)
	}
	head := make([]byte, len(formatMagic))
	if _, err := io.ReadFull(a, head); err != nil {
		return nil, damaged(err)
	}
	if string(head) != formatMagic {
		return nil, fault.Refused("backup.newer_format")
	}
	return &reader{in: a, chunk: make([]byte, chunkSize)}, nil
}

// damaged tells a file that was cut from one that was altered.
func damaged(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fault.Refused("backup.truncated").Because(err)
	}
	return fault.Refused("backup.damaged").Because(err)
}

func (r *reader) length(most int) (int, error) {
	var b [4]byte
	if _, err := io.ReadFull(r.in, b[:]); err != nil {
		return 0, damaged(err)
	}
	n := binary.BigEndian.Uint32(b[:])
	if n > uint32(most) {
		return 0, damaged(fmt.Errorf("backup: a part of %d bytes", n))
	}
	return int(n), nil
}

// Read gives the gzip of the dump.
func (r *reader) Read(p []byte) (int, error) {
	for len(r.left) == 0 {
		if r.ended {
			return 0, io.EOF
		}
		n, err := r.length(chunkSize)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			r.ended = true
			continue
		}
		if _, err := io.ReadFull(r.in, r.chunk[:n]); err != nil {
			return 0, damaged(err)
		}
		h := sha256.Sum256(r.chunk[:n])
		r.hashes = append(r.hashes, h[:]...)
		r.left = r.chunk[:n]
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

// manifest reads what stands behind the chunks, to the very end.
func (r *reader) manifest(ring *vault.Ring) (Manifest, error) {
	var m Manifest
	if _, err := io.Copy(io.Discard, r); err != nil {
		return m, damagedOr(err)
	}
	n, err := r.length(manifestMax)
	if err != nil {
		return m, err
	}
	var raw bytes.Buffer
	if _, err := io.CopyN(&raw, r.in, int64(n)); err != nil {
		return m, damaged(err)
	}
	code := make([]byte, sha256.Size)
	if _, err := io.ReadFull(r.in, code); err != nil {
		return m, damaged(err)
	}
	if k, err := r.in.Read(make([]byte, 1)); k != 0 || !errors.Is(err, io.EOF) {
		return m, damaged(errors.Join(errors.New("backup: more than one generation"), err))
	}
	if err := json.Unmarshal(raw.Bytes(), &m); err != nil {
		return m, damaged(err)
	}
	if err := m.fits(ring, raw.Bytes(), code); err != nil {
		return m, err
	}
	if !bytes.Equal(m.Chunks, r.hashes) {
		return m, damaged(errors.New("backup: the chunks are not those of the manifest"))
	}
	return m, nil
}

// damagedOr keeps a fault and calls any other error damage.
func damagedOr(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	return damaged(err)
}
