package dispatch

import (
	"cmp"
	"slices"
	"strings"

	"sekisho/internal/kernel/policy"
)

// standingChecks look at what the register and earlier sendings say. They are
// asked again when a person confirms, approves, and when a worker claims.
func standingChecks() []func(Facts) []Finding {
	return append([]func(Facts) []Finding{
		partnerActive, someRecipient, many, registerMatch, labelOther, firstTime, newDomain, freeMail, sharedAddress, bouncedBefore, reviewDue,
		contactLeft, doubledRecipient, classFits, ownDocument, fileTwice, sentBefore, bigAmount,
		outOfForce, reported, channelFits,
	}, ruled()...)
}

// contentChecks look at words and bytes, which the digest binds, and at the
// circumstances of the check; they are asked once.
func contentChecks() []func(Facts) []Finding {
	return []func(Facts) []Finding{
		purposeFits, fileReadable, fileHonest, officeFile, officeVeiled, fileNamed, notOriginal, fileForeign, textForeign, claimsInside,
		addresseeSame, addressSame, registrationSame, accountsKnown, termsSame, orderSame,
		hiddenCharacters, senderName, spoofed, leftovers, greeting, quotedOther, amountSaid, numberSaid, attachmentSaid, attachmentMissing, linkSaid,
		sameAmount, habit, unusualHour,
		manyAttachments, unneeded, personNamed, passwordSaid,
	}
}

func stop(item, key string, ways ...string) Finding {
	return Finding{Level: Halt, Key: "dispatch.found." + key, Item: item, Ways: ways}
}

func caution(item, key string, second bool) Finding {
	return Finding{Level: Caution, Key: "dispatch.found." + key, Item: item, Second: second}
}

func match(item, key, shown string) Finding {
	return Finding{Level: Match, Key: "dispatch.found." + key, Item: item, Shown: shown}
}

// partnerActive: nothing goes to a partner that is suspended or has left.
func partnerActive(f Facts) []Finding {
	if f.Party.Active {
		return nil
	}
	s := stop(ItemPackage, "partner_inactive")
	if f.Into != "" { // the way out is the entry that stayed
		s = stop(ItemPackage, "partner_merged")
		s.Registered = f.Into
	}
	s.Shown = f.Party.Name
	return []Finding{s}
}

// someRecipient: the last one may have been removed.
func someRecipient(f Facts) []Finding {
	for _, r := range f.Recipients {
		if r.Kind == To {
			return nil
		}
	}
	return []Finding{stop(ItemPackage, "no_recipient", WaySplit)}
}

// registerMatch: each proposal is exactly a verified delivery point of this
// partner, or it is a stop that shows both side by side.
func registerMatch(f Facts) []Finding {
	var out []Finding
	for _, r := range f.Recipients {
		if !r.Once.IsZero() { // see onceAsks
			continue
		}
		if r.Point != "" {
			m := match(r.Item, "registered", r.Proposed)
			m.Registered, m.Point = r.Label, r.Point
			out = append(out, m)
			continue
		}
		out = append(out, unmatched(r))
	}
	return out
}

func unmatched(r RecipientFact) Finding {
	key, ways := "not_registered", []string{WayRegistered, WayRemove, WayPropose, WayOnce}
	switch {
	case r.Bad != "":
		key = "no_address"
	case r.Elsewhere:
		key, ways = "two_partners", []string{WayRegistered, WayRemove, WaySplit}
	case r.Near.Reason != "": // also when it was proposed: the likeness is the danger
		key = "near_registered"
	case r.Pending:
		key = "not_verified"
	case r.Alike != "":
		key = "near_other" // whose address it resembles is not for everyone's eyes
	}
	switch {
	case key != "not_registered":
		ways = slices.DeleteFunc(ways, func(w string) bool { return w == WayOnce })
	case r.Spent:
		key, ways = "once_again", ways[:3]
	}
	s := stop(r.Item, key, ways...)
	s.Shown, s.Registered, s.Point = r.Proposed, r.Near.Address, r.Near.Point
	s.Reason = cmp.Or(r.Bad, r.Near.Reason, r.Alike)
	if s.Point == "" { // this partner has nothing registered that could be taken
		s.Ways = ways[1:]
	}
	return s
}

// eachMatched makes a finding for each matched recipient for which it is wanted.
func eachMatched(f Facts, wanted func(RecipientFact) bool, make func(RecipientFact) Finding) []Finding {
	var out []Finding
	for _, r := range f.Recipients {
		if r.Point != "" && wanted(r) {
			x := make(r)
			x.Shown = r.Proposed
			out = append(out, x)
		}
	}
	return out
}

func firstTime(f Facts) []Finding {
	return eachMatched(f, func(r RecipientFact) bool { return r.FirstTime },
		func(r RecipientFact) Finding { return caution(r.Item, "first_time", true) })
}

