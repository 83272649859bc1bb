// Command sekisho-verify checks an exported log of Sekisho without trusting
// Sekisho: it is a second implementation, written from the format
// (docs/decisions/002), RFC 6962 §2.1 and C2SP signed-note and tlog-checkpoint.
// It uses the standard library only and nothing of internal/, so that a defect
// there is not repeated here, and it needs no key but the public one.
package main

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// Exit codes.
const (
	exitWhole   = 0
	exitDamaged = 1
	exitUnread  = 2 // wrong use, or something could not be read
)

func main() { os.Exit(run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr)) }

type options struct {
	key, keyFile, against, witness, note, lang string
	help                                       bool
	dir                                        string
}

// parse takes flags before and after the folder.
func parse(args []string) (o options, err error) {
	set := flag.NewFlagSet("sekisho-verify", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&o.key, "key", "", "")
	set.StringVar(&o.keyFile, "key-file", "", "")
	set.StringVar(&o.against, "against", "", "")
	set.StringVar(&o.witness, "witness", "", "")
	set.StringVar(&o.note, "note", "", "")
	set.StringVar(&o.lang, "lang", "", "")
	set.BoolVar(&o.help, "help", false, "")
	set.BoolVar(&o.help, "h", false, "")
	for {
		if err := set.Parse(args); err != nil || set.NArg() == 0 {
			return o, err
		}
		if o.dir != "" {
			return o, errors.New(set.Arg(0))
		}
		o.dir, args = set.Arg(0), set.Args()[1:]
	}
}

// language is what --lang says, else the environment; Japanese unless that says another.
func language(asked string, getenv func(string) string) lang {
	for _, v := range []string{asked, getenv("LC_ALL"), getenv("LC_MESSAGES"), getenv("LANG")} {
		switch {
		case v == "" || v == "C" || v == "POSIX" || strings.HasPrefix(v, "C."):
		case strings.HasPrefix(v, "ja"):
			return ja
		default:
			return en
		}
	}
	return ja
}

// teller prints sentences in one language.
type teller struct {
	lang     lang
	out, err io.Writer
}

func run(args []string, getenv func(string) string, out, errOut io.Writer) int {
	o, err := parse(args)
	t := teller{language(o.lang, getenv), out, errOut}
	switch {
	case err != nil:
		return t.fail("usage", "what", err.Error())
	case o.help:
		fmt.Fprint(out, say(t.lang, "help"))
		return exitWhole
	case o.dir == "":
		return t.fail("usage_folder")
	case (o.key == "") == (o.keyFile == ""):
		return t.fail("usage_key")
	case o.note != "" && o.against != "":
		return t.fail("usage_note")
	}
	if o.keyFile != "" {
		b, err := os.ReadFile(o.keyFile)
		if err != nil {
			return t.fail("unread", "what", err.Error())
		}
		o.key = string(b)
	}
	k, err := parseKey(strings.TrimSpace(o.key))
	if err != nil {
		return t.fail(err.Error())
	}
	damages, err := t.verify(o, k)
	if err != nil {
		return t.fail("unread", "what", err.Error())
	}
	if damages > 0 {
		return exitDamaged
	}
	return exitWhole
}

func (t teller) fail(what string, args ...any) int {
	fmt.Fprintf(t.err, "sekisho-verify: %s\n", say(t.lang, flaw(what), args...))
	return exitUnread
}

// verify checks and prints, and gives the number of damages.
func (t teller) verify(o options, k key) (int, error) {
	for _, dir := range []string{o.dir, o.against, o.witness} {
		if dir == "" {
			continue
		}
		if st, err := os.Stat(dir); err != nil {
			return 0, err
		} else if !st.IsDir() {
			return 0, &os.PathError{Op: "read", Path: dir, Err: errors.New("not a folder")}
		}
	}
	var was report
	at, n := int64(-1), 0
	if o.against != "" {
		var err error
		if was, err = check(o.against, k, -1, "", t.tick); err != nil {
			return 0, err
		}
		at = was.leaves
	}
	mailed, err := k.mailed(o.note)
	var bad flaw
	if errors.As(err, &bad) {
		fmt.Fprintf(t.out, "✗ %s: %s\n", o.note, say(t.lang, bad))
		return 1, nil
	} else if err != nil {
		return 0, err
	}
	if o.note != "" {
		at = mailed.size
	}
	now, err := check(o.dir, k, at, o.witness, t.tick)
	if err != nil {
		return 0, err
	}
	if o.note != "" {
		now.holds(mailed)
	}
	if o.against != "" {
		if err := compare(o.against, o.dir, was, &now); err != nil {
			return 0, err
		}
		n += t.tell("older", o.against, k, was)
	}
	n += t.tell("export", o.dir, k, now)
	switch {
	case n > 0:
	case o.note != "":
		fmt.Fprintln(t.out, say(t.lang, "whole_note", "leaves", mailed.size))
	case o.witness != "":
		fmt.Fprintln(t.out, say(t.lang, "whole_witness", "leaves", now.witnessed))
	case o.against != "":
		fmt.Fprintln(t.out, say(t.lang, "whole_against", "leaves", was.leaves))
	default:
		fmt.Fprintln(t.out, say(t.lang, "whole"))
	}
	return n, nil
}

const tickEvery = 1_000_000

func (t teller) tick(n int64) {
	if n%tickEvery == 0 {
		fmt.Fprintln(t.err, say(t.lang, "progress", "leaves", n))
	}
}

const toldMax = 50

// tell prints a report. Nothing read from an export is printed but numbers and
// hashes: its bytes may be anyone's.
func (t teller) tell(which flaw, dir string, k key, r report) int {
	fmt.Fprintln(t.out, say(t.lang, which, "dir", dir, "key", k.name+"+"+hex.EncodeToString(k.id[:])))
	fmt.Fprintln(t.out, say(t.lang, "counts", "leaves", r.leaves, "checkpoints", r.checkpoints, "rows", r.rows))
	fmt.Fprintf(t.out, "  root %s\n", base64.StdEncoding.EncodeToString(r.root[:]))
	n := len(r.damages) + r.more
	if n == 0 {
		return 0
	}
	for i, d := range r.damages {
		if i == toldMax {
			fmt.Fprintln(t.out, say(t.lang, "more", "n", n-toldMax))
			break
		}
		fmt.Fprintf(t.out, "✗ %s\n", d.sentence(t.lang))
	}
	fmt.Fprintf(t.out, "✗ %s\n", say(t.lang, "damaged", "n", n, "first", first(t.lang, r.damages)))
	return n
}

func (d damage) sentence(l lang) string {
	s := say(l, d.what, "leaf", where(l, d), "note", d.note)
	if d.note > 0 {
		s = say(l, "at_note", "note", d.note) + s
	}
	return s
}

// where names the record, or from which to which it may be.
func where(l lang, d damage) string {
	if d.leaf == d.last {
		return fmt.Sprint(d.leaf)
	}
	return say(l, "range", "leaf", d.leaf, "last", d.last)
}

// first names the first damaged record.
func first(l lang, list []damage) string {
	low := damage{leaf: -1, last: -1}
	for _, d := range list {
		if d.leaf >= 0 && (low.leaf < 0 || d.leaf < low.leaf) {
			low = d
		}
	}
	if low.leaf < 0 {
		return say(l, "no_leaf")
	}
	return say(l, "first_leaf", "leaf", where(l, low))
}
