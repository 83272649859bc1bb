package share

import (
	"slices"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/policy"
)

// None is an empty answer.
type None struct{}

// WriteIn is what a recipient writes to the sender.
type WriteIn struct {
	Locator string `json:"locator" required:"true" max:"32"`
	Ticket  string `json:"ticket" required:"true" max:"64"` // of a visit, also before the code
	Kind    string `json:"kind" required:"true" enum:"question,cannot_open"`
	Words   string `json:"words" required:"true" text:"multiline" max:"1000"`
}

// Write brings a recipient's words to the sender (差出人への連絡). It sends nothing;
// somebody of ours finds it among what needs them.
var Write = gate.New(gate.Op[WriteIn, None]{
	Name: "share.write", Mode: gate.Write,
	Alone:  func(in WriteIn) []string { return lock(in.Locator) },
	Target: func(x *gate.Tx, in WriteIn) (gate.Target, error) { return about(x, in.Locator) },
	Do: func(x *gate.Tx, in WriteIn) (None, error) {
		l, err := Holder(x, in.Locator, in.Ticket)
		if err != nil {
			return None{}, err
		}
		n, err := words.Count(x, wordsOpen, gate.Eq("link_id", l.ID), gate.Eq("open", true))
		if err == nil && n >= wordsOpen {
			err = fault.Limited("share.too_many_words")
		}
		if err != nil {
			return None{}, err
		}
		if err := Says(x, l.LinkRow, in.Kind, in.Words); err != nil {
			return None{}, err
		}
		return None{}, tells(x, l.LinkRow, DidWrite, "")
	},
})

// RenewIn names a link, which may be dead.
type RenewIn struct {
	Locator string `json:"locator" required:"true" max:"32"`
}

// Renew sends a new link to the registered mailbox while one's own invoices may
// still be seen. The answer is the same whatever the link was.
var Renew = gate.New(gate.Op[RenewIn, None]{
	Name: "share.renew", Mode: gate.Write,
	Alone:  func(in RenewIn) []string { return lock(in.Locator) },
	Target: func(x *gate.Tx, in RenewIn) (gate.Target, error) { return about(x, in.Locator) },
	Do: func(x *gate.Tx, in RenewIn) (None, error) {
		l, err := latest(x, in.Locator)
		switch {
		case fault.Is(err, fault.KindRefused) || err == nil && !l.Own:
			return None{}, nil
		case err != nil:
			return None{}, err
		}
		if dispatch.MayGive(x) != nil || unlocked(x, l.LinkRow) != nil || !spend(&l.LinkRow, x.Now()) {
			return None{}, nil
		}
		if err := l.Renewed(x); err != nil {
			return None{}, err
		}
		return None{}, tells(x, l.LinkRow, DidRenew, "")
	},
})

// latest is the link that has come into the place of another, or that one.
func latest(x *gate.Tx, locator string) (dispatch.Linked, error) {
	l, err := dispatch.FindLink(x, locator)
	if err == nil || l.ID == "" || l.WithdrawnBy != "" {
		return l, err
	}
	list, e := dispatch.LinksOf(x, l.Package)
	if e != nil {
		return l, e
	}
	for _, o := range list {
		if o.Item == l.Item && o.Serial > l.Serial {
			l.LinkRow = o
		}
	}
	return dispatch.FindLink(x, l.Locator)
}

// OfIn names a sending.
type OfIn struct {
	Package string `json:"package" required:"true"`
}

// OfOut are its links and what was done with them.
type OfOut struct {
	Links  []dispatch.LinkRow `json:"links"`
	Events []Event            `json:"events"` // latest first
	Words  []Word             `json:"words"`
}

// eventsShown bounds what one page shows.
const eventsShown = 200

// Of shows what became of the links of a sending (開封・受け取りの状況).
var Of = gate.New(gate.Op[OfIn, OfOut]{
	Name: "share.of", Mode: gate.Read,
	Target: func(x *gate.Tx, in OfIn) (gate.Target, error) { return of(x, in.Package) },
	Do: func(x *gate.Tx, in OfIn) (OfOut, error) {
		var out OfOut
		var err error
		if out.Links, err = dispatch.LinksOf(x, in.Package); err != nil {
			return out, err
		}
		p, err := events.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("package_id", in.Package)}, By: "created_at", Desc: true, Limit: eventsShown})
		if err != nil {
			return out, err
		}
		out.Events = p.Rows
		out.Words, err = words.Find(x, gate.Eq("package_id", in.Package))
		slices.SortFunc(out.Words, func(a, b Word) int { return b.CreatedAt.Compare(a.CreatedAt) })
		return out, err
	},
})

