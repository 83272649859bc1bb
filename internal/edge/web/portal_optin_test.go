package web_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"sekisho/internal/edge/web/webtest"
)

var askInMail = regexp.MustCompile(`/c/[a-z2-7]{16}#[A-Za-z0-9_-]{43}`)

// after the QR code the addressee types the address, and confirms it by the
// link that is mailed there; each link is good once.
func TestA31_AnAddresseeConfirmsOnThePortal(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 2)
	partner := regexp.MustCompile(`/partners/([0-9a-z]{26})"`).FindStringSubmatch(c.Get("/partners?q=000112").Body)
	if partner == nil {
		t.Fatal("no partner")
	}
	known := regexp.MustCompile(`mono addr">[^<@]+@([^<]+)<`).FindStringSubmatch(c.Get("/partners/" + partner[1]).Body)
	if known == nil {
		t.Fatal("no address")
	}
	var card struct {
		URL string `json:"url"`
	}
	program(t, c, "optin.card", map[string]string{"party": partner[1]}, &card)
	_, at, _ := strings.Cut(card.URL, "/k/")
	o := h.Tab(t)
	o.Visit(h.Portal + "/k/" + strings.Repeat("a", 16))
	o.See("送付先の確認", "次へ")
	looked(o, "portal-optin-landing")
	o.Visit(h.Portal + "/k/" + at)
	o.See("送付先を入力してください", "北斗サプライ株式会社")
	looked(o, "portal-card")

	locator, secret, _ := strings.Cut(at, "#")
	if status, body := told(t, h, "/k/"+locator+"/type", "secret", secret, "address", "宛先ではない"); status/100 != 4 || !strings.Contains(body, "宛先ではない") || !strings.Contains(body, `role="alert"`) {
		t.Error("what was typed wrongly is not shown again: ", status, body)
	}
	o.Fill("#address", "qr-uketori@"+known[1])
	o.Click("main form[action$='/type'] button")
	o.See("確認のメールをお送りしました")
	looked(o, "portal-card-thanks")
	if status, _ := told(t, h, "/k/"+locator, "secret", secret); status != http.StatusGone {
		t.Error("the code of the card is good twice: ", status)
	}

	ask := trapped(t, h, askInMail)
	o.Visit(h.Portal + ask)
	o.See("この宛先で受け取りますか", "qr-uketori@"+known[1])
	looked(o, "portal-optin")
	path, secret, _ := strings.Cut(ask, "#")
	gone, dead := told(t, h, "/c/"+strings.Repeat("b", 16), "secret", secret)
	if gone != http.StatusGone {
		t.Error("a guessed link gives ", gone)
	}
	for _, bad := range [][]string{{"secret", strings.Repeat("A", 43)}, {"secret", ""}, {}} {
		if status, body := told(t, h, path, bad...); status != http.StatusGone || body != dead {
			t.Error("a wrong secret tells something: ", status)
		}
	}
	if status, _ := told(t, h, path+"/answer", "secret", strings.Repeat("A", 43), "ours", "1"); status != http.StatusGone {
		t.Error("answered without the secret: ", status)
	}
	for _, method := range []string{http.MethodHead, http.MethodGet} { // as a scanner of mail does
		req, err := http.NewRequest(method, h.Portal+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, _ := answered(t, req); status != http.StatusOK {
			t.Error(method, status)
		}
	}
	if status, body := told(t, h, path, "secret", secret); status != http.StatusOK || len(body) > 40<<10 || !strings.Contains(body, "心当たりがありません") {
		t.Error("without scripts: ", status, len(body))
	}
	o.Click("main form[action$='/answer'] .pri")
	o.See("この宛先で受け取ると伝えました")
	looked(o, "portal-optin-thanks")
	for _, again := range []string{path, path + "/answer"} {
		if status, body := told(t, h, again, "secret", secret, "ours", "1"); status != http.StatusGone || body != dead {
			t.Error("a used link tells something: ", status)
		}
	}
}

// Each page that needs no link is whole in English too, and small.
func TestA31_PagesOfThePortalInEnglish(t *testing.T) {
	h := webtest.Open(t)
	for _, path := range []string{"/c/" + strings.Repeat("a", 16), "/k/" + strings.Repeat("a", 16), "/s/" + strings.Repeat("a", 16), "/v", "/v/" + strings.Repeat("0", 26), "/nothing"} {
		req, err := http.NewRequest(http.MethodGet, h.Portal+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Language", "en")
		_, body := answered(t, req)
		if !strings.Contains(body, `<html lang="en"`) || regexp.MustCompile(`>\s*portal\.[a-z_]+`).MatchString(body) || len(body) > 40<<10 ||
			regexp.MustCompile(`>[^<]*[ぁ-ん][^<]*<`).MatchString(body) {
			t.Errorf("%s: %s", path, body)
		}
	}
}

// told posts a form of the portal's own page, in Japanese.
func told(t *testing.T, h *webtest.House, path string, form ...string) (int, string) {
	t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		v.Set(form[i], form[i+1])
	}
	req, err := http.NewRequest(http.MethodPost, h.Portal+path, strings.NewReader(v.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return answered(t, req)
}

func answered(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}
