package dispatch

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

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
}

// pattern is a name to look for.
type pattern struct {
	runes []rune // folded, at least three
	party string
	sure  sureness
}

// sureness is how far finding a pattern means its partner.
type sureness int

const (
	anywhere  sureness = iota // wherever it stands
	forItself                 // where it stands for itself; in a longer word it asks for a look
	never                     // it only asks for a look: a family name, too
)

// entry is a partner with what preparing it costs most.
type entry struct {
	Partner
	phone    string // key of the number, "" if none
	patterns []pattern
}

func newEntry(p Partner) entry {
	e := entry{Partner: p, patterns: patternsOf(p)}
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
		domains: map[string][]string{}}
	for _, k := range []HitKind{HitRegistration, HitCode, HitPhone} {
		r.ids[k] = map[string][]string{}
	}
	for _, e := range entries {
		for _, p := range e.patterns {
			k := [3]rune(p.runes[:3])
			r.names[k] = append(r.names[k], p)
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

// common are folded core names that are everyday words: alone in a text they
// say nothing about a partner.
const common = "日本 東京 大阪 名古屋 横浜 京都 神戸 福岡 札幌 仙台 広島 関東 関西 東海 九州 北海道 中央 第一 東洋 西日本 東日本 " +
	"全国 国際 総合 共同 協同 サービス システム ソリューション センター グループ ホールディングス テクノロジー エンジニアリング コンサルティング " +
	"デザイン オフィス プラス スマイル サポート ネットワーク フーズ 丸の内 日本橋 新宿 渋谷 商事 物産 工業 建設 運輸 製作所 電気 印刷 不動産"

var commonCores = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(common) {
		m[fold(w)] = true
	}
	return m
})

// patternsOf gives a partner's core name, or, where that is too short or too
// common to mean anything alone, its whole name with the legal form before and
// after: 株式会社東和 may also be the beginning of 株式会社東和産業.
func patternsOf(p Partner) []pattern {
	core := fold(jp.CoreName(p.Name))
	n := len([]rune(core))
	if n > 3 && !commonCores()[core] {
		return []pattern{{[]rune(core), p.ID, anywhere}}
	}
	var out []pattern
	if n == 3 && !commonCores()[core] {
		sure := forItself
		if !strings.ContainsFunc(core, func(r rune) bool { return !unicode.Is(unicode.Han, r) }) {
			sure = never // 五十嵐, 長谷川
		}
		out = []pattern{{[]rune(core), p.ID, sure}}
	}
	form := fold(jp.LegalForm(p.Name))
	if form == "" {
		return out
	}
	for _, f := range append([]string{form}, shortForms(form)...) {
		for _, name := range []string{f + core, core + f} {
			if r := []rune(name); len(r) >= 3 {
				out = append(out, pattern{r, p.ID, forItself})
			}
		}
	}
	return out
}

// shortForms are how the usual forms are abbreviated.
func shortForms(form string) []string {
	switch form {
	case fold("株式会社"):
		return []string{"(株)"}
	case fold("有限会社"):
		return []string{"(有)"}
	case fold("合同会社"):
		return []string{"(同)"}
	}
	return nil
}

// span is a name found at [from, to) of a folded text.
type span struct {
	from, to int
	pattern
	weak bool
}

