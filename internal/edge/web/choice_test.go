package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"sekisho/internal/edge/web/webtest"
)

// From a link back to attachments a second person is asked; a choice without
// proof is not taken.
func TestC37_ChoiceOnThePartnersPage(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 1)
	id := regexp.MustCompile(`/partners/([0-9a-z]{26})"`).FindStringSubmatch(c.Get("/partners?q=000112").Body)[1]
	b := h.Tab(t).As("accounting", 0)
	b.Go("/partners/" + id + "/choice")
	b.See("受け取り方", "受け取りリンク", "証拠")
	b.Axe()
	b.Phone()
	b.Shot("choice")
	if r := c.Post("/partners/"+id+"/choice", "way", "attachment", "said_by", "経理 三好様", "said_on", ""); r.Status != http.StatusUnprocessableEntity && r.Status != http.StatusBadRequest {
		t.Error("a choice without proof: ", r.Status)
	}
	r := c.Post("/partners/"+id+"/choice", "way", "attachment", "said_by", "経理 三好様", "said_on", "", "proof", "書面で受領")
	if !strings.Contains(r.Body, "承認") {
		t.Error("no second person was asked: ", r.Status, r.Body)
	}
	b.Go("/sendings/new?party=" + id)
	b.See("送付方法", "この取引先の受け取り方：受け取りリンク")
}
