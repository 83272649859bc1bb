package web_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sekisho/internal/comms/trap"
	"sekisho/internal/edge/web/webtest"
)

// later is when a code that was given does not stand for another act any more.
const later = 11 * time.Minute

// somebody of the first run at a browser of their own.
type somebody struct {
	*webtest.Tab
	h             *webtest.House
	login, secret string
}

// proves answers the question for a fresh code: with a wrong one first, which is refused.
func (s somebody) proves(t *testing.T) {
	t.Helper()
	s.Until("!!document.querySelector('[name=_act]')")
	s.Fill("[name=_code]", "000000")
	s.Click("form:has([name=_act]) .pri")
	s.Until("!!document.querySelector('[name=_act]') && !!document.querySelector('[role=alert]')")
	s.Fill("[name=_code]", otp(t, s.h, s.login, s.secret))
	s.Click("form:has([name=_act]) .pri")
}

// asked is the address of the request that a press has become.
func (s somebody) asked() string {
	s.Until("location.pathname.startsWith('/approvals/')")
	return s.JS("location.pathname")
}

// agrees looks at a request and approves it.
func (s somebody) agrees(t *testing.T, request string) {
	t.Helper()
	s.Go(request)
	s.Not("confirmed") // a word of the program's own
	s.Click("form[action$='/approve'] .pri")
	s.proves(t)
	s.See("承認しました")
	s.h.Clock.Skip(later)
}

// hired is taken in by the administrator and given a role that the 立会人 agrees to;
// before that the role is not there.
func hired(t *testing.T, admin, attendant somebody, n int, login, name, kana, role string) somebody {
	t.Helper()
	admin.Go("/people/new")
	for field, v := range map[string]string{"login": login, "number": fmt.Sprint("E100", n), "name": name, "kana": kana, "mail": login + "@example.co.jp"} {
		admin.Fill("[name="+field+"]", v)
	}
	admin.Click("main form.card .pri")
	admin.See("この画面でしか表示しません")
	start := strings.TrimSpace(admin.Text(".secret"))
	admin.Click("main .pri")
	admin.See(name, "役割がありません")
	admin.Click(".grant summary")
	admin.Wait(".grant form button")
	admin.Click(".grant input[value=" + role + "]")
	admin.Fill("#why-grant", "初期設定のため")
	admin.Click(".grant form button")
	admin.proves(t)
	request := admin.asked()
	if own := admin.JS("String(!document.querySelector(\"form[action$='/approve']\"))"); own != "true" {
		t.Error("one's own request can be approved")
	}
	attendant.agrees(t, request)
	b, secret := signsUp(t, admin.h, login, start, own(n))
	return somebody{b, admin.h, login, secret}
}

// begins makes the administrator and the 立会人 with the set-up code.
func begins(t *testing.T, h *webtest.House) (admin, attendant somebody) {
	t.Helper()
	b := h.Tab(t)
	b.Go("/signin")
	fillPerson(b, "first.", "kimura.jun", "E0001", "木村 純", "キムラ ジュン")
	fillPerson(b, "second.", "hayashi.nao", "E0002", "林 直", "ハヤシ ナオ")
	b.Click("[name='second.role'][value=attendant]")
	b.Fill("[name=_code]", h.SetupCode)
	b.Fill("[name='_first.password']", own(0))
	b.Fill("[name=_again]", own(0))
	b.Click("form[action='/setup'] .pri")
	b.See("二人を登録しました")
	start := b.Text("#start")
	b.Click("a[href^='/enrol']")
	admin = somebody{b, h, "kimura.jun", enrols(t, h, b, "kimura.jun")}
	w, secret := signsUp(t, h, "hayashi.nao", start, own(1))
	return admin, somebody{w, h, "hayashi.nao", secret}
}

// stepDone waits until a step of the first run is done.
func stepDone(b *webtest.Tab, words string) {
	b.Go("/setup")
	b.Until("[...document.querySelectorAll('.setup-steps li')].some(l => l.innerText.includes('" + words + "') && l.innerText.includes('完了') && !l.innerText.includes('未完了'))")
}

