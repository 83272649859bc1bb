package dispatch

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sekisho/internal/kernel/extract"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/mailaddr"
)

// Ourselves is the id under which the own company stands in the register: its
// name and numbers are on every document and say nothing about the addressee.
const Ourselves = ""

// Partner is one partner as the register knows it.
type Partner struct {
	ID, Code, Name string
	Registration   string // T and 13 digits, "" if none
	Corporate      string // 法人番号, "" if none
	Phone          string
	Address        string   // names that stand in it say nothing in its own papers
	Banks          []string // of the own company, the same
}

// PartnerMail is a delivery point of a partner.
type PartnerMail struct {
	Party, Point string
	Addr         mailaddr.Addr
}

// Register is the whole register of partners, prepared for finding any of them
// in a text. It is built once per version of the register and then read-only,
// so all checks share it.
type Register struct {
	names   map[[3]rune][]pattern // by the first three characters
	ids     map[HitKind]map[string][]string
	owners  map[mailaddr.Addr][]PartnerMail
	mails   *mailaddr.Index
	domains map[string][]string // registrable domain, not free mail → partners
	masks   map[string][][]rune // of each partner: what may stand in its papers whatever is in it
	called  map[string]string   // id → name as registered
	cores   map[string][]rune   // id → folded core of it
	wholes  map[string][][]rune // id → the whole of it, where the legal form stands in its middle
}

// entry is a partner with what preparing it costs most.
type entry struct {
	Partner
	core     []rune // folded, of the name
	wholes   [][]rune
	phone    string // key of the number, "" if none
	patterns []pattern
	masks    [][]rune
}

func newEntry(p Partner) entry {
	e := entry{Partner: p, core: []rune(fold(jp.CoreName(p.Name))), patterns: patternsOf(p)}
	for _, w := range wholeNames(p.Name) {
		e.wholes = append(e.wholes, []rune(w))
	}
	for _, m := range append([]string{p.Address}, p.Banks...) {
		if f := []rune(fold(m)); len(f) > 0 {
			e.masks = append(e.masks, f)
		}
	}
	if key, err := jp.PhoneKey(p.Phone); err == nil {
		e.phone = key
	}
	return e
}

// NewRegister prepares the register.
func NewRegister(ps []Partner, mails []PartnerMail) *Register {
	entries := make([]entry, len(ps))
	for i, p := range ps {
		entries[i] = newEntry(p)
	}
	return newRegister(entries, mails)
}

func newRegister(entries []entry, mails []PartnerMail) *Register {
	r := &Register{names: map[[3]rune][]pattern{}, ids: map[HitKind]map[string][]string{}, owners: map[mailaddr.Addr][]PartnerMail{},
		domains: map[string][]string{}, masks: map[string][][]rune{}, called: map[string]string{}, cores: map[string][]rune{},
		wholes: map[string][][]rune{}}
	for _, k := range []HitKind{HitRegistration, HitCode, HitPhone} {
		r.ids[k] = map[string][]string{}
	}
	for _, e := range entries {
		for _, p := range e.patterns {
			k := [3]rune(p.runes[:3])
			r.names[k] = append(r.names[k], p)
		}
		r.masks[e.ID], r.called[e.ID], r.cores[e.ID] = e.masks, e.Name, e.core
		if e.wholes != nil {
			r.wholes[e.ID] = e.wholes
		}
		r.add(HitRegistration, strings.TrimPrefix(e.Registration, "T"), e.ID)
		r.add(HitRegistration, e.Corporate, e.ID)
		r.add(HitCode, e.Code, e.ID)
		r.add(HitPhone, e.phone, e.ID)
	}
	addrs := make([]mailaddr.Addr, 0, len(mails))
	for _, m := range mails {
		r.owners[m.Addr] = append(r.owners[m.Addr], m)
		addrs = append(addrs, m.Addr)
		if d, err := mailaddr.Registrable(m.Addr.Domain()); err == nil && !mailaddr.FreeMail(m.Addr.Domain()) && !slices.Contains(r.domains[d], m.Party) {
			r.domains[d] = append(r.domains[d], m.Party)
		}
	}
	r.mails = mailaddr.NewIndex(addrs)
	return r
}

func (r *Register) add(k HitKind, value, party string) {
	if value != "" && !slices.Contains(r.ids[k][value], party) {
		r.ids[k][value] = append(r.ids[k][value], party)
	}
}

// fold is the form in which names and texts are compared.
func fold(s string) string { return jp.Fold(extract.Compact(s)) }

