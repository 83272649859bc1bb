package identity

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"
)

func key(err *fault.Error) string {
	if err == nil {
		return ""
	}
	return strings.TrimPrefix(err.Key, "identity.")
}

func TestC03_PasswordRules(t *testing.T) {
	mine := []string{"yamada.hanako", "yamada", "hanako", "1001", "山田", "花子", "ヤマダ", "ハナコ", "hokuto", "sekisho", "関所"}
	for _, c := range []struct {
		password string
		mfa      bool
		want     string
	}{
		{"あさやけの みずうみ", true, ""},
		{"あさやけの みずうみ", false, "password_short"},
		{"たかいやまの うえの しろいくも", false, ""},
		{"k7#qv!2m", true, ""},
		{"k7#qv!2", true, "password_short"},
		{"k7#qv!2m", false, "password_short"},
		{"seven wild geese crossing", false, ""},
		{"雪の降る朝に聞く鐘の音は遠い", false, "password_short"}, // 14 characters
		{"雪の降る朝に聞く鐘の音はとても遠い", false, ""},
		{strings.Repeat("長い文", 43), true, "password_long"},
		{"a\nbcdefghijk", true, "password_chars"},
		{"\xff\xfeabcdefgh", true, "password_chars"},
		// known leaks and what people make of them
		{"password", true, "password_known"},
		{"Password1234567", false, "password_known"},
		{"P@ssw0rd2026!!!", false, "password_known"},
		{"ｐａｓｓｗｏｒｄ１２３", true, "password_known"},
		{"ぱすわーど123", true, "password_known"},
		{"パスワード2026", true, "password_known"},
		{"himitsu1234", true, "password_known"},
		{"sakura2026!", true, "password_known"},
		{"さくらさくら2026", true, "password_known"},
		{"ありがとうございます", true, "password_known"},
		{"tokyo2026tokyo", true, "password_known"},
		{"adminpassword1", true, "password_known"},
		{"keiri-keiri-1", true, "password_known"},
		{"hogehoge1234", true, "password_known"},
		{"sasaki19850312", true, "password_known"},
		// runs, repetitions, dates, telephone numbers
		{"12345678", true, "password_known"},
		{"1234567890abcdefg", false, "password_known"},
		{"qwertyuiopasdfgh", false, "password_known"},
		{"1qaz2wsx3edc4rfv", false, "password_known"},
		{"zaq1xsw2cde3", true, "password_known"},
		{"aaaaaaaaaaaaaaaa", false, "password_known"},
		{"あいうえおかきくけこ", true, "password_known"},
		{"abc7abc7abc7abc7", false, "password_known"},
		{"19850312", true, "password_known"},
		{"09012345678", true, "password_known"},
		// the person and the company
		{"yamada1985x", true, "password_personal"},
		{"Hanako.Yamada!7", false, "password_personal"},
		{"やまだはなこ12", true, "password_personal"},
		{"山田花子です2026", true, "password_personal"},
		{"hokuto-1001-ab", true, "password_personal"},
		{"関所の番人まつひ", true, "password_personal"},
		{"yamada の みた ほしぞらは きれい", false, ""}, // enough besides the name
	} {
		if got := key(checkPassword(normal(c.password), c.mfa, mine)); got != c.want {
			t.Errorf("%q (mfa %v): got %q, want %q", c.password, c.mfa, got, c.want)
		}
	}
}

