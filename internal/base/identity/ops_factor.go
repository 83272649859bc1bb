package identity

import (
	"context"
	"strings"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

const (
	startFor     = 72 * time.Hour // how long a start password is good
	resetFor     = 24 * time.Hour // how long an approved reset may be carried out
	recoveryKept = 10
)

// ChangeIn is the old password and a new one.
type ChangeIn struct {
	Old vault.Secret `json:"old" required:"true"`
	New vault.Secret `json:"new" required:"true"`
}

// Renewed gives the token of the session that goes on; all others have ended.
// The token is shown this once, to whoever proved themselves.
type Renewed struct {
	Token         string   `json:"token" class:"internal"`
	Session       string   `json:"session" class:"internal"`
	Next          string   `json:"next" class:"internal"`
	RecoveryCodes []string `json:"recovery_codes" class:"internal"` // only after enrolling; shown this once
}

type changed struct {
	checked
	phc string
	why *fault.Error // what is wrong with the new one
}

// ChangePassword sets a new password for oneself (パスワードの変更). It ends all
// sessions and goes on in a new one.
var ChangePassword = gate.New(gate.Op[ChangeIn, Renewed]{
	Name: "identity.password_change", Mode: gate.Write, Target: self[ChangeIn],
	Work: func(x *gate.Tx, in ChangeIn) (func(context.Context) (any, error), error) {
		p, err := persons.Get(x, x.Actor().Person)
		if err != nil {
			return nil, err
		}
		if err := mayTry(x, signInBuckets(x, p.Login)...); err != nil {
			return nil, err
		}
		f, err := factors.Get(x, p.ID)
		h, words := x.Passwords(), contextWords(x, p)
		return func(ctx context.Context) (any, error) { return change(ctx, h, p, f, words, in) }, err
	},
	Do: changePassword,
})

// change verifies the old password, then judges the new one: the rules first,
// then the last passwords, which cost a hash each.
func change(ctx context.Context, h *vault.Passwords, p Person, f Factor, words []string, in ChangeIn) (changed, error) {
	c, err := check(ctx, h, f, in.Old)
	out := changed{checked: c}
	if err != nil || !c.ok {
		return out, err
	}
	text := normal(in.New.Reveal())
	if out.why = checkPassword(text, p.Enrolled, words); out.why != nil {
		return out, nil
	}
	for _, old := range append([]string{f.Password}, f.History...) {
		same, _, err := h.Verify(ctx, old, vault.NewSecret(text))
		if err != nil {
			return out, err
		}
		if same {
			out.why = fault.Invalid("identity.password_again", "count", keptOld)
			return out, nil
		}
	}
	out.phc, err = h.Hash(ctx, vault.NewSecret(text))
	return out, err
}

func changePassword(x *gate.Tx, _ ChangeIn) (Renewed, error) {
	c := gate.Worked[changed](x)
	p, err := persons.Get(x, x.Actor().Person)
	if err != nil {
		return Renewed{}, err
	}
	f, err := factors.Get(x, p.ID)
	if err != nil {
		return Renewed{}, err
	}
	if !c.ok || c.version != f.Version {
		return Renewed{}, fails(x, fault.Refused("identity.password_wrong"), signInBuckets(x, p.Login)...)
	}
	if c.why != nil {
		return Renewed{}, c.why.At("new")
	}
	if f.StartUntil.IsZero() { // nobody chose a start password, so it may not keep one out of the history
		f.History = append([]string{f.Password}, f.History...)
		f.History = f.History[:min(len(f.History), keptOld-1)]
	}
	f.Password, f.StartUntil, p.MustChange = c.phc, time.Time{}, false
	if err := save(x, &p, &f); err != nil {
		return Renewed{}, err
	}
	return renew(x, p)
}

func save(x *gate.Tx, p *Person, f *Factor) error {
	if err := factors.Update(x, f); err != nil {
		return err
	}
	return persons.Update(x, p)
}

// renew ends all sessions of a person and goes on in a new one, for no longer
// than the old would have lasted and with its step-up, if it had one.
func renew(x *gate.Tx, p Person) (Renewed, error) {
	was, err := sessions.Get(x, x.Actor().Session)
	if err != nil {
		return Renewed{}, err
	}
	if err := endSessions(x, p.ID); err != nil {
		return Renewed{}, err
	}
	o, err := open(x, p)
	if err != nil {
		return Renewed{}, err
	}
	s, err := sessions.Get(x, o.Session)
	if err != nil {
		return Renewed{}, err
	}
	s.EndsAt = was.EndsAt
	if was.Factors == 2 {
		s.StepAct, s.StepPlan, s.StepUntil = was.StepAct, was.StepPlan, was.StepUntil
	}
	return Renewed{Token: o.Token, Session: o.Session, Next: o.Next}, sessions.UpdateMany(x, []Session{s})
}

// contextWords belong to the person and the company: no password is made of them.
func contextWords(x *gate.Tx, p Person) []string {
	w := []string{p.Login, p.Number, p.Mail.Local(), "sekisho", "関所"}
	w = append(w, strings.FieldsFunc(p.Name+" "+p.Kana, func(r rune) bool { return r == ' ' || r == '\u3000' })...)
	w = append(w, p.Name, p.Kana)
	for _, s := range []string{p.Login, p.Mail.Local()} {
		w = append(w, strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("._-+", r) })...)
	}
	for _, host := range []string{p.Mail.Domain(), x.Ring().LogSigner().Name()} { // the company's names on the net
		w = append(w, strings.FieldsFunc(host, func(r rune) bool { return strings.ContainsRune("./-", r) })...)
	}
	return w
}