var (
	mailPattern    = regexp.MustCompile(`[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+@[\p{L}\p{N}.-]+\.[\p{L}\p{N}-]{2,}`)
	payPattern     = regexp.MustCompile(`(?:普通|当座|貯蓄|口座番号|\((?:普|当|貯)\))(?:預金|口座)?[ :\n]{0,3}(?:口座)?(?:番号|No\.?)?[ :\n]{0,3}(\d{6,7})(?:[^\d,.円枚個本-]|$)`)
	postPattern    = regexp.MustCompile(`記号[ :\n]{0,3}1\d{4}(?:-\d)?[ ,、\n-]{0,3}番号[ :\n]{0,3}(\d{6,8})(?:[^\d]|$)`)
	bankWord       = regexp.MustCompile(`銀行|信用金庫|信金|信用組合|農協|金庫|支店|本店|振込|口座|名義`)
	accountPattern = regexp.MustCompile(`(?:普通|当座|口座|貯蓄|\((?:普|当|貯)\))[^0-9]{0,12}(\d{4,7})\b`)
	codePattern    = regexp.MustCompile(`(?:得意先|お客様|顧客|取引先)(?:コード|CD|番号|ID|No\.?)[ :\n]*([0-9A-Za-z][0-9A-Za-z._-]*)`)
)

// Found is what a text holds: hits of other partners, and what must be looked
// up in the database because the register in memory does not have it.
type Found struct {
	Hits     []Hit
	Ours     bool     // the partner's own name stands in it
	Accounts []string // what may be a bank account's number
	Paid     []string // those of them that surely are
	Mails    []string // canonical addresses
	Numbers  []string // what may be a document's number
}

// Scan finds what of any partner but ours stands in words that somebody wrote.
// What ours shares with another (a group's phone, a common domain) is ours.
func (r *Register) Scan(text, ours string) Found { return r.scan(text, ours, false) }

// ScanFile is Scan for a file, where goods are listed too.
func (r *Register) ScanFile(text, ours string) Found { return r.scan(text, ours, true) }

func (r *Register) scan(text, ours string, file bool) Found {
	s := scan{r: r, ours: ours}
	s.names(text, file)
	plain := plainly(text)
	all := tokens(plain)
	s.found.Numbers = telling(plain, all)
	if holdsAny(plain, "先", "客") {
		for _, m := range codePattern.FindAllStringSubmatch(plain, -1) {
			if c, err := jp.ParseCode(m[1]); err == nil {
				s.id(HitCode, c, m[1])
			}
		}
	}
	for _, t := range all {
		if strings.ContainsFunc(t, func(r rune) bool { return r >= 'A' && r <= 'Z' }) {
			s.id(HitCode, t, t)
		}
	}
	s.accounts(plain)
	s.columns(plain)
	s.figures(plain)
	s.addresses(plain)
	return s.found
}

// accounts finds what may be the number of a bank account, and apart from that
// what surely is one.
func (s *scan) accounts(plain string) {
	if !holdsAny(plain, "普通", "当座", "貯蓄", "口座", "記号", "(普)", "(当)", "(貯)") {
		return
	}
	for _, m := range accountPattern.FindAllStringSubmatch(plain, maxAccounts) {
		s.found.Accounts = once(s.found.Accounts, fmt.Sprintf("%07s", m[1])) // as the register keeps them
	}
	for _, m := range payPattern.FindAllStringSubmatchIndex(plain, maxAccounts) {
		n := fmt.Sprintf("%07s", plain[m[2]:m[3]])
		if from := max(0, m[0]-payNear); strings.Contains(plain[m[0]:m[1]], "口座番号") || bankWord.MatchString(plain[from:m[0]]) {
			s.found.Accounts, s.found.Paid = once(s.found.Accounts, n), once(s.found.Paid, n)
		}
	}
	for _, m := range postPattern.FindAllStringSubmatch(plain, maxAccounts) {
		n := fmt.Sprintf("%08s", m[1])[:7] // ゆうちょ: the account is the number without its last digit
		s.found.Accounts, s.found.Paid = once(s.found.Accounts, n), once(s.found.Paid, n)
	}
}

const (
	maxAccounts = 40  // of one text that are looked up
	payNear     = 120 // bytes in front of an account in which its bank is named
)

