package dispatch

import (
	"time"

	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/mailaddr"
)

// Settings are what the configuration says about sending.
type Settings struct {
	Hold     time.Duration // the countdown; DefaultHold if 0
	From     Sender        // its name may be empty: then the issuer's is taken
	FaxRelay string        // domain of a mail-to-FAX relay: number@domain; "" where FAX is printed and dialled
	// Resolve asks whether a domain exists; nil: nobody asks.
	Resolve DomainExists
}

// Gate is the outer gate: its module and the use cases others start. It is a
// value because it keeps the register in memory between checks.
type Gate struct {
	Module gate.Module

	Prepare         *gate.UseCase[PrepareIn, Shown]
	Edit            *gate.UseCase[EditIn, Shown]
	TakeRegistered  *gate.UseCase[TakeIn, Shown]
	RemoveRecipient *gate.UseCase[RemoveIn, Shown]
	Check           *gate.UseCase[ByID, CheckOut]
	Preview         *gate.UseCase[PreviewIn, PreviewOut]
	Release         *gate.UseCase[ReleaseIn, Shown]
	Recheck         *gate.UseCase[ByID, RecheckOut]
	RuleList        *gate.UseCase[struct{}, RulesOut]
	RuleSet         *gate.UseCase[RuleIn, RuleShown]
	ReviewScan      *gate.UseCase[ScanIn, ScanOut]

	settings  Settings
	snapshots snapshots
}

// Sender is who sends, as the configuration has it: its name may be empty.
func (g *Gate) Sender() Sender { return g.settings.From }

// New makes the outer gate. It is fault.Invalid if the sender is no address.
func New(s Settings) (*Gate, error) {
	from, err := mailaddr.Parse(s.From.Address)
	if err != nil {
		return nil, err
	}
	s.From.Address = from.String()
	if s.Hold <= 0 {
		s.Hold = DefaultHold
	}
	g := &Gate{settings: s}
	g.Prepare, g.Edit, g.Check, g.Preview = g.prepareOp(), g.editOp(), g.checkOp(), g.previewOp()
	g.TakeRegistered, g.RemoveRecipient = takeOp(), removeOp()
	g.Release, g.Recheck = g.releaseOp(), g.recheckOp()
	g.RuleList, g.RuleSet = g.ruleListOp(), g.ruleSetOp()
	g.ReviewScan = g.reviewScanOp()
	g.Module = gate.Module{Name: "dispatch", Schema: schema,
		Ops: []gate.Any{g.Prepare, g.Edit, g.TakeRegistered, g.RemoveRecipient, AddRecipient, About, g.Check, g.Preview, RelationAsk, OnceAsk, OnceList, ConfirmOp, g.Release, CancelOp, Show, List,
			g.Recheck, g.RuleList, g.RuleSet, WatchedList, WatchedAdd, WatchedEnd, g.ReviewScan, CheckedOp, DifferenceOp, RunningOp,
			BatchHold, BatchStop, BatchStart, UnknownOp, Resolve, AttentionOp, Attend, Relays, RecallOp, NearMisses, StopAll, StartAll,
			Due, ClaimOp, Setback, Mark, OutcomeOp, Recover, RestoredOp, RelayOp, LogAt, LogFind, LogSeen, LogKeep, PasswordOp},
		Tables: []gate.AnyTable{sendings, items, files, checked, switches, settings, versions, freezes, nears, watched, lanes, relays, logs, links, tellings, onces},
		Queries: []gate.AnyQuery{partyStamp, pointStamp, runStamp, partyVersions, pointVersions, accountOwner, contactOwner, billedBefore, dueItems, relationStamp, accountStamp, lastSent, firstSent, linkedBefore,
			nearCounts, nearSums, recentItems, nextItem},
	}
	g.Module.Ops, g.Module.Tables = append(g.Module.Ops, noticeOps()...), append(g.Module.Tables, noticeTables()...)
	g.Module.Ops, g.Module.Tables = append(g.Module.Ops, bounceOps()...), append(g.Module.Tables, bounceTables()...)
	return g, nil
}
