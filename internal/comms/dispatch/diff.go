package dispatch

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/money"
)

// Content is what people read and compare of a package.
type Content struct {
	Sender     string      `json:"sender"`
	Purpose    Purpose     `json:"purpose"`
	Subject    string      `json:"subject"`
	Body       string      `json:"body"`
	Recipients []Addressee `json:"recipients"`
	Files      []askedFile `json:"files"`
}

// Addressee is one recipient as it reads on the mail.
type Addressee struct {
	Kind    string `json:"kind"`
	Address string `json:"address"`
}

type askedFile struct {
	Name   string     `json:"name"`
	Number string     `json:"number"`
	Amount money.Yen  `json:"amount"`
	Date   civil.Date `json:"date"`
	Digest string     `json:"digest"`
	Kind   string     `json:"kind"`
}

// What became of a line, a recipient or an attachment.
const (
	Same    = "same"
	Removed = "removed"
	Added   = "added"
	Changed = "changed"
)

// Line is one line of a text with what became of it.
type Line struct {
	Change string `json:"change" class:"internal"`
	Text   string `json:"text" class:"personal"`
}

// RecipientChange is one recipient with what became of it.
type RecipientChange struct {
	Change  string `json:"change" class:"internal"`
	Kind    string `json:"kind" class:"internal"`
	Address string `json:"address" class:"personal"`
}

// FileChange is one attachment with what became of it. What it claims stands
// there with both values.
type FileChange struct {
	Change string        `json:"change" class:"internal"`
	Name   string        `json:"name" class:"confidential"` // of the one now, or of the removed one
	Digest string        `json:"digest" class:"internal"`
	Claims []ClaimChange `json:"claims"`
}

// ClaimChange is something an attachment claims that differs.
type ClaimChange struct {
	Field  string `json:"field" class:"internal"` // name, kind, number, date, amount or content
	Before string `json:"before" class:"confidential"`
	After  string `json:"after" class:"confidential"`
}

// AmountChange is an amount with both values.
type AmountChange struct {
	Before  money.Yen `json:"before" class:"confidential"`
	After   money.Yen `json:"after" class:"confidential"`
	Percent string    `json:"percent" class:"confidential"` // "+12.5%", "" from nothing
}

// Changes are the differences between two packages.
type Changes struct {
	None        bool              `json:"none" class:"internal"` // nothing differs
	Sender      []Line            `json:"sender"`
	Purpose     []Line            `json:"purpose"`
	Subject     []Line            `json:"subject"`
	Body        []Line            `json:"body"`
	Recipients  []RecipientChange `json:"recipients"`
	Attachments []FileChange      `json:"attachments"`
	Total       AmountChange      `json:"total"`
}

// compare gives the differences of two packages. The same two give the same.
func compare(a, b Content) Changes {
	c := Changes{Sender: diff(a.Sender, b.Sender), Purpose: diff(string(a.Purpose), string(b.Purpose)), Subject: diff(a.Subject, b.Subject),
		Body: diff(a.Body, b.Body), Recipients: recipients(a.Recipients, b.Recipients), Attachments: attachments(a.Files, b.Files)}
	c.Total.Before, c.Total.After = total(a.Files), total(b.Files)
	c.Total.Percent = percent(c.Total.Before, c.Total.After)
	c.None = a.Sender == b.Sender && a.Purpose == b.Purpose && a.Subject == b.Subject && a.Body == b.Body &&
		slices.Equal(a.Recipients, b.Recipients) && slices.Equal(a.Files, b.Files)
	return c
}

func total(fs []askedFile) (sum money.Yen) {
	for _, f := range fs {
		sum += f.Amount
	}
	return sum
}

// percent is the change in percent with one decimal, halves away from zero.
func percent(before, after money.Yen) string {
	if before <= 0 || before.Check() != nil || after.Check() != nil {
		return ""
	}
	sign, d := "+", int64(after-before)
	if d < 0 {
		sign, d = "-", -d
	}
	// Amounts lie within ±2^53, so everything below fits 64 bits without a sign.
	n := uint64(before)
	whole, rest := uint64(d)/n, uint64(d)%n
	tenths := whole*1000 + (rest*2000+n)/(2*n)
	return fmt.Sprintf("%s%d.%d%%", sign, tenths/10, tenths%10)
}

