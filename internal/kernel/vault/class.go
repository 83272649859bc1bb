package vault

import (
	"crypto/cipher"
	"fmt"
)

// version names a class key within its kind: year<<16 | serial. The serial is
// 1; a second key within a year would be an emergency rotation.
type version uint32

const lastYear = 1<<16 - 1

func firstOf(year int) version { return version(year)<<16 | 1 }

func (v version) year() int { return int(v >> 16) }

func (v version) String() string { return fmt.Sprintf("%d-%d", v>>16, v&0xffff) }

const ringLabel = "ring"

func classLabel(k Kind, v version) string { return fmt.Sprintf("%s/%s", k, v) }

// class is the set of unwrapped class keys; it never changes once made.
type class struct{ of map[Kind]*classKeys }

type classKeys struct {
	newest version
	aeads  map[version]cipher.AEAD
}

// covers tells whether the newest key of every kind is of that year or later.
func (c *class) covers(year int) bool {
	for _, k := range c.of {
		if k.newest.year() < year {
			return false
		}
	}
	return true
}

// unwrapClasses opens every key of class.keys and gives the ring key beside.
func unwrapClasses(dir string, p Provider, f keyFile) (*class, []byte, error) {
	c := &class{of: map[Kind]*classKeys{}}
	for _, k := range kinds() {
		c.of[k] = &classKeys{aeads: map[version]cipher.AEAD{}}
	}
	var ring []byte
	for _, l := range f.keys {
		w, err := f.bytes(l.name, 0)
		if err != nil {
			return nil, nil, altered(dir, classFile)
		}
		key, err := p.Unwrap(l.name, w)
		if err != nil || len(key) != keySize {
			return nil, nil, mixed(dir, classFile)
		}
		if l.name == ringLabel {
			ring = key
			continue
		}
		k, v, ok := parseLabel(l.name)
		if !ok {
			return nil, nil, altered(dir, classFile)
		}
		c.of[k].aeads[v] = newAEAD(key)
		c.of[k].newest = max(c.of[k].newest, v)
	}
	for _, k := range c.of {
		if ring == nil || k.newest == 0 {
			return nil, nil, altered(dir, classFile)
		}
	}
	return c, ring, nil
}

func parseLabel(s string) (Kind, version, bool) {
	for _, k := range kinds() {
		var year, serial uint16
		if n, _ := fmt.Sscanf(s, string(k)+"/%d-%d", &year, &serial); n != 2 {
			continue
		}
		v := version(year)<<16 | version(serial)
		return k, v, classLabel(k, v) == s
	}
	return "", 0, false
}
