package dispatch

import (
	"slices"
	"time"

	"sekisho/internal/base/document"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/policy"
)

// Level is how much a finding weighs.
type Level string

// The levels.
const (
	Match   Level = "match"   // 一致
	Caution Level = "caution" // 確認: a tick of its own
	Halt    Level = "stop"    // 送信停止: there is no "send anyway"
)

// Ways out of a stop: the ops a page or a command offers beside it.
const (
	WayRegistered = "dispatch.take_registered"
	WayRemove     = "dispatch.remove_recipient"
	WayPropose    = "party.point_propose"
	WayEdit       = "dispatch.edit"
	WaySplit      = "dispatch.prepare"      // 分けて送る: a package of its own for the other partner
	WayRelation   = "dispatch.relation_ask" // 正しい取引です: a second person records the relation
	WayUpdate     = "party.update"          // the register is what is wrong
	WayEnd        = "dispatch.cancel"       // it should not be sent at all
	WayOnce       = "dispatch.once_ask"     // 1回だけ送る: a second person agrees to this one sending
	WayIntroduce  = "intro.prepare"         // 案内状を送る: a letter to the partner comes first
)

// Finding is what a check found about one item.
type Finding struct {
	Level      Level    `json:"level" class:"internal"`
	Key        string   `json:"key" class:"internal"`        // sentence in package text
	Item       string   `json:"item" class:"internal"`       // id of a recipient or attachment; "subject", "body" or "package"
	Shown      string   `json:"shown" class:"personal"`      // what was proposed or found: {shown} of the sentence
	Registered string   `json:"registered" class:"personal"` // what the register has beside it: {registered}
	Point      string   `json:"point" class:"internal"`      // id of that delivery point
	Reason     string   `json:"reason" class:"internal"`     // a second sentence: why the two look alike, why a file is unreadable
	Second     bool     `json:"second" class:"internal"`     // a second person must look
	Ways       []string `json:"ways" class:"internal"`       // ops that mend it
	Other      string   `json:"other" class:"internal"`      // id of the other partner it is about, "" if none
	Steps      []Step   `json:"steps"`                       // Ways as calls that can be made, see steps
}

// Items that are no row.
const (
	ItemSubject = "subject"
	ItemBody    = "body"
	ItemPackage = "package"
)

// Facts are all that the checks look at: everything was looked up before, so a
// check is a pure function.
type Facts struct {
	Party      PartyFact
	Into       string       // the partner it went into by a merge, "" if it is one of its own
	Held       RegisterFact // what the register has of the partner
	Own        OwnFact      // and of ourselves
	Words      Words
	Recipients []RecipientFact
	Files      []FileFact
	Subject    []Hit // of other partners, in the subject
	Body       []Hit
	Stray      []string  // account numbers in subject or body that nobody has registered
	Named      []string  // numbers in the subject that are of other issued documents of this partner
	SaysFile   bool      // the body speaks of an attachment
	Linked     bool      // the files go by link …
	Inside     bool      // … or inside the mail, where there is a portal
	Attaches   bool      // the addressee wants files inside mails
	Untold     ToldState // of the first link to a partner that was not told of links; "" else
	Class      policy.Class
	Purpose    Purpose
	Frozen     bool      // the package was reported as a mis-send
	Total      money.Yen // claimed by all attachments
	BigFrom    money.Yen // amounts from here on are looked at by a second person
	Rules      Rules     // of the day
	Channel    string
	Protected  bool     // the partner's exception for encrypted files is in force
	Password   bool     // subject or body hold a password of encrypted files
	Persons    []string // names of the partner's contacts
	Changed    ChangedFact
	Watched    bool     // who prepared or confirms it never sends alone
	History    []Billed // invoices of this partner in the last 13 months, without those attached
	Late       string   // when it is, if nobody usually sends then
}

// Words are the texts of a package as written.
type Words struct {
	Subject, Body         string
	FromName, FromAddress string
}

// RegisterFact is what the register has of the partner beside its name.
type RegisterFact struct {
	PostalCode, Address string
	Terms               civil.Term
	Domains             []string // registrable domains of its addresses in use, and of its contacts
}

// OwnFact is what the register has of the issuer (発行者).
type OwnFact struct {
	Name, Registration, PostalCode, Domain string
	Accounts                               []string // 7 digits each
}

// Billed is an invoice issued before.
type Billed struct {
	Number string
	Amount money.Yen
	Date   civil.Date
}

// PartyFact is the partner of the package.
type PartyFact struct {
	ID, Name string
	Active   bool
}

