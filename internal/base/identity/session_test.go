package identity_test

import (
	"strings"
	"testing"
	"time"

	"sekisho/internal/base/identity"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

func (p *who) do(u *gate.UseCase[noteIn, identity.Done]) (identity.Done, error) {
	return gate.Run(bg, p.w.G, p.cred, u, noteIn{"x"})
}

func (p *who) over() {
	p.w.t.Helper()
	_, err := p.probe()
	p.w.wants(err, fault.KindDenied, identity.Over)
}

func (w *world) touch() {
	for {
		ids := w.seen.Take()
		if len(ids) == 0 {
			return
		}
		must(gate.Run(bg, w.G, gate.System("ticker"), identity.Touch, identity.TouchIn{Sessions: ids}))
	}
}

func TestC05_IdleAndAbsoluteLimits(t *testing.T) {
	staffed(t, false, func(w *world) {
		w.admin.in()
		w.Clock.Pass(29 * time.Minute)
		must(w.admin.probe())
		w.Clock.Pass(29 * time.Minute) // used in between: on this node that counts at once
		must(w.admin.probe())
		w.touch() // and after a touch, in the database
		w.Clock.Pass(29 * time.Minute)
		must(w.admin.probe())
		w.Clock.Pass(30 * time.Minute)
		w.admin.over()

		w.admin.in()
		for range 24 { // always busy, and still over after twelve hours
			must(w.admin.probe())
			w.touch()
			w.Clock.Pass(29*time.Minute + 58*time.Second)
		}
		must(w.admin.probe())
		w.Clock.Pass(2 * time.Minute)
		w.admin.over()
	})
}

func TestC05_SessionsAreListedAndKilled(t *testing.T) {
	staffed(t, false, func(w *world) {
		w.admin.in()
		first := w.admin.cred
		for range 4 {
			w.admin.in()
		}
		ls := must(gate.Run(bg, w.G, w.admin.cred, identity.Sessions, identity.None{})).Rows
		if len(ls) != 5 || !ls[0].Current || ls[1].Current || ls[0].IP != office.String() {
			t.Fatal(len(ls), ls)
		}
		must(gate.Run(bg, w.G, first, probe, identity.None{}))
		last := w.admin.cred
		w.admin.in() // the sixth device ends the oldest
		_, err := gate.Run(bg, w.G, first, probe, identity.None{})
		w.wants(err, fault.KindDenied, identity.Over)

		if len(must(gate.Run(bg, w.G, w.wit.cred, identity.Sessions, identity.None{})).Rows) != 1 {
			t.Fatal("somebody else's sessions are listed")
		}
		lastID := strings.TrimPrefix(strings.Split(last.Secret(), ".")[0], "sks_")
		_, err = gate.Run(bg, w.G, w.wit.cred, identity.EndSession, identity.ByID{ID: lastID})
		w.wants(err, fault.KindNotFound, "fault.not_found") // not there looks like not yours
		must(gate.Run(bg, w.G, w.admin.cred, identity.EndSession, identity.ByID{ID: lastID}))
		_, err = gate.Run(bg, w.G, last, probe, identity.None{})
		w.wants(err, fault.KindDenied, identity.Over)

		must(gate.Run(bg, w.G, w.admin.cred, identity.EndSessions, identity.ReasonIn{ID: w.wit.id, Reason: "端末紛失の連絡"})) // containment
		w.wit.over()
		w.wit.in()
		_, err = gate.Run(bg, w.G, w.wit.cred, identity.EndSessions, identity.ReasonIn{ID: w.admin.id, Reason: "いたずら"})
		w.wants(err, fault.KindDenied, "policy.role_never")

		must(gate.Run(bg, w.G, w.admin.cred, identity.SignOut, identity.None{}))
		w.admin.over()
	})
}

func TestStepUpBindsOnce(t *testing.T) {
	staffed(t, false, func(w *world) {
		p := w.hire("tanaka.jiro", "2001", "sales")
		w.Clock.Pass(6 * time.Minute)
		_, err := p.do(act)
		w.wants(err, fault.KindStepUp, "gate.step_up")

		// A sign-in of two factors counts for the first kind of act, and for no other.
		p.in()
		_, err = gate.Run(bg, w.G, p.cred, act, noteIn{}) // a bad input binds nothing
		w.wants(err, fault.KindInvalid, "gate.required")
		must(p.do(other)) // and neither does the reading half of an op with Work, before its writing half does
		_, err = p.do(act)
		w.wants(err, fault.KindStepUp, "gate.step_up")
		w.Clock.Pass(9 * time.Minute)
		must(p.do(other)) // ten minutes of that one
		w.Clock.Pass(time.Minute)
		_, err = p.do(other)
		w.wants(err, fault.KindStepUp, "gate.step_up")

		// Unused for five minutes, it is none.
		p.in()
		w.Clock.Pass(5 * time.Minute)
		_, err = p.do(act)
		w.wants(err, fault.KindStepUp, "gate.step_up")
	})
}

func TestC05_StepUpIsForOneKindOfAct(t *testing.T) {
	staffed(t, false, func(w *world) {
		p := w.hire("tanaka.jiro", "2001", "sales")
		w.Clock.Pass(6 * time.Minute)
		_, err := gate.Run(bg, w.G, p.cred, identity.StepUp, identity.StepUpIn{Code: "000000", Act: "probe.act"})
		w.wants(err, fault.KindRefused, "identity.code_wrong")
		_, err = p.do(act)
		w.wants(err, fault.KindStepUp, "gate.step_up")
		p.step("probe.act")
		must(p.do(act))
		_, err = p.do(other)
		w.wants(err, fault.KindStepUp, "gate.step_up")
		w.Clock.Pass(9 * time.Minute)
		if d := must(p.do(act)); d.ID != "" {
			t.Fatal("a step-up for a kind of act names a plan", d)
		}
		w.Clock.Pass(61 * time.Second)
		_, err = p.do(act)
		w.wants(err, fault.KindStepUp, "gate.step_up")

		must(gate.Run(bg, w.G, p.cred, identity.StepUp, identity.StepUpIn{Code: p.fresh(), Act: "probe.act", Plan: "5ca1ab1e"}))
		if d := must(p.do(act)); d.ID != "5ca1ab1e" {
			t.Fatal("the plan is lost", d)
		}
		elsewhere := gate.Session(must(p.signIn(home, p.pass, p.fresh())).Token, home)
		w.Clock.Pass(6 * time.Minute)
		_, err = gate.Run(bg, w.G, elsewhere, act, noteIn{"x"}) // another device has to show a code of its own
		w.wants(err, fault.KindStepUp, "gate.step_up")
	})
}

func TestS01_CodesCannotBeGuessedAfterTheRightPassword(t *testing.T) {
	staffed(t, false, func(w *world) {
		limited := 0
		for range 25 {
			_, err := gate.Run(bg, w.G, w.admin.cred, identity.StepUp, identity.StepUpIn{Code: "123456", Act: "x"})
			if fault.Is(err, fault.KindLimited) {
				limited++
			}
		}
		if limited < 10 {
			t.Fatal("codes were guessed freely:", limited)
		}
		w.Clock.Pass(time.Minute)
		w.admin.step("x") // slowed, not shut out
		must(gate.Run(bg, w.G, w.admin.cred, identity.Me, identity.None{}))
	})
}

func TestSweepRemovesOnlyWhatRanOut(t *testing.T) {
	staffed(t, false, func(w *world) {
		for range 3 {
			w.admin.in()
		}
		_, err := w.admin.signIn(attacker, "wrong wrong wrong", "")
		w.wants(err, fault.KindRefused, "identity.signin_wrong")
		if n := must(gate.Run(bg, w.G, gate.System("ticker"), identity.Sweep, identity.None{})).N; n != 0 {
			t.Fatal("removed", n)
		}
		w.Clock.Pass(25 * time.Minute)
		must(w.admin.probe())
		w.touch()
		w.Clock.Pass(20 * time.Minute)
		if n := must(gate.Run(bg, w.G, gate.System("ticker"), identity.Sweep, identity.None{})).N; n < 4 { // three devices, one place
			t.Fatal("removed", n)
		}
		must(w.admin.probe())
		w.wit.over()
	})
}

func TestOnlyTheServerTouches(t *testing.T) {
	staffed(t, false, func(w *world) {
		_, err := gate.Run(bg, w.G, w.admin.cred, identity.Touch, identity.TouchIn{})
		w.wants(err, fault.KindDenied, "policy.role_never")
		_, err = gate.Run(bg, w.G, gate.Nobody(office), identity.MakeSetupCode, identity.None{})
		w.wants(err, fault.KindDenied, "gate.sign_in")
		_, err = gate.Run(bg, w.G, gate.Nobody(office), probe, identity.None{})
		w.wants(err, fault.KindDenied, "gate.sign_in")
	})
}

func TestJobsRunForPersonsWhoStillMay(t *testing.T) {
	staffed(t, false, func(w *world) {
		p := w.hire("tanaka.jiro", "2001", "sales")
		if got := must(gate.Run(bg, w.G, gate.OnBehalf(p.id), probe, identity.None{})); got.Via != "job" || got.Person != p.id || got.StepUp {
			t.Fatal(got)
		}
		must(gate.Run(bg, w.G, w.admin.cred, identity.DisablePerson, identity.ReasonIn{ID: p.id, Reason: "退職のため"}))
		_, err := gate.Run(bg, w.G, gate.OnBehalf(p.id), probe, identity.None{})
		w.wants(err, fault.KindDenied, "identity.person_disabled")
		_, err = gate.Run(bg, w.G, gate.OnBehalf("nobody"), probe, identity.None{})
		w.wants(err, fault.KindDenied, identity.Over)
		if got := must(gate.Run(bg, w.G, gate.System("x"), probe, identity.None{})); got.Via != "system" || !got.StepUp {
			t.Fatal(got)
		}
	})
}

// A clock that goes back gives nothing a longer life: what was used in the time
// that has not been is over at once, everything else when the server looks.
func TestR14_TheClockGoesBack(t *testing.T) {
	staffed(t, false, func(w *world) {
		w.admin.in()
		w.Clock.Pass(-slack) // clocks that follow others do that
		must(w.admin.probe())
		w.Clock.Pass(-time.Hour)
		w.admin.over()
		w.Clock.Pass(time.Hour + slack)

		w.admin.in()
		w.Clock.Pass(45 * time.Minute)
		w.admin.over()
		if by, back := w.seen.WentBack(w.G.Now()); back {
			t.Fatal("it never went back", by)
		}
		w.Clock.Pass(-40 * time.Minute) // five minutes after the sign-in, it seems
		if by, back := w.seen.WentBack(w.G.Now()); !back || by < 39*time.Minute || by > 41*time.Minute {
			t.Fatal("not noticed", by)
		}
		if _, back := w.seen.WentBack(w.G.Now()); back {
			t.Fatal("noticed twice")
		}
		if n := must(gate.Run(bg, w.G, gate.System("rounds"), identity.EndAll, identity.None{})).N; n == 0 {
			t.Fatal("nothing was ended")
		}
		w.admin.over()
	})
}

const slack = 50 * time.Second
