package identity_test

import (
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sekisho/internal/base/identity"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/text"
	"sekisho/internal/kernel/vault"
)

func TestSetupOnceAndOnlyWithTheCode(t *testing.T) {
	each(t, false, func(w *world) {
		_, err := w.setup("0000-0000", firstPassword)
		w.wants(err, fault.KindRefused, "identity.setup_code")
		_, err = w.setup(w.code, "Password1234567")
		w.wants(err, fault.KindInvalid, "identity.password_known")
		again := must(gate.Run(bg, w.G, gate.System("serve"), identity.MakeSetupCode, identity.None{})).Code
		_, err = w.setup(w.code, firstPassword) // the code of the start before
		w.wants(err, fault.KindRefused, "identity.setup_code")
		out := must(w.setup(strings.ToUpper(strings.ReplaceAll(again, "-", " ")), firstPassword))
		if out.First == out.Second || len(out.StartPassword) < 32 {
			t.Fatal(out)
		}
		_, err = w.setup(again, firstPassword)
		w.wants(err, fault.KindRefused, "identity.setup_code")
		if c := must(gate.Run(bg, w.G, gate.System("serve"), identity.MakeSetupCode, identity.None{})); c.Code != "" {
			t.Fatal("a set-up code although there are people")
		}
	})
}

func TestC02_EverybodyEnrolsFirst(t *testing.T) {
	each(t, false, func(w *world) {
		out := must(w.setup(w.code, firstPassword))
		p := &who{w: w, id: out.First, login: "yamada.hanako", pass: firstPassword}
		p.in()
		_, err := p.probe()
		w.wants(err, fault.KindDenied, "identity.enrol_first")
		_, err = gate.Run(bg, w.G, p.cred, identity.People, identity.PeopleIn{})
		w.wants(err, fault.KindDenied, "identity.enrol_first")
		_, err = gate.Run(bg, w.G, p.cred, identity.StepUp, identity.StepUpIn{Code: "000000", Act: "x"})
		w.wants(err, fault.KindDenied, "identity.enrol_first")
		_, err = gate.Run(bg, w.G, p.cred, identity.ConfirmTOTP, identity.CodeIn{Code: "000000"})
		w.wants(err, fault.KindRefused, "identity.totp_not_begun")
		me := must(gate.Run(bg, w.G, p.cred, identity.Me, identity.None{}))
		if me.Factors != 1 || me.PasswordMin != 15 || me.Person.Login != p.login {
			t.Fatal(me)
		}
		limited := p.cred
		p.enrol()
		if got := must(p.probe()); got.Factors != 2 || got.Via != "session" || got.Person != p.id {
			t.Fatal(got)
		}
		_, err = gate.Run(bg, w.G, limited, identity.Me, identity.None{})
		w.wants(err, fault.KindDenied, identity.Over)
		_, err = p.signIn(office, p.pass, "") // from now on the code is asked for
		w.wants(err, fault.KindRefused, "identity.signin_wrong")

		q := &who{w: w, id: out.Second, login: "mori.ichiro", pass: out.StartPassword}
		q.in()
		_, err = q.probe()
		w.wants(err, fault.KindDenied, "identity.change_first")
		q.begin()
		must(q.probe())
	})
}

func TestC02_CodesAreGoodOnce(t *testing.T) {
	staffed(t, false, func(w *world) {
		code := w.admin.fresh()
		must(w.admin.signIn(office, w.admin.pass, code))
		_, err := w.admin.signIn(office, w.admin.pass, code)
		w.wants(err, fault.KindRefused, "identity.signin_wrong")
		_, err = gate.Run(bg, w.G, w.admin.cred, identity.StepUp, identity.StepUpIn{Code: code, Act: "x"})
		w.wants(err, fault.KindRefused, "identity.code_wrong")
		wide := strings.Map(func(r rune) rune { return r - '0' + '０' }, w.admin.fresh()) // as a Japanese keyboard may send it
		must(w.admin.signIn(office, w.admin.pass, wide))

		old := w.admin.now()
		w.Clock.Pass(2 * time.Minute)
		_, err = w.admin.signIn(office, w.admin.pass, old)
		w.wants(err, fault.KindRefused, "identity.signin_wrong")
	})
}

