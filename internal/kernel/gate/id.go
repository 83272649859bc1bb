package gate

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"time"

	"sekisho/internal/kernel/audit"
)

// Ids are 16 bytes, the first six the time in ms, written as 26 characters that
// sort as the bytes do.
var ids = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

func newID(now time.Time, random []byte) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	copy(b[6:], random[:10])
	return ids.EncodeToString(b[:])
}

// pack gives ids as base64 of their bytes; ids made elsewhere stay text.
func pack(list []string) ([]byte, bool) {
	out := make([]byte, 0, 16*len(list))
	for _, s := range list {
		b, err := ids.DecodeString(s)
		if err != nil || len(b) != 16 {
			return nil, false
		}
		out = append(out, b...)
	}
	return out, true
}

func seenOf(table string, list []string) (audit.Seen, []byte) {
	s := audit.Seen{Table: table, Count: len(list)}
	b, ok := pack(list)
	if !ok {
		b = nil
		for _, id := range list {
			b = append(append(b, id...), 0)
		}
	}
	if len(list) > audit.SeenInline || !ok {
		s.Root = audit.Hash(b)
		return s, b
	}
	s.IDs = base64.RawStdEncoding.EncodeToString(b)
	return s, nil
}
