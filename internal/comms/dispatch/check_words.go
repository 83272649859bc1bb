package dispatch

import (
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/mailaddr"
	"sekisho/internal/kernel/money"
)

// hiddenCharacters: what takes no ink or turns the direction of writing lets a
// person confirm something else than is sent (M10, M21).
func hiddenCharacters(f Facts) []Finding {
	var out []Finding
	look := func(item string, err error) {
		if err == nil {
			return
		}
		s := stop(item, "hidden", WayEdit)
		if a := fault.Of(err).Args; len(a) > 0 {
			s.Shown, _ = a[len(a)-1].(string)
		}
		out = append(out, s)
	}
	look(ItemSubject, jp.Clean(f.Words.Subject, false))
	look(ItemBody, jp.Clean(f.Words.Body, true))
	for _, a := range f.Files {
		look(a.Item, jp.FileName(a.Name))
	}
	return out
}

// What a template leaves behind when it was not filled in (M17): marks of
// template languages, blanks before a title, and the words of programs for
// nothing.
var (
	marks = regexp.MustCompile(`\{\{[^{}\n]{0,40}\}\}|\$\{[^{}\n]{1,40}\}|<%[^%\n]{0,40}%>|%%[^%\n]{1,30}%%|<<[^<>\n]{1,30}>>|≪[^≪≫\n]{1,20}≫` +
		`|\{[A-Za-z_][A-Za-z0-9_.]{1,30}\}|\{(?:会社|担当|氏名|顧客|得意先|取引先|宛名|請求|金額|部署)[^{}\n]{0,12}\}|\[object Object\]|%[A-Z][A-Z_]{2,30}%`)
	blanks = regexp.MustCompile(`[〇○◯△×＿]{2,}[^\s客皆〇○◯△×＿]{0,8}\s*(?:様|御中|殿)|[〇○◯△×]{2,}\s*(?:株式会社|有限会社|\(株\))|(?:株式会社|有限会社|\(株\))\s*[〇○◯△×]{2,}` +
		`|[〇○◯△×]{1,2}月(?:分|度|[〇○◯△×]{1,2}日)|(?:^|\s)[Xx]{2,}\s*(?:株式会社|月分|様|御中|殿)|_{2,}\s*(?:様|御中|殿)` +
		`|[\[【<《](?:会社名|御社名|貴社名|顧客名|得意先名|取引先名|宛名|担当者名?|氏名|お名前)[\]】>》]\s*(?:様|御中|殿)`)
	nothings = regexp.MustCompile(`(?i)(?:^|[^a-z])(?:null|undefined|nan|none|n/a)\s*(?:様|御中|殿|円)|#REF!|#N/A|#VALUE!|#NAME\?|#DIV/0!|ここに.{0,10}(?:入力|記入)|ダミー(?:テキスト|文)|lorem ipsum`)
)

// leftover gives what of a template is left in a text, "" if nothing.
func leftover(text string) string {
	text = norm.NFKC.String(text)
	for _, p := range []struct {
		pattern *regexp.Regexp
		likely  bool // looking for a pattern in pages of figures costs far more than looking for what it begins with
	}{
		{marks, holdsAny(text, "{", "<%", "%", "<<", "≪", "[object")},
		{blanks, holdsAny(text, "〇〇", "○○", "◯◯", "△△", "××", "〇月", "○月", "◯月", "△月", "×月", "__", "XX", "xx", "Xx", "名]", "名】", "名>", "名》", "者]", "者】", "者>", "者》")},
		{nothings, holdsAny(text, "#R", "#N", "#V", "#D", "ここに", "ダミー") || holdsAny(strings.ToLower(text), "null", "undefined", "nan", "none", "n/a", "lorem")},
	} {
		if !p.likely {
			continue
		}
		if m := strings.TrimSpace(p.pattern.FindString(text)); m != "" {
			return m
		}
	}
	return ""
}

