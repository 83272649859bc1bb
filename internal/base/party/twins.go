package party

import (
	"slices"
	"strings"

	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
)

// Twin are entries that may be one partner, and why.
type Twin struct {
	Why  string `json:"why" class:"internal"` // registration, corporate or name
	Rows []Item `json:"rows"`
}

// TwinsOut are the likely double entries.
type TwinsOut struct {
	Rows []Twin `json:"rows"`
	More bool   `json:"more" class:"internal"`
}

// twinsMost bounds how many groups are shown.
const twinsMost = 100

// Twins lists entries that are likely the same partner (二重登録の疑い): the same 登録番号,
// the same 法人番号, or the same name, however it is written, with the same telephone.
var Twins = gate.New(gate.Op[struct{}, TwinsOut]{
	Name: "party.twins", Mode: gate.List,
	Target: func(*gate.Tx, struct{}) (gate.Target, error) { return gate.Target{Kind: "party", ID: "*"}, nil },
	Do: func(x *gate.Tx, _ struct{}) (TwinsOut, error) {
		out := TwinsOut{Rows: []Twin{}}
		const slice = 500
		var all []Party
		for after := ""; ; {
			list, err := walk(x, parties, after, slice, func(p Party) string { return p.ID }, func(p Party) string { return p.Run }, gate.Ne("state", Left))
			if err != nil {
				return out, err
			}
			all = append(all, list...)
			if len(list) < slice {
				break
			}
			after = list[len(list)-1].ID
		}
		for _, t := range FindTwins(all) {
			if len(out.Rows) == twinsMost {
				out.More = true
				break
			}
			g := Twin{Why: t.Why, Rows: []Item{}}
			for _, p := range t.Of {
				g.Rows = append(g.Rows, Item{p.ID, p.Version, p.Code, p.Name, p.Kana, p.RegistrationNumber, p.Owner, p.Department, p.State})
			}
			out.Rows = append(out.Rows, g)
		}
		return out, nil
	},
})

// TwinParties are entries that may be one partner.
type TwinParties struct {
	Why string
	Of  []Party
}

// FindTwins groups entries that are likely the same partner. An entry that two
// reasons put together is named once, by the better one.
func FindTwins(all []Party) []TwinParties {
	var out []TwinParties
	named := map[string]bool{}
	for _, by := range []struct {
		why string
		key func(Party) string
	}{
		{"registration", func(p Party) string { return string(p.RegistrationNumber) }},
		{"corporate", func(p Party) string { return string(p.CorporateNumber) }},
		{"name", func(p Party) string {
			k, err := jp.PhoneKey(p.Phone)
			if err != nil || k == "" {
				return ""
			}
			return jp.Fold(jp.CoreName(p.Name)) + "\x00" + k
		}},
	} {
		groups := map[string][]Party{}
		for _, p := range all {
			if k := by.key(p); k != "" {
				groups[k] = append(groups[k], p)
			}
		}
		var keys []string
		for k, g := range groups {
			if len(g) > 1 {
				keys = append(keys, k)
			}
		}
		slices.Sort(keys)
		for _, k := range keys {
			g := groups[k]
			slices.SortFunc(g, func(a, b Party) int { return strings.Compare(a.Code, b.Code) })
			var ids []string
			for _, p := range g {
				ids = append(ids, p.ID)
			}
			id := strings.Join(ids, " ")
			if !named[id] {
				named[id] = true
				out = append(out, TwinParties{by.why, g})
			}
		}
	}
	return out
}
