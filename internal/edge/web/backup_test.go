package web_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sekisho/internal/assure/backup"
	"sekisho/internal/edge/web/webtest"
	"sekisho/internal/kernel/gate"
)

// Without recipients the page says what is missing; with one it shows the copy,
// its age, and what is missing still.
func TestBackupsAreShown(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("custodian", 0)
	b.Go("/backups")
	b.See("使える控えがまだありません", "足りないこと", "sekisho backup keygen", "控えの規程", "sekisho restore --from")
	b.Not("{dir}", "{file}", "{age}", "{count}")
	look(b, "backups-none")
	pair, err := backup.NewPair()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.App.Home, "backup-recipients.txt"), []byte(pair.Recipient+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.App.Keeper().Run(t.Context(), "command"); err != nil {
		t.Fatal(err)
	}
	b.Go("/backups")
	b.See("最後の控えは1分前です", "1世代", "成功", "この機械", "別の機械に置く控え")
	b.Not("{dir}", "{file}", "{age}", "{count}")
	look(b, "backups")
}

// A restored house says that it is sealed; opening it takes a second person.
func TestTheSealIsOpenedByTwo(t *testing.T) {
	h := webtest.Open(t)
	if _, err := gate.Run(t.Context(), h.App.Gate, gate.System("test"), backup.SealOp, backup.SealIn{Mark: "06gdc4waxrrmgzkxdczbzmvm6r 20261122t000000z-abc"}); err != nil {
		t.Fatal(err)
	}
	b := h.Tab(t).As("admin", 0)
	b.Go("/backups")
	b.See("送付を封印しています", "20261122t000000z-abc")
	b.Axe()
	b.Fill("[name=reason]", "元の家を止めたことを確かめました")
	b.Click("form[action='/backups/unseal'] button")
	b.Until("location.pathname.startsWith('/approvals/')")
	b.Go("/backups")
	b.See("送付を封印しています")
	if r := h.Client(t, "custodian", 0).Post("/backups/unseal", "reason", "かぎを持っているので"); r.Status != http.StatusForbidden {
		t.Error("a custodian opens the seal", r.Status)
	}
	for _, role := range []string{"accounting", "sales", "hr"} {
		if r := h.Client(t, role, 0).Get("/backups"); r.Status != http.StatusForbidden || strings.Contains(r.Body, "20261122") {
			t.Error(role, r.Status)
		}
	}
}
