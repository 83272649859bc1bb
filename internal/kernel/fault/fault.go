// Package fault is the closed list of error kinds.
//
// A fault carries the key of a sentence in package text, never the sentence
// itself, so that the same fault reads in Japanese or English and personal
// values stay out of logs.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Word is an argument that is itself a key in package text: a state or a kind,
// shown in the reader's language.
type Word string

// Kind says which way out of a use case was taken; it decides the HTTP status,
// the exit code and the record's outcome.
type Kind string

const (
	KindInvalid     Kind = "invalid"     // the input is wrong; nothing was changed
	KindNotFound    Kind = "not_found"   // not there, or not yours: the two look alike
	KindDenied      Kind = "denied"      // the role never has this op
	KindRefused     Kind = "refused"     // a rule of the business stops it
	KindStepUp      Kind = "step_up"     // a fresh code is needed first
	KindPending     Kind = "pending"     // accepted as a request; a second person decides
	KindConflict    Kind = "conflict"    // somebody else changed it in between
	KindLimited     Kind = "limited"     // too much at once; wait
	KindUnavailable Kind = "unavailable" // a part that is needed does not answer
	KindFailed      Kind = "failed"      // our defect, or the machine's
)

// Error is a fault: what happened, as a text key with arguments.
type Error struct {
	Kind  Kind
	Key   string   // key in package text, e.g. "party.code_taken"
	Args  []any    // name, value, name, value, … for the sentence
	Field string   // JSON path of the input it is about, "" if none
	Parts []*Error // several faults of one input
	Cause error    // for the operator's log only; never shown
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Kind, e.Key)
	if e.Field != "" {
		fmt.Fprintf(&b, " (%s)", e.Field)
	}
	for _, p := range e.Parts {
		fmt.Fprintf(&b, "; %s", p.Error())
	}
	if e.Cause != nil {
		fmt.Fprintf(&b, ": %v", e.Cause)
	}
	return b.String()
}

// Unwrap gives the cause to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Cause }

// At says which field of the input the fault is about ("lines[2].quantity").
func (e *Error) At(field string) *Error { c := *e; c.Field = field; return &c }

// Because adds the cause for the operator's log.
func (e *Error) Because(err error) *Error { c := *e; c.Cause = err; return &c }

func mk(k Kind, key string, args []any) *Error { return &Error{Kind: k, Key: key, Args: args} }

// Invalid is a fault of the input.
func Invalid(key string, args ...any) *Error { return mk(KindInvalid, key, args) }

// NotFound is for what is not there, and equally for what is not yours.
func NotFound() *Error { return mk(KindNotFound, "fault.not_found", nil) }

// Denied is for an op the role never has.
func Denied(key string, args ...any) *Error { return mk(KindDenied, key, args) }

// Refused is a stop by a rule of the business.
func Refused(key string, args ...any) *Error { return mk(KindRefused, key, args) }

// StepUp asks for a fresh code.
func StepUp(key string, args ...any) *Error { return mk(KindStepUp, key, args) }

// Pending says that a second person now decides.
func Pending(key string, args ...any) *Error { return mk(KindPending, key, args) }

// Conflict says that the thing changed in between.
func Conflict(key string, args ...any) *Error { return mk(KindConflict, key, args) }

// Limited says that it was too much at once.
func Limited(key string, args ...any) *Error { return mk(KindLimited, key, args) }

// Unavailable says which needed part does not answer.
func Unavailable(key string, args ...any) *Error { return mk(KindUnavailable, key, args) }

// Failed hides err behind one general sentence.
func Failed(err error) *Error { return mk(KindFailed, "fault.failed", nil).Because(err) }

// Several joins faults of one input into one; nil if there are none.
func Several(parts ...*Error) error {
	switch len(parts) {
	case 0:
		return nil
	case 1:
		return parts[0]
	}
	e := mk(parts[0].Kind, "fault.several", []any{"count", len(parts)})
	e.Parts = parts
	return e
}

// Of gives the fault in err; an error that is none becomes Failed.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Failed(err)
}

// Is tells whether err is a fault of kind k.
func Is(err error, k Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == k
}
