package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// record is a body, "v":1.
type record struct {
	V        int    `json:"v"`
	ID       string `json:"id"`
	At       int64  `json:"at"` // µs since 1970, UTC
	Via      string `json:"via"`
	Person   string `json:"person"`
	Session  string `json:"session"`
	From     string `json:"from"`
	Op       string `json:"op"`
	Outcome  string `json:"outcome"`
	Reason   string `json:"reason"`
	Rule     string `json:"rule"`
	Kind     string `json:"kind"`
	Target   string `json:"target"`
	Parent   string `json:"parent"`
	Marks    string `json:"marks"`
	Written  int64  `json:"written"`
	Seen     []seen `json:"seen"`
	Unmasked string `json:"unmasked"`
	Samples  int64  `json:"samples"`
	Payload  string `json:"payload"`
	Demo     bool   `json:"demo"`
}

// seen names rows of one table that were read.
type seen struct {
	Table string `json:"t"`
	Count int64  `json:"n"`
	IDs   string `json:"ids"`
	SHA   string `json:"sha"`
}

const (
	idSize  = 16 // a packed id
	macSize = 32
)

// What a body and an entry of "seen" consist of. A member more would be said in
// the signed bytes and read by nobody.
func must() []string { return []string{"v", "id", "at", "via", "op", "outcome"} }
func may() []string {
	return []string{"person", "session", "from", "reason", "rule", "kind", "target", "parent", "marks", "written", "seen", "unmasked", "samples", "payload", "demo"}
}

// parseRecord reads a body. encoding/json alone would let a name stand twice or
// in other letters, so that two readers could read two things.
func parseRecord(body []byte) (r record, err error) {
	if !utf8.Valid(body) {
		return r, flaw("body_form")
	}
	members, err := object(body, must(), may())
	if err != nil {
		return r, err
	}
	var list []json.RawMessage
	if raw := members["seen"]; raw != nil && json.Unmarshal(raw, &list) != nil {
		return r, flaw("body_form")
	}
	for _, raw := range list {
		if _, err := object(raw, []string{"t", "n"}, []string{"ids", "sha"}); err != nil {
			return r, err
		}
	}
	if json.Unmarshal(members["v"], &r.V) == nil && r.V != 1 {
		return r, flaw("body_version")
	}
	if json.Unmarshal(body, &r) != nil || r.V != 1 || r.ID == "" || r.Op == "" || r.Outcome == "" {
		return r, flaw("body_form")
	}
	return r, nil
}

// object takes a JSON object apart: every name once, none unknown, none of must
// missing, no null, nothing after it.
func object(b []byte, must, may []string) (map[string]json.RawMessage, error) {
	known := map[string]bool{}
	for _, n := range must {
		known[n] = true
	}
	for _, n := range may {
		known[n] = true
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, flaw("body_form")
	}
	out := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		var v json.RawMessage
		if err != nil || !ok || d.Decode(&v) != nil || out[name] != nil || string(v) == "null" {
			return nil, flaw("body_form")
		}
		if !known[name] {
			return nil, flaw("body_member")
		}
		out[name] = v
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return nil, flaw("body_form")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, flaw("body_form")
	}
	for _, n := range must {
		if out[n] == nil {
			return nil, flaw("body_member")
		}
	}
	return out, nil
}

// digest is a SHA-256 as a body holds it.
func digest(b []byte) string {
	h := sha256.Sum256(b)
	return base64.RawStdEncoding.EncodeToString(h[:])
}

// payloadFlaw compares the sealed payload with the hash in the body, "" if it fits.
func (r record) payloadFlaw(payload []byte) flaw {
	switch {
	case r.Payload == "" && len(payload) > 0:
		return "payload_extra"
	case r.Payload != "" && len(payload) == 0:
		return "payload_gone"
	case r.Payload != "" && digest(payload) != r.Payload:
		return "payload_altered"
	}
	return ""
}

// marksFlaw compares the third field with the body: for writes the marks of the
// rows written, for reads the ids of long lists. rows is how many it proves.
func (r record) marksFlaw(b []byte) (rows int64, f flaw) {
	if r.Written == 0 && r.Marks == "" {
		return 0, r.seenFlaw(b)
	}
	var t tree
	for len(b) > 0 {
		n := markLength(b)
		if n == 0 {
			return 0, "marks_form"
		}
		t.add(b[:n])
		b = b[n:]
	}
	root := t.root()
	if t.size == 0 || t.size != r.Written || base64.RawStdEncoding.EncodeToString(root[:]) != r.Marks {
		return 0, "marks_altered"
	}
	return t.size, ""
}

func (r record) seenFlaw(b []byte) flaw {
	for _, s := range r.Seen {
		if s.SHA == "" {
			ids, err := decode64(base64.RawStdEncoding, s.IDs)
			if err != nil || s.Count < 0 || int64(len(ids)) != s.Count*idSize {
				return "seen_form"
			}
			continue
		}
		if s.Count < 0 || s.Count > int64(len(b))/idSize || digest(b[:s.Count*idSize]) != s.SHA {
			return "seen_altered"
		}
		b = b[s.Count*idSize:]
	}
	if len(b) > 0 {
		return "marks_extra"
	}
	return ""
}

// markLength is how many bytes the first mark of b has, 0 if there is none:
// table, id, version (zigzag) and MAC, which is there unless the row was deleted.
func markLength(b []byte) int {
	at := 0
	field := func() (int, bool) {
		n, k := uvarint(b[at:])
		if k == 0 || n > uint64(len(b)-at-k) {
			return 0, false
		}
		at += k + int(n)
		return int(n), true
	}
	table, ok1 := field()
	id, ok2 := field()
	if !ok1 || !ok2 || table == 0 || id == 0 {
		return 0
	}
	version, k := uvarint(b[at:])
	at += k
	mac, ok := field()
	const deleted = 1 // -1 in zigzag
	if k == 0 || !ok || version == deleted && mac != 0 || version != deleted && (mac != macSize || version&1 == 1) {
		return 0
	}
	return at
}

// uvarint is binary.Uvarint that takes only the shortest form; k is 0 if there is none.
func uvarint(b []byte) (n uint64, k int) {
	n, k = binary.Uvarint(b)
	if k <= 0 || k > 1 && b[k-1] == 0 {
		return 0, 0
	}
	return n, k
}
