package dispatch

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/policy"
)

// The highest class that goes by each way out (区分と送り方), as rules of sending with
// the day from which they hold. Secret goes by none.
const (
	RuleClassLink = "class_link" // 受け取りリンク
	RuleClassMail = "class_mail" // attachment over verified TLS, where the addressee chose so
	RuleClassZip  = "class_zip"  // files encrypted with a password
	RuleClassPost = "class_post" // 郵送
	RuleClassFax  = "class_fax"
)

func transportRules() []rule {
	upTo := func(name string, c policy.Class) rule {
		return rule{name, inClass, int64(c), int64(policy.Public), int64(policy.Personal), false, true}
	}
	return []rule{upTo(RuleClassLink, policy.Personal), upTo(RuleClassMail, policy.Confidential), upTo(RuleClassZip, policy.Personal),
		upTo(RuleClassPost, policy.Personal), upTo(RuleClassFax, policy.Confidential)}
}

// transportRule is the rule of a channel.
func transportRule(channel string) string {
	switch channel {
	case Link:
		return RuleClassLink
	case Post:
		return RuleClassPost
	case Fax:
		return RuleClassFax
	case Zip, SealedPDF:
		return RuleClassZip
	}
	return RuleClassMail
}

// Carries is the highest class that goes by a channel.
func (r Rules) Carries(channel string) policy.Class {
	return policy.Class(r.of(transportRule(channel)))
}

// transportFits: a class goes only by the ways that the table names (C-42, SM-30).
func transportFits(f Facts) []Finding {
	if f.Class >= policy.Secret || f.Class <= f.Rules.Carries(f.Channel) { // secret: see classFits
		return nil
	}
	s := stop(ItemPackage, "class_transport", WayEdit)
	s.Shown, s.Registered = f.Class.String(), f.Rules.Carries(f.Channel).String()
	return []Finding{s}
}

// printable: what is printed or faxed is a PDF; other files have no pages a code
// could stand on. An encrypted PDF is one, too.
func printable(f Facts) []Finding {
	if f.Channel != Post && f.Channel != Fax && f.Channel != SealedPDF {
		return nil
	}
	return eachFile(f, func(a FileFact) bool { return a.Media != "application/pdf" },
		func(a FileFact) Finding { return stop(a.Item, "not_printable", WayEdit) })
}

// How many attachments, and of which size together, ask for a look (OS-53).
const (
	manyFiles  = 5
	largeFiles = 10 << 20
)

// WantsReason tells whether a finding wants the requester's reason (J3-4).
func WantsReason(fs []Finding) bool {
	return slices.ContainsFunc(fs, func(f Finding) bool { return f.Key == "dispatch.found.many_files" })
}

// manyAttachments: what nobody needs should not leave.
func manyAttachments(f Facts) []Finding {
	var out []Finding
	if len(f.Files) > manyFiles {
		c := caution(ItemPackage, "many_files", true) // the reason is what the second person is told
		c.Shown = strconv.Itoa(len(f.Files))
		out = append(out, c)
	}
	size := int64(0)
	for _, a := range f.Files {
		size += a.Size
	}
	if size > largeFiles && f.Channel != Post && f.Channel != Fax {
		c := caution(ItemPackage, "large_files", false)
		c.Shown = strconv.FormatInt(size>>20, 10)
		out = append(out, c)
	}
	return out
}

// leftBehind are files that programs leave and nobody means to send.
var leftBehind = regexp.MustCompile(`^(thumbs\.db|desktop\.ini|\.ds_store)$|^~\$|\.(tmp|bak|old|log)$|のコピー|コピー ?[~〜-]|- ?copy|[_ -](old|旧)\.`)

// unneeded: a leftover or a second copy, by its name.
func unneeded(f Facts) []Finding {
	return eachFile(f, func(a FileFact) bool {
		return !a.Issued && leftBehind.MatchString(strings.ToLower(norm.NFKC.String(a.Name)))
	},
		func(a FileFact) Finding { return caution(a.Item, "unneeded", false) })
}

var namedPerson = regexp.MustCompile(`\p{Han}{1,4}[ _]?(様|さん|氏|殿|くん|君)`)

// personNamed: a file's name is read by everybody whom it passes, a person's name
// does not belong in it.
func personNamed(f Facts) []Finding {
	return eachFile(f, func(a FileFact) bool {
		name := strings.Join(strings.Fields(norm.NFKC.String(a.Name)), "")
		return !a.Issued && (namedPerson.MatchString(name) || slices.ContainsFunc(f.Persons, func(p string) bool { return p != "" && strings.Contains(name, p) }))
	}, func(a FileFact) Finding { return caution(a.Item, "person_named", false) })
}

// personKey is a person's name as it may stand in a file's; one of a single
// character is too common.
func personKey(name string) string {
	n := strings.Join(strings.Fields(norm.NFKC.String(name)), "")
	if len([]rune(n)) < 3 {
		return ""
	}
	return n
}
