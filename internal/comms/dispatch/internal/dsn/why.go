package dsn

import (
	"regexp"
	"strings"
)

// Why is the reason of a failure, in the few words a person can act on.
type Why string

// The reasons.
const (
	NoUser   Why = "no_user"   // there is no such mailbox
	NoDomain Why = "no_domain" // there is no such domain, or it takes no mail
	Closed   Why = "closed"    // the mailbox is closed
	Full     Why = "full"      // it is full
	Large    Why = "large"     // the mail is too large
	Auth     Why = "auth"      // our own SPF, DKIM or DMARC
	Policy   Why = "policy"    // refused as unwanted
	Expired  Why = "expired"   // nobody took it in time
	Other    Why = "other"
)

// Reasons are all of them.
func Reasons() []Why {
	return []Why{NoUser, NoDomain, Closed, Full, Large, Auth, Policy, Expired, Other}
}

// OfAddress tells whether the address is at fault: it is not written to again
// before it is verified anew.
func (w Why) OfAddress() bool {
	switch w {
	case Full, Large, Auth, Policy, Expired:
		return false
	}
	return true
}

var (
	byCode = map[string]Why{"1.0": NoUser, "1.1": NoUser, "1.3": NoUser, "1.6": NoUser, "1.10": NoUser, "1.2": NoDomain, "4.4": NoDomain,
		"2.1": Closed, "2.2": Full, "2.3": Large, "3.4": Large, "4.7": Expired, "4.1": Expired, "7.20": Auth, "7.21": Auth, "7.22": Auth,
		"7.23": Auth, "7.24": Auth, "7.25": Auth, "7.26": Auth, "7.27": Auth, "7.509": Auth, "7.515": Auth}
	byWords = []struct {
		re  *regexp.Regexp
		why Why
	}{
		{regexp.MustCompile(`(?i)\b(spf|dkim|dmarc)\b|sender authentication|送信ドメイン認証`), Auth},
		{regexp.MustCompile(`(?i)unknown user|user unknown|unknown recipient|no such (user|mailbox|recipient|address)|(user|mailbox|recipient|account|address)[^.\n]{0,40}(not exist|not found|invalid|unavailable)|invalid (mailbox|recipient|address)|wasn'?t found at|recipient (address )?(rejected|not found)|unrouteable address|no mailbox here by that name|宛先[^。\n]{0,30}(不明|存在|見つか|誤り|間違)|(ユーザ|アドレス)[^。\n]{0,20}(不明|存在し(ない|ません)|見つか(らない|りません))`), NoUser},
		{regexp.MustCompile(`(?i)host (unknown|not found)|unknown host|domain[^.\n]{0,40}(not (exist|found)|unknown|invalid)|nxdomain|name service error|couldn'?t find any host|(ホスト|ドメイン)[^。\n]{0,20}(不明|存在し(ない|ません)|見つか(らない|りません))`), NoDomain},
		{regexp.MustCompile(`(?i)mailbox[^.\n]{0,20}(is )?full|over ?quota|quota (exceeded|full)|exceeded (its|the|storage) |not enough (storage|space)|容量|満杯|いっぱい`), Full},
		{regexp.MustCompile(`(?i)(message|mail|size)[^.\n]{0,30}(too (large|big|long))|size[^.\n]{0,20}(limit|exceed)|exceeds[^.\n]{0,30}size|サイズ[^。\n]{0,20}(超|大き|制限)`), Large},
		{regexp.MustCompile(`(?i)(account|mailbox|user)[^.\n]{0,20}(disabled|inactive|suspended|closed)|利用停止|解約`), Closed},
		{regexp.MustCompile(`(?i)\bspam\b|blocked|black ?list|block ?list|policy|reputation|access denied|administrative prohibition|迷惑|受信(を)?拒否`), Policy},
		{regexp.MustCompile(`(?i)expired|timed? ?out|too long in (the )?queue|could not be delivered for|期限切れ|タイムアウト`), Expired},
	}
)

// why finds the reason by the code, and by the words where the code is a common
// one for everything.
func why(code, words string) Why {
	if len(code) > 2 {
		if w, ok := byCode[code[2:]]; ok {
			if code[2:] == "4.1" && strings.Contains(strings.ToLower(words), "access denied") { // Exchange's edge: no such recipient
				return NoUser
			}
			return w
		}
	}
	for _, p := range byWords {
		if p.re.MatchString(words) {
			return p.why
		}
	}
	if strings.HasPrefix(code, "5.7.") || strings.HasPrefix(code, "4.7.") {
		return Policy
	}
	return Other
}

var (
	failedWords = regexp.MustCompile(`(?i)could ?n[o']t be delivered|(not|un)[ -]?deliver(ed|able)|delivery (has |to .{1,100})?fail|permanent (fatal )?error|fatal error|returned to sender|returned mail|i'm afraid i wasn't able|i've given up|did(n't| not) reach|送信できません|届けられません|届きません|配信(に失敗|できません|不能)|送達できません|お届けできません|エラー(メール|のため)|戻り`)
	delayWords  = regexp.MustCompile(`(?i)warning[: ]|delayed|not yet been delivered|will (continue|keep) (to try|trying)|still (being )?(tried|trying)|do not need to resend|遅延|遅れて|再送(を)?(続け|試み)`)
	reply       = regexp.MustCompile(`(?m)(?:^|[\s:<("\[])([45])\d\d[ -]`)
	address     = regexp.MustCompile(`(?m)^\s{0,8}<?([^\s<>@:;,"]{1,64}@[^\s<>@:;,"]{1,253}?)>?:?\s*$`)
)

// freely reads a message that keeps to no form. Words alone never fail a mail:
// whoever acts on it wants the Message-ID of the mail that came back as well.
func (c *content) freely(r *Report) {
	head := firstLines(c.text, 60)
	said := Clean(c.subject) + "\n" + head
	code := reply.FindStringSubmatch(head)
	r.Status = status(head)
	hard := strings.HasPrefix(r.Status, "5.") || code != nil && code[1] == "5"
	if !c.daemon && !failedWords.MatchString(said) {
		return
	}
	switch {
	case delayWords.MatchString(said) && !hard:
		r.Kind = Delayed
	case hard || failedWords.MatchString(said):
		r.Kind = Failed
	default:
		return
	}
	r.Why = why(r.Status, said)
	for _, m := range address.FindAllStringSubmatch(head, 1) {
		r.Recipient = Clean(m[1])
	}
	r.Diagnostic = Clean(telling(head))
}

// telling is the line of a text that says most: the one with a code, else the
// first that has a reason in it.
func telling(text string) string {
	first := ""
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case enhanced.MatchString(line) || reply.MatchString(line):
			return line
		case first == "" && (why("", line) != Other || failedWords.MatchString(line)):
			first = line
		}
	}
	return first
}

// returned is where servers begin to quote the mail.
var returned = regexp.MustCompile(`(?im)^[-* ]{2,}\s*(below this line|original message|returned message|unsent message|this is a copy|the header|元のメール|転送|原文)`)

// firstLines are the words of the server itself, before what it quotes.
func firstLines(s string, n int) string {
	if at := returned.FindStringIndex(s); at != nil {
		s = s[:at[0]]
	}
	lines := strings.SplitN(strings.ReplaceAll(s, "\r\n", "\n"), "\n", n+1)
	if len(lines) > n {
		lines = lines[:n]
	}
	s = strings.Join(lines, "\n")
	return strings.ToValidUTF8(s[:min(len(s), maxSaid)], "")
}
