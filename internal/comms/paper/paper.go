// Package paper is what people do with their hands at the outer gate (郵送とFAX):
// print runs, the check while enclosing, and that something was posted.
//
// What is printed was prepared, checked, ticked, approved and held like a mail.
// Each sheet bears a code of its own; an envelope is closed only with exactly its
// own sheets, and posted by somebody else than who closed it.
package paper

import (
	"embed"
	"slices"
	"strings"
	"time"

	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/vault"
)

//go:embed schema/*.sql
var schema embed.FS

// State of a run or of an envelope.
type State string

// The states.
const (
	Making  State = "making"    // its PDF is being made
	Ready   State = "ready"     // to be printed and enclosed
	Done    State = "done"      // every envelope is posted or taken out
	Printed State = "printed"   // an envelope whose sheets are in the PDF
	Closed  State = "closed"    // 封入済み, or the FAX number was dialled
	Posted  State = "posted"    // 投函済み, or the FAX sent
	Out     State = "taken_out" // 束から外した: its sheets are void
)

// Run is what is printed in one go (印刷の束).
type Run struct {
	gate.Row
	Channel   string `json:"channel" col:"channel" class:"internal,plain"`
	Person    string `json:"person" col:"person" class:"internal,plain"` // who made it
	State     State  `json:"state" col:"state" class:"internal,plain"`
	Envelopes int64  `json:"envelopes" col:"envelopes" class:"internal,plain"`
	Sheets    int64  `json:"sheets" col:"sheets" class:"internal,plain"`
	PDF       string `json:"pdf" col:"pdf" class:"internal,plain"` // digest of what was printed; the bytes lie in the blob store
	Size      int64  `json:"size" col:"size" class:"internal,plain"`
	Prints    int64  `json:"prints" col:"prints" class:"internal,plain"` // how often it was given out
}

// Envelope is one recipient's in a run (封筒).
type Envelope struct {
	gate.Row
	Run        string    `json:"run" col:"run_id" class:"internal,plain"`
	Place      int64     `json:"place" col:"place" class:"internal,plain"` // from 1
	Package    string    `json:"package" col:"package_id" class:"internal,plain"`
	Item       string    `json:"item" col:"item_id" class:"internal,plain"`
	Fence      int64     `json:"-" col:"fence" class:"internal,plain"`
	Party      string    `json:"party" col:"party_id" class:"internal,plain"`
	Owner      string    `json:"-" col:"owner_id" class:"internal,plain"`
	Department string    `json:"-" col:"department_id" class:"internal,plain"`
	Block      []string  `json:"block" col:"block" class:"personal"`   // 宛名
	Number     string    `json:"number" col:"number" class:"personal"` // of the FAX
	Sheets     int64     `json:"sheets" col:"sheets" class:"internal,plain"`
	State      State     `json:"state" col:"state" class:"internal,plain"`
	ClosedBy   string    `json:"closed_by" col:"closed_by" class:"internal,plain"`
	ClosedAt   time.Time `json:"closed_at" col:"closed_at" class:"internal,plain"`
	PostedBy   string    `json:"posted_by" col:"posted_by" class:"internal,plain"`
	PostedAt   time.Time `json:"posted_at" col:"posted_at" class:"internal,plain"`
	Reason     string    `json:"reason" col:"reason" class:"confidential"` // of taking it out
}

// Sheet is one printed page with its code.
type Sheet struct {
	gate.Row
	Run      string `json:"run" col:"run_id" class:"internal,plain"`
	Envelope string `json:"envelope" col:"envelope_id" class:"internal,plain"`
	Place    int64  `json:"place" col:"place" class:"internal,plain"` // from 1 inside its envelope
	Code     string `json:"-" col:"code" class:"internal,plain"`      // on paper only: who types it has the sheet in hand
	Document string `json:"document" col:"document_id" class:"internal,plain"`
}

// Layout is where the address stands on the cover letter (封筒の窓の位置), in
// millimetres from the upper left corner of the sheet.
type Layout struct {
	gate.Row
	Left int64 `json:"left_mm" col:"left_mm" class:"internal,plain"`
	Top  int64 `json:"top_mm" col:"top_mm" class:"internal,plain"`
}

// The usual place: the window of a 長形3号 envelope, A4 folded in three.
const (
	usualLeft, usualTop = 22, 16
	mostLeft, mostTop   = 110, 60
)

var (
	runs      = gate.NewTable[Run]("paper_run", gate.Unscoped())
	envelopes = gate.NewTable[Envelope]("paper_envelope", gate.Scoped("owner_id", "department_id", "party_id"), gate.Unit(vault.KindPersonal, "dispatch", "package_id"))
	sheets    = gate.NewTable[Sheet]("paper_sheet", gate.Unscoped())
	layouts   = gate.NewTable[Layout]("paper_layout", gate.Unscoped())
)

// code spells 40 bits as XXXX-XXXX.
func code(b []byte) string { return vault.Spell(b, 8, 4) }

// readCode brings a code as typed or scanned into the form it is printed in, ""
// if it can be none.
func readCode(s string) string {
	s = jp.Typed(s)
	if len(s) != 8 || strings.Trim(s, vault.Spelling) != "" {
		return ""
	}
	return s[:4] + "-" + s[4:]
}

// Verdict is what the check of an envelope's sheets found; Key is "" if they are
// exactly its own.
type Verdict struct {
	Key   string // of the sentence
	Sheet int64  // place of the sheet it is about, 0 if it is none of this envelope
	Code  string // as it was typed
	Stop  bool   // another partner's paper was in hand: 送信停止
}

// Compare holds the codes in hand against the sheets of an envelope. other tells
// whether a code is that of another envelope, and whether of another partner's.
// A stranger's sheet goes before everything else.
func Compare(own []Sheet, typed []string, other func(code string) (known, foreign bool)) Verdict {
	had := map[int64]bool{}
	var first Verdict
	note := func(v Verdict) {
		if first.Key == "" || v.Stop && !first.Stop {
			first = v
		}
	}
	for _, t := range typed {
		c := readCode(t)
		at := slices.IndexFunc(own, func(s Sheet) bool { return s.Code == c && c != "" })
		switch {
		case at >= 0 && had[own[at].Place]:
			note(Verdict{Key: "paper.sheet_doubled", Sheet: own[at].Place, Code: c})
		case at >= 0:
			had[own[at].Place] = true
		case c == "":
			note(Verdict{Key: "paper.no_code", Code: t})
		default:
			known, foreign := other(c)
			switch {
			case foreign:
				note(Verdict{Key: "paper.sheet_foreign", Code: c, Stop: true})
			case known:
				note(Verdict{Key: "paper.sheet_other", Code: c, Stop: true})
			default:
				note(Verdict{Key: "paper.sheet_unknown", Code: c})
			}
		}
	}
	for _, s := range own {
		if !had[s.Place] {
			note(Verdict{Key: "paper.sheet_missing", Sheet: s.Place})
		}
	}
	return first
}