// From the set-up code to the first accounting person's imported file: a mail to
// oneself through a relay, what needs two agreed to by the 立会人, the settings
// written and the house started again in the middle.
func TestTheFirstRunWithRelayAttendantAndImport(t *testing.T) {
	relay, err := trap.Start(trap.Config{Listen: "127.0.0.1:0", Dir: filepath.Join(t.TempDir(), "mail"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := relay.Close(); err != nil {
			t.Error(err)
		}
	})
	h := webtest.Empty(t)
	admin, attendant := begins(t, h)
	admin.Go("/setup/relay")
	admin.See("中継サーバーは決まっていません")
	admin.Fill("[name=address]", "jun.example.co.jp")
	admin.Fill("[name=label]", "情報システム課")
	admin.JS("document.querySelector('form.pad [name=address]').type='text',''")
	admin.Click("form.pad[action='/setup/relay'] .btn")
	admin.Wait("[role=alert]")
	admin.Fill("[name=address]", "jun@example.co.jp")
	admin.Click("form.pad[action='/setup/relay'] .btn")
	admin.See("承認が必要", "jun@example.co.jp")
	h.Clock.Skip(later) // the code of the sign-in does not count any more
	admin.Click("td form[action='/setup/relay'] .btn")
	admin.proves(t)
	request := admin.asked()
	if own := admin.JS("String(!document.querySelector(\"form[action$='/approve']\"))"); own != "true" {
		t.Error("one's own request can be approved")
	}
	attendant.agrees(t, request)
	admin.Go("/setup/relay")
	admin.See("確認済み")

	// The settings are written on the server, and it is started again.
	ca := filepath.Join(t.TempDir(), "relay.pem")
	if err := os.WriteFile(ca, relay.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Restart(t, fmt.Sprintf("[company]\norigin = \"sekisho.test\"\n[mail]\nhost = \"localhost\"\nport = %d\nca_file = %q\nfrom = \"seikyu@example.co.jp\"\n", relay.Port(), ca))
	admin.Go("/setup/relay")
	admin.See("localhost:" + fmt.Sprint(relay.Port()))
	admin.Click("td form[action='/setup/relay'] .btn")
	for end := time.Now().Add(30 * time.Second); len(relay.List()) == 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the test mail did not arrive: ", admin.Text("main"))
		}
	}
	if m := relay.List()[0]; m.From != "seikyu@example.co.jp" || len(m.To) != 1 || m.To[0] != "jun@example.co.jp" {
		t.Errorf("%+v", m)
	}
	stepDone(admin.Tab, "中継")
	admin.Go("/setup/relay")
	admin.See("中継サーバーが引き受けました")
	inspect(admin.Tab, "setup-relay-done")

	hired(t, admin, attendant, 2, "kato.naomi", "加藤 直美", "カトウ ナオミ", "controller")
	accounting := hired(t, admin, attendant, 3, "sato.yui", "佐藤 結衣", "サトウ ユイ", "accounting")
	admin.Go("/setup")
	if s := admin.JS("String([...document.querySelectorAll('.setup-steps a')].some(a => a.getAttribute('href') === '/imports'))"); s != "false" {
		t.Error("the administrator is offered the import")
	}
	firstImport(t, accounting)
	attendant.Go("/imports")
	attendant.Not("最初の得意先.csv")
	if r := h.Nobody(t).Get("/imports"); r.Status != http.StatusUnauthorized {
		t.Error(r.Status)
	}
}

// firstImport takes the partners over: what is no table and a total that disagrees
// are refused first.
func firstImport(t *testing.T, a somebody) {
	t.Helper()
	dir := t.TempDir()
	bad, good := filepath.Join(dir, "写真.csv"), filepath.Join(dir, "最初の得意先.csv")
	for file, b := range map[string][]byte{bad: {0x89, 'P', 'N', 'G', 0, 1, 2}, good: cp932(t, "得意先コード,得意先名,よみ,メールアドレス\r\n100001,株式会社青葉製作所,あおばせいさくしょ,keiri@aoba.example\r\n100002,有限会社若松商店,わかまつしょうてん,\r\n")} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a.Go("/setup")
	a.Click(".setup-steps a[href='/imports']")
	a.File("#f-file", bad)
	a.Click("form[enctype] .pri")
	a.Wait("[role=alert]")
	a.Go("/imports")
	a.File("#f-file", good)
	a.Click("form[enctype] .pri")
	a.See("列の対応", "株式会社青葉製作所")
	a.Fill("[name=rows]", "3")
	a.Click("form[action$='/start'] .pri")
	a.See("確認用の合計が合わない")
	a.Fill("[name=rows]", "2")
	a.Click("form[action$='/start'] .pri")
	a.See("取り込み済み")
	stepDone(a.Tab, "取り込み")
	a.Go("/partners")
	a.See("株式会社青葉製作所", "有限会社若松商店")
}
