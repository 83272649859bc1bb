package party

import (
	"embed"
	"fmt"
	"slices"
	"time"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"
)

//go:embed schema/*.sql
var schema embed.FS

// Party is a partner (取引先). Names lie under the class key, because every list
// shows them; address, phone and terms under the partner's own data key.
type Party struct {
	gate.Row
	Code               string                `json:"code" col:"code" class:"internal,plain"` // 得意先コード, leading zeros kept
	Name               string                `json:"name" col:"name" class:"confidential,label"`
	Kana               string                `json:"kana" col:"kana" class:"confidential,label"`
	Honorific          string                `json:"honorific" col:"honorific" class:"internal,plain"` // 敬称: 御中 or 様
	CorporateNumber    jp.CorporateNumber    `json:"corporate_number" col:"corporate_number" class:"confidential,exact,label"`
	RegistrationNumber jp.RegistrationNumber `json:"registration_number" col:"registration_number" class:"confidential,exact,label"`
	PostalCode         string                `json:"postal_code" col:"postal_code" class:"confidential"`
	Address            string                `json:"address" col:"address" class:"confidential"`
	Phone              string                `json:"phone" col:"phone" class:"confidential"`
	Terms              civil.Term            `json:"terms" col:"terms" class:"confidential"`      // 締日・支払サイト
	Owner              string                `json:"owner" col:"owner_id" class:"internal,plain"` // person in charge (担当者)
	Department         string                `json:"department" col:"department_id" class:"internal,plain"`
	State              State                 `json:"state" col:"state" class:"internal,plain"`
	Run                string                `json:"run" col:"run" class:"internal,plain"` // import run that brought it, or ""
}

// Contact is a person at a partner (担当者).
type Contact struct {
	gate.Row
	Party   string     `json:"party" col:"party_id" class:"internal,plain"`
	Name    string     `json:"name" col:"name" class:"personal"`
	Kana    string     `json:"kana" col:"kana" class:"personal"`
	Section string     `json:"section" col:"section" class:"confidential"` // 部署
	Title   string     `json:"title" col:"title" class:"confidential"`     // 役職
	Mail    string     `json:"mail" col:"mail" class:"personal,exact"`     // for looking up; sending needs a delivery point
	Phone   string     `json:"phone" col:"phone" class:"personal"`
	Left    civil.Date `json:"left_on" col:"left_on" class:"internal,plain"`
	Run     string     `json:"run" col:"run" class:"internal,plain"`
}

// DeliveryPoint is an address documents may be sent to once it is verified
// (確認済み送付先). Its address never changes: another address is another point,
// so the row's Version with its id is the register version a package is bound
// to. Address and label lie under the class key: look-alikes are searched over
// all of them.
type DeliveryPoint struct {
	gate.Row
	Party      string       `json:"party" col:"party_id" class:"internal,plain"`
	Contact    string       `json:"contact" col:"contact_id" class:"internal,plain"`
	Channel    string       `json:"channel" col:"channel" class:"internal,plain"`       // "mail"
	Address    string       `json:"address" col:"address" class:"personal,exact,label"` // canonical, by mailaddr
	Label      string       `json:"label" col:"label" class:"confidential,label"`       // 宛先の呼び名
	MaxClass   policy.Class `json:"max_class" col:"max_class" class:"internal,plain"`   // highest class that may go there
	State      PointState   `json:"state" col:"state" class:"internal,plain"`
	Origin     Origin       `json:"origin" col:"origin" class:"internal,plain"`
	Replaces   string       `json:"replaces" col:"replaces" class:"internal,plain"`     // point retired when this one is verified
	Findings   []Finding    `json:"findings" col:"findings" class:"confidential,label"` // as of when it was proposed
	VerifiedOn civil.Date   `json:"verified_on" col:"verified_on" class:"internal,plain"`
	VerifiedBy string       `json:"verified_by" col:"verified_by" class:"internal,plain"`   // person who confirmed it with the partner; the second person is in the record
	How        string       `json:"verified_how" col:"verified_how" class:"internal,plain"` // way of confirming (see Ways)
	RetiredOn  civil.Date   `json:"retired_on" col:"retired_on" class:"internal,plain"`
	Slot       string       `json:"-" col:"slot" class:"internal,plain"` // "" in use, own id once retired: makes the address unique among those in use
	Run        string       `json:"run" col:"run" class:"internal,plain"`
	QuietNo    int64        `json:"-" col:"quiet_no" class:"internal,plain"`              // place in its run's quiet list, from 1; 0 is not quiet
	Review     string       `json:"review" col:"review" class:"internal,plain" since:"2"` // why it is to be looked at again, "" if it is not
	ReviewOn   civil.Date   `json:"review_on" col:"review_on" class:"internal,plain" since:"2"`
	RenewedAt  time.Time    `json:"renewed_at" col:"renewed_at" class:"internal,plain" since:"2"` // when it was last confirmed once more
}

