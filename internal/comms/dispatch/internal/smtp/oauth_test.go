package smtp

import (
	"context"
	"strings"
	"testing"

	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/vault"
)

// Both mechanisms sign in with a token; one that is refused is replaced once.
func TestOAuthSignsIn(t *testing.T) {
	for _, auth := range []Auth{XOAuth2, OAuthBearer} {
		good := "token-2"
		tr := startTrap(t, trap.Config{User: "billing@hokuto.example", Password: "p", Bearer: func(tk string) bool { return tk == good }, Record: true})
		r := relayTo(tr, StartTLS)
		var asked []bool
		r.User, r.Auth = "billing@hokuto.example", auth
		r.Token = func(_ context.Context, fresh bool) (string, error) {
			asked = append(asked, fresh)
			return map[bool]string{false: "token-1", true: "token-2"}[fresh], nil
		}
		want(t, Send(t.Context(), r, envelope(letter), new(marks).mark), HandedOver, "smtp.handed_over", AtDot)
		if len(asked) != 2 || asked[0] || !asked[1] {
			t.Error(auth, asked)
		}
		if o := Probe(t.Context(), r); o.Key != "" {
			t.Errorf("%+v", o)
		}
		good = "another"
		asked = nil
		var n marks
		o := Send(t.Context(), r, envelope(letter), n.mark)
		want(t, o, Held, "smtp.auth_refused", AtAuth)
		if len(asked) != 2 || n.n.Load() != 0 || !o.OfRelay() {
			t.Errorf("%v %+v", asked, o)
		}
		tr.Close()
		if s := tr.Transcript(); strings.Contains(s, "\nAUTH PLAIN") || strings.Contains(s, "\nAUTH LOGIN") || !strings.Contains(s, "\nAUTH "+strings.ToUpper(string(auth))) {
			t.Error("a password was tried instead")
		}
	}
}

// No token, or a relay that wants none: the mail waits and nothing else is tried.
func TestOAuthNeverFallsBack(t *testing.T) {
	tr := startTrap(t, trap.Config{User: "u", Password: "p", Record: true})
	r := relayTo(tr, StartTLS)
	r.User, r.Auth = "u", XOAuth2
	r.Token = func(context.Context, bool) (string, error) { return "p", nil }
	want(t, Send(t.Context(), r, envelope(letter), new(marks).mark), Held, "smtp.no_oauth", AtAuth)

	offers := startTrap(t, trap.Config{User: "u", Password: "p", Bearer: func(string) bool { return true }, Record: true})
	r2 := relayTo(offers, StartTLS)
	r2.User, r2.Auth = "u", XOAuth2
	r2.Token = func(context.Context, bool) (string, error) {
		return "", fault.Refused("oauth.refused", "why", "invalid_grant")
	}
	want(t, Send(t.Context(), r2, envelope(letter), new(marks).mark), Held, "smtp.no_token", AtAuth)
	for _, x := range []*trap.Trap{tr, offers} {
		x.Close()
		if strings.Contains(x.Transcript(), "\nAUTH") || len(x.List()) != 0 {
			t.Error("signed in after all:", x.Transcript())
		}
	}
	r2.Password = vault.NewSecret("p")
	if fault.Of(r2.Check()).Key != "smtp.set_credentials" {
		t.Error("a password beside the token is let pass")
	}
	r2.Password, r2.Token = vault.NewSecret(""), nil
	if fault.Of(r2.Check()).Key != "smtp.set_credentials" {
		t.Error("a token's sign-in without a token is let pass")
	}
	r2.Auth = "cram-md5"
	if r2.Check() == nil {
		t.Error("an unknown way to sign in is let pass")
	}
}
