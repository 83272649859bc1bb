package oauth

import (
	"strconv"

	"github.com/emersion/go-sasl"
)

// Mechanisms by which a token is shown.
const (
	XOAuth2     = "XOAUTH2"     // Google's and Microsoft's own
	OAuthBearer = "OAUTHBEARER" // RFC 7628
)

// Client shows a token by a mechanism.
func Client(mechanism, user, token, host string, port int) sasl.Client {
	if mechanism == OAuthBearer {
		return &bearer{OAuthBearer, "n,a=" + user + ",\x01host=" + host + "\x01port=" + strconv.Itoa(port) + "\x01auth=Bearer " + token + "\x01\x01", "\x01"}
	}
	return &bearer{XOAuth2, "user=" + user + "\x01auth=Bearer " + token + "\x01\x01", ""}
}

// bearer says everything at once. A server that refuses sends its reason as a
// challenge; the empty answer to that makes it say no (RFC 7628, 3.2.3).
type bearer struct{ mechanism, first, last string }

func (b *bearer) Start() (string, []byte, error) { return b.mechanism, []byte(b.first), nil }

func (b *bearer) Next([]byte) ([]byte, error) { return []byte(b.last), nil }
