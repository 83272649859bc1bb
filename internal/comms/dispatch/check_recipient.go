package dispatch

import (
	"strconv"
	"strings"
)

// manyRecipients is from how many addresses on somebody looks (SM-32, J3-3); how
// many are too many is a rule.
const manyRecipients = 6

// many: addresses in To and Cc are seen by each other. There is no Bcc.
func many(f Facts) []Finding {
	n := len(f.Recipients)
	if n < manyRecipients || n > f.Rules.Recipients() {
		return nil
	}
	c := caution(ItemPackage, "many", false)
	c.Shown = strconv.Itoa(n)
	return []Finding{c}
}

// labelOther: a label that contains another address than the one behind it hides
// where the mail goes (M21).
func labelOther(f Facts) []Finding {
	return eachMatched(f, func(r RecipientFact) bool { return otherAddress(r.Label, r.Proposed) }, func(r RecipientFact) Finding {
		s := stop(r.Item, "label_other", WayRemove, WayPropose)
		s.Registered = r.Label
		return s
	})
}

// otherAddress tells whether a name shown beside an address contains one that is
// another.
func otherAddress(name, address string) bool {
	for _, m := range mailPattern.FindAllString(plainly(name), -1) {
		if !strings.EqualFold(strings.TrimRight(m, "."), strings.TrimSpace(address)) {
			return true
		}
	}
	return false
}

// senderName is labelOther for the sender.
func senderName(f Facts) []Finding {
	if !otherAddress(f.Words.FromName, f.Words.FromAddress) {
		return nil
	}
	s := stop(ItemPackage, "sender_name", WayEnd)
	s.Shown, s.Registered = f.Words.FromName, f.Words.FromAddress
	return []Finding{s}
}

// newDomain: the partner was written to before, but never at this domain. Most
// moved contacts and many frauds look like this (M1).
func newDomain(f Facts) []Finding {
	return eachMatched(f, func(r RecipientFact) bool { return r.NewDomain }, func(r RecipientFact) Finding {
		c := caution(r.Item, "new_domain", true)
		c.Registered = strings.Join(f.Held.Domains, ", ")
		return c
	})
}

// sharedAddress: an accountant's office may rightly serve two partners; a person
// who has moved between them does not.
// An address that is verified for both is asked about until something was sent
// there since.
func sharedAddress(f Facts) []Finding {
	return eachMatched(f, func(r RecipientFact) bool { return r.Shared },
		func(r RecipientFact) Finding { return caution(r.Item, "shared", r.FirstTime) })
}

// bouncedBefore: an address that returned the last mail waits until it is
// verified anew, as a point of its own (M1, M12).
func bouncedBefore(f Facts) []Finding {
	return eachMatched(f, func(r RecipientFact) bool { return r.Bounced },
		func(r RecipientFact) Finding { return stop(r.Item, "bounced_before", WayRemove, WayPropose) })
}
