package gate

import (
	"bytes"
	"reflect"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sekisho/internal/kernel/policy"
)

// mask empties every field above the clearance and collects the classes above
// internal that remain in the clear.
func (s *shape) mask(v reflect.Value, clearance policy.Class, left *classes) {
	switch {
	case s.elem != nil:
		for i := range v.Len() {
			s.elem.mask(v.Index(i), clearance, left)
		}
	case s.fields != nil:
		for _, f := range s.fields {
			fv := v.FieldByIndex(f.index)
			if f.class > clearance {
				fv.SetZero()
				continue
			}
			if !fv.IsZero() {
				left.add(f.class)
			}
			if f.shape.elem != nil || f.shape.fields != nil {
				f.shape.mask(fv, clearance, left)
			}
		}
	}
}

// classes is a set of classes.
type classes uint8

func (c *classes) add(k policy.Class) {
	if k > policy.Internal {
		*c |= 1 << k
	}
}

func (c classes) String() string {
	var b bytes.Buffer
	for k := policy.Confidential; k <= policy.Secret; k++ {
		if c&(1<<k) != 0 {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(k.String())
		}
	}
	return b.String()
}

// encode writes v as JSON. A field above the clearance leaves as
// {"masked":"personal"}: an object where a text is wanted, so that sending it
// back is an error and never overwrites the value with its mask.
func (s *shape) encode(b *bytes.Buffer, v reflect.Value, clearance policy.Class) error {
	switch {
	case s.elem != nil:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := s.elem.encode(b, v.Index(i), clearance); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	case !scalar(s.t):
		b.WriteByte('{')
		for i, f := range s.fields {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteByte('"')
			b.WriteString(f.name)
			b.WriteString(`":`)
			if f.class > clearance {
				b.WriteString(`{"masked":"` + f.class.String() + `"}`)
				continue
			}
			if err := f.shape.encode(b, v.FieldByIndex(f.index), clearance); err != nil {
				return err
			}
		}
		b.WriteByte('}')
		return nil
	}
	return encodeScalar(b, s.t, v)
}

// encodeScalar spares most values the way through the encoder.
func encodeScalar(b *bytes.Buffer, t reflect.Type, v reflect.Value) error {
	j, err := b.AvailableBuffer(), error(nil)
	switch plain := !t.Implements(textType); {
	case plain && v.Kind() == reflect.String:
		j, err = jsontext.AppendQuote(j, v.String())
	case plain && v.Kind() == reflect.Int64:
		j = strconv.AppendInt(j, v.Int(), 10)
	case v.Kind() == reflect.Bool:
		j = strconv.AppendBool(j, v.Bool())
	default:
		j, err = json.Marshal(v.Interface())
	}
	b.Write(j)
	return err
}
