package identity

import (
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
)

// Lengths are in characters after NFKC. With a second factor eight are enough,
// alone fifteen are wanted (NIST SP 800-63B-4 §3.1.1.2). There are no rules on
// kinds of characters: they make passwords guessable, not strong.
const (
	minAlone   = 15
	minWithMFA = 8
	maxLength  = 128
	keptOld    = 5 // how many earlier passwords may not come again
)

// normal is the form in which a password is checked and hashed, so that the
// same keys on another device give the same password.
func normal(password string) string { return norm.NFKC.String(password) }

// checkPassword is the rule of every way to set a password. words are what
// belongs to the person and the company. fault.Invalid names what is wrong.
func checkPassword(password string, mfa bool, words []string) *fault.Error {
	n, least := utf8.RuneCountInString(password), minAlone
	if mfa {
		least = minWithMFA
	}
	folded := jp.Fold(password)
	switch {
	case !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl):
		return fault.Invalid("identity.password_chars")
	case n < least:
		return fault.Invalid("identity.password_short", "min", least)
	case n > maxLength:
		return fault.Invalid("identity.password_long", "max", maxLength)
	case personal(folded, words):
		return fault.Invalid("identity.password_personal")
	case known(folded):
		return fault.Invalid("identity.password_known")
	}
	return nil
}

// personal tells whether too little is left without the words of the person
// and the company.
func personal(folded string, words []string) bool {
	rest := folded
	for _, w := range words {
		w = jp.Fold(w)
		if n := utf8.RuneCountInString(w); n >= 4 || n >= 2 && len(w) >= 3*n { // two kanji are a name, two letters are not
			rest = strings.ReplaceAll(rest, w, "")
		}
	}
	return rest != folded && fresh(rest) < minWithMFA
}

//go:embed common.txt
var commonText string

// common is the set of folded words of known leaks.
var common = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for _, line := range strings.Split(commonText, "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for _, w := range strings.Fields(line) {
			set[jp.Fold(w)] = true
		}
	}
	return set
})

var (
	dateForm  = regexp.MustCompile(`^(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])$`)
	phoneForm = regexp.MustCompile(`^0\d{9,10}$`)
	leetI     = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")
	leetL     = strings.NewReplacer("0", "o", "1", "l", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "l")
)

// known tells whether a folded password is one that guessing begins with: a
// run of neighbouring keys or letters, a repetition, a date or phone number, or
// one or two words of known leaks with digits and signs around them.
func known(folded string) bool {
	s := unit(folded)
	if fresh(s) < 5 || dateForm.MatchString(s) || phoneForm.MatchString(s) {
		return true
	}
	if leaked(unit(keepLetters(s))) {
		return true
	}
	for _, c := range cores([]rune(s)) {
		if leaked(unit(c)) || leaked(unit(leetI.Replace(c))) || leaked(unit(leetL.Replace(c))) {
			return true
		}
	}
	return false
}

// cores are what may be the word in s: all between the first and the last
// letter, and up to four of the digits and signs before and after, which may be
// letters in disguise.
func cores(r []rune) []string {
	first := max(0, slices.IndexFunc(r, unicode.IsLetter))
	last := len(r)
	for last > first && !unicode.IsLetter(r[last-1]) {
		last--
	}
	var out []string
	for i := max(0, first-4); i <= first; i++ {
		for j := last; j <= min(len(r), last+4); j++ {
			out = append(out, string(r[i:j]))
		}
	}
	return out
}

// leaked tells whether s is one or two words of the list.
func leaked(s string) bool {
	set := common()
	if set[s] {
		return true
	}
	for i := range s {
		if set[s[:i]] && set[s[i:]] {
			return true
		}
	}
	return false
}

func keepLetters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, s)
}

// unit is what s is a repetition of (the last one may be cut), or s itself.
func unit(s string) string {
	r := []rune(s)
	for n := 1; n <= len(r)/2; n++ {
		same := true
		for i := n; i < len(r) && same; i++ {
			same = r[i] == r[i-n]
		}
		if same {
			return string(r[:n])
		}
	}
	return s
}

// keyRows are keys side by side, and one below the other, on a keyboard.
const keyRows = "1234567890 qwertyuiop asdfghjkl zxcvbnm 1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol. zaq1xsw2cde3vfr4bgt5nhy6mju7"

// fresh counts the characters that do not simply go on from the one before.
func fresh(s string) int {
	n, before := 0, rune(-2)
	for _, r := range s {
		d := r - before
		if d < -1 || d > 1 {
			pair, back := string(before)+string(r), string(r)+string(before)
			if before < 0 || !strings.Contains(keyRows, pair) && !strings.Contains(keyRows, back) {
				n++
			}
		}
		before = r
	}
	return n
}
