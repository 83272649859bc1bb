package drill

import (
	"encoding/binary"
	"slices"
	"strings"
	"unicode"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/money"
)

// Kind is the error that is planted.
type Kind string

// The kinds.
const (
	OtherFile Kind = "file"    // another partner's document
	OneLetter Kind = "address" // an address that differs by a letter
	TenTimes  Kind = "amount"  // an amount with a digit too many
)

// look is a request for a sending as its approver reads it.
type look struct {
	Party       string              `json:"party"`
	Sender      string              `json:"sender"`
	Recipients  []string            `json:"recipients"` // "to: a@b.jp"
	Subject     string              `json:"subject"`
	Body        string              `json:"body"`
	Attachments []paper             `json:"attachments"`
	Total       money.Yen           `json:"total"`
	Findings    []map[string]string `json:"findings"`
	Because     []map[string]string `json:"because,omitzero"`
	Rules       string              `json:"rules,omitzero"`
	Digest      string              `json:"digest"`
}

type paper struct {
	Name   string    `json:"name"`
	Number string    `json:"number"`
	Amount money.Yen `json:"amount"`
	Date   string    `json:"date"`
	Digest string    `json:"digest"`
	Kind   string    `json:"kind"`
}

// Lesson is what was wrong, beside what would have been right, and where both stood.
type Lesson struct {
	Kind  Kind   `json:"kind"`
	Party string `json:"party"`
	Wrong string `json:"wrong"`
	Right string `json:"right"`
}

// number draws a number below n out of a seed.
func number(seed, what string, n int) int {
	sum := blob.Sum([]byte(seed + "/" + what))
	return int(binary.BigEndian.Uint64(sum[:8]) % uint64(n))
}

// forge makes a request with an error out of real ones that somebody has approved:
// the next one for the partner of one of them. false: there is nothing to make it of.
func forge(real []look, seed string) (decoy look, of int, l Lesson, ok bool) {
	if len(real) == 0 {
		return look{}, 0, Lesson{}, false
	}
	of = number(seed, "template", len(real))
	decoy = real[of].next(seed)
	kinds := []Kind{OtherFile, OneLetter, TenTimes}
	at := number(seed, "kind", len(kinds))
	for i := range kinds {
		switch kinds[(at+i)%len(kinds)] {
		case OtherFile:
			l, ok = decoy.otherFile(real)
		case OneLetter:
			l, ok = decoy.oneLetter()
		case TenTimes:
			l, ok = decoy.tenTimes()
		}
		if ok {
			l.Party = decoy.Party
			decoy.Digest = blob.Sum([]byte(seed + "/package")).String()
			return decoy, of, l, true
		}
	}
	return look{}, 0, Lesson{}, false
}

// next is what comes after this one: the same with other numbers and bytes. What a
// check found is left out where it speaks of what is different now.
func (k look) next(seed string) look {
	n := k
	n.Recipients, n.Attachments = slices.Clone(k.Recipients), slices.Clone(k.Attachments)
	for i := range n.Attachments {
		a := &n.Attachments[i]
		a.Digest = blob.Sum([]byte(seed + "/" + a.Digest)).String()
		if a.Number == "" {
			continue
		}
		was := a.Number
		a.Number = later(was, 1+number(seed, "number", 8))
		for _, s := range []*string{&a.Name, &n.Subject, &n.Body} {
			*s = strings.ReplaceAll(*s, was, a.Number)
		}
	}
	n.Findings = slices.DeleteFunc(slices.Clone(k.Findings), func(f map[string]string) bool {
		said := f["ja"] + f["en"]
		return slices.ContainsFunc(k.Recipients, func(r string) bool {
			_, address, _ := strings.Cut(r, ": ")
			return strings.Contains(said, address)
		}) || slices.ContainsFunc(k.Attachments, func(a paper) bool {
			return strings.Contains(said, a.Name) || a.Number != "" && strings.Contains(said, a.Number)
		})
	})
	return n
}

// later is a number n further on, in the same form.
func later(s string, n int) string {
	b := []byte(s)
	for ; n > 0; n-- {
		for i := len(b) - 1; i >= 0; i-- {
			if b[i] < '0' || b[i] > '9' {
				if i < len(b)-1 && b[i+1] >= '0' && b[i+1] <= '9' {
					break // the digits before are another part of it
				}
				continue
			}
			if b[i] < '9' {
				b[i]++
				break
			}
			b[i] = '0'
		}
	}
	return string(b)
}

// otherFile puts another partner's document in the place of the first one.
func (k *look) otherFile(real []look) (Lesson, bool) {
	if len(k.Attachments) == 0 {
		return Lesson{}, false
	}
	for _, o := range real {
		if o.Party == k.Party || len(o.Attachments) == 0 {
			continue
		}
		_, name, _ := strings.Cut(o.Party, " ")
		a, right := &k.Attachments[0], k.Attachments[0].Name
		a.Number = o.Attachments[0].Number
		a.Name = strings.TrimSpace(name+" "+a.Number) + ".pdf"
		return Lesson{Kind: OtherFile, Wrong: a.Name, Right: right}, true
	}
	return Lesson{}, false
}

// tenTimes puts a digit too many into the first amount.
func (k *look) tenTimes() (Lesson, bool) {
	if len(k.Attachments) == 0 || k.Attachments[0].Amount <= 0 || k.Attachments[0].Amount > money.MaxYen/20 {
		return Lesson{}, false
	}
	a := &k.Attachments[0]
	right := a.Amount
	a.Amount *= 10
	k.Total += a.Amount - right
	return Lesson{Kind: TenTimes, Wrong: a.Amount.String(), Right: right.String()}, true
}

// oneLetter changes one letter of the first recipient's domain.
func (k *look) oneLetter() (Lesson, bool) {
	for i, r := range k.Recipients {
		kind, address, _ := strings.Cut(r, ": ")
		if wrong, ok := misspelt(address); ok && kind == "to" {
			k.Recipients[i] = kind + ": " + wrong
			return Lesson{Kind: OneLetter, Wrong: wrong, Right: address}, true
		}
	}
	return Lesson{}, false
}

// misspelt is an address as a tired eye takes it for the right one.
func misspelt(address string) (string, bool) {
	box, domain, ok := strings.Cut(address, "@")
	name, rest, dot := strings.Cut(domain, ".")
	if !ok || !dot || name == "" || strings.IndexFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
		return "", false
	}
	for _, p := range [][2]string{{"l", "1"}, {"o", "0"}, {"m", "rn"}, {"i", "l"}, {"u", "v"}, {"e", "c"}, {"a", "o"}} {
		if i := strings.LastIndex(name, p[0]); i > 0 {
			return box + "@" + name[:i] + p[1] + name[i+1:] + "." + rest, true
		}
	}
	return box + "@" + name + name[len(name)-1:] + "." + rest, true
}
