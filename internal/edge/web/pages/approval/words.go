package approval

import (
	"regexp"
	"strings"

	"sekisho/internal/kernel/text"
)

// place is the number of an entry in a path, counted from 0.
var place = regexp.MustCompile(`\[(\d+)\]`)

// field is the path of a value in words: each part that has a word of its own
// gets it.
func field(l text.Lang, path string) string {
	var out []string
	for _, part := range strings.Split(path, ".") {
		name, number := part, ""
		if m := place.FindStringSubmatchIndex(part); m != nil {
			name, number = part[:m[0]], " "+ordinal(part[m[2]:m[3]])
		}
		if key := "web.approval.field_" + name; text.Has(key) {
			name = text.T(l, key)
		}
		out = append(out, name+number)
	}
	return strings.Join(out, " / ")
}

// ordinal counts from 1 as people do; digits only come in.
func ordinal(s string) string {
	b := []byte(s)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != '9' {
			b[i]++
			return string(b)
		}
		b[i] = '0'
	}
	return "1" + string(b)
}

// value is a value in words where it is one of a few.
func value(l text.Lang, v string) string {
	if key := "web.approval.value_" + v; v != "" && text.Has(key) {
		return text.T(l, key)
	}
	return v
}
