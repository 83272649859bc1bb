package party

import (
	"slices"
	"strings"

	"sekisho/internal/kernel/mailaddr"
)

// Finding is one thing that is strange about an address.
type Finding struct {
	Kind  string `json:"kind"`  // key in package text
	Near  string `json:"near"`  // the address or domain it resembles, or ""
	Party string `json:"party"` // the other partner it is about, or ""
}

// Kinds of findings; a look-alike has its mailaddr.Reason instead.
const (
	FindFreeMail    = "party.finding.free_mail"    // anybody can have such an address
	FindShared      = "party.finding.shared"       // the same address stands at another partner
	FindOtherDomain = "party.finding.other_domain" // the domain is another partner's
	FindNewDomain   = "party.finding.new_domain"   // the partner is registered with other domains
	FindForeign     = "party.finding.foreign"      // the domain is not written in plain letters
	FindUnsorted    = "party.finding.unsorted"     // nobody compared it with the others
	FindCrowded     = "party.finding.crowded"      // so many domains are similar that not all were compared
)

// Proposal is an address that somebody wants in the register, or that is there.
type Proposal struct {
	Party    string
	Address  mailaddr.Addr
	Verified bool
}

// owners remembers up to two partners of an address or domain: enough to name another one.
type owners [2]string

func (o *owners) add(party string) {
	switch {
	case o[0] == "" || o[0] == party:
		o[0] = party
	case o[1] == "":
		o[1] = party
	}
}

func (o owners) other(than string) string {
	if o[0] != than {
		return o[0]
	}
	return o[1]
}

// site is the part of an address's domain that somebody registered.
func site(a mailaddr.Addr) string {
	if s, err := mailaddr.Registrable(a.Domain()); err == nil {
		return s
	}
	return a.Domain()
}

// register is what addresses are compared with.
type register struct {
	addrs map[mailaddr.Addr]owners
	sites map[string]owners
	mine  map[string][]string // by partner: the domains it is verified with
}

func newRegister(lists ...[]Proposal) *register {
	r := &register{map[mailaddr.Addr]owners{}, map[string]owners{}, map[string][]string{}}
	for _, list := range lists {
		for _, p := range list {
			o, s := r.addrs[p.Address], site(p.Address)
			o.add(p.Party)
			r.addrs[p.Address] = o
			o = r.sites[s]
			o.add(p.Party)
			r.sites[s] = o
			if p.Verified && !slices.Contains(r.mine[p.Party], s) {
				r.mine[p.Party] = append(r.mine[p.Party], s)
			}
		}
	}
	return r
}

// judge says everything about p but what it looks like.
func (r *register) judge(p Proposal) []Finding {
	s := site(p.Address)
	free := mailaddr.FreeMail(p.Address.Domain())
	out := []Finding{}
	if free {
		out = append(out, Finding{Kind: FindFreeMail})
	}
	if mine := r.mine[p.Party]; len(mine) > 0 && !slices.Contains(mine, s) {
		out = append(out, Finding{Kind: FindNewDomain})
	}
	if strings.Contains(p.Address.Domain(), "xn--") {
		out = append(out, Finding{Kind: FindForeign})
	}
	if other := r.addrs[p.Address].other(p.Party); other != "" {
		out = append(out, Finding{Kind: FindShared, Party: other})
	} else if other := r.sites[s].other(p.Party); other != "" && !free {
		out = append(out, Finding{Kind: FindOtherDomain, Party: other})
	}
	return out
}

// SortAddresses says what is strange about each proposed address, compared with
// those in the register and with one another. An address without findings (an
// empty list, never nil) is quiet: on a domain that only its partner uses and
// that resembles no other's, and nowhere else in the register.
func SortAddresses(known, proposed []Proposal) [][]Finding {
	r, near := newRegister(known, proposed), alike(known, proposed)
	out := make([][]Finding, len(proposed))
	for i, p := range proposed {
		out[i] = r.judge(p)
		if f, ok := near[p.Address.Domain()]; ok {
			out[i] = append(out[i], f)
		}
	}
	return out
}

// InspectAddress says what is strange about one address, which somebody typed:
// also that it is nearly one of the partner's own.
func InspectAddress(known []Proposal, p Proposal) []Finding {
	out := newRegister(known).judge(p)
	var own []mailaddr.Addr // addresses on domains that are somebody's own
	for _, k := range known {
		if !mailaddr.FreeMail(k.Address.Domain()) {
			own = append(own, k.Address)
		}
	}
	near, ok := mailaddr.NewIndex(own).Nearest(p.Address)
	if !ok {
		return out
	}
	i := slices.IndexFunc(known, func(k Proposal) bool { return k.Address == near.Addr })
	return append(out, Finding{Kind: string(near.Reason), Near: near.Addr.String(), Party: known[i].Party})
}
