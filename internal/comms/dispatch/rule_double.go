package dispatch

import (
	"slices"

	"sekisho/internal/kernel/text"
)

// The rules of who must approve that look at what is sent and who sends it (A-07,
// C-34).
const (
	RuleChangedDays = "changed_days"   // how long a change of addresses or accounts asks
	RuleCorrection  = "ask_correction" // a corrected invoice, or a credit note
	RuleUploaded    = "ask_uploaded"   // an attachment that we have not made
)

// doubleChecks are the checks that ask for a second person by these rules alone.
func doubleChecks() []func(Facts) []Finding {
	return []func(Facts) []Finding{correctionAsks, uploadedAsks, watchedAsks, untoldAsks, onceAsks}
}

// correctionAsks: what corrects a document that somebody has already is looked at
// twice; the two will be compared.
func correctionAsks(f Facts) []Finding {
	return eachFile(f, func(a FileFact) bool { return a.Correction },
		func(a FileFact) Finding { return caution(a.Item, "correction", true) })
}

// uploadedAsks: a file from elsewhere holds whatever somebody put into it. Most
// companies send some every day, so nothing is said until a rule wants it.
func uploadedAsks(f Facts) []Finding {
	if f.Rules.of(RuleUploaded) == asksNothing {
		return nil
	}
	return eachFile(f, func(a FileFact) bool { return a.Uploaded },
		func(a FileFact) Finding { return caution(a.Item, "uploaded", true) })
}

// watchedAsks: whoever is named, a newcomer for instance, sends nothing alone.
func watchedAsks(f Facts) []Finding {
	if !f.Watched {
		return nil
	}
	return []Finding{caution(ItemPackage, "watched", true)}
}

// because is the rule by which a finding asks for a second person, in words.
func (r Rules) because(f Finding) sentence {
	name := ruleOf(f.Key)
	switch f.Key {
	case "dispatch.found.big_amount", "dispatch.found.big_usual":
		name = RuleAmount
	case "dispatch.found.class_second":
		name = RuleClass
	case "dispatch.found.watched":
		return sentence{text.T(text.JA, "dispatch.because.watched"), text.T(text.EN, "dispatch.because.watched")}
	}
	d, ok := definition(name, DefaultHold)
	if !ok {
		return sentence{text.T(text.JA, "dispatch.because.check"), text.T(text.EN, "dispatch.because.check")}
	}
	return sentence{d.sentence(text.JA, r.of(name)), d.sentence(text.EN, r.of(name))}
}

// Because are the rules that ask for a second person, each once.
func (r Rules) Because(fs []Finding) []sentence {
	var out []sentence
	for _, f := range fs {
		if s := r.because(f); f.Second && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
