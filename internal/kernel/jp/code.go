package jp

import (
	"regexp"
	"strings"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/fault"
)

// MaxCode is the most characters a partner code may have.
const MaxCode = 20

var codePattern = regexp.MustCompile(`^[0-9A-Z](?:[0-9A-Z._-]{0,18}[0-9A-Z])?$`)

// ParseCode normalises a partner code (得意先コード): half width, upper case, without
// spaces around it; leading zeros are kept. Allowed are letters and digits, and
// between them - _ . ; anything else, or more than MaxCode, is fault.Invalid.
func ParseCode(s string) (string, error) {
	c := strings.ToUpper(strings.TrimSpace(norm.NFKC.String(s)))
	c = strings.Map(func(r rune) rune {
		if isHyphen(r) {
			return '-'
		}
		return r
	}, c)
	if !codePattern.MatchString(c) {
		return "", fault.Invalid("jp.bad_code", "max", MaxCode)
	}
	return c, nil
}

// ParsePostalCode gives a postal code (郵便番号) as 100-0001, read with or without
// 〒 and hyphen, in full or half width. Anything but 7 digits is fault.Invalid.
func ParsePostalCode(s string) (string, error) {
	d := compact(strings.TrimPrefix(strings.TrimSpace(norm.NFKC.String(s)), "〒"))
	if len(d) != 7 || !allDigits(d) {
		return "", fault.Invalid("jp.bad_postal_code")
	}
	return d[:3] + "-" + d[3:], nil
}

var (
	phonePattern  = regexp.MustCompile(`^\+?[0-9]*(?:\([0-9]+\))?[0-9]+$`)
	foreignNumber = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	longNumber    = regexp.MustCompile(`^0[25-9]0`) // 020, 050–090: mobile, IP phone, 0800
)

// PhoneKey gives a phone or fax number in the form of E.164 (+81312345678), for
// comparing and for the exact index; what was typed stays for display, since
// where the hyphens go cannot be computed. Read are Japanese numbers of 10 digits
// (11 where they begin with 020, 050, 060, 070, 080 or 090) and foreign ones that
// begin with +. Anything else is fault.Invalid.
func PhoneKey(s string) (string, error) {
	d := strings.Replace(compact(s), "+81(0)", "+81", 1)
	if !phonePattern.MatchString(d) {
		return "", fault.Invalid("jp.bad_phone")
	}
	d = strings.NewReplacer("(", "", ")", "").Replace(d)
	if rest, ok := strings.CutPrefix(d, "+81"); ok {
		d = "0" + strings.TrimPrefix(rest, "0")
	}
	want := 10
	if longNumber.MatchString(d) {
		want = 11
	}
	switch {
	case foreignNumber.MatchString(d):
		return d, nil
	case len(d) == want && d[0] == '0' && d[1] != '0':
		return "+81" + d[1:], nil
	}
	return "", fault.Invalid("jp.bad_phone")
}

// prefectures stand in the order of their codes 01 to 47 (JIS X 0401).
const prefectures = "北海道 青森県 岩手県 宮城県 秋田県 山形県 福島県 茨城県 栃木県 群馬県 埼玉県 千葉県 東京都 神奈川県 " +
	"新潟県 富山県 石川県 福井県 山梨県 長野県 岐阜県 静岡県 愛知県 三重県 滋賀県 京都府 大阪府 兵庫県 奈良県 和歌山県 " +
	"鳥取県 島根県 岡山県 広島県 山口県 徳島県 香川県 愛媛県 高知県 福岡県 佐賀県 長崎県 熊本県 大分県 宮崎県 鹿児島県 沖縄県"

// Prefecture splits an address at the end of its prefecture (都道府県) and gives
// the prefecture's code, 1 to 47 (JIS X 0401); code 0 and the whole address if
// it does not begin with one. Spaces before and between are dropped.
func Prefecture(address string) (code int, name, rest string) {
	address = strings.TrimFunc(address, isSpace)
	for i, p := range strings.Fields(prefectures) {
		if after, ok := strings.CutPrefix(address, p); ok {
			return i + 1, p, strings.TrimLeftFunc(after, isSpace)
		}
	}
	return 0, "", address
}