func once(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// Lengths of what may be the number of a document or a code.
const (
	shortToken = 5
	longToken  = 40
)

// tokens are what may be the number of a document or a code: letters, figures
// and what parts them, upper case. They are found by hand, because every text is
// full of figures and a pattern would try each of them many times.
func tokens(plain string) []string {
	var out []string
	seen := map[string]bool{}
	upper := strings.ToUpper(plain)
	for i := 0; i < len(upper) && len(out) < maxTokens; {
		if !alnum(upper[i]) {
			i++
			continue
		}
		j, digits := i, false
		for j < len(upper) && j-i < longToken && (alnum(upper[j]) || strings.IndexByte("._/-", upper[j]) >= 0) {
			digits = digits || digit(upper[j])
			j++
		}
		t := strings.TrimRight(upper[i:j], "._/-")
		if digits && len(t) >= shortToken && !seen[t] {
			seen[t] = true
			out = append(out, t)
		}
		i = j
	}
	return out
}

func alnum(c byte) bool { return digit(c) || c >= 'A' && c <= 'Z' }

// numberLabel stands in front of a document's number that has nothing but
// figures, or above it in a list.
var numberLabel = regexp.MustCompile(`(?:請求|見積|書類|納品|伝票|文書|領収)書?(?:番号|No\.?|№|#)[ :\n]{0,3}(\d{4,20})`)

// telling leaves out the tokens that are amounts, days and quantities: a number
// of nothing but figures counts where it is called a number.
func telling(plain string, all []string) []string {
	var out []string
	for _, t := range all {
		if strings.Trim(t, "0123456789/.") != "" {
			out = append(out, t)
		}
	}
	if !holdsAny(plain, "番号", "No", "№", "#") {
		return out
	}
	for _, m := range numberLabel.FindAllStringSubmatch(plain, maxTokens) {
		out = once(out, m[1])
	}
	return out
}

// maxTokens bounds how many different numbers of one text are looked up.
const maxTokens = 400

type scan struct {
	r     *Register
	ours  string
	found Found
}

func (s *scan) id(k HitKind, key, shown string) { s.hit(k, shown, s.r.ids[k][key]) }

// hit keeps one finding per thing and partner.
func (s *scan) hit(k HitKind, shown string, parties []string) {
	if len(parties) == 0 || slices.Contains(parties, s.ours) || slices.Contains(parties, Ourselves) {
		return
	}
	if !slices.ContainsFunc(s.found.Hits, func(h Hit) bool { return h.Kind == k && h.Value == shown && h.Party == parties[0] }) {
		s.found.Hits = append(s.found.Hits, Hit{Kind: k, Value: shown, Party: parties[0], Others: parties[1:]})
	}
}

func (s *scan) addresses(plain string) {
	if strings.Contains(plain, "@") {
		s.mails(plain)
	}
	for _, m := range hosts(strings.ToLower(plain)) {
		if d, err := mailaddr.Registrable(m); err == nil {
			s.hit(HitDomain, m, s.r.domains[d])
		}
	}
}

func (s *scan) mails(plain string) {
	for _, m := range mailPattern.FindAllString(plain, -1) {
		a, err := mailaddr.Parse(strings.TrimRight(m, "."))
		if err != nil {
			continue
		}
		var parties []string
		for _, o := range s.r.owners[a] {
			parties = append(parties, o.Party)
		}
		s.hit(HitMail, m, parties)
		if len(parties) == 0 && len(s.found.Mails) < maxTokens {
			s.found.Mails = once(s.found.Mails, a.String())
		}
	}
}

// hosts are what may be domain names: letters, figures and hyphens parted by
// dots, two letters or more behind the last.
func hosts(lower string) []string {
	var out []string
	part := func(c byte) bool { return digit(c) || c >= 'a' && c <= 'z' || c == '-' }
	for i := 0; i < len(lower); {
		dot := strings.IndexByte(lower[i:], '.')
		if dot < 0 {
			return out
		}
		from, to := i+dot, i+dot
		for from > i && part(lower[from-1]) {
			from--
		}
		for to < len(lower) && (part(lower[to]) || lower[to] == '.' && to+1 < len(lower) && part(lower[to+1])) {
			to++
		}
		name := strings.Trim(lower[from:to], "-.")
		if last := name[strings.LastIndexByte(name, '.')+1:]; len(last) >= 2 && len(last) < len(name) && strings.Trim(last, "abcdefghijklmnopqrstuvwxyz") == "" {
			out = once(out, name)
		}
		i = max(to, i+dot+1)
	}
	return out
}

// Holds tells whether text has the partner's name, in any notation of its form.
func Holds(text, name string) bool {
	core := fold(jp.CoreName(name))
	text = fold(text)
	return core != "" && strings.Contains(text, core) || slices.ContainsFunc(wholeNames(name), func(w string) bool { return strings.Contains(text, w) })
}

// wholeNames are the folded notations of a name whose legal form stands in its
// middle (みちのく食品株式会社 本社), none of another.
func wholeNames(name string) []string {
	whole, form := fold(name), fold(jp.LegalForm(name))
	if form == "" || strings.Contains(whole, fold(jp.CoreName(name))) {
		return nil
	}
	for _, f := range append([]string{form}, shortForms(form)...) {
		before, after, ok := strings.Cut(whole, f)
		if !ok || before == "" || after == "" {
			continue
		}
		out := []string{before + form + after}
		for _, s := range shortForms(form) {
			out = append(out, before+s+after)
		}
		return out
	}
	return []string{whole}
}

// Owner gives the delivery points that are exactly this address.
func (r *Register) Owner(a mailaddr.Addr) []PartnerMail { return r.owners[a] }

// Alike gives an address of a partner other than ours that a resembles.
func (r *Register) Alike(a mailaddr.Addr, ours string) (mailaddr.Near, bool) {
	n, ok := r.mails.Nearest(a)
	if !ok {
		return n, false
	}
	for _, o := range r.owners[n.Addr] {
		if o.Party == ours {
			return n, false
		}
	}
	return n, true
}
