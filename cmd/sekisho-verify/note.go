package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// flaw is one thing that can be wrong; its sentences stand in words.go.
type flaw string

// Error gives the English sentence without its places.
func (f flaw) Error() string { return string(f) }

// key is a verifier key of C2SP signed-note, Ed25519 (type 0x01):
// name "+" key ID in hex "+" base64(type ‖ public key).
type key struct {
	name   string
	id     [4]byte
	public ed25519.PublicKey
}

const typeEd25519 = 1

// decode64 takes only the one spelling; Strict alone passes over line ends.
func decode64(e *base64.Encoding, s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, base64.CorruptInputError(strings.IndexAny(s, "\r\n"))
	}
	return e.Strict().DecodeString(s)
}

func parseKey(s string) (key, error) {
	parts := strings.SplitN(s, "+", 3) // a name has no plus; base64 may have
	if len(parts) != 3 || parts[0] == "" || !utf8.ValidString(parts[0]) || strings.ContainsFunc(parts[0], unicode.IsSpace) {
		return key{}, flaw("key_form")
	}
	raw, err := decode64(base64.StdEncoding, parts[2])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != typeEd25519 {
		return key{}, flaw("key_form")
	}
	sum := sha256.Sum256([]byte(parts[0] + "\n" + string(raw)))
	k := key{name: parts[0], id: [4]byte(sum[:4]), public: raw[1:]}
	if hex.EncodeToString(k.id[:]) != parts[1] {
		return key{}, flaw("key_hash") // mistyped or cut
	}
	return k, nil
}

// checkpoint is what a note of C2SP tlog-checkpoint says.
type checkpoint struct {
	size int64
	root hash
}

// open reads a signed note and gives its checkpoint if k signed it. Signatures
// of other keys (witnesses) are passed over, as signed-note demands.
func (k key) open(note []byte) (checkpoint, error) {
	if !utf8.Valid(note) || bytes.ContainsFunc(note, func(r rune) bool { return r < ' ' && r != '\n' }) {
		return checkpoint{}, flaw("note_form")
	}
	i := bytes.LastIndex(note, []byte("\n\n"))
	if i < 0 {
		return checkpoint{}, flaw("note_form")
	}
	text, lines := string(note[:i+1]), string(note[i+2:])
	if lines == "" || !strings.HasSuffix(lines, "\n") {
		return checkpoint{}, flaw("note_form")
	}
	signed := false
	for line := range strings.SplitSeq(strings.TrimSuffix(lines, "\n"), "\n") {
		ours, err := k.signature(line, text)
		if err != nil {
			return checkpoint{}, err
		}
		signed = signed || ours
	}
	if !signed {
		return checkpoint{}, flaw("note_unsigned")
	}
	return k.checkpoint(text)
}

// signature reads one line "— name base64(key ID ‖ signature)". It tells whether
// it is a valid one of k; an invalid one in the name of k is an error.
func (k key) signature(line, text string) (ours bool, err error) {
	rest, dash := strings.CutPrefix(line, "— ")
	name, b64, space := strings.Cut(rest, " ")
	raw, err := decode64(base64.StdEncoding, b64)
	if !dash || !space || name == "" || err != nil || len(raw) < 5 {
		return false, flaw("note_form")
	}
	if name != k.name || !bytes.Equal(raw[:4], k.id[:]) {
		return false, nil
	}
	if !ed25519.Verify(k.public, []byte(text), raw[4:]) {
		return false, flaw("note_signature")
	}
	return true, nil
}

// checkpoint reads origin, size and root; lines after them are extensions.
func (k key) checkpoint(text string) (checkpoint, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for _, l := range lines {
		if l == "" {
			return checkpoint{}, flaw("note_form")
		}
	}
	if len(lines) < 3 {
		return checkpoint{}, flaw("note_form")
	}
	if lines[0] != k.name {
		return checkpoint{}, flaw("note_origin")
	}
	size, err1 := strconv.ParseInt(lines[1], 10, 64)
	root, err2 := decode64(base64.StdEncoding, lines[2])
	if err1 != nil || err2 != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] || len(root) != sha256.Size {
		return checkpoint{}, flaw("note_form")
	}
	return checkpoint{size, hash(root)}, nil
}