// Whatever stands around a leaked word, in whatever width and case, it stays refused.
func TestC03_LeakedWordsAreFoundInDisguise(t *testing.T) {
	words := []string{"password", "iloveyou", "himitsu", "sakura", "yokohama", "arigatou", "doraemon", "seikyuusho"}
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.SampledFrom(words).Draw(t, "word")
		if rapid.Bool().Draw(t, "upper") {
			w = strings.ToUpper(w)
		}
		if rapid.Bool().Draw(t, "leet") {
			w = strings.NewReplacer("a", "@", "o", "0", "s", "$", "i", "1", "e", "3").Replace(w)
		}
		w = rapid.StringMatching(`[0-9!#%]{0,3}`).Draw(t, "before") + w + rapid.StringMatching(`[0-9!#%]{2,8}`).Draw(t, "after")
		if rapid.Bool().Draw(t, "wide") {
			w = strings.Map(func(r rune) rune {
				if r > ' ' && r < 0x7f {
					return r - ' ' + 0xff00
				}
				return r
			}, w)
		}
		if got := key(checkPassword(normal(w), true, nil)); got != "password_known" {
			t.Fatalf("%q passed as %q", w, got)
		}
	})
}

func FuzzPassword(f *testing.F) {
	f.Add("パスワード1234", "山田")
	f.Add("\xff", "")
	f.Fuzz(func(t *testing.T, password, word string) {
		a := checkPassword(normal(password), true, []string{word})
		if b := checkPassword(normal(password), false, []string{word}); a != nil && b == nil {
			t.Fatal("without a second factor more is allowed")
		}
	})
}

func TestC01_LoginsNamePeople(t *testing.T) {
	for _, l := range []string{"info", "keiri", "keiri2", "sales", "admin", "eigyo", "eigyo-1", "sales.team", "info_2", "user01", "support", "soumu", "tokyo.eigyo", "test", "a", "Yamada", "山田", "yamada hanako", ".yamada", "yamada@x", strings.Repeat("a", 33), "", "12"} {
		if checkLogin(l) == nil {
			t.Errorf("%q was accepted", l)
		}
	}
	for _, l := range []string{"yamada", "yamada.hanako", "h-yamada", "yamada2", "info.tanaka", "sato_k", "mori"} {
		if err := checkLogin(l); err != nil {
			t.Errorf("%q: %v", l, err)
		}
	}
	for _, n := range []string{"営業部", "経理", "担当者", "システム管理者", "admin", "ﾃｽﾄ", "お客様窓口", "営業 部", ""} {
		if checkName(n) == nil {
			t.Errorf("%q is nobody", n)
		}
	}
	for _, n := range []string{"阿部 大輔", "服部 半蔵", "渡部", "部田 一", "John Smith", "総田 務"} {
		if err := checkName(n); err != nil {
			t.Errorf("%q: %v", n, err)
		}
	}
}

func FuzzLogin(f *testing.F) {
	f.Add("yamada.hanako")
	f.Fuzz(func(t *testing.T, s string) {
		if checkLogin(s) == nil && (len(s) < 2 || len(s) > 32 || strings.ToLower(s) != s || strings.ContainsAny(s, " \t\n@/\\")) {
			t.Fatalf("%q", s)
		}
	})
}

func TestDatesShutTheDoorAtMidnightJST(t *testing.T) {
	hired, left := civil.MustParse("2026-04-01"), civil.MustParse("2026-11-30")
	p := Person{State: Active, HiredOn: hired, LeftOn: left}
	for _, c := range []struct {
		at   string
		want string
	}{
		{"2026-03-31T14:59:59Z", "identity.person_not_yet"},
		{"2026-03-31T15:00:00Z", ""},
		{"2026-11-29T14:59:59Z", ""},
		{"2026-11-29T15:00:00Z", "identity.person_left"},
	} {
		now, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Refuses(now); got != c.want {
			t.Errorf("%s: %q, want %q", c.at, got, c.want)
		}
		off := p
		off.State = Disabled
		if off.Refuses(now) == "" {
			t.Errorf("%s: a disabled person may come in", c.at)
		}
	}
}

