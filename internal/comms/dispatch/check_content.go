package dispatch

import (
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/base/document"
	"sekisho/internal/kernel/civil"
)

// What an own document says is compared field by field with the register as it
// is now (SM-30): it may have been made before the register was mended, or be
// somebody else's. Both values are shown side by side.

// field is a comparison that came out equal, or a finding about one that did not.
func field(item, name, shown, registered string, same bool, level Level) Finding {
	if same {
		m := match(item, "field_same", shown)
		m.Registered, m.Reason = registered, "dispatch.field."+name
		return m
	}
	x := stop(item, "field_"+name, WayEdit, WayUpdate)
	if level == Caution {
		x = caution(item, "field_"+name, true)
		x.Ways = []string{WayEdit, WayUpdate}
	}
	x.Shown, x.Registered = shown, registered
	return x
}

// eachOurs makes findings for each readable document of our own to this partner.
func eachOurs(f Facts, make func(FileFact) []Finding) []Finding {
	var out []Finding
	for _, a := range f.Files {
		if a.Ours && !a.Foreign && a.Unreadable == "" {
			out = append(out, make(a)...)
		}
	}
	return out
}

// addresseeSame: the name before 御中 is the partner's. A delivery note goes with
// the goods and may name whoever gets them.
func addresseeSame(f Facts) []Finding {
	return eachOurs(f, func(a FileFact) []Finding {
		if a.Kind == document.Delivery {
			return nil
		}
		best, shown := likeness(-1), ""
		for _, n := range a.Said.Addressees {
			if l := compareNames(n, f.Party.Name); best < 0 || l < best {
				best, shown = l, n
			}
		}
		switch {
		case best == otherName && (a.Issued || !a.HasName):
			return []Finding{field(a.Item, "name", shown, f.Party.Name, false, Halt)}
		case best > sameName:
			return []Finding{field(a.Item, "name", shown, f.Party.Name, false, Caution)}
		}
		return nil // claimsInside says that the name is there
	})
}

// addressSame: what is printed above the name is the registered address. What a
// difference asks is for RuleRegister to say.
func addressSame(f Facts) []Finding {
	return eachOurs(f, func(a FileFact) []Finding {
		s := a.Said
		if s.PostalCode == "" && s.Address == "" || f.Held.Address == "" && f.Held.PostalCode == "" {
			return nil
		}
		same := s.PostalCode == "" || f.Held.PostalCode == "" || s.PostalCode == f.Held.PostalCode
		if same && s.Address != "" && f.Held.Address != "" {
			x, y := placeKey(s.Address), placeKey(f.Held.Address)
			same = strings.Contains(x, y) || strings.Contains(y, x)
		}
		registered := strings.TrimSpace(f.Held.PostalCode + " " + f.Held.Address)
		return []Finding{field(a.Item, "address", strings.TrimSpace(s.PostalCode+" "+s.Address), registered, same, Caution)}
	})
}

var numerals = strings.NewReplacer("一", "1", "二", "2", "三", "3", "四", "4", "五", "5", "六", "6", "七", "7", "八", "8", "九", "9", "〇", "0")

// placeKey is an address as it is compared: 1丁目2番3号 and 1-2-3 are one.
func placeKey(s string) string {
	s = numerals.Replace(norm.NFKC.String(s))
	s = strings.NewReplacer("丁目", "-", "番地の", "-", "番地", "-", "番", "-", "号", "", "字", "", "大字", "").Replace(s)
	return strings.Trim(strings.ReplaceAll(fold(s), "--", "-"), "-")
}

// registrationSame: a qualified invoice bears the issuer's own number as it is
// now (消費税法57条の4第1項1号).
func registrationSame(f Facts) []Finding {
	return eachOurs(f, func(a FileFact) []Finding {
		if len(a.Said.Registrations) == 0 {
			return nil
		}
		same := slices.Contains(a.Said.Registrations, f.Own.Registration)
		shown := strings.Join(a.Said.Registrations, ", ")
		if same {
			shown = f.Own.Registration
		}
		level := Halt
		if f.Own.Registration == "" {
			level = Caution
		}
		return []Finding{field(a.Item, "registration", shown, f.Own.Registration, same, level)}
	})
}

// accountsKnown: the accounts that are named are our own or the partner's (M8).
// Money sent to another is lost, so in our own documents and in what we write
// one that nobody has registered stops; in other papers a second person looks.
func accountsKnown(f Facts) []Finding {
	var out []Finding
	known := strings.Join(f.Own.Accounts, ", ")
	stray := func(item string, ours bool, accounts []string) {
		for _, n := range accounts {
			x := caution(item, "account_stray", true)
			if ours && len(f.Own.Accounts) > 0 {
				x = stop(item, "account_unknown", WayEdit)
			}
			x.Shown, x.Registered = n, known
			out = append(out, x)
		}
	}
	stray(ItemBody, true, f.Stray)
	for _, a := range f.Files {
		stray(a.Item, a.Ours, a.Stray)
		if a.Ours && len(a.Stray) == 0 && len(a.Said.Accounts) > 0 {
			out = append(out, field(a.Item, "account", strings.Join(a.Said.Accounts, ", "), known, true, Halt))
		}
	}
	return out
}

