package web_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"sekisho/internal/app/demo"
	"sekisho/internal/assure/drill"
	"sekisho/internal/base/approval"
	"sekisho/internal/edge/web/webtest"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
)

// try runs an op as who is signed in with c, and gives what comes of it.
func try(t *testing.T, h *webtest.House, c *webtest.Client, op string, in, out any) error {
	t.Helper()
	u, _ := url.Parse(h.URL)
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range c.Jar.Cookies(u) {
		if k.Name == "sid" {
			res, err := demo.Inside{Gate: h.App.Gate}.Do(t.Context(), k.Value, op, raw)
			if err == nil && out != nil {
				err = json.Unmarshal(res, out)
			}
			return err
		}
	}
	t.Fatal("nobody is signed in")
	return nil
}

// letter asks for the release of a notice, which takes a second person because of
// who sends it: the request's id.
func letter(t *testing.T, h *webtest.House, c *webtest.Client, of partner, n int) string {
	t.Helper()
	var s struct {
		ID string `json:"id"`
	}
	in := map[string]any{"party": of.Party.ID, "subject": fmt.Sprintf("お知らせ 第%d号", n), "body": of.Party.Name + " 御中\n\nいつもお世話になっております。", "purpose": "notice",
		"recipients": []map[string]string{{"kind": "to", "address": of.Points[0].Address}}}
	if err := try(t, h, c, "dispatch.prepare", in, &s); err != nil {
		t.Fatal(err)
	}
	var k struct {
		Digest string `json:"digest"`
		Ticks  []struct {
			Tick string `json:"tick"`
		} `json:"ticks"`
	}
	if err := try(t, h, c, "dispatch.check", map[string]string{"id": s.ID}, &k); err != nil {
		t.Fatal(err)
	}
	ticks := []string{}
	for _, x := range k.Ticks {
		ticks = append(ticks, x.Tick)
	}
	if err := try(t, h, c, "dispatch.confirm", map[string]any{"id": s.ID, "digest": k.Digest, "ticks": ticks}, nil); err != nil {
		t.Fatal(err)
	}
	var asked *demo.Stop
	if err := try(t, h, c, "dispatch.release", map[string]any{"id": s.ID, "digest": k.Digest}, nil); !errors.As(err, &asked) || asked.Code != "gate.pending" {
		t.Fatal("no second person is asked: ", err)
	}
	return asked.Request
}

// midmonth lets the clock run to a working day far from closing.
func midmonth(h *webtest.House) {
	for morning(h); ; morning(h) {
		if d := civil.Of(h.Clock.Now()).Day(); d >= 10 && d <= 20 {
			return
		}
	}
}