func of(x *gate.Tx, id string) (gate.Target, error) {
	s, err := dispatch.Get(x, id)
	return gate.Target{Kind: "dispatch", ID: s.ID, Owner: s.Owner, Department: s.Department, Subject: s.Party, Class: policy.Personal}, err
}

// WithdrawIn names a link, and says why.
type WithdrawIn struct {
	ID     string `json:"id" required:"true"`
	Reason string `json:"reason" required:"true" text:"multiline" max:"500"`
}

// Withdraw makes a link dead (リンクを無効にする): from the next request on it is as if
// it had never been. What was downloaded is not called back by it.
var Withdraw = gate.New(gate.Op[WithdrawIn, dispatch.LinkRow]{
	Name: "share.withdraw", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Target: func(x *gate.Tx, in WithdrawIn) (gate.Target, error) {
		l, err := dispatch.LinkByID(x, in.ID)
		if err != nil {
			return gate.Target{}, err
		}
		return of(x, l.Package)
	},
	Do: func(x *gate.Tx, in WithdrawIn) (dispatch.LinkRow, error) {
		l, err := dispatch.LinkByID(x, in.ID)
		if err != nil {
			return l, err
		}
		if !l.WithdrawnAt.IsZero() {
			return l, fault.Refused("share.withdrawn")
		}
		return l, withdraw(x, &l, in.Reason)
	},
})

func withdraw(x *gate.Tx, l *dispatch.LinkRow, reason string) error {
	l.WithdrawnAt, l.WithdrawnBy, l.Reason = x.Now(), x.Actor().Person, reason
	if err := l.Changed(x); err != nil {
		return err
	}
	return tells(x, *l, DidWithdraw, "")
}

// Revoke makes dead every link behind which a document lies, for an op that gives
// the document up. It is Refused where another one lies behind a link too: that
// one is to be withdrawn by whoever knows what becomes of the others.
func Revoke(x *gate.Tx, doc, reason string) error {
	list, err := dispatch.LinksWith(x, doc)
	for i := 0; err == nil && i < len(list); i++ {
		if len(list[i].Files) > 1 {
			return fault.Refused("share.holds_others")
		}
		err = withdraw(x, &list[i].LinkRow, reason)
	}
	return err
}

// WordsIn asks for a page.
type WordsIn struct {
	After string `json:"after" max:"500"`
	Limit int    `json:"limit"`
}

// WordsOut is a page of words, oldest first.
type WordsOut struct {
	Rows []Word `json:"rows"`
	Next string `json:"next" class:"internal"`
}

// WordList lists what recipients wrote and nobody has dealt with (受取人からの連絡).
var WordList = gate.New(gate.Op[WordsIn, WordsOut]{
	Name: "share.words", Mode: gate.List,
	Target: func(*gate.Tx, WordsIn) (gate.Target, error) { return gate.Target{Kind: "share", ID: "*"}, nil },
	Do: func(x *gate.Tx, in WordsIn) (WordsOut, error) {
		p, err := words.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("open", true)}, By: "created_at", After: in.After, Limit: in.Limit})
		return WordsOut{p.Rows, p.Next}, err
	},
})

// AnswerIn says what was done about it.
type AnswerIn struct {
	ID     string `json:"id" required:"true"`
	Reason string `json:"reason" required:"true" text:"multiline" max:"1000"`
}

// Answer takes a recipient's words off the list, with what was done about them.
var Answer = gate.New(gate.Op[AnswerIn, Word]{
	Name: "share.answer", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Target: func(x *gate.Tx, in AnswerIn) (gate.Target, error) {
		w, err := words.Get(x, in.ID)
		if err != nil {
			return gate.Target{}, err
		}
		return of(x, w.Package)
	},
	Do: func(x *gate.Tx, in AnswerIn) (Word, error) {
		w, err := words.Get(x, in.ID)
		if err != nil {
			return w, err
		}
		if !w.Open {
			return w, fault.Refused("share.answered")
		}
		w.Open, w.Answer, w.AnsweredBy, w.AnsweredAt = false, in.Reason, x.Actor().Person, x.Now()
		return w, words.Update(x, &w)
	},
})
