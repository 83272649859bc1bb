package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"sekisho/internal/edge/web/webtest"
)

// look does to a page what every page has to pass.
func look(b *webtest.Tab, shot string) {
	b.Axe()
	b.Shot(shot)
	b.Phone()
	b.Dark(true)
	b.Axe()
	b.Shot(shot + "-dark")
	b.Dark(false)
}

// An auditor finds what a person did, opens it, asks who saw it, and sees that
// the log is whole.
func TestAuditorReadsTheRecords(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("auditor", 0)
	b.Go("/records?op=party.hand_over")
	b.See("操作の記録", "実行", "取引先")
	look(b, "records")
	b.Click(".list tbody a[href^='/records/']")
	b.See("変更前", "変更後", "葉のハッシュ", "判断した規則")
	look(b, "record")
	b.Click("a[href*='target=']")
	b.See("操作の記録")
	if b.JS("document.querySelector('[name=target]').value") == "" || b.JS("document.querySelector('[name=kind]').value") != "party" {
		t.Error("who saw it is no search by target")
	}
	b.Go("/records/verify")
	b.See("操作記録の検証", "閉じた月", "社外の控え", "sekisho-verify")
	look(b, "records-verify")
	b.Go("/records?op=invoice.undo_everything")
	b.See("条件に合う記録はありません")
	look(b, "records-none")
}

// What was written is shown before and after, in the class of each field: to an
// auditor what is confidential, to security what is internal, to neither a person's
// address.
func TestC12_ValuesOfARecordAreShownByTheirClass(t *testing.T) {
	h := webtest.Open(t)
	opened := func(role, op string) webtest.Reply {
		c := h.Client(t, role, 0)
		at := regexp.MustCompile(`href="(/records/[0-9]+)"`).FindStringSubmatch(c.Get("/records?outcome=ok&op=" + op).Body)
		if at == nil {
			t.Fatal("no record of ", op)
		}
		return c.Get(at[1])
	}
	masked := "機密区分により表示しません"
	says(t, opened("auditor", "party.point_verify"), http.StatusOK, ">verified<", ">proposed<")
	says(t, opened("security", "party.point_verify"), http.StatusOK, ">verified<", ">proposed<")
	a, s := opened("auditor", "invoice.draft"), opened("security", "invoice.draft")
	says(t, a, http.StatusOK, masked)
	says(t, s, http.StatusOK, masked)
	if strings.Count(a.Body, masked) >= strings.Count(s.Body, masked) {
		t.Error("an auditor sees no more than security", strings.Count(a.Body, masked), strings.Count(s.Body, masked))
	}
	p := opened("auditor", "party.point_propose")
	says(t, p, http.StatusOK, masked, ">proposed<")
	if regexp.MustCompile(`<td class="pre">[^<]*@`).MatchString(p.Body) {
		t.Error("an address is shown above its class")
	}
}

// Filters of the address narrow; each of them alone is honoured.
func TestRecordsAreFiltered(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "auditor", 0)
	if r := c.Get("/records?outcome=denied&limit=5"); r.Status != http.StatusOK || strings.Contains(r.Body, `class="pill ok"`) {
		t.Error("refusals only", r.Status)
	}
	if r := c.Get("/records?from=2099/1/1"); !strings.Contains(r.Body, "条件に合う記録はありません") {
		t.Error("records of the future")
	}
	if r := c.Get("/records?from=2026/2/30"); r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Body, `aria-invalid="true"`) || !strings.Contains(r.Body, `value="2026/2/30"`) {
		t.Error("a day there is not", r.Status)
	}
	if r := c.Get("/records?from=2026/5/2&to=2026/5/1"); r.Status != http.StatusUnprocessableEntity {
		t.Error("a range the wrong way round", r.Status)
	}
	if r := c.Get("/records?outcome=nonsense"); r.Status == http.StatusOK || strings.Contains(r.Body, "goroutine") {
		t.Error("an outcome there is not", r.Status)
	}
	first := c.Get("/records")
	more := cut(first.Body, `rel="next"`, `href="`)
	if next := c.Get(strings.ReplaceAll(more, "&amp;", "&")); next.Status != http.StatusOK || next.Body == first.Body || !strings.Contains(next.Body, "<tbody>") {
		t.Error("no second page", more, next.Status)
	}
}

// cut gives the attribute that begins with open, of the tag that holds mark.
func cut(body, mark, open string) string {
	i := strings.Index(body, mark)
	if i < 0 {
		return ""
	}
	start := strings.LastIndex(body[:i], "<")
	_, rest, _ := strings.Cut(body[start:], open)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// Who has no business with others' records gets none, by no way; one's own are
// there for everybody.
func TestOthersRecordsAreRefused(t *testing.T) {
	h := webtest.Open(t)
	for _, role := range []string{"accounting", "sales", "admin", "hr"} {
		c := h.Client(t, role, 0)
		for _, path := range []string{"/records", "/records/0", "/records/5", "/records?person=" + h.Person("auditor", 0).ID} {
			if r := c.Get(path); r.Status != http.StatusForbidden || strings.Contains(r.Body, "<tbody>") {
				t.Error(role, path, r.Status)
			}
		}
		if r := c.Get("/records/mine?person=" + h.Person("controller", 0).ID); r.Status != http.StatusOK || !strings.Contains(r.Body, "サインイン") || strings.Contains(r.Body, "得意先を引き継") {
			t.Error(role, "one's own records", r.Status)
		}
	}
	c := h.Client(t, "auditor", 0)
	for _, path := range []string{"/records/999999999", "/records/-1", "/records/x", "/records/1e3"} {
		if r := c.Get(path); r.Status != http.StatusNotFound {
			t.Error(path, r.Status)
		}
	}
	if r := h.Client(t, "accounting", 1).Get("/records/verify"); r.Status != http.StatusForbidden {
		t.Error("the state of proof for accounting", r.Status)
	}
}
