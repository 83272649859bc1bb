package gate

import (
	"crypto/sha256"
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

// pack gives ids as their 16 bytes each; an id made elsewhere (a fixed name)
// as the first 16 bytes of its hash.
func pack(list []string) []byte {
	out := make([]byte, 0, 16*len(list))
	for _, s := range list {
		b, err := ids.DecodeString(s)
		if err != nil || len(b) != 16 {
			h := sha256.Sum256([]byte(s))
			b = h[:16]
		}
		out = append(out, b...)
	}
	return out
}

// seenOf names rows of one table; of a long list the leaf has only the hash.
func seenOf(table string, list []string) (s audit.Seen, long []byte) {
	s = audit.Seen{Table: table, Count: len(list)}
	b := pack(list)
	if len(list) > audit.SeenInline {
		s.Root = audit.Hash(b)
		return s, b
	}
	s.IDs = base64.RawStdEncoding.EncodeToString(b)
	return s, nil
}
