package web_test

import (
	"net/http"
	"strings"
	"testing"

	"sekisho/internal/edge/web/webtest"
)

// A person signs in, sees only what is theirs, locks the screen and goes out.
func TestJ1_SigningInAndOut(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t)
	b.Go("/signin")
	b.Axe()
	b.Shot("signin")
	b.As("sales", 0)
	b.Go("/me")
	b.See("サインイン中の端末", "この端末")
	b.Axe()
	b.Phone()
	b.Shot("me")
	b.Do()
	b.Click(".menu summary")
	b.Click("form[action='/lock'] button")
	b.See("画面をロックしました")
	b.Go("/me")
	b.See("利用者ID")
}

// What was typed is kept when the session is over in mid-form.
func TestAFormOutlivesItsSession(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 0)
	c.Post("/signout")
	r := c.Post("/password", "old", "x", "new", "日本語の入力", "again", "日本語の入力")
	if r.Status != http.StatusUnauthorized || !strings.Contains(r.Body, `name="new" value="日本語の入力"`) || !strings.Contains(r.Body, `action="/password"`) {
		t.Error(r.Status, r.Body)
	}
}

// A form of another site is refused whatever cookie it brings.
func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 0)
	for _, head := range []map[string]string{{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {}} {
		req, _ := http.NewRequest(http.MethodPost, h.URL+"/signout", strings.NewReader(""))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for k, v := range head {
			req.Header.Set(k, v)
		}
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusForbidden {
			t.Error(head, res.StatusCode)
		}
	}
	if r := c.Get("/me"); r.Status != http.StatusOK {
		t.Error("the session was ended by another site", r.Status)
	}
}
