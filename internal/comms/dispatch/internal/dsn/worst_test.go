package dsn

import (
	"strings"
	"testing"
	"time"
)

// A message made to be slow does not keep the reader: the limits hold for text
// of all kinds.
func TestTheWorstMessageIsReadSoon(t *testing.T) {
	for name, line := range map[string]string{"addresses": strings.Repeat("a", 60) + "@" + strings.Repeat("b", 240), "reasons": "user address recipient mailbox account domain size message ",
		"tags": "<style <script <a ", "ids": "> > > message-id: <", "rules": "----- * - ----- ", "plain": strings.Repeat("x", 70), "Japanese": strings.Repeat("宛先ユーザホスト", 8), "codes": "5.1.1.1 4.2.2.2 555.1.1 "} {
		for _, kind := range []string{"text/plain", "text/html", "message/delivery-status", "message/rfc822"} {
			raw := "From: MAILER-DAEMON@example.jp\r\nSubject: " + line + "\r\nContent-Type: " + kind + "; charset=utf-8\r\n\r\n" + strings.Repeat(line+"\r\n", MaxBytes/(len(line)+2)-10)
			began := time.Now()
			if _, err := Parse([]byte(raw)); err != nil {
				t.Fatal(name, err)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("%s as %s takes %v", name, kind, took)
			}
		}
	}
}
