package vault

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1" // prescribed by the format
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"
)

// ZipFile is a file to be put into an encrypted archive.
type ZipFile struct {
	Name  string
	Bytes []byte
}

// Spelling is 32 characters nobody confuses when reading aloud.
const Spelling = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

// Spell writes the first n bytes of a secret, 5 bits of each, in groups to be read
// aloud.
func Spell(secret []byte, n, group int) string {
	var out []byte
	for i := range n {
		if i > 0 && i%group == 0 {
			out = append(out, '-')
		}
		out = append(out, Spelling[secret[i]&31])
	}
	return string(out)
}

// Password spells 100 bits of a secret.
func Password(secret []byte) string { return Spell(secret, 20, 5) }

// ZipAES packs files into an archive that is encrypted with AES-256 in the form of
// WinZip (AE-2), which 7-Zip, WinZip and Windows' own tools since 11 open. The format
// fixes PBKDF2 with SHA-1 at 1,000 rounds, so only a password with as much chance
// in it as Password's is worth anything. The same files, password and time give the
// same bytes: the salts come from the password and the files.
func ZipAES(files []ZipFile, password string, at time.Time) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i, f := range files {
		b, err := sealZip(f, i, password)
		if err != nil {
			return nil, err
		}
		h := &zip.FileHeader{Name: f.Name, Method: 99, Flags: 0x1 | 0x800,
			CompressedSize64: uint64(len(b)), UncompressedSize64: uint64(len(f.Bytes)),
			// AE-2, "AE", strength 3 = 256 bits, deflate
			Extra: []byte{0x01, 0x99, 7, 0, 2, 0, 'A', 'E', 3, 8, 0}}
		t := at.UTC() // CreateRaw writes these two and not Modified
		h.ModifiedDate = uint16((t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day())
		h.ModifiedTime = uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2)
		to, err := w.CreateRaw(h)
		if err == nil {
			_, err = to.Write(b)
		}
		if err != nil {
			return nil, fmt.Errorf("vault: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	return out.Bytes(), nil
}

// sealZip gives salt, check of the password, ciphertext and code of one file.
func sealZip(f ZipFile, n int, password string) ([]byte, error) {
	var plain bytes.Buffer
	d, err := flate.NewWriter(&plain, flate.DefaultCompression)
	if err == nil {
		_, err = d.Write(f.Bytes)
	}
	if err == nil {
		err = d.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	s := hmac.New(sha1.New, []byte(password))
	fmt.Fprintf(s, "salt %d %d %08x %s", n, len(f.Bytes), crc32.ChecksumIEEE(f.Bytes), f.Name)
	s.Write(f.Bytes)
	salt := s.Sum(nil)[:16]
	keys, err := pbkdf2.Key(sha1.New, password, salt, 1000, 66)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	block, err := aes.NewCipher(keys[:32])
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	sealed := littleCTR(block, plain.Bytes())
	m := hmac.New(sha1.New, keys[32:64])
	m.Write(sealed)
	out := append(append(bytes.Clone(salt), keys[64:]...), sealed...)
	return append(out, m.Sum(nil)[:10]...), nil
}

// littleCTR is counter mode with a little-endian counter from 1, as the format has it.
func littleCTR(b cipher.Block, plain []byte) []byte {
	out := bytes.Clone(plain)
	var counter, stream [aes.BlockSize]byte
	for at, n := 0, uint64(1); at < len(out); at, n = at+aes.BlockSize, n+1 {
		binary.LittleEndian.PutUint64(counter[:], n)
		b.Encrypt(stream[:], counter[:])
		for i := at; i < min(at+aes.BlockSize, len(out)); i++ {
			out[i] ^= stream[i-at]
		}
	}
	return out
}
