package dispatch

import (
	"regexp"
	"slices"
	"strings"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/jp"
)

// Said is what a document says about whom it is for and how it is paid, as far
// as that can be read out of its text. What it does not say stays empty and is
// compared with nothing.
type Said struct {
	Addressees    []string // names with a legal form before 御中, 様 or 殿, the first one first
	PostalCode    string   // above the addressee
	Address       string   // the same
	Registrations []string // T番号
	Due           civil.Date
	Terms         []civil.Term
	Accounts      []string // those of ours that are printed
}

var (
	postalMark  = regexp.MustCompile(`〒\s*(\d{3})-?(\d{4})`)
	tNumber     = regexp.MustCompile(`T[- ]?\d(?:[- ]?\d){12}`)
	dueWord     = regexp.MustCompile(`お?(?:支払い?|振込)(?:い?期限|期日|日)[^\d\n令和平成]{0,12}\n?[^\d\n令和平成]{0,4}((?:\d{4}|令和\s*\d{1,2}|R\s*\d{1,2})\s*[年/.-]\s*\d{1,2}\s*[月/.-]\s*\d{1,2}\s*日?)`)
	termWord    = regexp.MustCompile(`(?:末|\d{1,2}日)締め?[ 、,・/]?(?:当|翌々|翌)月の?(?:末日?|\d{1,2}日)(?:払い?|支払い?|振込)`)
	addressedAt = regexp.MustCompile(`^(.*?)\s*(?:御中|様|殿)\s*$`)
)

const (
	blockLines = 6  // above the addressee's name, which its address may take
	topLines   = 40 // of a document in which its addressee stands
)

// whatSays reads what a document says. own are postal code and name of the issuer,
// whose own address is none of the addressee's.
func whatSays(text string, own OwnFact, partner string) Said {
	plain := plainly(text)
	lines := strings.Split(plain, "\n")
	var s Said
	at := -1
	for i, line := range lines {
		if !strings.ContainsAny(line, "中様殿") {
			continue
		}
		m := addressedAt.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil || shipsTo(lines, i) {
			continue
		}
		name := m[1]
		if jp.LegalForm(name) == "" && i > 0 && jp.LegalForm(lines[i-1]) != "" && len([]rune(lines[i-1])) < 40 {
			name = strings.TrimSpace(lines[i-1]) + " " + name // the name on one line, the section on the next
		}
		if jp.LegalForm(name) != "" && !sameCompany(name, own.Name) {
			s.Addressees = append(s.Addressees, strings.TrimSpace(name))
			if at < 0 {
				at = i
			}
		}
	}
	if at < 0 {
		at = slices.IndexFunc(lines[:min(len(lines), topLines)], func(l string) bool { return Holds(l, partner) })
	}
	if at > 0 {
		s.block(lines[max(0, at-blockLines):at], own)
	}
	for _, m := range tNumber.FindAllString(plain, maxTokens) {
		if n, err := jp.ParseRegistrationNumber(m); err == nil {
			s.Registrations = once(s.Registrations, string(n))
		}
	}
	s.payment(plain)
	return s
}

// payment reads when and by which terms it is to be paid.
func (s *Said) payment(plain string) {
	var m []string
	if holdsAny(plain, "支払", "振込") {
		m = dueWord.FindStringSubmatch(plain)
	}
	if m != nil {
		if d, err := civil.ParseLoose(strings.Join(strings.Fields(m[1]), "")); err == nil {
			s.Due = d
		}
	}
	if !strings.Contains(plain, "締") {
		return
	}
	for _, m := range termWord.FindAllString(plain, 4) {
		m = strings.NewReplacer("支払", "払", "振込", "払", "、", "", ",", "", "・", "", " ", "", "/", "").Replace(m)
		if t, err := civil.ParseTerm(m, civil.ShiftNone); err == nil {
			s.Terms = append(s.Terms, t)
		}
	}
}

// block reads the lines above the addressee's name: from 〒, or from a
// prefecture, down to the name.
func (s *Said) block(lines []string, own OwnFact) {
	for i, l := range lines {
		if m := postalMark.FindStringSubmatch(l); m != nil {
			if code := m[1] + "-" + m[2]; code != own.PostalCode {
				s.PostalCode = code
				s.Address = strings.Join(append([]string{postalMark.ReplaceAllString(l, "")}, lines[i+1:]...), " ")
			}
			continue
		}
		if code, _, _ := jp.Prefecture(strings.TrimSpace(l)); code > 0 && s.Address == "" {
			s.Address = strings.Join(lines[i:], " ")
		}
	}
	s.Address = strings.TrimSpace(s.Address)
}

// likeness is what comparing two names gives.
type likeness int

const (
	sameName   likeness = iota
	unsureName          // perhaps a branch, perhaps a company of a similar name
	otherName
)

// branchWords follow a company's name where a part of it is addressed.
var branchWords = regexp.MustCompile(`本社|本店|支社|支店|支所|支部|営業所|出張所|事業部|事業所|工場|センタ|店|部|課|室|係|グル-プ|御中|様|担当|経理|総務|購買|代表|社長`)

// compareNames compares the name of a company as it stands in a text, perhaps
// with section and person behind it, with the registered one. Of one core name
// and different legal forms (株式会社山田, 有限会社山田) nobody can be sure.
func compareNames(shown, registered string) likeness {
	want := fold(jp.CoreName(registered))
	words := strings.Fields(shown)
	if want == "" || len(words) == 0 {
		return unsureName
	}
	core := ""
	for n := 1; n <= len(words); n++ { // the name may have spaces, and words behind it
		first := strings.Join(words[:n], "")
		if core = fold(jp.CoreName(first)); core != want {
			continue
		}
		if a, b := jp.LegalForm(shown), jp.LegalForm(registered); a != "" && b != "" && a != b {
			return unsureName
		}
		return sameName
	}
	rest, ok := strings.CutPrefix(core, want)
	switch {
	case ok && branchWords.MatchString(rest):
		return sameName
	case strings.HasPrefix(want, core) || strings.Contains(core, want):
		return unsureName
	}
	return otherName
}

func sameCompany(shown, registered string) bool { return compareNames(shown, registered) == sameName }
