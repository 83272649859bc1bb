package intake_test

import (
	"fmt"
	"testing"

	"sekisho/internal/trade/intake"
)

// The columns of a file can be looked at although its headings say nothing,
// until the import has begun.
func TestColumnsAreShownForMappingByHand(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		up := w.upload(intake.Partners, []byte("A,B\n1,い\n2,ろ\n3,は\n4,に\n"))
		wants(w, "intake.not_mapped.code", intake.PreviewOp, intake.PreviewIn{Run: up.ID})
		c := run(w, intake.ColumnsOp, intake.ByRun{Run: up.ID})
		if len(c.Headings) != 2 || fmt.Sprint(c.Values) != "[[A 1 2] [B い ろ]]" && fmt.Sprint(c.Values) != "[[1 2 3] [い ろ は]]" {
			t.Errorf("%+v", c)
		}
		id := w.begin(intake.Partners, []byte("得意先コード,会社名\n9,い\n"))
		wants(w, "intake.begun", intake.ColumnsOp, intake.ByRun{Run: id})
	})
}
