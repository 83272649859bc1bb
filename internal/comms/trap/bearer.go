package trap

import (
	"regexp"

	gosmtp "github.com/emersion/go-smtp"
)

// bearer is XOAUTH2 and OAUTHBEARER from the server's side: a refusal comes as a
// challenge that the client answers before it is told no.
type bearer struct {
	check   func(user, token string) bool
	refused bool
}

var shown = regexp.MustCompile(`^(?:user=|n,a=)([^,\x01]*),?\x01(?:[a-z]+=[^\x01]*\x01)*?auth=Bearer ([^\x01]*)\x01\x01$`)

func (b *bearer) Next(answer []byte) ([]byte, bool, error) {
	if b.refused {
		return nil, false, gosmtp.ErrAuthFailed
	}
	if m := shown.FindSubmatch(answer); m != nil && b.check(string(m[1]), string(m[2])) {
		return nil, true, nil
	}
	b.refused = true
	return []byte(`{"status":"401","schemes":"bearer"}`), false, nil
}
