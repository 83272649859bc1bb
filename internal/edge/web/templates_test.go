package web_test

import (
	"testing"

	"sekisho/internal/edge/api"
	"sekisho/internal/edge/web"
	"sekisho/internal/edge/web/page"
)

// A page's template is read when it is first shown, so here all are.
func TestEveryTemplateCanBeRead(t *testing.T) {
	h := &page.House{}
	if _, err := web.New(h, api.Front{}); err != nil {
		t.Fatal(err)
	}
	if n, err := h.ParseAll(); err != nil || n < 150 {
		t.Fatal(n, err)
	}
}
