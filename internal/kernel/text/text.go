// Package text holds every sentence a person sees, by key, in Japanese and English.
//
// The sentences stand in messages/<module>.txt, both languages one below the
// other:
//
//	party.code_taken
//	  ja: 得意先コード{code}は使われています。別のコードを入れてください。
//	  en: Customer code {code} is taken. Please choose another.
package text

import (
	"embed"
	"fmt"
	"sort"
	"strings"
	"sync"

	"sekisho/internal/kernel/fault"
)

//go:embed messages/*.txt
var files embed.FS

// Lang is a language a sentence exists in.
type Lang string

const (
	JA Lang = "ja"
	EN Lang = "en"
)

// Langs are all languages, the default first.
var Langs = [...]Lang{JA, EN}

var load = sync.OnceValues(func() (map[string]map[Lang]string, error) {
	all := map[string]map[Lang]string{}
	names, err := files.ReadDir("messages")
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		b, err := files.ReadFile("messages/" + n.Name())
		if err != nil {
			return nil, err
		}
		if err := parse(all, n.Name(), string(b)); err != nil {
			return nil, err
		}
	}
	return all, nil
})

func parse(all map[string]map[Lang]string, file, body string) error {
	var cur map[Lang]string
	for i, line := range strings.Split(body, "\n") {
		t := strings.TrimSpace(line)
		switch {
		case t == "" || strings.HasPrefix(t, "#"):
		case line[0] != ' ':
			if all[t] != nil {
				return fmt.Errorf("text: %s:%d: %s stands twice", file, i+1, t)
			}
			cur = map[Lang]string{}
			all[t] = cur
		default:
			l, s, ok := strings.Cut(t, ": ")
			if !ok || cur == nil || (Lang(l) != JA && Lang(l) != EN) {
				return fmt.Errorf("text: %s:%d: want \"  ja: …\" or \"  en: …\" below a key", file, i+1)
			}
			cur[Lang(l)] = s
		}
	}
	return nil
}

// Check reports every key that lacks a language; the server starts only on nil.
func Check() error {
	all, err := load()
	if err != nil {
		return err
	}
	var bad []string
	for k, m := range all {
		for _, l := range Langs {
			if m[l] == "" {
				bad = append(bad, k+" ("+string(l)+")")
			}
		}
	}
	sort.Strings(bad)
	if len(bad) > 0 {
		return fmt.Errorf("text: missing: %s", strings.Join(bad, ", "))
	}
	return nil
}

// Has tells whether a key exists.
func Has(key string) bool {
	all, err := load()
	return err == nil && all[key] != nil
}

// Keys are all keys in order.
func Keys() []string {
	all, _ := load()
	ks := make([]string, 0, len(all))
	for k := range all {
		ks = append(ks, k)
	}
	sort.Strings(ks)
	return ks
}

// T gives the sentence of key with args (name, value, …) put in for {name}.
// An unknown key gives the key itself, so that a gap is seen and never silent.
func T(l Lang, key string, args ...any) string {
	all, _ := load()
	s, ok := all[key][l]
	if !ok {
		s = key
	}
	for i := 0; i+1 < len(args); i += 2 {
		if w, ok := args[i+1].(fault.Word); ok {
			s = strings.ReplaceAll(s, fmt.Sprintf("{%v}", args[i]), T(l, string(w)))
			continue
		}
		s = strings.ReplaceAll(s, fmt.Sprintf("{%v}", args[i]), fmt.Sprint(args[i+1]))
	}
	return s
}

// Fault gives the sentence of a fault.
func Fault(l Lang, e *fault.Error) string { return T(l, e.Key, e.Args...) }
