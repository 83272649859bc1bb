package api_test

import (
	"net/http/httptest"
	"testing"

	"sekisho/internal/edge/api"
)

// M23: whoever asks whether a restored house is ready hears that nothing leaves it.
func TestM23_ReadySaysSealed(t *testing.T) {
	sealed := true
	w := open(t, func(c *api.Config) { c.Sealed = func() bool { return sealed } })
	for _, want := range []string{`{"status":"ready","outbound":"sealed"}`, `{"status":"ready"}`} {
		rec := w.do(httptest.NewRequest("GET", "/readyz", nil))
		if rec.Code != 200 || rec.Body.String() != want {
			t.Fatal(rec.Code, rec.Body.String())
		}
		sealed = false
	}
}
