package web_test

import (
	"encoding/base32"
	"strings"
	"testing"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/edge/web/webtest"
	"sekisho/internal/kernel/gate"
)

// SM-44: the page of a sending says who sent it back and why, in words one can
// act on, and the page of the relays how much came back.
func TestSM44_WhatCameBackIsShown(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 0)
	var sent dispatch.ListOut
	act(t, h, c, "dispatch.list", map[string]string{"state": "handed_over"}, &sent)
	if len(sent.Rows) == 0 {
		t.Fatal("the demo has sent nothing")
	}
	var s dispatch.Shown
	act(t, h, c, "dispatch.show", map[string]string{"id": sent.Rows[0].ID}, &s)
	i := s.Recipients[0]
	code := h.App.Ring.MAC("bounce address", []byte(i.ID))
	out, err := gate.Run(t.Context(), h.App.Gate, gate.System("dispatch"), dispatch.BounceOp, dispatch.BounceIn{Package: s.ID,
		Token: i.ID + "." + strings.ToLower(base32.StdEncoding.EncodeToString(code[:10])), Kind: "failed", Why: "no_user", Status: "5.1.1", Recipient: i.Address,
		Reporter: "mx.example.jp", Diagnostic: "550 5.1.1 <script>alert(1)</script> User unknown", MessageID: i.MessageID, Standard: true, Digest: "d", Via: "lmtp"})
	if err != nil || out.State != dispatch.Bounced {
		t.Fatal(out, err)
	}
	b := h.Tab(t).As("accounting", 0)
	b.Go("/sendings/" + s.ID)
	b.See("届いた通知", "不達", "そのアドレスはありません", "mx.example.jp", "User unknown")
	looks(b, "sending-bounced")
	b.Go("/sendings/unknown")
	b.See("届いていません。送付先を確かめてください")
	if _, err := gate.Run(t.Context(), h.App.Gate, gate.System("dispatch"), dispatch.TallyOp, dispatch.TallyIn{Taken: 1, Forged: 7}); err != nil {
		t.Fatal(err)
	}
	b = h.Tab(t).As("security", 0)
	b.Go("/settings/relays")
	b.See("不達通知の受け付け", "コード違い", "7")
	looks(b, "relays-bounces")
}