// namesIn finds all names in a text, and drops what lies inside a longer one:
// 山田商店 is not found in 新山田商店 if that is a name, too.
func (r *Register) namesIn(t folded) []span {
	var found []span
	for i := 0; i+3 <= len(t.runes); i++ {
		for _, p := range r.names[[3]rune(t.runes[i:i+3])] {
			j := i + len(p.runes)
			if j <= len(t.runes) && slices.Equal(t.runes[i:j], p.runes) && t.bounded(i, j) {
				weak := p.sure == never || p.sure == forItself && !t.alone(i, j)
				found = append(found, span{i, j, p, weak})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b span) int { return cmp.Or(a.from-b.from, b.to-a.to) })
	end, from := 0, -1
	return slices.DeleteFunc(found, func(s span) bool {
		inside := s.to <= end && !(s.from == from && s.to == end)
		if s.to > end {
			from, end = s.from, s.to
		}
		return inside
	})
}

var (
	mailPattern    = regexp.MustCompile(`[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+@[\p{L}\p{N}.-]+\.[\p{L}\p{N}-]{2,}`)
	domainPattern  = regexp.MustCompile(`\b[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b`)
	accountPattern = regexp.MustCompile(`(?:普通|当座|口座|貯蓄)[^0-9]{0,12}(\d{4,7})\b`)
	codePattern    = regexp.MustCompile(`(?:得意先|お客様|顧客|取引先)(?:コード|CD|番号|ID|No\.?)[ :\n]*([0-9A-Za-z][0-9A-Za-z._-]*)`)
	tokenPattern   = regexp.MustCompile(`[0-9A-Z][0-9A-Z._/-]{3,38}[0-9A-Z]`)
)

// Found is what a text holds: hits of other partners, and what must be looked
// up in the database because the register in memory does not have it.
type Found struct {
	Hits     []Hit
	Accounts []string // what may be a bank account's number
	Mails    []string // canonical addresses
	Numbers  []string // what may be a document's number
}

// Scan finds what of any partner but ours stands in text. What ours shares with
// another (a group's phone, a common domain) is ours.
func (r *Register) Scan(text, ours string) Found {
	s := scan{r: r, ours: ours}
	for _, n := range r.namesIn(foldWords(text)) {
		s.hit(HitName, string(n.runes), []string{n.party}, n.weak)
	}
	plain := plainly(text)
	s.found.Numbers = tokens(plain)
	for _, m := range codePattern.FindAllStringSubmatch(plain, -1) {
		if c, err := jp.ParseCode(m[1]); err == nil {
			s.id(HitCode, c, m[1])
		}
	}
	for _, t := range s.found.Numbers {
		if strings.ContainsFunc(t, func(r rune) bool { return r >= 'A' && r <= 'Z' }) {
			s.id(HitCode, t, t)
		}
	}
	for _, m := range accountPattern.FindAllStringSubmatch(plain, maxTokens) {
		s.found.Accounts = once(s.found.Accounts, fmt.Sprintf("%07s", m[1])) // as the register keeps them
	}
	s.columns(plain)
	s.figures(plain)
	s.addresses(plain)
	return s.found
}

func once(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// tokens are what may be the number of a document or a code.
func tokens(plain string) []string {
	var out []string
	for _, t := range tokenPattern.FindAllString(strings.ToUpper(plain), -1) {
		if strings.ContainsAny(t, "0123456789") && !slices.Contains(out, t) {
			out = append(out, t)
		}
		if len(out) == maxTokens {
			break
		}
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

func (s *scan) id(k HitKind, key, shown string) { s.hit(k, shown, s.r.ids[k][key], false) }

func (s *scan) hit(k HitKind, shown string, parties []string, weak bool) {
	if len(parties) == 0 || slices.Contains(parties, s.ours) || slices.Contains(parties, Ourselves) {
		return
	}
	h := Hit{Kind: k, Value: shown, Party: parties[0], Weak: weak}
	if !slices.Contains(s.found.Hits, h) {
		s.found.Hits = append(s.found.Hits, h)
	}
}

func (s *scan) addresses(plain string) {
	for _, m := range mailPattern.FindAllString(plain, -1) {
		a, err := mailaddr.Parse(strings.TrimRight(m, "."))
		if err != nil {
			continue
		}
		var parties []string
		for _, o := range s.r.owners[a] {
			parties = append(parties, o.Party)
		}
		s.hit(HitMail, m, parties, false)
		if len(parties) == 0 && len(s.found.Mails) < maxTokens {
			s.found.Mails = once(s.found.Mails, a.String())
		}
	}
	for _, m := range domainPattern.FindAllString(strings.ToLower(plain), -1) {
		if d, err := mailaddr.Registrable(m); err == nil {
			s.hit(HitDomain, m, s.r.domains[d], false)
		}
	}
}

// Holds tells whether text has the partner's name, in any notation of its form.
func Holds(text, name string) bool {
	core := fold(jp.CoreName(name))
	return core != "" && strings.Contains(fold(text), core)
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
