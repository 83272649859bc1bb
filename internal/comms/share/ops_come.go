package share

import (
	"time"

	"sekisho/internal/base/org"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/vault"
)

// Module has the recipients' part of links, and what our people see of it.
var Module = gate.Module{Name: "share", Schema: schema,
	Ops:    []gate.Any{Open, Code, Verify, Show, FileOp, Month, Write, Renew, Of, Withdraw, WordList, Answer},
	Tables: []gate.AnyTable{visits, events, words}}

// What these ops give is public only because whoever asks is nobody; it goes to
// those alone who have shown the link's secret, or the code.

// OpenIn is a link as it was opened.
type OpenIn struct {
	Locator string `json:"locator" required:"true" max:"32"`
	Secret  string `json:"secret" required:"true" max:"64"`
	Ticket  string `json:"ticket" max:"64"` // cookie of an earlier visit
}

// OpenOut is all that a link shows before the code.
type OpenOut struct {
	Ticket  string `json:"ticket" class:"public"` // "" if the earlier one stays good
	Company string `json:"company" class:"public"`
	Subject string `json:"subject" class:"public"`
	Proven  bool   `json:"proven" class:"public"` // this browser has given its code already
}

func about(x *gate.Tx, locator string) (gate.Target, error) {
	l, err := dispatch.FindLink(x, locator)
	if fault.Is(err, fault.KindRefused) {
		err = nil
	}
	t := gate.Target{Kind: "share", ID: "*"}
	if l.ID != "" {
		t.ID, t.Subject = l.ID, l.Party
	}
	return t, err
}

// Open takes a link with its secret (リンクを開く). It shows who sent something and
// what it is about, and nothing else.
var Open = gate.New(gate.Op[OpenIn, OpenOut]{
	Name: "share.open", Mode: gate.Write,
	Alone:  func(in OpenIn) []string { return lock(in.Locator) },
	Target: func(x *gate.Tx, in OpenIn) (gate.Target, error) { return about(x, in.Locator) },
	Do: func(x *gate.Tx, in OpenIn) (OpenOut, error) {
		l, err := dispatch.FindLink(x, in.Locator)
		if err != nil && !fault.Is(err, fault.KindRefused) {
			return OpenOut{}, err
		}
		if right := l.Shows(in.Secret); err != nil || !right {
			return OpenOut{}, dead(x, l)
		}
		out := OpenOut{Company: company(x), Subject: l.Sending.Subject}
		v, known, err := visit(x, l.ID, in.Ticket)
		if err != nil {
			return out, err
		}
		if out.Proven = known && x.Now().Before(v.ProvenUntil); !known {
			if _, out.Ticket, err = come(x, l.ID); err != nil {
				return out, err
			}
		}
		return out, tells(x, l.LinkRow, DidOpen, "")
	},
})

// company is the issuer's name, as it stands on the documents.
func company(x *gate.Tx) string {
	c, err := org.Issuer(x)
	if err != nil {
		return ""
	}
	return c.Name
}

// CodeIn asks for a code. Whoever has no ticket (no script, a mail program that
// cut the link) may ask too: the code goes to the registered mailbox only.
type CodeIn struct {
	Locator string `json:"locator" required:"true" max:"32"`
	Ticket  string `json:"ticket" max:"64"`
}

// CodeOut is the same whether or not there is such a link.
type CodeOut struct {
	Ticket string `json:"ticket" class:"public"` // "" if the one shown stays good
}

// Code mails a one-time code to the registered mailbox (確認コードの送信).
var Code = gate.New(gate.Op[CodeIn, CodeOut]{
	Name: "share.code", Mode: gate.Write,
	Alone:  func(in CodeIn) []string { return lock(in.Locator) },
	Target: func(x *gate.Tx, in CodeIn) (gate.Target, error) { return about(x, in.Locator) },
	Do: func(x *gate.Tx, in CodeIn) (CodeOut, error) {
		l, err := dispatch.FindLink(x, in.Locator)
		if err != nil && !fault.Is(err, fault.KindRefused) {
			return CodeOut{}, err
		}
		v, known, e := visit(x, l.ID, in.Ticket)
		if e != nil {
			return CodeOut{}, e
		}
		why := err
		if why == nil {
			why = mayCode(x, &l.LinkRow)
		}
		switch {
		case why != nil && known && err == nil:
			return CodeOut{}, gate.Refused(x, fault.Of(why))
		case why != nil && in.Ticket != "":
			return CodeOut{}, nil
		case why != nil: // to whoever does not hold the link it all looks alike
			return CodeOut{vault.NewToken()}, nil
		}
		var out CodeOut
		if !known {
			if v, out.Ticket, err = come(x, l.ID); err != nil {
				return out, err
			}
		}
		code := newCode()
		v.Code, v.CodeUntil, v.Tries = codeHash(x, v, code), x.Now().Add(codeFor), 0
		if err := visits.Update(x, &v); err != nil {
			return out, err
		}
		if err := l.MailCode(x, code, v.CodeUntil); err != nil {
			return out, err
		}
		return out, tells(x, l.LinkRow, DidAskCode, "")
	},
})

