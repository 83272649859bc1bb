package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sekisho/internal/assure/watch"
	"sekisho/internal/edge/web/webtest"
	"sekisho/internal/kernel/gate"
)

// raised lets the house raise alarms, and waits until they are kept.
func raised(t *testing.T, h *webtest.House, n int) []watch.Line {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		out, err := gate.Run(t.Context(), h.App.Gate, gate.System("test"), watch.Raise, watch.RaiseIn{What: watch.DiskLow, Kind: "disk", Subject: "data", Leaf: -1})
		if err != nil {
			t.Fatal(err)
		}
		if out.Count >= int64(n) {
			break
		}
	}
	var all struct {
		Rows []watch.Line `json:"rows"`
	}
	program(t, h.Client(t, "security", 2), "watch.list", struct{}{}, &all)
	return all.Rows
}

// An alarm is seen, looked after, and closed; one about tampering waits for a
// second person.
func TestAlarmsAreSettled(t *testing.T) {
	h := webtest.Open(t)
	raised(t, h, 3)
	if _, err := gate.Run(t.Context(), h.App.Gate, gate.System("test"), watch.Raise, watch.RaiseIn{What: "verify.row_altered", Kind: "invoice", Subject: "06gdc4waxrrmgzkxdczbzmvm6r", Leaf: 5}); err != nil {
		t.Fatal(err)
	}
	b := h.Tab(t).As("security", 0)
	b.Go("/alarms")
	b.See("警報", "ディスクの空きが残り少なく", "改ざんの疑い", "3回", "未対応")
	look(b, "alarms")
	b.Do()
	b.JS("[...document.querySelectorAll('.list a')].find(a=>a.textContent.includes('ディスク')).click()")
	b.See("対応する", "対応を始めたら")
	look(b, "alarm")
	b.Click("form[action$='/acknowledge'] .pri")
	b.See("理由")
	b.Wait("[aria-invalid=true], [role=alert]")
	b.Fill("[name=reason]", "空きを増やす作業を始めます")
	b.Click("form[action$='/acknowledge'] .pri")
	b.See("対応中にしました", "空きを増やす作業を始めます")
	b.Fill("[name=reason]", "ディスクを増設しました")
	b.Click("form[action$='/close'] .pri")
	b.See("警報を閉じました", "対応済み", "ディスクを増設しました")
	b.Go("/alarms?state=closed")
	b.See("ディスクの空き")
	b.Go("/alarms?state=acknowledged")
	b.See("対応中の警報はありません")
	b.Go("/alarms/mailed")
	b.See("日々の署名メール")
	look(b, "alarms-mailed")
	b.Go("/alarms")
	b.Click(".list a")
	b.See("別の人の承認が必要")
}

// Who does not run, guard or audit the house sees no alarms; an auditor sees
// them and settles none.
func TestAlarmsAreForWhoGuards(t *testing.T) {
	h := webtest.Open(t)
	id := raised(t, h, 1)[0].Alarm.ID
	for _, role := range []string{"accounting", "sales", "hr", "custodian"} {
		c := h.Client(t, role, 0)
		for _, path := range []string{"/alarms", "/alarms/" + id, "/alarms/mailed"} {
			if r := c.Get(path); r.Status != http.StatusForbidden || strings.Contains(r.Body, "ディスク") {
				t.Error(role, path, r.Status)
			}
		}
	}
	c := h.Client(t, "auditor", 0)
	if r := c.Get("/alarms/" + id); r.Status != http.StatusOK || strings.Contains(r.Body, "/acknowledge") {
		t.Error("an auditor", r.Status)
	}
	if r := c.Post("/alarms/"+id+"/close", "reason", "片付いた"); r.Status != http.StatusForbidden {
		t.Error("an auditor closes", r.Status)
	}
	s := h.Client(t, "security", 0)
	if r := s.Get("/alarms/nonsense"); r.Status != http.StatusNotFound {
		t.Error("an alarm there is not", r.Status)
	}
	if r := s.Get("/alarms?state=odd"); r.Status == http.StatusOK || strings.Contains(r.Body, "goroutine") {
		t.Error("a state there is not", r.Status)
	}
	if r := s.Post("/alarms/"+id+"/acknowledge", "reason", "", "_key", "k1"); r.Status != http.StatusUnprocessableEntity {
		t.Error("without a reason", r.Status)
	}
}