// A drill from its start to its lesson: two start it, a planted request lies among
// the others, its approval sends nothing, and the lesson says where to look.
func TestC34_ADrillEndsInALesson(t *testing.T) {
	h := webtest.Open(t)
	midmonth(h)
	_, _, of := invoices(t, h)
	c, boss, second := h.Client(t, "accounting", 0), h.Client(t, "manager", 0), h.Client(t, "controller", 0)
	says(t, boss.Post("/drills", "_key", "d0", "from", "2026/2/30", "until", "", "closing", "31", "before", "2", "after", "8", "reason", "確かめる"), http.StatusUnprocessableEntity, `value="2026/2/30"`)
	today := civil.Of(h.Clock.Now())
	day := func(n int) string { return today.AddDays(n).String() }
	says(t, boss.Post("/drills", "_key", "d1", "from", day(0), "until", day(40), "closing", "31", "before", "many", "after", "8", "reason", "承認の目を確かめる"), http.StatusUnprocessableEntity, "訓練をしない日数")
	asked := boss.Post("/drills", "_key", "d2", "from", day(0), "until", day(40), "closing", "31", "before", "2", "after", "8", "reason", "承認の目を確かめる")
	says(t, asked, http.StatusOK, "承認の訓練を始める", "締日")
	says(t, second.Post(asked.Path+"/approve", "_key", "a1", "digest", digestOn(t, second.Get(asked.Path))), http.StatusOK, "承認しました")
	says(t, boss.Get("/drills"), http.StatusOK, "実施中")
	says(t, c.Post("/drills", "_key", "d3"), http.StatusForbidden)

	boss = h.Client(t, "manager", 0) // with a fresh code
	says(t, boss.Post("/settings/watched", "_key", "w0", "person", "nobody", "reason", "新任のため"), http.StatusUnprocessableEntity, "登録されていません")
	says(t, boss.Post("/settings/watched", "_key", "w1", "person", h.Person("accounting", 0).ID, "reason", "新任のため、3か月間"), http.StatusOK, "加えました")
	for n := range drill.Every + 25 {
		id := letter(t, h, c, of, n)
		var r approval.Shown
		if err := try(t, h, second, "approval.show", map[string]string{"id": id}, &r); err != nil {
			t.Fatal(err)
		}
		agree := func() error {
			return try(t, h, second, "approval.approve", map[string]string{"id": id, "digest": r.Digest}, nil)
		}
		err := agree()
		var again *demo.Stop
		if errors.As(err, &again) && again.Code == "gate.step_up" {
			second = h.Client(t, "controller", 0)
			err = agree()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if out, err := gate.Run(t.Context(), h.App.Gate, gate.System("rounds"), drill.Tick, struct{}{}); err != nil || out.Planted != 1 {
		t.Fatal(out, err)
	}
	list := second.Get("/approvals")
	says(t, list, http.StatusOK, "送付を実行する")
	at := regexp.MustCompile(`href="(/approvals/[0-9a-z]{26})"`).FindStringSubmatch(list.Body)[1]
	before := len(h.Trap.List())

	b := h.Tab(t).As("controller", 0)
	b.Go(at)
	b.See("前回の送付との違い", "必ず別の人の承認を受ける人です")
	b.Not("これは訓練")
	looked(b, "approval-decoy")
	says(t, second.Get("/drills/lessons/"+strings.TrimPrefix(at, "/approvals/")), http.StatusNotFound)
	b.Click("form[action$='/approve'] .btn.pri")
	b.Until("/これは訓練でした|本人の再確認/.test(document.body.innerText)")
	if strings.Contains(b.Text("main"), "本人の再確認") {
		b.Fill("[name=_code]", b.Code("controller", 0))
		b.Click("main .btn.pri")
	}
	b.See("これは訓練でした。何も送られていません")
	b.Go("/drills/lessons/" + strings.TrimPrefix(at, "/approvals/"))
	b.See("どこを見ればよかったか", "1文字違いの宛先", of.Points[0].Address)
	looked(b, "drill-lesson")
	if _, err := gate.Run(t.Context(), h.App.Gate, gate.System("rounds"), drill.Tick, struct{}{}); err != nil {
		t.Fatal(err)
	}
	if n := len(h.Trap.List()); n != before {
		t.Fatal("something was sent", n-before)
	}
	b.Go("/drills")
	b.See("発見率", "見逃しました", "ご自分の分だけ")
	looked(b, "drills-own")
	b.Go("/approvals/speed")
	b.See("承認の速さ", "開かずに承認")
	looked(b, "approval-speed")
	says(t, boss.Get("/settings/watched"), http.StatusOK, "新任のため、3か月間", "解除する")
	m := h.Tab(t).As("manager", 0)
	m.Go("/drills")
	m.See("実施中", "訓練のしくみ")
	looked(m, "drills-manager")
	m.Go("/settings/watched")
	looked(m, "watched")
	id := regexp.MustCompile(`action="(/drills/[0-9a-z]{26}/stop)"`).FindStringSubmatch(boss.Get("/drills").Body)[1]
	says(t, boss.Post(id, "_key", "s1", "reason", "決算で忙しいため"), http.StatusOK, "訓練を中止しました", "決算で忙しいため")
}

// An emergency: nobody who usually approves is there, two others agree, it is held,
// and a usual approver finds it on the first page until it is reviewed.
func TestA08_AnEmergencyFromTheRequestToTheReview(t *testing.T) {
	h := webtest.Open(t)
	morning(h)
	mine, _, of := invoices(t, h)
	c := h.Client(t, "accounting", 0)
	page := ready(t, c, mine, of)
	asked := c.PostForm(page.Path+"/confirm", tickForm(digestOn(t, page), "e1", ticksOn(page)...))
	says(t, asked, http.StatusOK, "ほかの人の承認を待っています")
	request := strings.TrimPrefix(asked.Path, "/approvals/")
	h.Clock.Skip(approval.EmergencyAfter + time.Minute)
	two := []*webtest.Client{}
	place := 0
	for _, role := range []string{"manager", "sales", "clerk"} {
		for n := range 3 {
			p := h.Client(t, role, n)
			if strings.Contains(p.Get("/emergencies").Body, request) {
				two = append(two, p)
				if role == "manager" {
					place = n
				}
			}
		}
	}
	if len(two) < 2 {
		t.Fatal("nobody can stand in")
	}
	at := "/emergencies/" + request
	for _, p := range two {
		if r := p.Get("/approvals/" + request); r.Path != at && r.Path != "/approvals/"+request || r.Status != http.StatusOK {
			t.Errorf("a link to what may be stood in for ends at %s: %d", r.Path, r.Status)
		}
	}
	m := h.Tab(t).As("manager", place)
	m.Go("/emergencies")
	looked(m, "urgent")
	m.Go(at)
	m.See("まず通常の承認者に", "承認が必要な理由", "2人の承認")
	looked(m, "standin")
	digest := digestOn(t, two[0].Get(at))
	says(t, two[0].Post(at, "_key", "x0", "digest", digest, "reason", ""), http.StatusUnprocessableEntity, "1人目として承認する")
	says(t, two[0].Post(at, "_key", "x1", "digest", strings.Repeat("0", 64), "reason", "承認者が全員不在のため"), http.StatusConflict, "一致しません")
	says(t, two[0].Post(at, "_key", "x2", "digest", digest, "reason", "承認者が全員不在のため"), http.StatusOK, "もう1人の承認")
	says(t, two[0].Post(at, "_key", "x3", "digest", digest, "reason", "承認者が全員不在のため"), http.StatusConflict, "別の2人が必要")
	says(t, c.Get(at), http.StatusForbidden)
	says(t, two[1].Post(at, "_key", "x4", "digest", digest, "reason", "電話で連絡が取れないため"), http.StatusOK, "緊急の送付を承認しました")
	says(t, c.Get(page.Path), http.StatusOK, "送信待ち(取り消せます)")

	b := h.Tab(t).As("controller", 0)
	b.Go("/")
	b.See("事後レビュー待ち")
	b.Go("/reviews")
	b.See("緊急の送付", "承認者が全員不在のため", "電話で連絡が取れないため", "までにレビュー")
	looked(b, "reviews")
	second := h.Client(t, "controller", 0)
	form := regexp.MustCompile(`action="(/reviews/[0-9a-z]{26})"`).FindStringSubmatch(second.Get("/reviews").Body)[1]
	says(t, second.Post(form, "_key", "r0", "verdict", "maybe", "reason", "確かめました"), http.StatusUnprocessableEntity)
	says(t, second.Post(form, "_key", "r1", "verdict", "flagged", "reason", "宛先の確認が足りませんでした"), http.StatusOK, "問題ありとして記録しました")
	says(t, second.Get("/reviews"), http.StatusOK, "緊急の送付はありません")
	says(t, second.Get("/reviews?all=1"), http.StatusOK, "問題あり", "宛先の確認が足りませんでした")
	says(t, second.Get(asked.Path), http.StatusOK, "緊急の送付として、別の2人が承認しました")
}
