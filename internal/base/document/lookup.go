package document

import (
	"slices"
	"strings"

	"sekisho/internal/kernel/gate"
)

// Named are the documents that have one of these numbers or ids, in the order of
// their ids: for finding out whose papers a text speaks of.
func Named(x *gate.Tx, numbers, ids []string) ([]Document, error) {
	var out []Document
	for col, list := range map[string][]string{"number": numbers, "id": ids} {
		if len(list) == 0 {
			continue
		}
		some, err := documents.Find(x, gate.In(col, list))
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	slices.SortFunc(out, func(a, b Document) int { return strings.Compare(a.ID, b.ID) })
	return slices.CompactFunc(out, func(a, b Document) bool { return a.ID == b.ID }), nil
}
