package dispatch

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// TestR06_RealPostfixBounces: a real Postfix that has no such user writes a real
// report and hands it to our port.
func TestR06_RealPostfixBounces(t *testing.T) {
	real(t, func(t *testing.T, w *world, p *postfix, _ *relayLog) {
		n := w.intake()
		_, port, err := net.SplitHostPort(w.listening(n, Listen{}))
		if err != nil {
			t.Fatal(err)
		}
		p.stop()
		p.add("etc/master.cf", "local unix - n n - - local\nlmtp unix - - n - - lmtp\n")
		p.add("etc/main.cf", fmt.Sprintf("mydestination = tohoku-kikai.co.jp\nlocal_transport = local:\ntransport_maps = inline:{bounce.hokuto-supply.co.jp=lmtp:inet:127.0.0.1:%s}\n", port))
		p.start()
		s := w.single("INV-1")
		w.hold(s)
		w.sendNow()
		p.wait("the bounce", func() bool { return w.show(s).State == Bounced })
		i := w.show(s).Recipients[0]
		if i.Reason != "dispatch.bounced.no_user" || i.Attention != NeedsCheck {
			t.Fatalf("%+v", i)
		}
		rows := w.bounces(s)
		if len(rows) != 1 || rows[0].Status != "5.1.1" || rows[0].Recipient != i.Address || rows[0].Reporter != "relay.test" || !strings.Contains(rows[0].Diagnostic, "unknown user") {
			t.Fatalf("%+v", rows)
		}
		if !strings.Contains(p.log(), "status=bounced") || len(w.trap.List()) != 0 {
			t.Fatal("something was sent on")
		}
	})
}

// add appends to a file of the instance.
func (p *postfix) add(name, text string) {
	p.t.Helper()
	c := asRoot("tee", "-a", p.dir+"/"+name)
	c.Stdin = strings.NewReader(text)
	if err := c.Run(); err != nil {
		p.t.Fatal(name, err)
	}
}
