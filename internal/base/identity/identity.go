// Package identity knows who may come in (本人確認・利用者管理).
//
// One account is one living person. An API client is no identity of its own: it
// acts for its owner, a person, within a list of ops. Everything that decides
// about a request (state, last day, roles, departments, session) is read from
// the database in the request's own transaction, so a right that was taken away
// is gone with the next request.
package identity

import (
	"regexp"
	"slices"
	"strings"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/mailaddr"
)

// State of a person or an API client.
type State string

const (
	Active   State = "active"
	Disabled State = "disabled"
)

// Member is the role of everybody who has signed in: what one may do about
// one's own account. It cannot be granted.
const Member = "member"

const (
	admin     = "admin"
	auditor   = "auditor"
	attendant = "attendant"
)

// Words is a set of plain words kept in one column: roles, departments, ops.
type Words []string

// MarshalText joins the words with spaces, sorted.
func (w Words) MarshalText() ([]byte, error) {
	return []byte(strings.Join(slices.Sorted(slices.Values(w)), " ")), nil
}

// UnmarshalText reads what MarshalText wrote.
func (w *Words) UnmarshalText(b []byte) error {
	*w = strings.Fields(string(b))
	return nil
}

func (w Words) with(s string) Words { return append(slices.Clone(w), s) }

func (w Words) without(s string) Words {
	return slices.DeleteFunc(slices.Clone(w), func(o string) bool { return o == s })
}

// refuses gives why a person may not come in on a day, as a text key; "" if
// they may. Left is the first day without access: from 00:00 JST of it nothing
// is allowed, whether or not any job has run.
func refuses(state State, hired, left, today civil.Date) string {
	switch {
	case state != Active:
		return "identity.person_disabled"
	case !left.IsZero() && !today.Before(left):
		return "identity.person_left"
	case !hired.IsZero() && today.Before(hired):
		return "identity.person_not_yet"
	}
	return ""
}

var loginForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,31}$`)

// sharedNames are names of posts, teams and mailboxes, in Latin letters. A
// login all of whose parts are such names belongs to nobody living (共有ID).
const sharedNames = ` account accounting accounts admin administrator anonymous api apps batch billing bot client
 contact daihyo daihyou desk dev eigyo eigyou everyone finance fukyu group guest help helpdesk hinkan hinshitsu
 honsha hosyu hoshu houmu hr info inquiry it jimu jinji joho jouhou juchu juchuu kaikei kaihatsu kanri kanrisha
 keiri kensyu kenshu kikaku koho kojo kokoku kouba koubai kouhou kyoyu kyoyuu kyoyo mail manager marketing master
 member members mgr noreply nobody office ops order orders osaka kaigai nagoya tokyo fukuoka sapporo operator
 postmaster public purchase recruit reception root saiyo saiyou sale sales seikyu seikyuu seisan seizo service
 share shared shiharai shisya shisha shomu soko somu soumu souko staff support sys sysadmin system systems
 tantou tantousha team tech temp tenpo test tester tokutei toiawase uketsuke user users utility web webmaster
 worker zaimu zaiko ec hanbai butsuryu butsuryuu shukka nyuka haisou hatchu hatchuu mitsumori `

// sharedTitles are the same as the name of a person would be written.
const sharedTitles = " 営業 営業部 営業課 営業担当 経理 経理部 経理課 経理担当 総務 総務部 総務課 人事 人事部 受付 窓口 代表 共有 " +
	"共用 担当 担当者 担当者様 管理者 システム システム管理者 事務 事務局 事務所 本社 支社 倉庫 工場 店舗 テスト テストユーザー ゲスト " +
	"お客様窓口 サポート 購買 購買部 購買担当 請求担当 受注担当 全員 アルバイト パート 派遣 派遣社員 名無し 未定 "

// shared tells whether every part of a login or local part, digits aside, is
// the name of a post, team or mailbox.
func shared(name string) bool {
	names := strings.Fields(sharedNames)
	for _, p := range strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("._-+", r) }) {
		if p = strings.Trim(p, "0123456789"); p != "" && !slices.Contains(names, p) {
			return false
		}
	}
	return true
}

// checkLogin wants 2 to 32 of a–z, 0–9, "." "_" "-", and a name of a person.
func checkLogin(login string) *fault.Error {
	switch {
	case !loginForm.MatchString(login):
		return fault.Invalid("identity.login_form")
	case shared(login):
		return fault.Invalid("identity.login_shared", "login", login)
	}
	return nil
}

// checkMail refuses addresses that are no person's own.
func checkMail(a mailaddr.Addr) *fault.Error {
	switch {
	case a == (mailaddr.Addr{}):
		return fault.Invalid("mailaddr.empty")
	case shared(a.Local()):
		return fault.Invalid("identity.mail_shared")
	}
	return nil
}

// checkName refuses names of posts and teams.
func checkName(name string) *fault.Error {
	folded := jp.Fold(name)
	for _, t := range strings.Fields(sharedTitles) {
		if folded == jp.Fold(t) {
			return fault.Invalid("identity.name_shared")
		}
	}
	if folded == "" || shared(folded) {
		return fault.Invalid("identity.name_shared")
	}
	return nil
}

var numberForm = regexp.MustCompile(`^[A-Za-z0-9-]{1,20}$`)

// checkDates wants the first day without access after the first day.
func checkDates(hired, left civil.Date) *fault.Error {
	if !left.IsZero() && left.Before(hired) {
		return fault.Invalid("identity.dates")
	}
	return nil
}

// conflict gives the role among held that no person may have together with
// role, "" if there is none: whoever runs the system does no business in it
// and holds no keys; whoever examines it does nothing else in it (職務分掌).
func conflict(held []string, role string) string {
	for _, h := range held {
		if h != role && (excludes(h, role) || excludes(role, h)) {
			return h
		}
	}
	return ""
}

func excludes(a, b string) bool {
	switch a {
	case admin:
		return slices.Contains([]string{"accounting", "controller", "sales", "clerk", "manager", "custodian"}, b)
	case auditor:
		return true
	case attendant: // 立会人 decides about others' requests only
		return slices.Contains([]string{"accounting", "controller", "sales", "clerk"}, b)
	}
	return false
}

// Apart tells whether the duties of two people exclude each other, so that
// neither may decide in the other's place. That attendants only decide is no
// reason against deciding.
func Apart(a, b []string) bool {
	duties := func(roles []string) []string {
		return slices.DeleteFunc(slices.Clone(roles), func(r string) bool { return r == Member || r == attendant })
	}
	held := duties(a)
	return slices.ContainsFunc(duties(b), func(r string) bool { return conflict(held, r) != "" })
}

// grantable tells whether a role can be given to a person at all.
func grantable(role string) bool { return role != "system" && role != "nobody" && role != Member }