func TestC02_RecoveryCodes(t *testing.T) {
	staffed(t, false, func(w *world) {
		p := w.admin
		if len(p.recovery) != 10 {
			t.Fatal(p.recovery)
		}
		must(p.signIn(home, p.pass, strings.ToUpper(p.recovery[0])))
		_, err := p.signIn(home, p.pass, p.recovery[0])
		w.wants(err, fault.KindRefused, "identity.signin_wrong")
		_, err = w.wit.signIn(home, w.wit.pass, p.recovery[1]) // another person's
		w.wants(err, fault.KindRefused, "identity.signin_wrong")
		must(gate.Run(bg, w.G, p.cred, identity.StepUp, identity.StepUpIn{Code: p.recovery[1], Act: "identity.recovery_codes"}))
		fresh := must(gate.Run(bg, w.G, p.cred, identity.RecoveryCodes, identity.None{})).Codes
		_, err = p.signIn(home, p.pass, p.recovery[2])
		w.wants(err, fault.KindRefused, "identity.signin_wrong")
		must(p.signIn(home, p.pass, fresh[9]))
		if me := must(gate.Run(bg, w.G, p.cred, identity.Me, identity.None{})); me.Recovery != 9 {
			t.Fatal(me.Recovery)
		}
	})
}

func TestS01_GuessingIsSlowedNotItsVictim(t *testing.T) {
	staffed(t, false, func(w *world) {
		limited := 0
		for range 20 {
			_, err := w.admin.signIn(attacker, "wrong wrong wrong", "")
			if fault.Is(err, fault.KindLimited) {
				limited++
			} else {
				w.wants(err, fault.KindRefused, "identity.signin_wrong")
			}
		}
		if limited != 15 {
			t.Fatal("slowed attempts:", limited)
		}
		// Neither the right password nor another address of the same network helps the attacker.
		_, err := w.admin.signIn(attacker, w.admin.pass, w.admin.now())
		w.wants(err, fault.KindLimited, "identity.slow_down")
		_, err = w.admin.signIn(netip.MustParseAddr("203.0.113.200"), w.admin.pass, "")
		w.wants(err, fault.KindLimited, "identity.slow_down")
		// The real person comes from elsewhere and is let in, and so are others from there.
		must(w.admin.signIn(office, w.admin.pass, w.admin.fresh()))
		must(w.admin.signIn(home, w.admin.pass, w.admin.fresh()))
		must(w.wit.signIn(attacker, w.wit.pass, w.wit.fresh()))

		w.Clock.Pass(time.Minute) // slowed, not shut out
		_, err = w.admin.signIn(attacker, "wrong wrong wrong", "")
		w.wants(err, fault.KindRefused, "identity.signin_wrong")
	})
}

func TestS01_SprayFromOnePlaceIsSlowed(t *testing.T) {
	staffed(t, false, func(w *world) {
		limited := 0
		for i := range 45 {
			p := &who{w: w, login: "nobody" + strings.Repeat("x", i%45)}
			if _, err := p.signIn(attacker, "Spring-2026-hokuto", ""); fault.Is(err, fault.KindLimited) {
				limited++
			}
		}
		if limited < 10 {
			t.Fatal("one password against many accounts was tried freely:", limited)
		}
		must(w.admin.signIn(office, w.admin.pass, w.admin.fresh()))
	})
}

func TestUnknownLoginLooksLikeAKnownOne(t *testing.T) {
	staffed(t, false, func(w *world) {
		unknown := &who{w: w, login: "nobody.here"}
		for i := range 8 { // the same answers and the same throttle, failure by failure
			_, a := w.admin.signIn(attacker, "wrong wrong wrong", "")
			_, b := unknown.signIn(home, "wrong wrong wrong", "")
			fa, fb := fault.Of(a), fault.Of(b)
			if fa.Kind != fb.Kind || fa.Key != fb.Key || len(fa.Args) != len(fb.Args) {
				t.Fatal(i, a, b)
			}
		}
	})
}

func TestShutPersonsPasswordReadsAsWrong(t *testing.T) {
	staffed(t, false, func(w *world) {
		p := w.hire("tanaka.jiro", "2001", "sales")
		must(gate.Run(bg, w.G, w.admin.cred, identity.DisablePerson, identity.ReasonIn{ID: p.id, Reason: "退職のため"}))
		_, err := p.signIn(office, p.pass, p.fresh())
		w.wants(err, fault.KindRefused, "identity.signin_wrong")
	})
}