// BankAccount is a partner's own account (口座), for paying and refunding it.
type BankAccount struct {
	gate.Row
	Party       string       `json:"party" col:"party_id" class:"internal,plain"`
	BankCode    string       `json:"bank_code" col:"bank_code" class:"personal"`     // 4 digits
	BankName    string       `json:"bank_name" col:"bank_name" class:"personal"`     // half-width kana of bank files
	BranchCode  string       `json:"branch_code" col:"branch_code" class:"personal"` // 3 digits
	BranchName  string       `json:"branch_name" col:"branch_name" class:"personal"`
	Kind        string       `json:"kind" col:"kind" class:"internal,plain"` // ordinary 普通, current 当座, savings 貯蓄
	Number      string       `json:"number" col:"number" class:"personal,exact"`
	Holder      string       `json:"holder" col:"holder" class:"personal"`
	State       AccountState `json:"state" col:"state" class:"internal,plain"`
	ConfirmedOn civil.Date   `json:"confirmed_on" col:"confirmed_on" class:"internal,plain"`
	ConfirmedBy string       `json:"confirmed_by" col:"confirmed_by" class:"internal,plain"`
	How         string       `json:"confirmed_how" col:"confirmed_how" class:"internal,plain"`
	RetiredOn   civil.Date   `json:"retired_on" col:"retired_on" class:"internal,plain"`
	Slot        string       `json:"-" col:"slot" class:"internal,plain"` // "" in force, own id once retired: one account in force per partner
}

// Relation says that another company may rightly appear in a partner's
// documents (取引先間の関係).
type Relation struct {
	gate.Row
	Party string       `json:"party" col:"party_id" class:"internal,plain"`
	Other string       `json:"other" col:"other_id" class:"internal,plain"` // "" for a maker that is no partner
	Kind  RelationKind `json:"kind" col:"kind" class:"internal,plain"`
	Name  string       `json:"name" col:"name" class:"confidential,label"` // of a maker (メーカー名)
	From  civil.Date   `json:"from_on" col:"from_on" class:"internal,plain"`
	Ended civil.Date   `json:"ended_on" col:"ended_on" class:"internal,plain"`
}

var (
	parties   = gate.NewTable[Party]("party", gate.Scoped("owner_id", "department_id", "id"), gate.Unit(vault.KindPersonal, "party", "id"))
	contacts  = gate.NewTable[Contact]("party_contact", gate.Scoped("", "", "party_id"), gate.Unit(vault.KindPersonal, "party", "party_id"))
	points    = gate.NewTable[DeliveryPoint]("party_point", gate.Scoped("", "", "party_id"), gate.Unit(vault.KindPersonal, "party", "party_id"))
	accounts  = gate.NewTable[BankAccount]("party_account", gate.Scoped("", "", "party_id"), gate.Unit(vault.KindPersonal, "party", "party_id"))
	relations = gate.NewTable[Relation]("party_relation", gate.Scoped("", "", "party_id"))
)

// Get loads a partner; NotFound when there is none, or only in a run nobody may see yet.
func Get(x *gate.Tx, id string) (Party, error) {
	p, err := parties.Get(x, id)
	if err == nil {
		err = seen(x, p.Run)
	}
	if err != nil {
		return Party{}, err
	}
	return p, nil
}

// Load reads partners by id in one statement, so that Get finds them read.
func Load(x *gate.Tx, ids []string) error {
	_, err := parties.Find(x, gate.In("id", ids))
	return err
}

// ByCode finds a partner by its code (得意先コード), in whatever width it is
// written. NotFound when there is none.
func ByCode(x *gate.Tx, code string) (Party, error) {
	code, err := jp.ParseCode(code)
	if err != nil {
		return Party{}, err
	}
	list, err := parties.Find(x, gate.Eq("code", code)) // one, and those of runs undone or not yet visible
	if err == nil {
		list, err = only(x, list, func(p Party) string { return p.Run })
	}
	switch {
	case err != nil:
		return Party{}, err
	case len(list) == 0:
		return Party{}, fault.NotFound()
	case len(list) > 1:
		return Party{}, fmt.Errorf("party: code %s stands %d times in the register", code, len(list))
	}
	return list[0], nil
}

// Contacts are all contacts of a partner, those who left included.
func Contacts(x *gate.Tx, party string) ([]Contact, error) {
	list, err := contacts.Find(x, gate.Eq("party_id", party))
	if err != nil {
		return nil, err
	}
	return only(x, list, func(c Contact) string { return c.Run })
}

// DeliveryPoints are all delivery points of a partner, retired ones included.
func DeliveryPoints(x *gate.Tx, party string) ([]DeliveryPoint, error) {
	return findPoints(x, gate.Eq("party_id", party))
}