func recipients(a, b []Addressee) []RecipientChange {
	var out []RecipientChange
	for _, r := range a {
		if !slices.Contains(b, r) {
			out = append(out, RecipientChange{Removed, r.Kind, r.Address})
		}
	}
	for _, r := range b {
		change := Added
		if slices.Contains(a, r) {
			change = Same
		}
		out = append(out, RecipientChange{change, r.Kind, r.Address})
	}
	return out
}

// attachments pairs what stands for the same: the same bytes, the same number,
// then the same kind in the order in which they stand.
func attachments(a, b []askedFile) []FileChange {
	pair, used := make([]int, len(b)), make([]bool, len(a))
	for i := range pair {
		pair[i] = -1
	}
	for _, like := range []func(x, y askedFile) bool{
		func(x, y askedFile) bool { return x == y },
		func(x, y askedFile) bool { return x.Digest == y.Digest },
		func(x, y askedFile) bool { return x.Number != "" && x.Number == y.Number },
		func(x, y askedFile) bool { return x.Kind == y.Kind },
	} {
		for j := range b {
			for i := range a {
				if pair[j] < 0 && !used[i] && like(a[i], b[j]) {
					pair[j], used[i] = i, true
				}
			}
		}
	}
	var out []FileChange
	for i, f := range a {
		if !used[i] {
			out = append(out, FileChange{Removed, f.Name, f.Digest, nil})
		}
	}
	for j, f := range b {
		switch {
		case pair[j] < 0:
			out = append(out, FileChange{Added, f.Name, f.Digest, nil})
		case a[pair[j]] == f:
			out = append(out, FileChange{Same, f.Name, f.Digest, nil})
		default:
			out = append(out, FileChange{Changed, f.Name, f.Digest, claims(a[pair[j]], f)})
		}
	}
	return out
}

func claims(a, b askedFile) []ClaimChange {
	var out []ClaimChange
	for _, c := range []ClaimChange{{"name", a.Name, b.Name}, {"kind", a.Kind, b.Kind}, {"number", a.Number, b.Number},
		{"date", a.Date.String(), b.Date.String()}, {"amount", a.Amount.String(), b.Amount.String()}, {"content", a.Digest, b.Digest}} {
		if c.Before != c.After {
			out = append(out, c)
		}
	}
	if p := percent(a.Amount, b.Amount); p != "" && a.Amount != b.Amount {
		for i := range out {
			if out[i].Field == "amount" {
				out[i].After += " (" + p + ")"
			}
		}
	}
	return out
}

// diffMost is how many pairs of lines are compared; beyond it the whole middle
// counts as exchanged.
const diffMost = 1 << 20

// diff gives every line of both texts once, those in common as the same: the
// longest sequence of them that there is.
func diff(before, after string) []Line {
	a, b := lines(before), lines(after)
	var out []Line
	add := func(change string, ls []string) {
		for _, l := range ls {
			out = append(out, Line{change, l})
		}
	}
	head := 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	add(Same, a[:head])
	am, bm := a[head:len(a)-tail], b[head:len(b)-tail]
	if len(am)*len(bm) > diffMost {
		add(Removed, am)
		add(Added, bm)
	} else {
		out = append(out, longest(am, bm)...)
	}
	add(Same, a[len(a)-tail:])
	return out
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// longest walks the table of longest common sequences.
func longest(a, b []string) []Line {
	t := make([][]int32, len(a)+1)
	for i := range t {
		t[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			t[i][j] = max(t[i+1][j], t[i][j+1])
			if a[i] == b[j] {
				t[i][j] = t[i+1][j+1] + 1
			}
		}
	}
	var out []Line
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, Line{Same, a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && cmp.Compare(t[i+1][j], t[i][j+1]) >= 0:
			out = append(out, Line{Removed, a[i]})
			i++
		default:
			out = append(out, Line{Added, b[j]})
			j++
		}
	}
	return out
}
