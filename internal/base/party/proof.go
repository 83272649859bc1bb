package party

import (
	"cmp"
	"encoding/base32"
	"slices"
	"strings"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/mailaddr"
	"sekisho/internal/kernel/vault"
)

// The ways in which an addressee confirms an address (送付先の確認). That its
// mailbox answered says that somebody reads it, not whose it is: see Suffices.
const (
	ByOptIn = "link"  // by pressing the button behind a link that was mailed there
	ByCard  = "card"  // typed by the addressee after the QR code at the name-card exchange, then like ByOptIn
	ByReply = "reply" // by answering a mail, signed by the domain (DKIM)
)

// ProofState is how far a proof has come.
type ProofState string

// The states of a proof.
const (
	ProofAsked  ProofState = "asked"
	ProofGiven  ProofState = "given"
	ProofDenied ProofState = "denied" // 「心当たりがありません」
)

// The terms of proofs.
const (
	proofFor  = 14 * 24 * time.Hour // a link, or a mail to be answered
	cardFor   = 30 * time.Minute    // a QR code: for as long as two people stand together
	proofGood = 30 * 24 * time.Hour // how long after it was given it may be relied on
	proofsDay = 3                   // mails a day to one address
)

// Proof is how an addressee confirmed an address, kept as it came (送付先の確認の証拠).
type Proof struct {
	gate.Row
	Party   string     `json:"party" col:"party_id" class:"internal,plain"`
	Point   string     `json:"point" col:"point_id" class:"internal,plain"` // "" of a QR code whose addressee has not typed an address yet
	Contact string     `json:"contact" col:"contact_id" class:"internal,plain"`
	Way     string     `json:"way" col:"way" class:"internal,plain"`
	State   ProofState `json:"state" col:"state" class:"internal,plain"`
	Locator string     `json:"-" col:"locator" class:"internal,plain"`
	Hash    string     `json:"-" col:"hash" class:"internal,plain"`    // of the secret
	Address string     `json:"address" col:"address" class:"personal"` // to which it was mailed
	Ends    time.Time  `json:"ends_at" col:"ends_at" class:"internal,plain"`
	AskedBy string     `json:"asked_by" col:"asked_by" class:"internal,plain"`
	Given   time.Time  `json:"given_at" col:"given_at" class:"internal,plain"`
	IP      string     `json:"ip" col:"ip" class:"personal"`
	Agent   string     `json:"agent" col:"agent" class:"personal"`
	Detail  string     `json:"detail" col:"detail" class:"personal"`                   // of an answer: who signed it, its Message-ID
	Bytes   string     `json:"bytes_digest" col:"bytes_digest" class:"internal,plain"` // of the answer, which lies in the blob store
}

var proofs = gate.NewTable[Proof]("party_proof", gate.Scoped("", "", "party_id"), gate.Unit(vault.KindPersonal, "party", "party_id"))

// ProofGone is the one refusal of a proof that is unknown, over, used or guessed.
func ProofGone() *fault.Error { return fault.Refused("party.proof_gone") }

func newLocator() string {
	return strings.ToLower(base32.StdEncoding.EncodeToString(vault.Random(10)))
}

// AskProof begins a proof of a point that is proposed, or is to be looked at
// again, for whom by names, or else the actor. It gives the secret, which is
// kept nowhere else.
func AskProof(x *gate.Tx, p DeliveryPoint, way, by string) (Proof, string, error) {
	if p.State == Retired {
		return Proof{}, "", fault.Refused("party.point_decided")
	}
	if p.Channel != ChannelMail {
		return Proof{}, "", fault.Refused("party.proof_mail_only")
	}
	list, err := proofs.Find(x, gate.Eq("point_id", p.ID))
	if err != nil {
		return Proof{}, "", err
	}
	today := 0
	for _, o := range list {
		if x.Now().Sub(o.CreatedAt) < 24*time.Hour {
			today++
		}
	}
	if today >= proofsDay {
		return Proof{}, "", fault.Limited("party.proofs_spent", "most", proofsDay)
	}
	return begin(x, Proof{Party: p.Party, Point: p.ID, Contact: p.Contact, Way: way, Address: p.Address, AskedBy: by, Ends: x.Now().Add(proofFor)})
}

// AskCard begins what a QR code leads to (名刺交換のQR).
func AskCard(x *gate.Tx, party, contact string) (Proof, string, error) {
	if err := reachable(x, DeliveryPoint{Party: party, Contact: contact}); err != nil {
		return Proof{}, "", err
	}
	return begin(x, Proof{Party: party, Contact: contact, Way: ByCard, Ends: x.Now().Add(cardFor)})
}