// freeMail asks only before the first sending: from then on the address is as
// well known as any other.
func freeMail(f Facts) []Finding {
	return eachMatched(f, func(r RecipientFact) bool { return r.FreeMail && r.FirstTime },
		func(r RecipientFact) Finding { return caution(r.Item, "free_mail", true) })
}

func contactLeft(f Facts) []Finding {
	return eachMatched(f, func(r RecipientFact) bool { return r.Left },
		func(r RecipientFact) Finding { return stop(r.Item, "contact_left", WayRemove, WayPropose) })
}

func doubledRecipient(f Facts) []Finding {
	return eachMatched(f, func(r RecipientFact) bool { return r.Doubled },
		func(r RecipientFact) Finding { return stop(r.Item, "doubled", WayRemove) })
}

// classFits: a delivery point takes classes up to its own, and mail takes
// nothing above personal.
func classFits(f Facts) []Finding {
	if f.Class >= policy.Secret {
		return []Finding{stop(ItemPackage, "class_channel", WayEdit)}
	}
	return eachMatched(f, func(r RecipientFact) bool { return r.Max < f.Class },
		func(r RecipientFact) Finding {
			return stop(r.Item, "class_point", WayRegistered, WayRemove, WayPropose)
		})
}

// ownDocument: the archive itself says whose document it is.
func ownDocument(f Facts) []Finding {
	return eachFile(f, func(a FileFact) bool { return a.Foreign },
		func(a FileFact) Finding { return stop(a.Item, "file_of_other", WayEdit) })
}

func eachFile(f Facts, wanted func(FileFact) bool, make func(FileFact) Finding) []Finding {
	var out []Finding
	for _, a := range f.Files {
		if wanted(a) {
			x := make(a)
			if x.Shown == "" {
				x.Shown = a.Name
			}
			out = append(out, x)
		}
	}
	return out
}

// fileReadable: what cannot be read whole is looked at by a second person.
func fileReadable(f Facts) []Finding {
	out := eachFile(f, func(a FileFact) bool { return a.Unreadable != "" }, func(a FileFact) Finding {
		c := caution(a.Item, "unreadable", true)
		c.Reason = a.Unreadable
		return c
	})
	return append(out, eachFile(f, func(a FileFact) bool { return a.Unreadable == "" && a.Pictures },
		func(a FileFact) Finding { return caution(a.Item, "pictures", true) })...)
}

// fileHonest: a file that is not what its name says, or that does something.
func fileHonest(f Facts) []Finding {
	out := eachFile(f, func(a FileFact) bool { return a.Disguised },
		func(a FileFact) Finding { return stop(a.Item, "disguised", WayEdit) })
	return append(out, eachFile(f, func(a FileFact) bool { return a.Active },
		func(a FileFact) Finding { return caution(a.Item, "active", true) })...)
}

// claimsInside: an invoice names this partner, its number and its amount.
func claimsInside(f Facts) []Finding {
	return eachFile(f, func(a FileFact) bool { return a.Invoice && a.Unreadable == "" }, func(a FileFact) Finding {
		if a.HasName && a.HasNumber && a.HasAmount {
			return match(a.Item, "claims_inside", a.Number)
		}
		var missing []string
		for _, m := range []struct {
			has  bool
			what string
		}{{a.HasName, "name"}, {a.HasNumber, "number"}, {a.HasAmount, "amount"}} {
			if !m.has {
				missing = append(missing, m.what)
			}
		}
		c := caution(a.Item, "claims_"+strings.Join(missing, "_"), true)
		c.Shown = a.Number
		return c
	})
}

// sentBefore: the same document to the same delivery point once more.
func sentBefore(f Facts) []Finding {
	var out []Finding
	for _, a := range f.Files {
		if len(a.UnderwayTo) > 0 {
			s := stop(a.Item, "underway", WayEdit, WayRemove)
			s.Shown, s.Registered = a.Name, strings.Join(a.UnderwayTo, ", ")
			out = append(out, s)
		}
		if len(a.SentTo) > 0 {
			c := caution(a.Item, "sent_before", true)
			c.Shown, c.Registered = a.Name, strings.Join(a.SentTo, ", ")
			out = append(out, c)
		}
	}
	return out
}

// bigAmount: see RuleAmount. A second person approves in any case; where this
// partner's bills are always so high, there is nothing strange to look at.
func bigAmount(f Facts) []Finding {
	if f.Total < f.BigFrom {
		return nil
	}
	if bigUsually(f) {
		m := match(ItemPackage, "big_usual", f.Total.String())
		m.Second = true
		return []Finding{m}
	}
	c := caution(ItemPackage, "big_amount", true)
	c.Shown = f.Total.String()
	return []Finding{c}
}
