package dispatch

import (
	"encoding/base64"
	"strconv"

	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

// Tick stands for one item a person has looked at: a recipient, an attachment,
// or a caution. It is a MAC over exactly what was shown, so it cannot be made,
// moved to another package or kept for another version of this one.
type Tick struct {
	Item string `json:"item" class:"internal"` // recipient or attachment, or what the caution is about
	Key  string `json:"key" class:"internal"`  // of the caution, "" for the item itself
	Tick string `json:"tick" class:"internal"` // good once, for this person only: given out here and nowhere else
}

// wholeKey is of the one tick over a whole quiet package.
const wholeKey = "whole"

// ticks are all that a confirmation needs, in the order shown: one over the
// whole package if nothing about it is to be looked at, else one each.
func ticks(x *gate.Tx, b bundle, c Checking) []Tick {
	var out []Tick
	if c.Friction == Quiet {
		return []Tick{{ItemPackage, wholeKey, tick(x.Ring(), b, c, ItemPackage, wholeKey)}}
	}
	add := func(item, key string) {
		out = append(out, Tick{item, key, tick(x.Ring(), b, c, item, key)})
	}
	for _, i := range b.items {
		add(i.ID, "")
	}
	for _, f := range b.files {
		add(f.ID, "")
	}
	for _, f := range c.Findings {
		if f.Level == Caution {
			add(f.Item, f.Key+" "+f.Shown)
		}
	}
	return out
}

// tick covers the check (whose id makes it good once), the package's digest,
// the person, the register's and the rules' version, the expiry, the item, and
// every finding shown with it: for a whole package, all of them.
func tick(r *vault.Ring, b bundle, c Checking, item, key string) string {
	var shown canon
	for _, f := range c.Findings {
		if f.Item == item || key == wholeKey {
			shown.text(string(f.Level), f.Key, f.Shown, f.Registered, f.Point, f.Reason)
		}
	}
	shown.number(c.Rules)
	shown.text(string(c.Friction))
	mac := r.MAC("dispatch tick", []byte(c.ID), []byte(b.Digest), []byte(c.Person), []byte(c.Register),
		[]byte(strconv.FormatInt(c.ExpiresAt.UnixMicro(), 10)), []byte(item), []byte(key), shown.b)
	return base64.RawURLEncoding.EncodeToString(mac)
}

// complete tells whether given are exactly the wanted ticks, each once.
func complete(wanted []Tick, given []string) bool {
	if len(wanted) != len(given) {
		return false
	}
	used := make([]bool, len(given))
	for _, w := range wanted {
		found := false
		for i, g := range given {
			if !used[i] && vault.Equal([]byte(g), []byte(w.Tick)) {
				used[i], found = true, true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}
