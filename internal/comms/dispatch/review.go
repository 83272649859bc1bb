package dispatch

import (
	"context"
	"slices"
	"strings"
	"time"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
)

// DomainExists tells whether a domain takes mail. An error says that nobody knows.
type DomainExists func(ctx context.Context, domain string) (exists bool, err error)

// mergedInto names the partner an entry went into.
func mergedInto(x *gate.Tx, p party.Party) (string, error) {
	if p.State == party.Active {
		return "", nil
	}
	m, err := party.MergedInto(x, p.ID)
	if err != nil || m.ID == "" {
		return "", err
	}
	k, err := party.Get(x, m.Keep)
	return k.Code + " " + k.Name, err
}

// reviewDue: an address that the register has to be looked at again (見直し). Age
// asks for a look; that its person has left asks for a second person; what says
// that nobody is there stops. That another address resembles it is for the list of
// what to look at, not for every sending: this one is the one that was confirmed.
func reviewDue(f Facts) []Finding {
	return eachMatched(f, func(r RecipientFact) bool {
		return r.Review != "" && r.Review != party.ReviewBounce && r.Review != party.ReviewAlike
	}, func(r RecipientFact) Finding {
		switch r.Review {
		case party.ReviewAge:
			return caution(r.Item, "review_age", false)
		case party.ReviewLeft:
			return caution(r.Item, "review_"+r.Review, true)
		}
		return stop(r.Item, "review_"+r.Review, WayRemove, WayPropose)
	})
}

// ScanIn asks for one slice of the register.
type ScanIn struct {
	After string `json:"after" max:"40"`
}

// ScanOut is how far it came.
type ScanOut struct {
	Next   string `json:"next" class:"internal"` // "" at the end
	Marked int    `json:"marked" class:"internal"`
}

// scanSlice is how many addresses one commit looks at.
const scanSlice = 50

// reviewScanOp looks which confirmed addresses are to be looked at again
// (送付先の見直し): those not used for long, those that sent back what came, those
// whose people have left, those whose domain is gone. Domains are asked for
// outside of the transaction, and only here, never while somebody waits.
func (g *Gate) reviewScanOp() *gate.UseCase[ScanIn, ScanOut] {
	return gate.New(gate.Op[ScanIn, ScanOut]{
		Name: "dispatch.review_scan", Mode: gate.Write, Target: system[ScanIn],
		Work: func(x *gate.Tx, in ScanIn) (func(context.Context) (any, error), error) {
			list, err := party.AllDeliveryPoints(x, in.After, scanSlice)
			var domains []string
			for _, p := range list {
				if p.Channel == Mail && p.Verified() {
					domains = once(domains, domainOf(p.Address))
				}
			}
			return func(ctx context.Context) (any, error) { return g.missing(ctx, domains), nil }, err
		},
		Do: func(x *gate.Tx, in ScanIn) (ScanOut, error) {
			missing := gate.Worked[[]string](x)
			var out ScanOut
			list, err := party.AllDeliveryPoints(x, in.After, scanSlice)
			if err != nil {
				return out, err
			}
			if len(list) == scanSlice {
				out.Next = list[len(list)-1].ID
			}
			_, rules, err := rulesNow(x)
			if err != nil {
				return out, err
			}
			for _, p := range list {
				if p.Channel != Mail || !p.Verified() {
					continue
				}
				why, err := reviewOf(x, p, rules, slices.Contains(missing, domainOf(p.Address)))
				if err != nil {
					return out, err
				}
				if why == "" || why == p.Review {
					continue
				}
				out.Marked++
				if err := party.Flag(x, p.ID, why); err != nil {
					return out, err
				}
			}
			return out, nil
		},
	})
}

func domainOf(address string) string {
	_, d, _ := strings.Cut(address, "@")
	return d
}

// missing are those of the domains that do not exist.
func (g *Gate) missing(ctx context.Context, domains []string) []string {
	out := []string{}
	for _, d := range domains {
		if g.settings.Resolve == nil || reserved(d) {
			continue
		}
		if ok, err := g.settings.Resolve(ctx, d); err == nil && !ok {
			out = append(out, d)
		}
	}
	return out
}

// reserved tells whether nobody can have a domain (RFC 2606, RFC 6761, JPRS):
// those of examples exist nowhere, and that says nothing.
func reserved(d string) bool {
	for _, r := range []string{"example", "test", "invalid", "localhost", "example.com", "example.net", "example.org", "example.jp"} {
		if d == r || strings.HasSuffix(d, "."+r) {
			return true
		}
	}
	return false
}

// reviewOf is why a confirmed address is to be looked at, the gravest first.
func reviewOf(x *gate.Tx, p party.DeliveryPoint, rules Rules, missing bool) (string, error) {
	if missing {
		return party.ReviewDomain, nil
	}
	_, at, blamed, err := lastOf(x, p.ID)
	if err != nil {
		return "", err
	}
	if blamed && !p.RenewedAt.After(at) {
		return party.ReviewBounce, nil
	}
	who, err := peopleOf(x, p.Party, civil.Of(x.Now()))
	if err != nil {
		return "", err
	}
	if who.left[p.Contact] || p.Contact == "" && who.gone[p.Address] {
		return party.ReviewLeft, nil
	}
	if aged(p.VerifiedOn, at, civil.Of(x.Now()), rules.ReviewAfter()) {
		return party.ReviewAge, nil
	}
	return "", nil
}

// aged tells whether an address was neither confirmed nor used for some months.
func aged(verified civil.Date, used time.Time, today civil.Date, months int) bool {
	last := verified
	if !used.IsZero() {
		last = civil.Max(last, civil.Of(used))
	}
	return today.After(last.AddMonths(months))
}