// Of any two roles that exclude each other, neither order of granting works.
func TestC07_RolesThatExcludeEachOther(t *testing.T) {
	for _, pair := range []string{"admin accounting", "admin controller", "admin sales", "admin clerk", "admin manager", "admin custodian",
		"auditor sales", "auditor admin", "auditor attendant", "auditor security", "attendant accounting"} {
		a, b, _ := strings.Cut(pair, " ")
		if conflict([]string{"hr", a}, b) != a && conflict([]string{a}, b) != a || conflict([]string{b}, a) != b {
			t.Error(pair)
		}
	}
	for _, pair := range []string{"sales manager", "accounting controller", "sales clerk", "admin security", "admin attendant"} {
		a, b, _ := strings.Cut(pair, " ")
		if conflict([]string{a}, b) != "" || conflict([]string{b}, a) != "" {
			t.Error(pair)
		}
	}
}

func TestS01_WaitsDoubleAndAreForgiven(t *testing.T) {
	for _, l := range []limit{pairLimit(), placeLimit(), codeLimit()} {
		var row Throttle
		now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
		before := time.Duration(0)
		for i := range int64(60) {
			row = l.failed(row, now)
			if row.Fails != i+1 {
				t.Fatal(l.purpose, i, row.Fails)
			}
			w := l.after(row.Fails)
			if i+1 < l.free && w != 0 || w < before || w > l.most {
				t.Fatal(l.purpose, i, w)
			}
			before = w
		}
		if before != l.most {
			t.Fatal(l.purpose, "ends at", before)
		}
		if row = l.failed(row, now.Add(59*l.leak)); row.Fails != 2 {
			t.Fatal(l.purpose, "nothing was forgiven", row.Fails)
		}
		if row = l.failed(row, now.Add(1000*l.leak)); row.Fails != 1 {
			t.Fatal(l.purpose, row.Fails)
		}
	}
}

