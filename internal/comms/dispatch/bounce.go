package dispatch

import (
	"encoding/base32"
	"slices"
	"strings"
	"time"

	"sekisho/internal/comms/dispatch/internal/dsn"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/mailaddr"
	"sekisho/internal/kernel/vault"
)

// BounceAddress is where mail servers send what they could not deliver (不達の
// 受け口): bounce@bounce.example.co.jp. Each mail gets one of its own, made of the
// recipient's id and a code over it, so that nobody who has not seen that mail
// can say that it came back.
type BounceAddress struct{ local, domain string }

// ParseBounceAddress reads the setting; fault.Invalid if it cannot be one.
func ParseBounceAddress(s string) (BounceAddress, error) {
	a, err := mailaddr.Parse(s)
	if err != nil {
		return BounceAddress{}, err
	}
	local, _, _ := strings.Cut(a.String(), "@")
	if strings.Contains(local, "+") || len(local) > 64-len("+")-tokenSize {
		return BounceAddress{}, fault.Invalid("dispatch.bounce_address")
	}
	return BounceAddress{local, a.Domain()}, nil
}

// Set tells whether there is one.
func (b BounceAddress) Set() bool { return b.domain != "" }

// Domain is the part after the @.
func (b BounceAddress) Domain() string { return b.domain }

// sender is the envelope's sender for a token.
func (b BounceAddress) sender(token string) string { return b.local + "+" + token + "@" + b.domain }

// token finds ours in an address of ours; case does not matter, since servers
// on the way may change it.
func (b BounceAddress) token(address string) string {
	a := strings.ToLower(strings.Trim(strings.TrimSpace(address), "<>"))
	local, domain, _ := strings.Cut(a, "@")
	token, ok := strings.CutPrefix(local, b.local+"+")
	if !ok || domain != b.domain || len(token) != tokenSize {
		return ""
	}
	return token
}

// Sizes of a token: an id, a dot, and 80 bits of code in 16 letters.
const (
	idSize    = 26
	codeSize  = 16
	tokenSize = idSize + 1 + codeSize
)

// token is what stands in the bounce address of one recipient.
func token(r *vault.Ring, item string) string {
	mac := r.MAC("bounce address", []byte(item))
	return item + "." + strings.ToLower(base32.StdEncoding.EncodeToString(mac[:codeSize*5/8]))
}

// itemOf gives the recipient whose token it is, "" if nobody's: the code is not
// the one that belongs to the id.
func itemOf(r *vault.Ring, given string) string {
	item, _, ok := strings.Cut(given, ".")
	if !ok || len(given) != tokenSize || !vault.Equal([]byte(token(r, item)), []byte(given)) {
		return ""
	}
	return item
}

// BounceNote is one message that came back about a recipient (不達の知らせ).
type BounceNote struct {
	gate.Row
	Package    string    `json:"package" col:"package_id" class:"internal,plain"`
	Item       string    `json:"item" col:"item_id" class:"internal,plain"`
	Kind       string    `json:"kind" col:"kind" class:"internal,plain"`        // failed, delayed, delivered, passed, reply, unclear
	Why        string    `json:"why" col:"why" class:"internal,plain"`          // of a failure
	Status     string    `json:"status" col:"status" class:"internal,plain"`    // code of RFC 3463
	Recipient  string    `json:"recipient" col:"recipient" class:"personal"`    // as the server names it
	Reporter   string    `json:"reporter" col:"reporter" class:"internal,seal"` // the server, as it names itself
	Diagnostic string    `json:"diagnostic" col:"diagnostic" class:"personal"`  // its words
	Digest     string    `json:"digest" col:"digest" class:"internal,plain"`    // of the message
	Via        string    `json:"via" col:"via" class:"internal,plain"`          // lmtp or imap
	Moved      bool      `json:"moved" col:"moved" class:"internal,plain"`      // it changed the recipient's state
	At         time.Time `json:"at" col:"arrived_at" class:"internal,plain"`    //
}

// Tally counts the messages of one day; its id is the day.
type Tally struct {
	gate.Row
	Taken   int64 `json:"taken" col:"taken" class:"internal,plain"`
	Doubled int64 `json:"doubled" col:"doubled" class:"internal,plain"`
	Forged  int64 `json:"forged" col:"forged" class:"internal,plain"` // the code was wrong: nothing was looked at
	Unread  int64 `json:"unread" col:"unread" class:"internal,plain"` // no mail at all, or about nothing we know
}

var (
	bounces = gate.NewTable[BounceNote]("dispatch_bounce", gate.Unit(vault.KindPersonal, "dispatch", "package_id"))
	tallies = gate.NewTable[Tally]("dispatch_bounce_tally", gate.Unscoped())
)

// bouncesMost is how many messages about one recipient are kept: whoever has
// the mail can send any number.
const bouncesMost = 20

// Keys of what a message says about a recipient.
const (
	bounceDelayed   = "dispatch.bounce_delayed"
	bounceDelivered = "dispatch.bounce_delivered"
	bounceUnclear   = "dispatch.bounce_unclear"
)

func bounceReason(why string) string { return "dispatch.bounced." + why }

// ofAddress tells whether a recipient came back because of its address, and not
// for a full mailbox or the like: then the address waits until it is verified anew.
func (i Item) ofAddress() bool {
	for _, w := range dsn.Reasons() {
		if i.Reason == bounceReason(string(w)) {
			return w.OfAddress()
		}
	}
	return true
}

// told moves a recipient by what a message with its code says. A message that
// comes back says, too, that the mail had been taken. What it says of a mail
// that was opened, called back or never left changes nothing.
func (i *Item) told(kind, why, by string, now time.Time) (moved bool) {
	var way []Event
	switch i.State {
	case Unknown:
		way = []Event{HandOver}
	case Held:
		if i.MarkedAt.IsZero() {
			return false
		}
		way = []Event{Claim, HandOver}
	}
	reason := ""
	switch dsn.Kind(kind) {
	case dsn.Failed:
		way, reason = append(way, Bounce), bounceReason(why)
	case dsn.Delivered:
		way, reason = append(way, Deliver), bounceDelivered
	case dsn.Delayed:
		reason = bounceDelayed
	case dsn.Unclear:
		reason = bounceUnclear
	default:
		return false
	}
	to := i.State
	for _, e := range way {
		next, err := Next(to, e)
		if err != nil {
			return false
		}
		to = next
	}
	if len(way) == 0 && (i.State != Handed && (i.State != Delivered || reason == bounceDelayed) || i.Reason == reason) {
		return false
	}
	if i.State == Unknown || i.State == Held {
		i.ResolvedBy, i.NotBefore = by, time.Time{}
	}
	i.State, i.Reason, i.SettledAt = to, reason, now
	i.AttendedBy, i.AttendedAt = "", time.Time{} // it is another task
	return true
}

// waitsAtRelay are the reasons of a mail that some server has and cannot pass on.
func waitsAtRelay() []string { return []string{"dispatch.log_put_off", bounceDelayed} }

// believed is the kind to act on. The code in the address tells the recipient;
// a message about another mail, or words in no form that name none, say nothing.
func (in BounceIn) believed(i Item) string {
	k := dsn.Kind(in.Kind)
	other := in.MessageID != "" && !strings.EqualFold(in.MessageID, i.MessageID)
	free := !in.Standard && in.MessageID == ""
	if slices.Contains([]dsn.Kind{dsn.Failed, dsn.Delayed, dsn.Delivered}, k) && (other || free) {
		return string(dsn.Unclear)
	}
	return in.Kind
}
