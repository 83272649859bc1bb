package dispatch

import (
	"bytes"
	"fmt"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// TestSM42_C35_EditsBesideApprovalAndClaim lets 50 people change one character
// each while the second person approves and while the worker claims: what was
// sent is always what was approved, to the byte.
func TestSM42_C35_EditsBesideApprovalAndClaim(t *testing.T) {
	const rounds, edits = 4, 50
	each(t, func(t *testing.T, w *world) {
		approved := map[string]bool{} // digests of what a second person agreed to
		sent := 0
		for n := range 2 * rounds {
			s := w.of(fmt.Sprint("RACE-", n), 1_000_000)
			c, r := w.ask(s)
			race := func(f func()) {
				var wg sync.WaitGroup
				start := make(chan struct{})
				for e := range edits {
					wg.Go(func() {
						<-start
						got, err := gate.Run(bg, w.G, sender, Show, ByID{s.ID})
						if err == nil {
							_, err = gate.Run(bg, w.G, sender, w.d.Edit, EditIn{s.ID, got.Version, got.Subject + fmt.Sprint(e%10), got.Body, []string{got.Attachments[0].Document}, ""})
						}
						if err != nil && !fault.Is(err, fault.KindConflict) && !fault.Is(err, fault.KindRefused) {
							t.Error(err)
						}
					})
				}
				wg.Go(f)
				time.Sleep(time.Duration(n/2*n/2) * 8 * time.Millisecond) // sometimes the one comes first, sometimes the others
				close(start)
				wg.Wait()
			}
			approve := func() {
				if w.approve(r, approver) == nil {
					approved[c.Digest] = true
				}
			}
			if n%2 == 0 {
				race(approve)
			} else {
				approve()
				w.Clock.Pass(DefaultHold)
				race(func() {
					if _, _, err := w.worker.Once(bg); err != nil {
						t.Error(err)
					}
				})
			}
			w.Clock.Pass(DefaultHold)
			if _, _, err := w.worker.Once(bg); err != nil {
				t.Fatal(err)
			}
			got := w.show(s)
			gone := len(w.trap.List()) - sent
			if gone > 0 && got.Subject != s.Subject || gone == 0 && got.State == Handed {
				t.Fatalf("round %d: sent %d, but it is %s with %q", n, gone, got.State, got.Subject)
			}
			sent += gone
		}
		for _, m := range w.trap.List() {
			_, raw, err := w.trap.Get(m.ID)
			if err != nil {
				t.Fatal(err)
			}
			head, err := mail.ReadMessage(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			agreed := false
			for d := range approved {
				agreed = agreed || strings.Contains(string(raw), d)
			}
			if !agreed {
				t.Fatal("sent, and nobody approved it:", head.Header)
			}
		}
		t.Logf("%d mails of %d packages, %d approved", sent, 2*rounds, len(approved))
		if sent == 0 {
			t.Fatal("nothing was ever sent: this proves nothing")
		}
	})
}