func TestSourceIsANetwork(t *testing.T) {
	for in, want := range map[string]string{"192.0.2.10": "192.0.2.0/24", "::ffff:192.0.2.99": "192.0.2.0/24", "2001:db8:1:2ff::5": "2001:db8:1:200::/56", "": "local"} {
		ip, _ := netip.ParseAddr(in)
		if got := source(ip); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// An unknown login goes through the hasher like a known one: while the hasher
// is taken, neither gets an answer, and both wait in the same place.
func TestUnknownLoginCostsAHash(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	random, err := os.Open("/dev/urandom")
	if err != nil {
		t.Fatal(err)
	}
	defer random.Close()
	if err := vault.Create(dir, "sekisho.test", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), random); err != nil {
		t.Fatal(err)
	}
	ring, err := vault.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	cheap := ring.Passwords(vault.Params{MemoryKiB: 64, Passes: 1, Threads: 1}, 1)
	phc, err := cheap.Hash(t.Context(), vault.NewSecret("x"))
	if err != nil {
		t.Fatal(err)
	}
	slow := ring.Passwords(vault.Params{MemoryKiB: 64 * 1024, Passes: 8, Threads: 1}, 1)
	done := make(chan error, 1)
	go func() { _, err := slow.Hash(context.Background(), vault.NewSecret("y")); done <- err }()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	waits := func(f Factor) bool {
		for range 20 { // with the hasher free, some would be answered
			if _, err := check(gone, slow, f, vault.NewSecret("z")); err == nil || fault.Of(err).Key != "vault.gave_up" {
				return false
			}
		}
		return true
	}
	for !waits(Factor{Password: phc}) {
		time.Sleep(time.Millisecond)
	}
	if !waits(Factor{}) {
		t.Error("an unknown login was answered without a hash")
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestAssertionTimes(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	good := Assertion{Client: "c", Audience: "sekisho.test", IssuedAt: now.Unix(), EndsAt: now.Unix() + 60, ID: "0123456789abcdef"}
	for name, c := range map[string]struct {
		f    func(*Assertion)
		want string
	}{
		"good":       {func(*Assertion) {}, ""},
		"aud":        {func(a *Assertion) { a.Audience = "other" }, "identity.assertion_aud"},
		"jti short":  {func(a *Assertion) { a.ID = "1" }, "identity.assertion_jti"},
		"jti long":   {func(a *Assertion) { a.ID = strings.Repeat("1", 65) }, "identity.assertion_jti"},
		"over":       {func(a *Assertion) { a.IssuedAt -= 60; a.EndsAt -= 60 }, "identity.assertion_over"},
		"61 seconds": {func(a *Assertion) { a.EndsAt++ }, "identity.assertion_time"},
		"ahead":      {func(a *Assertion) { a.IssuedAt += 6; a.EndsAt += 6 }, "identity.assertion_time"},
		"a bit":      {func(a *Assertion) { a.IssuedAt += 5; a.EndsAt += 5 }, ""},
		"overflow":   {func(a *Assertion) { a.IssuedAt, a.EndsAt = -1<<63, 1<<63-1 }, "identity.assertion_time"},
		"overflow 2": {func(a *Assertion) { a.IssuedAt, a.EndsAt = 1<<63-1, 1<<63-1 }, "identity.assertion_time"},
	} {
		a := good
		c.f(&a)
		got := ""
		if err := a.check(now, "sekisho.test"); err != nil {
			got = fault.Of(err).Key
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func FuzzAssertion(f *testing.F) {
	f.Add([]byte(`{"client":"c","aud":"a","iat":1,"exp":2,"jti":"0123456789abcdef"}`))
	f.Add([]byte(`{"client":"c","client":"d"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := parseAssertion(raw)
		if err != nil && fault.Of(err).Key != "identity.assertion" {
			t.Fatal(err)
		}
		if now := time.Unix(1_800_000_000, 0); a.check(now, a.Audience) == nil && (a.EndsAt <= now.Unix() || a.EndsAt > now.Unix()+65) {
			t.Fatalf("%+v lives too long", a)
		}
	})
}

func TestCodesSurviveBeingTyped(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		c := newCode()
		if seen[c] || len(cleanCode(c)) != 32 || strings.ContainsAny(c, "oilu") {
			t.Fatal(c)
		}
		seen[c] = true
		typed := strings.NewReplacer("0", "O", "1", "l", "-", " ").Replace(strings.ToUpper(c))
		if cleanCode(typed) != cleanCode(c) {
			t.Fatal(c, typed)
		}
	}
}

// The roles the rules speak of exist, and a client's ops are what its owner has.
func TestClientOpsAreTheOwners(t *testing.T) {
	b, err := os.ReadFile("../../app/matrix/00_roles.txt")
	if err != nil {
		t.Fatal(err)
	}
	m, err := policy.ParseMatrix(string(b) + "\ninvoice.issue: accounting=all\nidentity.people: accounting=all\napproval.approve: accounting=all\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []string{admin, auditor, attendant, "custodian", "manager"} {
		if !m.Has(r) {
			t.Error("no role", r)
		}
	}
	if slices.ContainsFunc(m.Roles(), func(r policy.Role) bool { return r.Name == Member }) {
		t.Error("everybody's role is defined by this module")
	}
	p := Person{Roles: Words{"accounting"}}
	if err := checkOps(m, p, []string{"invoice.issue"}); err != nil {
		t.Error(err)
	}
	for _, op := range []string{"invoice.void", "identity.people", "approval.approve", ""} {
		if checkOps(m, p, []string{op}) == nil {
			t.Error(op, "was allowed")
		}
	}
}

func TestSM41_WhoMayStandInForWhom(t *testing.T) {
	for _, c := range []struct {
		a, b  []string
		apart bool
	}{
		{[]string{"manager", Member}, []string{"controller", Member}, false},
		{[]string{"manager", Member}, []string{"manager"}, false},
		{[]string{"admin", Member}, []string{"manager"}, true},
		{[]string{"manager"}, []string{"admin", Member}, true},
		{[]string{"manager"}, []string{"auditor"}, true},
		{[]string{"controller"}, []string{"attendant"}, false},
		{[]string{"attendant", "admin"}, []string{"accounting"}, true},
	} {
		if got := Apart(c.a, c.b); got != c.apart {
			t.Errorf("%v and %v: %v", c.a, c.b, got)
		}
	}
}
