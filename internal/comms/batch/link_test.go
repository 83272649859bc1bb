package batch_test

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-message"

	"sekisho/internal/comms/batch"
	"sekisho/internal/kernel/civil"
)

// OS-51: the links of a batch stand as long as each invoice itself says, as those
// of single sendings do.
func TestOS51_LinksOfABatchStandByTheInvoicesOwnDueDate(t *testing.T) {
	eachBy(t, "https://uketori.hokuto-supply.co.jp", 0, func(t *testing.T, w *world) {
		w.invoice(w.bare(1), number(1), 11_000, name(1), civil.MustParse("2027-03-31"))
		w.invoice(w.bare(2), number(2), 12_000, name(2), civil.MustParse("2026-11-30"))
		b := must(w, w.h.Plan, batch.PlanIn{Subject: subject, Body: "{取引先}\n{発行日}発行の請求書（{請求金額}）です。"})
		w.work(500)
		w.approve(w.ask(b.ID, time.Time{}))
		if end := w.toEnd(b.ID); end.State != batch.Done {
			t.Fatal(end.State, end.Reason)
		}
		ends := regexp.MustCompile(`期限：(\S+)まで`)
		var got []string
		for _, m := range w.trap.List() {
			_, raw, err := w.trap.Get(m.ID)
			if err != nil {
				t.Fatal(err)
			}
			if f := ends.FindStringSubmatch(plainText(t, raw)); f != nil {
				got = append(got, f[1])
			}
		}
		slices.Sort(got)
		short := civil.Of(w.Clock.Now()).AddDays(90).String()
		if want := []string{short, "2027-05-30"}; !slices.Equal(got, want) {
			t.Fatalf("the links end on %v, want %v", got, want)
		}
	})
}

// plainText is the text of a mail that has one part.
func plainText(t *testing.T, raw []byte) string {
	t.Helper()
	e, err := message.Read(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(e.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