func findPoints(x *gate.Tx, where ...gate.Cond) ([]DeliveryPoint, error) {
	list, err := points.Find(x, where...)
	if err != nil {
		return nil, err
	}
	if list, err = only(x, list, pointRun); err != nil {
		return nil, err
	}
	return list, settle(x, list)
}

func pointRun(p DeliveryPoint) string { return p.Run }

// DeliveryPointByID loads one delivery point.
func DeliveryPointByID(x *gate.Tx, id string) (DeliveryPoint, error) {
	p, err := points.Get(x, id)
	if err == nil {
		err = seen(x, p.Run)
	}
	one := []DeliveryPoint{p}
	if err == nil {
		err = settle(x, one)
	}
	if err != nil {
		return DeliveryPoint{}, err
	}
	return one[0], nil
}

// Accounts are all bank accounts of a partner, retired ones included.
func Accounts(x *gate.Tx, party string) ([]BankAccount, error) {
	return accounts.Find(x, gate.Eq("party_id", party))
}

// Relations are the relations a partner has, from either side, ended ones included.
func Relations(x *gate.Tx, party string) ([]Relation, error) {
	from, err := relations.Find(x, gate.Eq("party_id", party))
	if err != nil {
		return nil, err
	}
	to, err := relations.Find(x, gate.Eq("other_id", party))
	return append(from, to...), err
}

// AllDeliveryPoints gives up to limit delivery points in use, of every partner,
// in the order of their ids and beginning after an id: for look-alike checks.
// Fewer than limit means that there are no more.
func AllDeliveryPoints(x *gate.Tx, after string, limit int) ([]DeliveryPoint, error) {
	list, err := walk(x, points, after, limit, func(p DeliveryPoint) string { return p.ID }, pointRun, gate.Ne("state", Retired))
	if err != nil {
		return nil, err
	}
	return list, settle(x, list)
}

// Name is what identifies a partner inside a document.
type Name struct {
	ID                 string
	Code               string
	Name               string
	RegistrationNumber jp.RegistrationNumber
	State              State
}

// AllNames gives up to limit partners in the order of their ids and beginning
// after an id: for content checks. Fewer than limit means that there are no more.
func AllNames(x *gate.Tx, after string, limit int) ([]Name, error) {
	list, err := walk(x, parties, after, limit, func(p Party) string { return p.ID }, func(p Party) string { return p.Run })
	out := make([]Name, len(list))
	for i, p := range list {
		out[i] = Name{p.ID, p.Code, p.Name, p.RegistrationNumber, p.State}
	}
	return out, err
}

// walk reads visible rows in the order of their ids, some pages at a time. In a
// List op it sees what the actor may list, everywhere else all.
func walk[T any](x *gate.Tx, t *gate.Table[T], after string, limit int, id, run func(T) string, where ...gate.Cond) ([]T, error) {
	vis, err := visible(x)
	if err != nil {
		return nil, err
	}
	var out []T
	for len(out) < limit {
		// "At least after", since there is no "greater than"; so one more is read.
		// Runs are not in the condition: their order is not the ids'.
		conds := append([]gate.Cond{gate.Ge("id", after)}, where...)
		p, err := t.Page(x, gate.PageQuery{Where: conds, By: "id", Limit: min(limit-len(out)+1, 200)})
		if err != nil {
			return nil, err
		}
		for _, r := range p.Rows {
			if id(r) != after && slices.Contains(vis, run(r)) && len(out) < limit {
				out = append(out, r)
			}
		}
		if p.Next == "" {
			break
		}
		after = id(p.Rows[len(p.Rows)-1])
	}
	return out, nil
}

// settle lets a batch verification count: a quiet point of a run whose list a
// second person approved is verified, although its row was never rewritten
// (one commit cannot rewrite 100,000 rows).
func settle(x *gate.Tx, list []DeliveryPoint) error {
	known := map[string]*Verification{}
	for i := range list {
		p := &list[i]
		if p.State != Proposed || p.QuietNo == 0 {
			continue
		}
		v, asked := known[p.Run]
		if !asked {
			row, err := verifications.Get(x, p.Run)
			switch {
			case err == nil:
				v = &row
			case !fault.Is(err, fault.KindNotFound):
				return err
			}
			known[p.Run] = v
		}
		if v != nil {
			p.State, p.VerifiedOn, p.VerifiedBy, p.How = Verified, v.VerifiedOn, v.AskedBy, WayBatch
		}
	}
	return nil
}

// Verified tells whether documents may be sent there.
func (p DeliveryPoint) Verified() bool { return p.State == Verified }

// Account is the account in force of a partner; NotFound when there is none.
func Account(x *gate.Tx, party string) (BankAccount, error) {
	return accounts.One(x, gate.Eq("party_id", party), gate.Eq("slot", ""))
}