// mayCode counts one code of the day, or says why there is none.
func mayCode(x *gate.Tx, l *dispatch.LinkRow) error {
	if err := dispatch.MayGive(x); err != nil {
		return err
	}
	if err := unlocked(x, *l); err != nil {
		return err
	}
	if !spend(l, x.Now()) {
		return fault.Limited("share.codes_spent", "most", codesADay)
	}
	return l.Changed(x)
}

func unlocked(x *gate.Tx, l dispatch.LinkRow) error {
	if wait := l.LockedUntil.Sub(x.Now()); wait > 0 {
		return fault.Refused("share.locked", "minutes", int(wait/time.Minute)+1)
	}
	return nil
}

// VerifyIn is a code as it was typed.
type VerifyIn struct {
	Locator string `json:"locator" required:"true" max:"32"`
	Ticket  string `json:"ticket" required:"true" max:"64"`
	Code    string `json:"code" required:"true" max:"20"`
}

// VerifyOut is the cookie of a browser that has proven itself.
type VerifyOut struct {
	Device string `json:"device" class:"public"`
}

// Verify takes the code (確認コードの照合). It is good once, for the browser that had
// it sent; after five wrong ones the link is locked and the sender told.
var Verify = gate.New(gate.Op[VerifyIn, VerifyOut]{
	Name: "share.verify", Mode: gate.Write,
	Alone:  func(in VerifyIn) []string { return lock(in.Locator) },
	Target: func(x *gate.Tx, in VerifyIn) (gate.Target, error) { return about(x, in.Locator) },
	Do: func(x *gate.Tx, in VerifyIn) (VerifyOut, error) {
		l, err := find(x, in.Locator)
		if err != nil {
			return VerifyOut{}, err
		}
		v, known, err := visit(x, l.ID, in.Ticket)
		if err != nil {
			return VerifyOut{}, err
		}
		if !known {
			return VerifyOut{}, dead(x, l)
		}
		if err := dispatch.MayGive(x); err != nil {
			return VerifyOut{}, err
		}
		if err := unlocked(x, l.LinkRow); err != nil {
			return VerifyOut{}, err
		}
		if v.Code == "" || !x.Now().Before(v.CodeUntil) {
			return VerifyOut{}, fault.Refused("share.code_over")
		}
		if !vault.Equal([]byte(v.Code), []byte(codeHash(x, v, plain(in.Code)))) {
			return VerifyOut{}, wrong(x, l, v)
		}
		out := VerifyOut{renew(&v)}
		v.Code, v.ProvenUntil = "", x.Now().Add(deviceFor)
		if err := visits.Update(x, &v); err != nil {
			return out, err
		}
		if err := l.OpenedBy(x, "share.verify"); err != nil {
			return out, err
		}
		return out, tells(x, l.LinkRow, DidProve, "")
	},
})

// plain is a code as a person types it: full-width digits and spaces are fine.
func plain(s string) string {
	var out []rune
	for _, r := range s {
		if r >= '０' && r <= '９' {
			r = r - '０' + '0'
		}
		if r >= '0' && r <= '9' {
			out = append(out, r)
		}
	}
	return string(out)
}

// wrong counts a wrong code, and locks the link after the last.
func wrong(x *gate.Tx, l dispatch.Linked, v Visit) error {
	v.Tries++
	why := fault.Refused("share.code_wrong", "left", codeTries-v.Tries)
	if err := tells(x, l.LinkRow, DidErr, ""); err != nil {
		return err
	}
	if v.Tries >= codeTries {
		v.Code = ""
		l.LockedUntil = x.Now().Add(lockFor)
		if err := l.Changed(x); err != nil {
			return err
		}
		if err := tells(x, l.LinkRow, DidLock, ""); err != nil {
			return err
		}
		if err := Says(x, l.LinkRow, Locked, ""); err != nil {
			return err
		}
		why = fault.Refused("share.locked", "minutes", int(lockFor/time.Minute))
	}
	if err := visits.Update(x, &v); err != nil {
		return err
	}
	return gate.Refused(x, why)
}