// termsSame: the day of payment follows from the registered terms, counted from
// the document's day or from the closing day before it.
func termsSame(f Facts) []Finding {
	if f.Held.Terms.Check() != nil {
		return nil
	}
	return eachOurs(f, func(a FileFact) []Finding {
		t, word := f.Held.Terms, f.Held.Terms.String()
		for _, said := range a.Said.Terms {
			if said.Close != t.Close || said.Months != t.Months || said.PayDay != t.PayDay {
				return []Finding{field(a.Item, "terms", said.String(), word, false, Caution)}
			}
		}
		if a.Said.Due.IsZero() || a.Date.IsZero() || !a.Invoice {
			return nil
		}
		from := []civil.Date{a.Date} // the closing day it falls under, and the one that has passed
		if t.Closing(a.Date) != a.Date {
			from = append(from, t.Closing(a.Date.AddMonths(-1)))
		}
		var days []string
		for _, from := range from {
			d, err := t.Due(from)
			if err != nil {
				return nil
			}
			if a.Said.Due == d.Date || a.Said.Due == d.Nominal {
				return []Finding{field(a.Item, "terms", a.Said.Due.String(), word, true, Caution)}
			}
			days = once(days, d.Date.String())
		}
		return []Finding{field(a.Item, "terms", a.Said.Due.String(), word+"（"+days[0]+"）", false, Caution)}
	})
}

// orderSame: an invoice over more than the order it names. Less is ordinary,
// when an order is delivered in parts.
func orderSame(f Facts) []Finding {
	return eachOurs(f, func(a FileFact) []Finding {
		if !a.Invoice || a.Ordered == 0 || a.Amount == 0 || a.Amount < a.Ordered {
			return nil
		}
		return []Finding{field(a.Item, "order", a.Amount.String(), a.Ordered.String()+"（"+a.OrderNo+"）", a.Amount == a.Ordered, Caution)}
	})
}

// purposeFits: what the sending is for and what it carries belong together.
func purposeFits(f Facts) []Finding {
	// A copy of one that counts no more, and a credit, may go with a notice.
	billed := slices.IndexFunc(f.Files, func(a FileFact) bool { return a.Invoice && a.Kind != document.Credit && a.Standing == document.InForce })
	switch {
	case f.Purpose == ForInvoice && !slices.ContainsFunc(f.Files, func(a FileFact) bool { return a.Invoice || isPaper(a, "請求", document.Invoice) }):
		return []Finding{stop(ItemPackage, "purpose_no_invoice", WayEdit, WaySplit)}
	case (f.Purpose == ForQuote || f.Purpose == ForNotice) && billed >= 0:
		s := stop(f.Files[billed].Item, "purpose_"+string(f.Purpose)+"_invoice", WayEdit, WaySplit)
		s.Shown = f.Files[billed].Name
		return []Finding{s}
	case f.Purpose == ForQuote && len(f.Files) == 0:
		return []Finding{caution(ItemPackage, "purpose_no_quote", false)}
	}
	return nil
}

// notOriginal: a file that bears an issued document's title without having its
// bytes is a copy that somebody changed, or an earlier state of it (M4).
func notOriginal(f Facts) []Finding {
	return eachFile(f, func(a FileFact) bool { return a.Copy != "" }, func(a FileFact) Finding {
		s := stop(a.Item, "not_original", WayEdit)
		s.Registered = a.Copy
		return s
	})
}

// issuedTitle is the title that our own documents bear inside (sheet.title).
var issuedTitle = regexp.MustCompile(`^\s*(?:請求書|見積書|御請求書|御見積書)\s+([0-9A-Za-z][0-9A-Za-z._/-]*)\s*$`)

// fileTwice: the same file stands twice in the package.
func fileTwice(f Facts) []Finding {
	return eachFile(f, func(a FileFact) bool { return a.Twice },
		func(a FileFact) Finding { return stop(a.Item, "file_twice", WayEdit) })
}

// officeFile: macros run, and hidden sheets show more than anybody looked at (M20).
func officeFile(f Facts) []Finding {
	out := eachFile(f, func(a FileFact) bool { return a.Office.Macros },
		func(a FileFact) Finding { return stop(a.Item, "macros", WayEdit) })
	return append(out, eachFile(f, func(a FileFact) bool { return len(a.Office.Hidden) > 0 }, func(a FileFact) Finding {
		s := stop(a.Item, "hidden_sheets", WayEdit)
		s.Registered = strings.Join(a.Office.Hidden, ", ")
		return s
	})...)
}