// holdsAny tells whether a text contains one of the words.
func holdsAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// leftovers: words and own documents are never sent with them. A contract to be
// filled in by the partner may rightly have blanks, so other files ask for a look.
func leftovers(f Facts) []Finding {
	var out []Finding
	for _, w := range []struct{ item, text string }{{ItemSubject, f.Words.Subject}, {ItemBody, f.Words.Body}} {
		if m := leftover(w.text); m != "" {
			s := stop(w.item, "leftover", WayEdit)
			s.Shown = m
			out = append(out, s)
		}
	}
	for _, a := range f.Files {
		m := leftover(a.Text)
		if !a.Ours { // a form may have places to fill in, a program's marks it has not
			m = marks.FindString(m)
		}
		if m == "" {
			continue
		}
		x := caution(a.Item, "leftover_file", false)
		if a.Ours {
			x = stop(a.Item, "leftover", WayEdit)
		}
		x.Shown = m
		out = append(out, x)
	}
	return out
}

var (
	opening    = regexp.MustCompile(`いつも|お世話|平素|拝啓|前略|はじめまして|突然|このたび|この度|下記`)
	addressed  = regexp.MustCompile(`^(.*?)\s*(御中|様|さま|殿)\s*(?:へ|宛)?\s*$`)
	quotedLine = regexp.MustCompile(`^\s*[>|＞｜]`)
)

// greeting: whom the first lines of the body speak to. An empty place is a
// template that found nobody; another company's name is the wrong mail (M17).
func greeting(f Facts) []Finding {
	before, lines := "", 0
	for line := range strings.Lines(norm.NFKC.String(f.Words.Body)) {
		line = strings.TrimSpace(line)
		if quotedLine.MatchString(line) || opening.MatchString(line) || lines == 8 {
			return nil
		}
		m := addressed.FindStringSubmatch(line)
		if m != nil && m[1] == "" && before == "" {
			return []Finding{stop(ItemBody, "greeting_empty", WayEdit)}
		}
		if m != nil {
			if x := greeted(f, m[1]); x != nil {
				return x
			}
		}
		before = line
		if line != "" {
			lines++
		}
	}
	return nil
}

func greeted(f Facts, name string) []Finding {
	if jp.LegalForm(name) == "" || slices.ContainsFunc(f.Body, func(h Hit) bool { return h.Kind == HitName && !h.Weak && Holds(name, h.Value) }) {
		return nil // a person or a section; another partner, of whom the content lock speaks
	}
	var x Finding
	switch compareNames(name, f.Party.Name) {
	case sameName:
		return nil
	case otherName:
		x = stop(ItemBody, "greeting_other", WayEdit)
	default:
		x = caution(ItemBody, "greeting_unsure", true)
	}
	x.Shown, x.Registered = name, f.Party.Name
	return []Finding{x}
}

// quotedHeader is a line of a mail that was answered or passed on.
var quotedHeader = regexp.MustCompile(`(?im)^[>|\s]*(?:From|To|Cc|Sender|差出人|送信者|宛先)\s*:(.*)$`)

// quotedOther: the history below a mail names people who are neither ours nor
// the partner's (M16). Those of other partners are stopped by the content lock.
func quotedOther(f Facts) []Finding {
	for _, h := range quotedHeader.FindAllStringSubmatch(norm.NFKC.String(f.Words.Body), -1) {
		for _, m := range mailPattern.FindAllString(h[1], -1) {
			a, err := mailaddr.Parse(strings.TrimRight(m, "."))
			if err != nil || mailaddr.FreeMail(a.Domain()) {
				continue
			}
			d, err := mailaddr.Registrable(a.Domain())
			if err != nil || d == f.Own.Domain || slices.Contains(f.Held.Domains, d) {
				continue
			}
			if slices.ContainsFunc(f.Body, func(h Hit) bool { return h.Kind == HitMail && strings.EqualFold(h.Value, m) }) {
				continue
			}
			c := caution(ItemBody, "quoted_other", true)
			c.Shown = m
			return []Finding{c}
		}
	}
	return nil
}