func begin(x *gate.Tx, p Proof) (Proof, string, error) {
	secret := vault.NewToken()
	p.State, p.AskedBy, p.Locator, p.Hash = ProofAsked, cmp.Or(p.AskedBy, x.Actor().Person), newLocator(), vault.HashTokenHex(secret)
	return p, secret, proofs.Insert(x, &p)
}

// FindProof loads a proof that can still be given, by the address of its link
// and its secret; ProofGone if there is none.
func FindProof(x *gate.Tx, locator, secret string) (Proof, error) {
	rows, err := proofs.Find(x, gate.Eq("locator", locator))
	if err != nil {
		return Proof{}, err
	}
	var p Proof
	if len(rows) == 1 {
		p = rows[0]
	}
	right := vault.Equal([]byte(vault.HashTokenHex(secret)), []byte(p.Hash))
	if !right || p.State != ProofAsked || !x.Now().Before(p.Ends) {
		return Proof{}, ProofGone()
	}
	party, err := Get(x, p.Party)
	if err == nil && party.State == Left {
		err = ProofGone()
	}
	if err != nil || p.Point == "" {
		return p, err
	}
	d, err := DeliveryPointByID(x, p.Point)
	if err == nil && (d.State == Retired || d.Party != p.Party || d.Address != p.Address) {
		err = ProofGone()
	}
	return p, err
}

// ProofByID loads one.
func ProofByID(x *gate.Tx, id string) (Proof, error) { return proofs.Get(x, id) }

// Settle writes down what the addressee answered, with where it came from.
func (p *Proof) Settle(x *gate.Tx, s ProofState) error {
	p.State, p.Given, p.Agent = s, x.Now(), x.Credential().Agent
	if ip := x.Credential().IP; ip.IsValid() {
		p.IP = ip.String()
	}
	if err := proofs.Update(x, p); err != nil || s != ProofDenied || p.Point == "" {
		return err
	}
	d, err := DeliveryPointByID(x, p.Point)
	if err != nil {
		return err
	}
	return flag(x, d, ReviewDenied, Finding{Kind: FindDenied})
}

// Secret tells whether s is the secret of the proof: of one that is answered by
// mail it is quoted there.
func (p Proof) Secret(s string) bool {
	return vault.Equal([]byte(vault.HashTokenHex(s)), []byte(p.Hash))
}

// Open tells whether it may still be given.
func (p Proof) Open(now time.Time) bool { return p.State == ProofAsked && now.Before(p.Ends) }

// proven is the proof by which a point was confirmed in a way, given not long ago.
func proven(x *gate.Tx, d DeliveryPoint, way string) (Proof, error) {
	list, err := proofs.Find(x, gate.Eq("point_id", d.ID))
	if err != nil {
		return Proof{}, err
	}
	for _, p := range list {
		if p.Way == way && p.State == ProofGiven && p.Address == d.Address && x.Now().Sub(p.Given) < proofGood {
			return p, nil
		}
	}
	return Proof{}, fault.Refused("party.no_proof").At("how")
}

// answers tells whether a way is one in which the addressee answers himself.
func answers(way string) bool { return slices.Contains([]string{ByOptIn, ByCard, ByReply}, way) }

// Suffices tells whether the addressee's own answer takes the second person's
// place: the address stands on a domain of which one is confirmed already, takes
// no other's place, and nothing about it is strange. A look-alike's owner would
// answer, too.
func Suffices(d DeliveryPoint, own []DeliveryPoint) bool {
	a, err := mailaddr.Parse(d.Address)
	if err != nil || len(d.Findings) > 0 || d.Replaces != "" || d.Review != "" && d.Review != ReviewAge || mailaddr.FreeMail(a.Domain()) {
		return false
	}
	return slices.ContainsFunc(own, func(o DeliveryPoint) bool {
		b, err := mailaddr.Parse(o.Address)
		return err == nil && o.Verified() && o.Review == "" && o.ID != d.ID && site(b) == site(a)
	})
}

// ProofsIn names a partner.
type ProofsIn struct {
	Party string `json:"party" required:"true"`
}

// ProofsOut are its latest proofs.
type ProofsOut struct {
	Rows []Proof `json:"rows"`
}

// Proofs lists how addresses of a partner were confirmed by their addressees.
var Proofs = gate.New(gate.Op[ProofsIn, ProofsOut]{
	Name: "party.proofs", Mode: gate.Read,
	Target: func(x *gate.Tx, in ProofsIn) (gate.Target, error) { return about(x, in.Party) },
	Do: func(x *gate.Tx, in ProofsIn) (ProofsOut, error) {
		p, err := proofs.Page(x, gate.PageQuery{Where: []gate.Cond{gate.Eq("party_id", in.Party)}, By: "created_at", Desc: true, Limit: 50})
		return ProofsOut{p.Rows}, err
	},
})
