package web_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sekisho/internal/edge/web"
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
	c := h.Client(t, "admin", 0)
	c.Post("/signout")
	r := c.Post("/settings/notices", "address", "tsuuchi@example.jp", "label", "日本語の入力", "purpose", "alarm")
	if r.Status != http.StatusUnauthorized || !strings.Contains(r.Body, `name="label" value="日本語の入力"`) || !strings.Contains(r.Body, `action="/settings/notices"`) ||
		strings.Contains(r.Body, "パスワードはもう一度") {
		t.Error(r.Status, r.Body)
	}
	p := h.Person("admin", 0)
	code, err := h.Card.Code(p.Login, h.FreshCode(p.Login))
	if err != nil {
		t.Fatal(err)
	}
	r = c.Post("/settings/notices", "address", "tsuuchi@example.jp", "label", "日本語の入力", "purpose", "alarm", "_login", p.Login, "_password", p.Password, "_code", code)
	if r.Status != http.StatusOK || !strings.Contains(r.Body, "日本語の入力") {
		t.Error("the kept form was not done:", r.Status, r.Body)
	}
}

// Secrets are not carried on: whatever form they are posted to, by whomever, with
// whatever wrong beside them, the page that answers does not hold them.
func TestC25_NoPasswordComesBack(t *testing.T) {
	h := webtest.Open(t)
	const secret = "kore-wa-himitsu-7731"
	fields := []string{"username", "tanaka"}
	templates, err := filepath.Glob("pages/*/*.html")
	if err != nil || len(templates) < 50 {
		t.Fatal(templates, err)
	}
	named := regexp.MustCompile(`"name" "([a-z._]+)"[^}]*"(?:type" "password"|secret" true)`)
	for _, f := range append(templates, "page/signin.html") {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), `type="password"`) {
			t.Errorf("%s has a password field of its own: the part \"field\" makes one that is never carried on", f)
		}
		for _, m := range named.FindAllStringSubmatch(string(b), -1) {
			fields = append(fields, "_"+m[1], secret)
		}
	}
	if len(fields) < 2*7 {
		t.Error("secret fields are not found:", fields)
	}
	in, out := h.Client(t, "admin", 0), h.Nobody(t)
	asked := 0
	for _, s := range web.Sections() {
		for _, rt := range s.Routes {
			path, ok := strings.CutPrefix(rt.At, "POST ")
			if !ok || path == "/signout" || path == "/lock" {
				continue
			}
			path = regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(path, "06aaaaaaaaaaaaaaaaaaaaaaaa")
			for who, r := range map[string]webtest.Reply{"nobody": out.Post(path, fields...), "somebody": in.Post(path, fields...),
				"who signs in wrongly": out.Post(path, append(fields, "_login", "tanaka")...), "who gives a wrong code": in.Post(path, append(fields, "_act", "identity.role_grant", "_code", "000000")...)} {
				asked++
				if strings.Contains(r.Body, secret) {
					t.Errorf("%s by %s gives a secret back", path, who)
				}
			}
			if r := out.Post(path, fields...); r.Status == http.StatusUnauthorized && path != "/signin" && !strings.Contains(r.Body, "パスワードはもう一度入力してください") {
				t.Errorf("%s does not say that the password is to be entered again", path)
			}
		}
	}
	if asked < 200 {
		t.Error("too few forms were tried", asked)
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
