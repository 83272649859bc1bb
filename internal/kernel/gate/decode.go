package gate

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
)

// decode reads JSON strictly: unknown, doubled and differently cased keys, wrong
// types, invalid UTF-8 and anything after the value are errors. (Go's
// encoding/json would let {"role":"sales","ROLE":"admin"} pass, last key wins.)
func (u *useCase) decode(raw []byte) (any, error) {
	in := u.newIn()
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	err := json.Unmarshal(raw, in, json.RejectUnknownMembers(true))
	if err == nil {
		return in, nil
	}
	var se *json.SemanticError
	var syn *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return in, fault.Invalid("gate.json_doubled").Because(err)
	case errors.Is(err, json.ErrUnknownName) && errors.As(err, &se):
		return in, fault.Invalid("gate.json_unknown", "field", pointer(se.JSONPointer)).At(pointer(se.JSONPointer)).Because(err)
	case errors.As(err, &se):
		return in, fault.Invalid("gate.json_type", "field", pointer(se.JSONPointer)).At(pointer(se.JSONPointer)).Because(err)
	case errors.As(err, &syn):
		return in, fault.Invalid("gate.json_syntax", "at", syn.ByteOffset).Because(err)
	}
	return in, fault.Invalid("gate.json_syntax", "at", 0).Because(err)
}

// pointer turns /lines/2/quantity into lines[2].quantity, cut to what fits a sentence.
func pointer(p jsontext.Pointer) string {
	var b strings.Builder
	for tok := range p.Tokens() {
		if _, err := strconv.Atoi(tok); err == nil {
			fmt.Fprintf(&b, "[%s]", tok)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(tok)
	}
	r := []rune(strings.ToValidUTF8(b.String(), "?"))
	if len(r) > 80 {
		r = r[:80]
	}
	if jp.Clean(string(r), false) != nil {
		return "?"
	}
	return string(r)
}

// check walks an input: required, length, enum, and text hygiene everywhere.
func (s *shape) check(v reflect.Value, at string) []*fault.Error {
	var bad []*fault.Error
	for _, f := range s.fields {
		fv := v.FieldByIndex(f.index)
		name := f.name
		if at != "" {
			name = at + "." + f.name
		}
		bad = append(bad, f.check(fv, name)...)
		if len(bad) > 20 {
			return bad
		}
	}
	return bad
}

func (f shapeField) check(v reflect.Value, name string) []*fault.Error {
	if f.required && v.IsZero() {
		return []*fault.Error{fault.Invalid("gate.required", "field", name).At(name)}
	}
	switch {
	case f.shape.t == bytesType:
		if v.Len() > f.max {
			return []*fault.Error{fault.Invalid("gate.too_large", "field", name, "max", f.max).At(name)}
		}
	case f.shape.elem != nil:
		return f.checkList(v, name)
	case f.shape.t.Kind() == reflect.String:
		if e := f.checkText(v.String()); e != nil {
			return []*fault.Error{e.At(name)}
		}
	case f.shape.fields != nil:
		return f.shape.check(v, name)
	}
	return nil
}

func (f shapeField) checkList(v reflect.Value, name string) []*fault.Error {
	if v.Len() > f.max {
		return []*fault.Error{fault.Invalid("gate.too_many", "field", name, "max", f.max).At(name)}
	}
	var bad []*fault.Error
	item := f
	item.shape, item.required, item.max = f.shape.elem, false, maxText
	for i := range v.Len() {
		bad = append(bad, item.check(v.Index(i), fmt.Sprintf("%s[%d]", name, i))...)
		if len(bad) > 20 {
			break
		}
	}
	return bad
}

func (f shapeField) checkText(s string) *fault.Error {
	if n := utf8.RuneCountInString(s); n > f.max {
		return fault.Invalid("gate.too_long", "length", n, "max", f.max)
	}
	if f.enum != nil && s != "" && !slices.Contains(f.enum, s) {
		return fault.Invalid("gate.enum", "values", strings.Join(f.enum, ", "))
	}
	if f.raw {
		return nil
	}
	if err := jp.Clean(s, f.multiline); err != nil {
		return fault.Of(err)
	}
	return nil
}

func (u *useCase) validate(in any) error {
	v := reflect.ValueOf(in).Elem()
	if bad := u.in.check(v, ""); len(bad) > 0 {
		return fault.Several(bad...)
	}
	if u.Needs.Reason {
		if r := v.FieldByName("Reason").String(); utf8.RuneCountInString(strings.TrimSpace(r)) < 4 {
			return fault.Invalid("gate.reason").At("reason")
		}
	}
	if v, ok := in.(interface{ Validate() error }); ok {
		return v.Validate()
	}
	return nil
}
