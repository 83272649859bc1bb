package gate

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"sekisho/internal/kernel/policy"
)

// shape is what the gate knows about an input or output type: names, classes
// and limits of its fields, read once from struct tags:
//
//	json:"name"          name in JSON
//	class:"personal"     confidentiality class; an output field without one stops the start
//	required:"true"      may not be empty
//	max:"200"            characters of text, bytes of []byte, items of a list
//	enum:"draft,issued"  the only values
//	text:"multiline"     line breaks and tabs allowed; text:"raw": no cleaning (passwords)
type shape struct {
	t      reflect.Type
	fields []shapeField // of an object
	elem   *shape       // of a list
}

type shapeField struct {
	name      string
	index     []int
	class     policy.Class
	required  bool
	multiline bool
	raw       bool
	max       int
	enum      []string
	shape     *shape
}

const (
	maxText      = 200
	maxMultiline = 5000
	maxBytes     = 24 << 20
	maxItems     = 10_000
)

var (
	textType  = reflect.TypeFor[encoding.TextMarshaler]()
	timeType  = reflect.TypeFor[time.Time]()
	bytesType = reflect.TypeFor[[]byte]()
)

func scalar(t reflect.Type) bool {
	if t == timeType || t == bytesType || t.Implements(textType) || reflect.PointerTo(t).Implements(textType) {
		return true
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return true
	}
	return false
}

func shapeOf(t reflect.Type, out bool) (*shape, error) {
	if t.Kind() != reflect.Struct || t == timeType {
		return nil, fmt.Errorf("%s is no struct", t)
	}
	return build(t, out, 0, nil)
}

func build(t reflect.Type, out bool, inherited policy.Class, above []reflect.Type) (*shape, error) {
	for _, a := range above {
		if a == t {
			return nil, fmt.Errorf("%s contains itself", t)
		}
	}
	s := &shape{t: t}
	switch {
	case scalar(t):
		return s, nil
	case t.Kind() == reflect.Slice:
		var err error
		s.elem, err = build(t.Elem(), out, inherited, above)
		return s, err
	case t.Kind() == reflect.Struct:
		return s, s.collect(t, nil, out, inherited, append(above, t))
	}
	return nil, fmt.Errorf("%s: use structs, slices, text, whole numbers and booleans", t)
}

func (s *shape) collect(t reflect.Type, at []int, out bool, inherited policy.Class, above []reflect.Type) error {
	for i := range t.NumField() {
		sf := t.Field(i)
		index := append(append([]int(nil), at...), i)
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if name == "-" || !sf.IsExported() && !sf.Anonymous {
			continue
		}
		if sf.Anonymous && name == "" {
			if err := s.collect(sf.Type, index, out, inherited, above); err != nil {
				return err
			}
			continue
		}
		f, err := fieldOf(sf, name, index, inherited)
		if err != nil {
			return err
		}
		if f.shape, err = build(sf.Type, out, f.class, above); err != nil {
			return err
		}
		if out && f.class == 0 && (f.shape.fields == nil && (f.shape.elem == nil || f.shape.elem.fields == nil)) {
			return fmt.Errorf("field %s.%s has no class", t, sf.Name)
		}
		s.fields = append(s.fields, f)
	}
	return nil
}

func fieldOf(sf reflect.StructField, name string, index []int, inherited policy.Class) (shapeField, error) {
	f := shapeField{name: name, index: index, class: inherited}
	if name == "" {
		return f, fmt.Errorf("field %s has no json name", sf.Name)
	}
	if c, _, _ := strings.Cut(sf.Tag.Get("class"), ","); c != "" {
		var err error
		if f.class, err = policy.ParseClass(c); err != nil {
			return f, err
		}
	}
	f.required = sf.Tag.Get("required") == "true"
	f.multiline = sf.Tag.Get("text") == "multiline"
	f.raw = sf.Tag.Get("text") == "raw"
	if e := sf.Tag.Get("enum"); e != "" {
		f.enum = strings.Split(e, ",")
	}
	switch m := sf.Tag.Get("max"); {
	case m != "":
		n, err := strconv.Atoi(m)
		if err != nil || n <= 0 {
			return f, errors.New("max is no number")
		}
		f.max = n
	case sf.Type == bytesType:
		f.max = maxBytes
	case sf.Type.Kind() == reflect.Slice:
		f.max = maxItems
	case f.multiline:
		f.max = maxMultiline
	default:
		f.max = maxText
	}
	return f, nil
}

// schema is the JSON Schema (2020-12) of the shape.
func (s *shape) schema() map[string]any {
	switch {
	case s.elem != nil:
		return map[string]any{"type": "array", "items": s.elem.schema()}
	case !scalar(s.t):
		props, req := map[string]any{}, []string{}
		for _, f := range s.fields {
			p := f.shape.schema()
			if f.enum != nil {
				p["enum"] = f.enum
			}
			if f.class != 0 {
				p["x-class"] = f.class.String()
			}
			switch {
			case f.shape.elem != nil:
				p["maxItems"] = f.max
			case p["type"] == "string" && f.shape.t != bytesType && f.shape.t.Kind() == reflect.String:
				p["maxLength"] = f.max
			}
			props[f.name] = p
			if f.required {
				req = append(req, f.name)
			}
		}
		m := map[string]any{"type": "object", "properties": props, "additionalProperties": false}
		if len(req) > 0 {
			m["required"] = req
		}
		return m
	case s.t == bytesType:
		return map[string]any{"type": "string", "contentEncoding": "base64"}
	case s.t == timeType:
		return map[string]any{"type": "string", "format": "date-time"}
	case s.t.Kind() == reflect.Bool:
		return map[string]any{"type": "boolean"}
	case s.t.Kind() != reflect.String && s.t.Kind() != reflect.Struct && s.t.Kind() != reflect.Array:
		return map[string]any{"type": "integer"}
	}
	return map[string]any{"type": "string"}
}
