package main

import (
	"bytes"
	"io"
	"os"
)

const mailedMax = 64 << 10 // octets of a mailed checkpoint

// mailed reads a checkpoint that Sekisho sent by mail: the attachment as it was
// saved, or the mail's text from its first line on. Mail programs write CRLF, and
// below a line of four hyphens stand words for people.
func (k key) mailed(file string) (checkpoint, error) {
	if file == "" {
		return checkpoint{}, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return checkpoint{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, mailedMax))
	if err != nil {
		return checkpoint{}, err
	}
	return k.mailedText(b)
}

func (k key) mailedText(b []byte) (checkpoint, error) {
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	b, _, _ = bytes.Cut(b, []byte("\n----\n"))
	return k.open(append(bytes.TrimRight(b, "\n"), '\n'))
}

// holds asks whether the log that the report is of has as its first records
// those that the mailed checkpoint was signed over.
func (r *report) holds(c checkpoint) {
	switch {
	case c.size > r.leaves:
		r.damages = append([]damage{{r.leaves, c.size - 1, "mailed_shorter", 0}}, r.damages...)
	case c.size > 0 && c.root != r.rootAt:
		r.damages = append([]damage{{0, c.size - 1, "mailed_differs", 0}}, r.damages...)
	}
}
