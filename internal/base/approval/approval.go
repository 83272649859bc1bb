// Package approval keeps what needs a second person (承認申請) until that person
// decides: requests bound to a digest, four eyes, dated delegation (代理承認).
//
// A request is an op that somebody asked for, with its input and a digest of
// everything the approver is shown. Approving it runs the op, for its
// requester, in the approver's transaction. Whatever changes in between makes
// another digest, and the request is void.
package approval

import (
	"bytes"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
)

// State of a request.
type State string

const (
	Open      State = "open"
	Approved  State = "approved"
	Rejected  State = "rejected"
	Withdrawn State = "withdrawn"
	Void      State = "void"   // what it asks for has changed since
	Lapsed    State = "lapsed" // nobody decided in time
)

// LapseAfter is how long a request waits: a weakening of a control that nobody
// answers must not hang over the company. Set in November 2026.
const LapseAfter = 7 * 24 * time.Hour

// MaxDelegation is the most days one delegation covers, both ends included.
// Set in November 2026.
const MaxDelegation = 31

// checkPeriod holds a delegation to days to come, in order, at most MaxDelegation.
func checkPeriod(from, until, today civil.Date) error {
	switch {
	case from.Before(today):
		return fault.Invalid("approval.period_past").At("from_date")
	case until.Before(from):
		return fault.Invalid("approval.period_order").At("until_date")
	case from.DaysUntil(until) >= MaxDelegation:
		return fault.Invalid("approval.period_long", "max", MaxDelegation).At("until_date")
	}
	return nil
}

// chained tells whether a delegates to b directly or through others: b may then
// decide in a's place, so a's own requests are not b's to approve.
func chained(ds []Delegation, a, b string) bool {
	seen, next := map[string]bool{a: true}, []string{a}
	for len(next) > 0 {
		person := next[0]
		next = next[1:]
		for _, d := range ds {
			if d.From != person || seen[d.To] {
				continue
			}
			if d.To == b {
				return true
			}
			seen[d.To] = true
			next = append(next, d.To)
		}
	}
	return false
}

// Change is one value that a request changes.
type Change struct {
	Field  string `json:"field" class:"internal"` // path, e.g. bank_accounts[0].number
	Before string `json:"before" class:"personal"`
	After  string `json:"after" class:"personal"`
}

// Changes lists the values that differ between two JSON texts, in the order in
// which they stand. A value that one of them lacks is empty there.
func Changes(before, after []byte) ([]Change, error) {
	old, err := leaves(before)
	if err != nil {
		return nil, err
	}
	now, err := leaves(after)
	if err != nil {
		return nil, err
	}
	was := map[string]string{}
	for _, l := range old {
		was[l.path] = l.value
	}
	var out []Change
	has := map[string]bool{}
	for _, l := range now {
		has[l.path] = true
		if w, ok := was[l.path]; !ok && l.value != "" || ok && w != l.value {
			out = append(out, Change{l.path, w, l.value})
		}
	}
	for _, l := range old {
		if !has[l.path] && l.value != "" {
			out = append(out, Change{l.path, l.value, ""})
		}
	}
	return out, nil
}

type leaf struct{ path, value string }

// leaves are the scalars of a JSON text with their paths; null is empty.
func leaves(raw []byte) ([]leaf, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var out []leaf
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	if err := walk(d, "", &out); err != nil {
		return nil, err
	}
	return out, nil
}

func walk(d *jsontext.Decoder, at string, out *[]leaf) error {
	tok, err := d.ReadToken()
	if err != nil {
		return err
	}
	switch kind := tok.Kind(); kind {
	case '{':
		for d.PeekKind() != '}' {
			name, err := d.ReadToken()
			if err != nil {
				return err
			}
			path := name.String()
			if at != "" {
				path = at + "." + path
			}
			if err := walk(d, path, out); err != nil {
				return err
			}
		}
	case '[':
		for i := 0; d.PeekKind() != ']'; i++ {
			if err := walk(d, at+"["+strconv.Itoa(i)+"]", out); err != nil {
				return err
			}
		}
	case 'n':
		*out = append(*out, leaf{path: at})
		return nil
	default:
		*out = append(*out, leaf{at, tok.String()})
		return nil
	}
	_, err = d.ReadToken() // the closing bracket
	return err
}
