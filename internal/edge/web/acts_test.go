package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"sekisho/internal/edge/web/webtest"
)

// deed is one form carried through by a person, with a fresh code where one is
// asked for, and by the second person where one has to agree.
type deed struct {
	t   *testing.T
	h   *webtest.House
	c   *webtest.Client
	key int
}

var stepsUp = regexp.MustCompile(`name="_act" value="([^"]+)"`)

func (d *deed) post(path string, pairs ...string) webtest.Reply {
	d.t.Helper()
	d.key++
	pairs = append(pairs, "_key", strings.Repeat("k", d.key))
	r := d.c.Post(path, pairs...)
	if m := stepsUp.FindStringSubmatch(r.Body); m != nil {
		r = d.c.Post(path, append(pairs, "_act", m[1], "_code", code(d.t, d.h, "controller", 0))...)
	}
	return r
}

// agreed is post of what a second person has to agree to, who does.
func (d *deed) agreed(path string, pairs ...string) {
	d.t.Helper()
	r := d.post(path, pairs...)
	if !strings.HasPrefix(r.Path, "/approvals/") {
		d.t.Fatal(path, r.Status, r.Path, complaint(r.Body))
	}
	agree(d.t, d.h, "controller", 1, strings.TrimPrefix(r.Path, "/approvals/"))
}

// Every act of a partner's page that two people or another person's name belong
// to is carried through by its form, and the page shows it.
func TestTheActsOfAPartnerAreCarriedThrough(t *testing.T) {
	h := webtest.Open(t)
	d := &deed{t: t, h: h, c: h.Client(t, "controller", 0)}
	at := partnerAt(t, d.c, "000108")
	first := func(expr, body string) string {
		t.Helper()
		m := regexp.MustCompile(expr).FindStringSubmatch(body)
		if m == nil {
			t.Fatalf("no %s", expr)
		}
		return m[1]
	}
	see := func(r webtest.Reply, words ...string) {
		t.Helper()
		if r.Path != at {
			t.Fatal(r.Status, r.Path, complaint(r.Body))
		}
		says(t, r, http.StatusOK, words...)
	}

	see(d.post(at+"/point_propose", "address", "kaikei@shinki-madoguchi.example.jp", "label", "会計窓口", "max_class", "confidential"), "kaikei@shinki-madoguchi.example.jp")
	item := first(`point_verify\?item=([0-9a-z]+)`, d.c.Get(at).Body)
	form := d.c.Get(at + "/point_verify?item=" + item)
	says(t, form, http.StatusOK, "kaikei@shinki-madoguchi.example.jp")
	version := first(`name="version" value="(\d+)"`, form.Body)
	if r := d.post(at+"/point_verify", "item", item, "version", version, "how", "phone", "reason", "x"); r.Status < 400 {
		t.Error("verified without a reason", r.Status)
	}
	d.agreed(at+"/point_verify", "item", item, "version", version, "how", "phone", "reason", "登録の代表電話で確かめました")
	if strings.Contains(d.c.Get(at).Body, "point_verify?item="+item) {
		t.Error("it is not verified")
	}

	d.agreed(at+"/account", "bank_code", "0999", "bank_name", "ホクト", "branch_code", "001", "branch_name", "ホンテン", "kind", "ordinary", "number", "7654321",
		"holder", "ｼﾝｷｼﾖｳｼﾞ(ｶ", "how", "visit", "reason", "訪問して通帳を見ました")
	see(d.c.Get(at), "7654321")

	form = d.c.Get(at + "/assign")
	person := first(`<option value="([0-9a-z]{26})"`, form.Body)
	see(d.post(at+"/assign", "person", person))
	see(d.post(at+"/unassign", "person", person))
	see(d.post(at+"/hand_over", "owner", person, "department", ""))

	d.agreed(at+"/relation_add", "kind", "maker", "other", "", "maker", "関所試験精工", "from_on", "", "reason", "仕入先のメーカー名です")
	page := d.c.Get(at)
	see(page, "関所試験精工")
	relation := first(`relation_end\?item=([0-9a-z]+)`, page.Body)
	form = d.c.Get(at + "/relation_end?item=" + relation)
	says(t, form, http.StatusOK, "関所試験精工")
	end := []string{"item", relation, "reason", "取引が終わりました"}
	if m := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(form.Body); m != nil {
		end = append(end, "version", m[1])
	}
	if r := d.post(at+"/relation_end", end...); r.Status != http.StatusOK {
		t.Error(r.Status, r.Body)
	}
}

// SM-36: a mis-send is reported, noted and closed by forms; closing takes two.
func TestSM36_AnIncidentIsClosedByForms(t *testing.T) {
	h := webtest.Open(t)
	d := &deed{t: t, h: h, c: h.Client(t, "controller", 0)}
	id := ""
	for _, m := range regexp.MustCompile(`href="/sendings/([0-9a-z]{26})"`).FindAllStringSubmatch(d.c.Get("/sendings").Body, -1) {
		if strings.Contains(d.c.Get("/sendings/"+m[1]).Body, `action="/sendings/`+m[1]+`/report"`) {
			id = m[1]
			break
		}
	}
	if id == "" {
		t.Fatal("there is no sending to report")
	}
	r := d.post("/sendings/"+id+"/report", "cause", "wrong_recipient", "reason", "別の会社の担当者に送りました", "should_be", "正しい担当者", "known_on", "")
	m := regexp.MustCompile(`/incidents/([0-9a-z]{26})`).FindStringSubmatch(r.Path + " " + r.Body)
	if m == nil {
		t.Fatal(r.Status, r.Path, complaint(r.Body))
	}
	at := "/incidents/" + m[1]
	says(t, d.post(at+"/note", "words", "先方に電話し、削除を依頼しました"), http.StatusOK, "先方に電話し、削除を依頼しました")
	page := d.c.Get(at)
	version := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(page.Body)
	outcome := regexp.MustCompile(`name="outcome" value="([a-z_]+)"`).FindStringSubmatch(page.Body)
	if version == nil || outcome == nil {
		t.Fatal(page.Body)
	}
	d.agreed(at+"/close", "version", version[1], "outcome", outcome[1], "reason", "先方で削除されたことを確かめました")
	if strings.Contains(d.c.Get(at).Body, at+"/close") {
		t.Error("it is still open")
	}
}

// complaint is what a page says is wrong, or the whole page.
func complaint(body string) string {
	if m := regexp.MustCompile(`(?s)role="alert".*?</div></div>`).FindString(body); m != "" {
		return m
	}
	return body
}
