package identity

import (
	"slices"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// MeOut is what somebody signed in is to Sekisho.
type MeOut struct {
	Person      PersonView `json:"person"`
	Session     string     `json:"session" class:"internal"`
	Factors     int        `json:"factors" class:"internal"`
	Recovery    int        `json:"recovery_codes_left" class:"internal"`
	StepAct     string     `json:"step_up_act" class:"internal"`
	StepUntil   time.Time  `json:"step_up_until" class:"internal"`
	PasswordMin int        `json:"password_min" class:"internal"`
	MustChange  bool       `json:"must_change" class:"internal"` // the password is a start password
	MustEnrol   bool       `json:"must_enrol" class:"internal"`  // no authenticator is enrolled yet
}

// Me shows one's own roles, departments and what is enrolled (自分の情報).
var Me = gate.New(gate.Op[None, MeOut]{
	Name: "identity.me", Mode: gate.Read, Target: self[None],
	Do: func(x *gate.Tx, _ None) (MeOut, error) {
		a := x.Actor()
		p, err := persons.Get(x, a.Person)
		if err != nil {
			return MeOut{}, err
		}
		f, err := factors.Get(x, p.ID)
		if err != nil {
			return MeOut{}, err
		}
		s, _, err := maybe(sessions.Get(x, a.Session))
		out := MeOut{Person: view(p), Session: a.Session, Factors: a.Factors, Recovery: len(f.Recovery),
			StepAct: s.StepAct, StepUntil: s.StepUntil, PasswordMin: minAlone, MustChange: p.MustChange, MustEnrol: !p.Enrolled}
		if p.Enrolled {
			out.PasswordMin = minWithMFA
		}
		return out, err
	},
})

// SessionView is one signed-in device. Agent and address are internal here,
// because nobody but the person themselves is ever shown them.
type SessionView struct {
	ID       string    `json:"id" class:"internal"`
	Current  bool      `json:"current" class:"internal"`
	SignedIn time.Time `json:"signed_in" class:"internal"`
	SeenAt   time.Time `json:"seen_at" class:"internal"`
	EndsAt   time.Time `json:"ends_at" class:"internal"`
	Agent    string    `json:"agent" class:"internal"`
	IP       string    `json:"ip" class:"internal"`
}

// SessionList are sessions, the newest first.
type SessionList struct {
	Rows []SessionView `json:"rows"`
}

// Sessions lists one's own devices (サインイン中の端末).
var Sessions = gate.New(gate.Op[None, SessionList]{
	Name: "identity.sessions", Mode: gate.List, Target: outside[None],
	Do: func(x *gate.Tx, _ None) (SessionList, error) {
		list, err := sessions.Find(x, gate.Eq("person_id", x.Actor().Person))
		if err != nil {
			return SessionList{}, err
		}
		slices.SortFunc(list, func(a, b Session) int { return b.CreatedAt.Compare(a.CreatedAt) })
		var out SessionList
		for _, s := range list {
			if s.alive(x.Now(), time.Time{}) {
				out.Rows = append(out.Rows, SessionView{s.ID, s.ID == x.Actor().Session, s.CreatedAt, s.SeenAt, s.EndsAt, s.Agent, s.IP})
			}
		}
		return out, nil
	},
})

// ByID names one row.
type ByID struct {
	ID string `json:"id" required:"true" max:"64"`
}

// EndSession ends one of one's own sessions at once (端末のサインアウト).
var EndSession = gate.New(gate.Op[ByID, Done]{
	Name: "identity.session_end", Mode: gate.Write,
	Target: func(x *gate.Tx, in ByID) (gate.Target, error) {
		s, err := sessions.Get(x, in.ID)
		return gate.Target{Kind: "identity", ID: in.ID, Owner: s.Person, Class: policy.Internal}, err
	},
	Do: func(x *gate.Tx, in ByID) (Done, error) { return Done{in.ID}, sessions.Delete(x, in.ID) },
})

// EndSessions ends everything a person has open, without shutting them out:
// for those who contain damage (全端末のサインアウト).
var EndSessions = gate.New(gate.Op[ReasonIn, Done]{
	Name: "identity.sessions_end", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Target: func(x *gate.Tx, in ReasonIn) (gate.Target, error) { return one(x, in.ID) },
	Do:     func(x *gate.Tx, in ReasonIn) (Done, error) { return Done{in.ID}, endSessions(x, in.ID) },
})

// TouchIn are sessions that were used in the last minute.
type TouchIn struct {
	Sessions []string `json:"sessions" max:"500"`
}

// Count says how many rows were concerned.
type Count struct {
	N int `json:"n" class:"internal"`
}

// Touch keeps used sessions from going idle; app calls it with what Seen.Take gives.
var Touch = gate.New(gate.Op[TouchIn, Count]{
	Name: "identity.touch", Mode: gate.Write, Target: outside[TouchIn],
	Do: func(x *gate.Tx, in TouchIn) (Count, error) {
		list, err := sessions.Find(x, gate.In("id", in.Sessions))
		if err != nil {
			return Count{}, err
		}
		for i := range list {
			list[i].SeenAt = x.Now()
		}
		return Count{len(list)}, sessions.UpdateMany(x, list)
	},
})

const sweepMax = 200 // rows per table and run: SQLite's writer is held briefly

// Sweep removes what has run out: sessions, tokens, used assertions, forgiven
// failures. app calls it every few minutes, and again while it gives a number.
var Sweep = gate.New(gate.Op[None, Count]{
	Name: "identity.sweep", Mode: gate.Write, Target: outside[None],
	Do: func(x *gate.Tx, _ None) (Count, error) {
		now := x.Now()
		n := 0
		for _, f := range []func() (int, error){
			func() (int, error) { return sweep(x, sessions, "ends_at", now, func(s Session) string { return s.ID }) },
			func() (int, error) {
				return sweep(x, sessions, "seen_at", now.Add(-idleFor), func(s Session) string { return s.ID })
			},
			func() (int, error) { return sweep(x, tokens, "ends_at", now, func(t Token) string { return t.ID }) },
			func() (int, error) { return sweep(x, used, "ends_at", now, func(u Used) string { return u.ID }) },
			func() (int, error) {
				return sweep(x, throttles, "free_at", now, func(t Throttle) string { return t.ID })
			},
		} {
			k, err := f()
			if n += k; err != nil {
				return Count{}, err
			}
		}
		return Count{n}, nil
	},
})

// EndAll ends every session and every client's token, up to 200 of each a run;
// app calls it, and again while it gives a number, when the clock has gone back:
// then nobody can say what is over and what is not.
var EndAll = gate.New(gate.Op[None, Count]{
	Name: "identity.end_all", Mode: gate.Write, Target: outside[None],
	Do: func(x *gate.Tx, _ None) (Count, error) {
		ever := x.Now().AddDate(1000, 0, 0)
		n, err := sweep(x, sessions, "ends_at", ever, func(s Session) string { return s.ID })
		if err != nil {
			return Count{}, err
		}
		k, err := sweep(x, tokens, "ends_at", ever, func(t Token) string { return t.ID })
		return Count{n + k}, err
	},
})

func sweep[T any](x *gate.Tx, t *gate.Table[T], by string, until time.Time, id func(T) string) (int, error) {
	p, err := t.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Le(by, until)}, By: by, Limit: sweepMax})
	if err != nil {
		return 0, err
	}
	for _, r := range p.Rows {
		if err := t.Delete(x, id(r)); err != nil && !fault.Is(err, fault.KindNotFound) {
			return 0, err
		}
	}
	return len(p.Rows), nil
}