// RecipientFact is one proposed recipient beside the register.
type RecipientFact struct {
	Item, Kind string
	Proposed   string       // as typed, pasted or imported
	Bad        string       // key of the sentence that says why it is no address, "" if it is one
	Point      string       // id of the verified delivery point it is exactly, "" if none
	Label      string       // of the point
	Max        policy.Class // the highest class the point takes
	Near       Beside       // the registered address of this partner that it most resembles
	Alike      string       // why it resembles an address of another partner: key of a sentence
	Elsewhere  bool         // it is registered, but with another partner
	Pending    bool         // it is proposed for this partner and not verified yet
	FreeMail   bool
	FirstTime  bool
	Left       bool      // the contact has left the company
	Doubled    bool      // it stands twice in the package
	NewDomain  bool      // nothing went to its domain before, but to others of this partner
	Shared     bool      // another partner has the same address, as delivery point or as a contact's
	Bounced    bool      // what was sent there last came back
	Once       time.Time // until when this one sending may go there though it is not registered; zero: it is registered
	Spent      bool      // it had its one time before, and is to be registered
	Review     string    // why the register has it to be looked at again, "" if it has not

	sharedSince time.Time // since when it is verified for all who share it, zero if it is not
}

// Beside is a registered address shown beside a proposed one.
type Beside struct {
	Address, Point, Reason string
}

// FileFact is one attachment: what the archive says and what is inside.
type FileFact struct {
	Item, Name string
	Media      string
	Size       int64
	Standing   document.Standing
	Frozen     bool   // it was in a package that was reported as a mis-send
	Foreign    bool   // the archive has it under another partner
	Invoice    bool   // an invoice of ours: it must name partner, number and amount
	Unreadable string // key of the reason, "" if read whole
	Disguised  bool   // the name promises another type than the bytes are
	Active     bool   // holds a program, or files inside the file
	Pictures   bool   // a page is mostly picture
	Hits       []Hit  // of other partners, in name or text
	HasName    bool   // the partner's name stands in it
	HasNumber  bool
	HasAmount  bool
	Number     string
	SentTo     []string // addresses of this package that got the same document before
	UnderwayTo []string // addresses for which the same document is on its way

	Kind       string    // of the document: document.Invoice, …
	Issued     bool      // one of our own, as it was issued
	Correction bool      // it takes the place of another, or takes money back
	Uploaded   bool      // not made by us
	Ours       bool      // made by us: that, or an invoice or quotation taken in for sending
	Amount     money.Yen // claimed
	Date       civil.Date
	Text       string    // what was read, pages and what lies beside them
	Said       Said      // what that says about addressee and payment
	Stray      []string  // account numbers in it that nobody has registered
	Copy       string    // number of an issued document that this says it is, without having its bytes
	Twin       string    // number of another document with the same amount in the same month that is sent or about to be
	Twice      bool      // it is attached twice
	Ordered    money.Yen // total of the order it names, 0 if none is known
	OrderNo    string
	Office     Office // what is hidden in an office file
}

// Office is what a file of an office program carries that its pages do not show (M20).
type Office struct {
	Macros bool
	Hidden []string // names of hidden sheets
	Veiled []string // what a docx holds beside what it shows
	Cut    bool     // it could not be gone through whole
	Author string
}

// Hit is something of another partner found in a text.
type Hit struct {
	Kind    HitKind
	Value   string // the name as registered, or an identifier as found
	Party   string
	Others  []string // further partners that have the same
	Weak    bool     // a short or common name: never stops alone
	Product bool     // only where a maker or a product is named: never stops alone
	Ship    bool     // stands, perhaps among other places, where the text says where goods go
	To      bool     // stands as an addressee and not where goods go
	Related bool     // a recorded relation explains it (直送先, 本支店, グループ)
	Maker   bool     // and that as a maker whose products are sold
	Shipped bool     // a document of the package to this partner says that goods go there
}

// HitKind is what was found.
type HitKind string

// The kinds. All but a name identify one partner.
const (
	HitName         HitKind = "name"
	HitRegistration HitKind = "registration" // 登録番号, 法人番号
	HitCode         HitKind = "code"         // 得意先コード
	HitMail         HitKind = "mail"
	HitDomain       HitKind = "domain"
	HitPhone        HitKind = "phone"
	HitAccount      HitKind = "account" // 口座番号
	HitNumber       HitKind = "number"  // number or id of another partner's document
)

// Examine runs all checks in their order. The same facts give the same findings.
func Examine(f Facts) []Finding { return run(append(standingChecks(), contentChecks()...), f) }

func run(checks []func(Facts) []Finding, f Facts) []Finding {
	var out []Finding
	for _, check := range checks {
		out = append(out, check(f)...)
	}
	return out
}

// Stops tells whether any finding is a stop.
func Stops(fs []Finding) bool {
	return slices.ContainsFunc(fs, func(f Finding) bool { return f.Level == Halt })
}

// NeedsSecond tells whether any finding asks for a second person.
func NeedsSecond(fs []Finding) bool {
	return slices.ContainsFunc(fs, func(f Finding) bool { return f.Second })
}
