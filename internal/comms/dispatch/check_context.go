package dispatch

import (
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// place is what the words around a name say about why it stands there. The same
// name means the wrong customer in one place and a wholesaler's ware in another.
type place int

const (
	plainPlace   place = iota
	toPlace            // an addressee: 御中, 様 or 殿 follows
	shipPlace          // where goods or work go: 納品先, 直送先, 現場, 向け
	makerPlace         // whose product it is: ソニー製, メーカー ソニー
	carrierPlace       // who carries or is paid: 送料（…運輸）, …銀行 本店
)

var (
	shipLabel = regexp.MustCompile(`納品先|納入先|直送先|直送[】\])〕>]?\s*(?::|$)|納品\s*:|納入\s*:|荷?届け?先|使用先|お?届け?先|お?送り先|出荷先|配送先|搬入先|納品場所|納入場所|設置(?:場所|先)|施工場所|作業場所` +
		`|現場(?:名|:|\s)|工事名|工事件名|物件名?|荷受人|着荷主|エンドユーザー?|最終需要家|(?i:ship\s*to|deliver(?:y)?\s*to|consignee)`)
	shipAfter = regexp.MustCompile(`^(?:[^\s様御殿,、。]{0,12}?\s*(?:様|御中|殿)?)?\s*(?:向け|向|納め|納入分|納品分|直送|邸|渡し|へ直送|へ納品|に納品|へ納入|現場|ビル|工場内|新築|改修|\(直送\)|\(納品先\))`)
	makerWord = regexp.MustCompile(`メーカー?(?:名|\s*:|\s)|製造元|製造者|ブランド|(?i:maker|manufacturer|brand)`)
	madeAfter = regexp.MustCompile(`^\s*[」』)]?\s*(?:社製|製(?:品|造|[^\p{Han}]|$)|純正|互換|対応(?:品|[^\p{Han}]|$)|ブランド|シリーズ|[®™]|(?:[^\s]{0,8}\s+)?[A-Z]{1,5}[- ]?[0-9][-0-9A-Z/]*)`)
	carriage  = regexp.MustCompile(`送料|運賃|配送(?:料|業者|会社|便|:)|運送(?:料|業者|会社|:)|発送(?:方法|:)|宅配|宅急便|路線便|チャーター|配達伝票|お問い?合わ?せ(?:伝票)?番号|追跡|代引|集荷|混載|便名|運送便`)
	bankAfter = regexp.MustCompile(`^\s*(?:\([0-9]{4}\))?\s*(?:[^\s]{1,10}(?:支店|出張所|営業部)|本店|普通|当座|\([0-9]{4}\))`)
	bankEnd   = regexp.MustCompile(`(?:銀行|信用金庫|信金|信用組合|労働金庫|農業協同組合|農協|漁協)$`)
	payWord   = regexp.MustCompile(`振込|口座|引落|お支払い?先|取引銀行|銀行名|金融機関`)
	honorific = regexp.MustCompile(`^[^,、。\t]{0,24}?(?:御中|様|殿|さま)`)
)

// labelAbove is how many lines above a name its label may stand: 納品先, 〒, address, name.
const labelAbove = 3

// shipsTo tells whether line i, or a label a little above it, says where goods go.
func shipsTo(lines []string, i int) bool {
	if shipLabel.MatchString(lines[i]) {
		return true
	}
	for j := i - 1; j >= max(0, i-labelAbove); j-- {
		l := strings.TrimSpace(lines[j])
		if at := shipLabel.FindStringIndex(l); at != nil && at[0] <= len("■【◆ ") {
			return true
		}
		if addressedAt.MatchString(l) || l == "" { // another's block ends here
			return false
		}
	}
	return false
}

// lay is a text laid out in lines, with the columns of a list.
type lay struct {
	lines []string // NFKC
	cells [][]string
	heads []string // of the first line of cells
}

func layOut(lines []string) *lay {
	l := &lay{lines: make([]string, len(lines)), cells: make([][]string, len(lines))}
	for i, s := range lines {
		s = norm.NFKC.String(s)
		l.lines[i] = s
		if c := strings.Split(strings.ReplaceAll(s, "\t", ","), ","); len(c) > 2 || len(c) > 1 && strings.Contains(s, "\t") {
			l.cells[i] = c
			if l.heads == nil {
				l.heads = c
			}
		}
	}
	return l
}

// at judges the place of a name that begins on line i; name is folded, core the
// folded core of it.
func (l *lay) at(i int, core string) place {
	line := l.lines[i]
	if h := l.head(i, core); h != "" {
		switch {
		case shipLabel.MatchString(h + " "):
			return shipPlace
		case makerWord.MatchString(h + " "):
			return makerPlace
		case carriage.MatchString(h):
			return carrierPlace
		}
	}
	before, after, ok := cutName(line, core)
	if !ok { // broken across lines: only what stands on it counts
		before, after = line, ""
		if i+1 < len(l.lines) {
			after = l.lines[i+1]
		}
	}
	named := honorific.MatchString(after)
	switch {
	case shipAfter.MatchString(after) || shipLabel.MatchString(before) || shipsTo(l.lines, i):
		return shipPlace
	case named:
		return toPlace
	case bankEnd.MatchString(core) && (bankAfter.MatchString(after) || payWord.MatchString(line) || i > 0 && payWord.MatchString(l.lines[i-1])):
		return carrierPlace
	case carriage.MatchString(line):
		return carrierPlace
	case madeAfter.MatchString(after) || makerWord.MatchString(before):
		return makerPlace
	}
	return plainPlace
}

// head is the heading of the column that a name stands in, "" if in none.
func (l *lay) head(i int, core string) string {
	if l.cells[i] == nil || len(l.heads) != len(l.cells[i]) {
		return ""
	}
	for k, c := range l.cells[i] {
		if strings.Contains(fold(c), core) {
			return l.heads[k]
		}
	}
	return ""
}

// cutName splits a line around a name, wherever folding hid it: before is what
// stands in front of it, after what follows its legal form.
func cutName(line, core string) (before, after string, ok bool) {
	rs := []rune(line)
	want := len([]rune(core))
	for i := range rs {
		if !strings.HasPrefix(core, fold(string(rs[i]))) || fold(string(rs[i])) == "" {
			continue
		}
		for j := i + 1; j <= len(rs) && j-i <= 2*want+4; j++ {
			f := fold(string(rs[i:j]))
			if f == core {
				after := string(rs[j:])
				for _, form := range []string{"株式会社", "有限会社", "合同会社", "(株)", "(有)", "(同)"} {
					after = strings.TrimPrefix(strings.TrimLeft(after, " "), form)
				}
				return string(rs[:i]), after, true
			}
			if !strings.HasPrefix(core, f) {
				break
			}
		}
	}
	return "", "", false
}

// surnames and places are of three characters, bare names that mean a person or
// a town far more often than the company of that name.
const surnames = "五十嵐 長谷川 佐々木 久保田 小笠原 大久保 長谷部 宇都宮 日比野 佐久間 海老原 小野寺 小久保 二階堂 和久井 小野田 大河内 曽我部 宇佐美 " +
	"小田切 小山田 仲宗根 喜屋武 与那嶺 伊集院 東海林 波多野 阿久津 山之内 木之下 三田村 加賀美 安孫子 西園寺 小早川 大和田 八重樫"

// persons tells whether a folded bare name of three characters is rather a
// person's or a place's.
func persons(core string) bool {
	if slices.ContainsFunc(strings.Fields(surnames), func(s string) bool { return fold(s) == core }) {
		return true
	}
	r := []rune(core)
	return len(r) > 0 && strings.ContainsRune("市区町村県府都道郡駅島川山田野原", r[len(r)-1])
}

// formAt gives the legal form that stands at either side of [i, j), "" if none.
// One that is written together with the word beyond it is that word's.
func (t folded) formAt(i, j int) string {
	before, after := string(t.runes[max(0, i-4):i]), string(t.runes[j:min(len(t.runes), j+4)])
	for _, f := range [][2]string{{"株式会社", "株式会社"}, {"(株)", "株式会社"}, {"有限会社", "有限会社"}, {"(有)", "有限会社"},
		{"合同会社", "合同会社"}, {"(同)", "合同会社"}, {"合資会社", "合資会社"}, {"合名会社", "合名会社"}} {
		n := len([]rune(f[0]))
		if strings.HasSuffix(before, f[0]) && (!t.ends[i] || t.ends[i-n]) || strings.HasPrefix(after, f[0]) && (!t.ends[j] || t.ends[j+n]) {
			return f[1]
		}
	}
	return ""
}