// spoofed: an address or site in the words that mixes scripts, or that looks like
// ours or the partner's without being it, leads the reader astray (M10, M11).
func spoofed(f Facts) []Finding {
	var out []Finding
	for _, w := range []struct{ item, text string }{{ItemSubject, f.Words.Subject}, {ItemBody, unquoted(f.Words.Body)}} {
		for _, m := range anyHost.FindAllString(strings.ToLower(w.text), maxTokens) {
			m = m[strings.LastIndexByte(m, '@')+1:]
			if slices.ContainsFunc(strings.Split(m, "."), mailaddr.MixedScript) || f.resembles(m) {
				s := stop(w.item, "spoofed", WayEdit)
				s.Shown = m
				out = append(out, s)
			}
		}
	}
	return out
}

// anyHost is a domain name in whatever script.
var anyHost = regexp.MustCompile(`(?:[a-z0-9._%+-]+@)?[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.[a-z]{2,}`)

// resembles tells whether a host is written to be taken for ours or the
// partner's. Other suffixes of a name are ordinary: companies have several.
func (f Facts) resembles(host string) bool {
	d, err := mailaddr.CanonicalDomain(host)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(append([]string{f.Own.Domain}, f.Held.Domains...), func(own string) bool {
		r, alike := mailaddr.LookAlike(d, own)
		return own != "" && alike && r == mailaddr.Homoglyph
	})
}

// amountWord is how a mail states what is billed.
var amountWord = regexp.MustCompile(`(?:ご?請求(?:金)?額|合計(?:金額)?|お支払い?(?:金)?額)(?:\(税込\))?[^\d\n¥]{0,10}[¥]?\s*(\d[\d,]{3,})`)

// amountSaid: the mail states another amount than the documents with it.
func amountSaid(f Facts) []Finding {
	if f.Total == 0 {
		return nil
	}
	for _, m := range amountWord.FindAllStringSubmatch(norm.NFKC.String(unquoted(f.Words.Body)), -1) {
		y, err := money.ParseYen(strings.ReplaceAll(strings.TrimRight(m[1], ","), ",", ""))
		if err != nil || y == f.Total || slices.ContainsFunc(f.Files, func(a FileFact) bool { return a.Amount == y || says(a.Text, y) }) {
			continue
		}
		c := caution(ItemBody, "amount_said", true)
		c.Shown, c.Registered = y.String(), f.Total.String()
		return []Finding{c}
	}
	return nil
}

// says tells whether a text has an amount, with or without separators.
func says(text string, y money.Yen) bool {
	return strings.Contains(text, y.String()) || strings.Contains(text, strings.ReplaceAll(y.String(), ",", ""))
}