func TestNobodyHasNoIdempotencyKey(t *testing.T) {
	staffed(t, false, func(w *world) {
		c := gate.Nobody(office)
		c.Idem = "k"
		_, err := gate.Run(bg, w.G, c, identity.SignIn, identity.SignInIn{Login: w.admin.login, Password: vault.NewSecret(w.admin.pass), Code: w.admin.fresh()})
		w.wants(err, fault.KindInvalid, "identity.no_idem")

		// Nor does anybody where a credential is shown once: the key would keep it.
		own := w.admin.cred
		own.Idem = "k"
		_, err = gate.Run(bg, w.G, own, identity.BeginTOTP, identity.None{})
		w.wants(err, fault.KindInvalid, "identity.no_idem")
	})
}

func TestC05_TokensAreNoWhereReadable(t *testing.T) {
	staffed(t, false, func(w *world) {
		for _, bad := range []string{"", ".", "x.y", w.admin.cred.Secret() + "x", strings.Replace(w.admin.cred.Secret(), ".", ".x", 1), strings.Split(w.admin.cred.Secret(), ".")[0]} {
			_, err := gate.Run(bg, w.G, gate.Session(bad, office), probe, identity.None{})
			w.wants(err, fault.KindDenied, identity.Over)
		}
		b := must(w.G.JSON(bg, w.admin.cred, "identity.sessions", nil))
		if strings.Contains(string(b), strings.Split(w.admin.cred.Secret(), ".")[1]) {
			t.Fatal("a token is readable")
		}
	})
}

// However many try the same code at once, one comes in.
func TestC02_OneCodeOneSignInUnderConcurrency(t *testing.T) {
	staffed(t, false, func(w *world) {
		code := w.admin.fresh()
		var in, refused atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				switch _, err := w.admin.signIn(office, w.admin.pass, code); {
				case err == nil:
					in.Add(1)
				case fault.Is(err, fault.KindRefused) || fault.Is(err, fault.KindLimited):
					refused.Add(1)
				}
			})
		}
		wg.Wait()
		if in.Load() != 1 || refused.Load() != 7 {
			t.Fatal("came in:", in.Load(), "refused:", refused.Load())
		}
	})
}

// A burst that was let through to the hasher together gains nothing: the count
// is looked at again before the answer.
func TestS01_ABurstIsCounted(t *testing.T) {
	staffed(t, false, func(w *world) {
		var wrong, limited atomic.Int64
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				switch _, err := w.admin.signIn(attacker, "wrong wrong wrong", ""); {
				case fault.Is(err, fault.KindRefused):
					wrong.Add(1)
				case fault.Is(err, fault.KindLimited):
					limited.Add(1)
				}
			})
		}
		wg.Wait()
		// Those that met in the database may cost some of the five answers.
		if n := wrong.Load(); n > 5 || n < 1 || n+limited.Load() != 16 {
			t.Fatal("answered:", wrong.Load(), "slowed:", limited.Load())
		}
	})
}

// Every failure is in the log with the account it was about.
func TestSignInsAreRecorded(t *testing.T) {
	staffed(t, false, func(w *world) {
		_, err := w.admin.signIn(attacker, "wrong wrong wrong", "")
		w.wants(err, fault.KindRefused, "identity.signin_wrong")
		w.ok(w.G.Seal(bg))
		n := must(w.G.LogSize(bg))
		last := must(w.G.Entries(bg, n-1, 1))[0].Record
		if last.Op != "identity.signin" || last.Target != w.admin.id || last.Outcome != "refused" || last.Reason != "identity.signin_wrong" || last.From != attacker.String() {
			t.Fatalf("%+v", last)
		}
	})
}

// Rows of the matrix and ops of the module are the same, and every op and role
// has a name that people read.
func TestMatrixAndSentences(t *testing.T) {
	var body string
	for _, name := range []string{"00_roles", "identity"} {
		b, err := os.ReadFile("../../app/matrix/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		body += string(b)
	}
	m, err := policy.ParseMatrix(body)
	if err != nil {
		t.Fatal(err)
	}
	names := gate.Names([]gate.Module{identity.Module})
	if err := m.Check(names); err != nil {
		t.Error(err)
	}
	for _, n := range names {
		if !text.Has("op." + n) {
			t.Error("no name:", n)
		}
	}
	if err := text.Check(); err != nil {
		t.Error(err)
	}
}
