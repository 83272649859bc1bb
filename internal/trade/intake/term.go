package intake

import (
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
)

// terms reads 締日 and 支払サイト from the one or several columns programs keep
// them in. A row without them, or with half of them, has none.
func (r *row) terms() civil.Term {
	if r.raw(Terms) != "" {
		return read(r, Terms, func(s string) (civil.Term, error) { return civil.ParseTerm(s, civil.ShiftNone) })
	}
	closing := dayWord(r.raw(Closing))
	field, pay := Payment, r.raw(Payment)
	if pay == "" && r.raw(PayMonth) != "" && r.raw(PayDay) != "" {
		field, pay = PayMonth, monthWord(r.raw(PayMonth))+dayWord(r.raw(PayDay))
	}
	if closing == "" || pay == "" {
		return civil.Term{}
	}
	t, err := term(closing, pay)
	if err != nil {
		r.refuse(field, err)
	}
	return t
}

var days = regexp.MustCompile(`^(\d+)日?(?:サイト)?$`)

// term joins a closing day with 翌月末, or with days: 30日 after 末締め is 翌月末,
// 60日 翌々月末, as bills have always been counted.
func term(closing, pay string) (civil.Term, error) {
	m := days.FindStringSubmatch(norm.NFKC.String(pay))
	if m == nil {
		return civil.ParseTerm(closing+"/"+pay, civil.ShiftNone)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n%30 != 0 || n > 30*civil.MaxTermMonths {
		return civil.Term{}, fault.Invalid("intake.sight")
	}
	if n == 0 {
		return civil.ParseTerm(closing+"/当"+closing, civil.ShiftNone)
	}
	return civil.ParseTerm(closing+"/"+strconv.Itoa(n/30)+"か月後"+closing, civil.ShiftNone)
}

// dayWord writes a day as ParseTerm reads it: 末, or 20日. Programs write the
// last day as 31, 99, 末日 or 月末. A day that is none (随時, 都度, 0) is "".
func dayWord(s string) string {
	s = strings.TrimPrefix(norm.NFKC.String(s), "毎月")
	s = strings.TrimSuffix(strings.TrimRight(s, "締め払い切〆"), "日")
	switch s {
	case "末", "月末", "31", "99":
		return "末"
	case "", "0", "00", "随時", "都度", "なし", "無し", "無":
		return ""
	}
	return s + "日"
}

// monthWord writes a number of months, or 翌月, as ParseTerm reads it.
func monthWord(s string) string {
	s = norm.NFKC.String(s)
	if n, err := strconv.Atoi(s); err == nil && n == 0 {
		return "当月"
	} else if err == nil {
		return strconv.Itoa(n) + "か月後"
	}
	return s
}
