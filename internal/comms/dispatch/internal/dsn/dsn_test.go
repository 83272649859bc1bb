package dsn

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

const ours = "0123456789abcdef0123456789abcdef01234567@hokuto-supply.co.jp"

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".eml"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// M12, R-06: what servers write is understood, whatever form they keep to.
func TestM12_ReportsOfManyServers(t *testing.T) {
	const to = "keiri@tohoku-kikai.co.jp"
	for name, want := range map[string]Report{
		"postfix":   {Failed, NoUser, "5.1.1", to, "mx.tohoku-kikai.co.jp", "550 5.1.1 <keiri@tohoku-kikai.co.jp>: Recipient address rejected: User unknown in virtual mailbox table", ours, true},
		"delayed":   {Delayed, Expired, "4.4.1", to, "relay.test", "connect to mx.tohoku-kikai.co.jp: Connection timed out", ours, true},
		"delivered": {Delivered, Other, "2.0.0", to, "mx.tohoku-kikai.co.jp", "", ours, true},
		"relayed":   {Passed, Other, "2.0.0", to, "relay.test", "", ours, true},
		"exchange": {Failed, NoUser, "5.1.10", to, "TYAP286MB0001.JPNP286.PROD.OUTLOOK.COM",
			"550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient keiri@tohoku-kikai.co.jp not found by SMTP address lookup", "", true},
		"full":                 {Failed, Full, "5.0.0", to, "mx.example.ne.jp", "552 mailbox is full", ours, true},
		"dmarc":                {Failed, Auth, "5.7.26", to, "mx.example.ne.jp", "550-5.7.26 Unauthenticated email from hokuto-supply.co.jp is not accepted due to domain's DMARC policy.", ours, true},
		"qmail":                {Failed, NoUser, "5.1.1", to, "", "Sorry, no mailbox here by that name. (#5.1.1)", ours, false},
		"carrier-iso2022jp":    {Failed, NoUser, "", to, "", "お送りになったメールは、次の宛先へ送信できませんでした。", ours, false},
		"sjis-undeclared-form": {Failed, Full, "", "", "", "メールボックスの容量がいっぱいのため、配信できませんでした。", ours, false},
		"vacation":             {Reply, Other, "", "", "", "", "", false},
		"ordinary":             {Unclear, Other, "5.1.1", "", "", "", "", false},
		"no-message-id":        {Failed, NoUser, "5.1.1", "", "", "<keiri@tohoku-kikai.co.jp>: 550 5.1.1 User unknown", "", false},
	} {
		got, err := Parse(file(t, name))
		if err != nil || got != want {
			t.Errorf("%s: %v\n got %+v\nwant %+v", name, err, got, want)
		}
	}
}

func TestReasonsByCodeAndWords(t *testing.T) {
	for said, want := range map[string]Why{
		"5.4.1 Recipient address rejected: Access denied": NoUser,
		"5.1.2 x":                    NoDomain,
		"5.2.1 x":                    Closed,
		"5.2.3 x":                    Large,
		"5.4.7 x":                    Expired,
		"5.7.1 rejected as spam":     Policy,
		"5.7.1 x":                    Policy,
		"550 5.7.1 SPF check failed": Auth,
		"554 message size exceeds fixed maximum size": Large,
		"550 Unknown user keiri@docomo.example":       NoUser,
		"ドメインが見つかりません":                                NoDomain,
		"host unknown":                                NoDomain,
		"450 over quota":                              Full,
		"nothing that says anything":                  Other,
		"相手先で受信拒否されました":                               Policy,
		"account disabled":                            Closed,
	} {
		if got := why(status(said), said); got != want {
			t.Errorf("%q: %s, want %s", said, got, want)
		}
	}
	for _, w := range Reasons() {
		if w.OfAddress() != (w == NoUser || w == NoDomain || w == Closed || w == Other) {
			t.Error(w)
		}
	}
}

// A failure of one of several recipients is a failure, wherever it stands.
func TestTheWorstRecipientCounts(t *testing.T) {
	group := func(to, action string) string {
		return fmt.Sprintf("Final-Recipient: rfc822;%s\r\nAction: %s\r\nStatus: %s\r\n\r\n", to, action, map[string]string{"failed": "5.2.1", "delivered": "2.0.0"}[action])
	}
	for _, order := range [][2]string{{"failed", "delivered"}, {"delivered", "failed"}} {
		raw := "From: MAILER-DAEMON@x\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns;x\r\n\r\n" +
			group("a@x", order[0]) + group("b@x", order[1]) + "--b--\r\n"
		r, err := Parse([]byte(raw))
		if err != nil || r.Kind != Failed || r.Why != Closed || r.Recipient != map[bool]string{true: "a@x", false: "b@x"}[order[0] == "failed"] {
			t.Errorf("%+v %v", r, err)
		}
	}
}

func TestBoundsOfAReport(t *testing.T) {
	if _, err := Parse(bytes.Repeat([]byte("x"), MaxBytes+1)); err != ErrSize {
		t.Error(err)
	}
	for _, bad := range []string{"", "no header at all", "\r\n", ": x\r\n\r\n"} {
		if r, err := Parse([]byte(bad)); err == nil && r.Kind != Unclear {
			t.Errorf("%q: %+v", bad, r)
		}
	}
	deep := "From: MAILER-DAEMON@x\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n"
	for n := range 30 {
		deep += fmt.Sprintf("--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n", n, n+1)
	}
	deep += "--b30\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822;a@x\r\nAction: failed\r\n\r\n"
	if r, err := Parse([]byte(deep)); err != nil || r.Kind != Unclear {
		t.Errorf("a report 30 levels deep is believed: %+v %v", r, err)
	}
	many := "From: MAILER-DAEMON@x\r\nContent-Type: multipart/report; boundary=b\r\n\r\n" + strings.Repeat("--b\r\nContent-Type: text/plain\r\n\r\nx\r\n", 50) +
		"--b\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822;a@x\r\nAction: failed\r\n\r\n--b--\r\n"
	if r, err := Parse([]byte(many)); err != nil || r.Kind != Unclear {
		t.Errorf("the 51st part is believed: %+v %v", r, err)
	}
	if s := Clean("a\x00\u202eb\n" + strings.Repeat("長", 500)); strings.ContainsAny(s, "\x00\u202e\n") || len(s) > maxLine || !utf8.ValidString(s) {
		t.Errorf("%q", s)
	}
}

func FuzzParse(f *testing.F) {
	list, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(list) < 10 {
		f.Fatal(list, err)
	}
	for _, p := range list {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Parse(raw)
		if err != nil {
			if r != (Report{}) {
				t.Fatal("an error with a report")
			}
			return
		}
		for _, s := range []string{r.Recipient, r.Reporter, r.Diagnostic} {
			if len(s) > maxLine || !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\x00\x1b") {
				t.Fatalf("%q", s)
			}
		}
		if len(r.MessageID) > 250 || strings.ContainsAny(r.MessageID, " \r\n<>") {
			t.Fatalf("%q", r.MessageID)
		}
		if r.Kind == Failed && !r.Standard && r.Why == "" || r.Standard && r.Recipient == "" && r.Kind == "" {
			t.Fatalf("%+v", r)
		}
	})
}