// unquoted drops the lines of earlier mails.
func unquoted(body string) string {
	var b strings.Builder
	for line := range strings.Lines(body) {
		if !quotedLine.MatchString(line) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// numberSaid: the subject names another document of ours than those attached.
func numberSaid(f Facts) []Finding {
	if len(f.Named) == 0 || f.Total == 0 {
		return nil
	}
	c := caution(ItemSubject, "number_said", true)
	c.Shown = strings.Join(f.Named, ", ")
	for _, a := range f.Files {
		if a.Number != "" {
			c.Registered = a.Number
		}
	}
	return []Finding{c}
}

var (
	fileWord = regexp.MustCompile(`(?i)添付|同封|attached|attachment|enclosed|別添|別紙[^。\n]{0,20}(?:ご覧|ご参照|ご確認|参照|[のと]とおり|の通り)` +
		`|(?:PDF|ファイル|エクセル|excel)(?:ファイル|データ|形式)?(?:で|にて|を)[^。\n]{0,10}(?:送り|送付|お届け)(?:し|いたし|致し|申し上げ)?ます`)
	notNow = regexp.MustCompile(`不要|ありません|ございません|(?:して|いたして|致して)(?:おりません|いません)|なしで|無しで|できません|先日|前回|先ほど|以前|昨日|先週|すでに|既に|別便|別途|後日|後ほど|追って|前便`)
	spoken = regexp.MustCompile(`[^。\n!?]+`)
)

// saysFile tells whether a text speaks of an attachment to itself; what earlier
// mails said, and what was sent or will be sent by another way, does not count.
func saysFile(body string) bool {
	return slices.ContainsFunc(spoken.FindAllString(norm.NFKC.String(unquoted(body)), -1),
		func(s string) bool { return fileWord.MatchString(s) && !notNow.MatchString(s) })
}

// attachmentSaid: the body speaks of a file that is not there.
func attachmentSaid(f Facts) []Finding {
	if !f.SaysFile || len(f.Files) > 0 {
		return nil
	}
	return []Finding{stop(ItemBody, "no_attachment", WayEdit)}
}

// paperWords are the papers a mail may say it brings, by the kind they are archived under.
var paperWords = []struct{ word, kind string }{
	{"請求書", "invoice"}, {"見積書", "quote"}, {"納品書", "delivery"}, {"領収書", "receipt"}, {"契約書", "contract"}, {"注文請書", ""},
	{"注文書", "order"}, {"発注書", "order"}, {"検収書", ""}, {"明細書", ""},
}

var (
	papers   = `((?:[ごお御]?(?:請求書|見積書|納品書|領収書|契約書|注文請書|注文書|発注書|検収書|明細書)(?:\([^)\n]*\))?(?:の?(?:PDF|データ|控え?))?(?:と共に|とともに|と|、|・|及び|および|並びに|ならびに|を|)?)+)`
	attaches = regexp.MustCompile(papers + `(?:それぞれ|あわせて)?(?:添付|同封)|(?:添付|同封)の` + papers)
)

// attachmentMissing: the body names a paper among the attachments, and no
// attachment is one.
func attachmentMissing(f Facts) []Finding {
	if len(f.Files) == 0 {
		return nil
	}
	var out []Finding
	for _, s := range spoken.FindAllString(norm.NFKC.String(unquoted(f.Words.Body)), -1) {
		if notNow.MatchString(s) {
			continue
		}
		for _, m := range attaches.FindAllStringSubmatch(s, -1) {
			said := m[1] + m[2]
			for _, p := range paperWords {
				if !strings.Contains(said, p.word) || slices.ContainsFunc(f.Files, func(a FileFact) bool { return isPaper(a, p.word, p.kind) }) {
					continue
				}
				c := caution(ItemBody, "attachment_missing", false)
				c.Shown = p.word
				out = append(out, c)
				said = strings.ReplaceAll(said, p.word, "")
			}
		}
	}
	return out
}

func isPaper(a FileFact, word, kind string) bool {
	return kind != "" && a.Kind == kind || strings.Contains(norm.NFKC.String(a.Name), word) || strings.Contains(fold(a.Text), fold(word)) || a.Unreadable != ""
}

// meaningless are names that tell nothing about what is inside: what scanners,
// cameras and new windows give.
var meaningless = regexp.MustCompile(`^(?:scan|scn|img|image|dsc[fn]?|docs?|document|file|untitled|noname|photo|pict?|screenshot|スクリーンショット|スキャン|無題|名称未設定` +
	`|新規.{0,12}|新しい.{0,16}|book|sheet|page|print|output|export|download|data|データ|ファイル|資料|文書|コピー|copy|test|テスト|te?mp|a+|あ+|x+)?[-_ .()\d年月日時分秒]*$`)

// fileNamed: a name like scan001.pdf keeps everybody from seeing the wrong file
// (J3-4).
func fileNamed(f Facts) []Finding {
	return eachFile(f, func(a FileFact) bool {
		name := strings.ToLower(norm.NFKC.String(a.Name))
		if i := strings.LastIndexByte(name, '.'); i > 0 {
			name = name[:i]
		}
		return !a.Issued && meaningless.MatchString(name)
	}, func(a FileFact) Finding { return caution(a.Item, "meaningless", false) })
}