// BeginOut is a new authenticator's seed, shown this once to the person it is for.
type BeginOut struct {
	Secret string `json:"secret" class:"internal"`
	URL    string `json:"url" class:"internal"` // otpauth://, as a QR code
}

// BeginTOTP makes the seed of an authenticator app (認証アプリの登録). Whoever
// has one already needs a fresh code for it.
var BeginTOTP = gate.New(gate.Op[None, BeginOut]{
	Name: "identity.totp_begin", Mode: gate.Write, Target: self[None],
	Do: func(x *gate.Tx, _ None) (BeginOut, error) {
		p, err := persons.Get(x, x.Actor().Person)
		if err != nil {
			return BeginOut{}, err
		}
		if p.Enrolled && !x.Actor().StepUp {
			return BeginOut{}, fault.StepUp("gate.step_up", "op", "identity.totp_begin")
		}
		f, err := factors.Get(x, p.ID)
		if err != nil {
			return BeginOut{}, err
		}
		seed := vault.NewTOTPSecret()
		url, err := vault.TOTPURL(seed, "Sekisho", p.Login)
		if err != nil {
			return BeginOut{}, err
		}
		f.Pending = seed.Reveal()
		return BeginOut{seed.Reveal(), url.Reveal()}, factors.Update(x, &f)
	},
})

// CodeIn is one code.
type CodeIn struct {
	Code string `json:"code" required:"true" max:"64" text:"raw"`
}

// ConfirmTOTP ends enrolling with a first code and gives recovery codes.
var ConfirmTOTP = gate.New(gate.Op[CodeIn, Renewed]{
	Name: "identity.totp_confirm", Mode: gate.Write, Target: self[CodeIn],
	Do: func(x *gate.Tx, in CodeIn) (Renewed, error) {
		p, err := persons.Get(x, x.Actor().Person)
		if err != nil {
			return Renewed{}, err
		}
		f, err := factors.Get(x, p.ID)
		if err != nil {
			return Renewed{}, err
		}
		if f.Pending == "" {
			return Renewed{}, fault.Refused("identity.totp_not_begun")
		}
		code := codeBucket(x, p.ID)
		if err := mayTry(x, code); err != nil {
			return Renewed{}, err
		}
		step, ok := vault.ValidateTOTP(vault.NewSecret(f.Pending), strings.TrimSpace(normal(in.Code)), x.Now(), 0)
		if !ok {
			return Renewed{}, fails(x, fault.Refused("identity.code_wrong"), code)
		}
		f.TOTP, f.Pending, f.LastStep = f.Pending, "", step
		shown := f.newRecovery(x)
		p.Enrolled = true
		if err := save(x, &p, &f); err != nil {
			return Renewed{}, err
		}
		out, err := renew(x, p)
		out.RecoveryCodes = shown
		return out, err
	},
})

func (f *Factor) newRecovery(x *gate.Tx) []string {
	shown := make([]string, recoveryKept)
	f.Recovery = make([]string, recoveryKept)
	for i := range shown {
		shown[i] = newCode()
		f.Recovery[i] = recoveryHash(x, f.ID, shown[i])
	}
	return shown
}

// CodesOut are new recovery codes, shown this once.
type CodesOut struct {
	Codes []string `json:"codes" class:"internal"`
}

// RecoveryCodes replaces the recovery codes (リカバリーコードの再発行).
var RecoveryCodes = gate.New(gate.Op[None, CodesOut]{
	Name: "identity.recovery_codes", Mode: gate.Write, Needs: gate.Needs{StepUp: true}, Target: self[None],
	Do: func(x *gate.Tx, _ None) (CodesOut, error) {
		f, err := factors.Get(x, x.Actor().Person)
		if err != nil {
			return CodesOut{}, err
		}
		return CodesOut{f.newRecovery(x)}, factors.Update(x, &f)
	},
})

// ResetIn asks that a person get a start password; Factor also takes their
// authenticator away, for a lost phone.
type ResetIn struct {
	Person string `json:"person" required:"true" max:"64"`
	Factor bool   `json:"factor"`
	Reason string `json:"reason"`
}

// ResetPassword lets the administrator who asked give out a start password
// once, within a day (パスワードの再設定): recovery takes two persons.
var ResetPassword = gate.New(gate.Op[ResetIn, Done]{
	Name: "identity.password_reset", Mode: gate.Write, Needs: gate.Needs{StepUp: true, Reason: true},
	Target: func(x *gate.Tx, in ResetIn) (gate.Target, error) { return one(x, in.Person) },
	FourEyes: func(x *gate.Tx, in ResetIn) (gate.Second, error) {
		p, err := notSelf(x, in.Person)
		if err != nil {
			return gate.Second{}, err
		}
		return second(p, view(p), struct {
			Person string `json:"person"`
			Factor bool   `json:"factor"`
			Reason string `json:"reason"`
		}{p.Login, in.Factor, in.Reason})
	},
	Do: func(x *gate.Tx, in ResetIn) (Done, error) {
		f, err := factors.Get(x, in.Person)
		if err != nil {
			return Done{}, err
		}
		f.ResetBy, f.ResetUntil, f.ResetTOTP = x.Actor().Person, x.Now().Add(resetFor), in.Factor
		return Done{in.Person}, factors.Update(x, &f)
	},
})

// StartOut is a start password, shown this once to whoever hands it over.
type StartOut struct {
	ID       string    `json:"id" class:"internal"`
	Password string    `json:"start_password" class:"internal"`
	Until    time.Time `json:"until" class:"internal"`
}

// issued is a start password with its hash.
type issued struct{ shown, phc string }

func issue(h *vault.Passwords) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		shown := newCode()
		phc, err := h.Hash(ctx, vault.NewSecret(shown))
		return issued{shown, phc}, err
	}
}

// IssuePassword carries out an approved reset.
var IssuePassword = gate.New(gate.Op[ByID, StartOut]{
	Name: "identity.password_issue", Mode: gate.Write, Needs: gate.Needs{StepUp: true},
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) { return one(x, in.ID) },
	Work: func(x *gate.Tx, _ ByID) (func(context.Context) (any, error), error) {
		return issue(x.Passwords()), nil
	},
	Do: func(x *gate.Tx, in ByID) (StartOut, error) {
		p, err := persons.Get(x, in.ID)
		if err != nil {
			return StartOut{}, err
		}
		f, err := factors.Get(x, p.ID)
		if err != nil {
			return StartOut{}, err
		}
		if f.ResetBy != x.Actor().Person || !x.Now().Before(f.ResetUntil) {
			return StartOut{}, fault.Refused("identity.no_reset")
		}
		w := gate.Worked[issued](x)
		if f.ResetTOTP {
			f.TOTP, f.Pending, f.LastStep, f.Recovery, p.Enrolled = "", "", 0, nil, false
		}
		f.Password, f.StartUntil, p.MustChange = w.phc, x.Now().Add(startFor), true
		f.ResetBy, f.ResetUntil, f.ResetTOTP = "", time.Time{}, false
		if err := save(x, &p, &f); err != nil {
			return StartOut{}, err
		}
		return StartOut{p.ID, w.shown, f.StartUntil}, endSessions(x, p.ID)
	},
})

// notSelf loads another person: nobody changes their own rights or recovery.
func notSelf(x *gate.Tx, id string) (Person, error) {
	if id == x.Actor().Person {
		return Person{}, fault.Refused("identity.not_self")
	}
	return persons.Get(x, id)
}
