// Package app puts the house together: the one list of modules, the matrix of
// permissions, the conditions, the configuration and the demo.
package app

import (
	"embed"
	"strings"

	"sekisho/internal/assure/backup"
	"sekisho/internal/assure/drill"
	"sekisho/internal/assure/evidence"
	"sekisho/internal/assure/incident"
	"sekisho/internal/assure/record"
	"sekisho/internal/assure/state"
	"sekisho/internal/assure/watch"
	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/identity"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/batch"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/intro"
	"sekisho/internal/comms/optin"
	"sekisho/internal/comms/paper"
	"sekisho/internal/comms/share"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/trade/bundle"
	"sekisho/internal/trade/intake"
	"sekisho/internal/trade/invoice"
)

// Version of the product.
const Version = "0.1.0"

// GCPercent is how far the heap grows between collections: a house holds some
// 20 MB, and at the usual 100 a tenth of the time under load goes into collecting.
const GCPercent = 300

// Modules is the one list of modules. Order matters only for migrations.
func Modules(d *dispatch.Gate, m *batch.House, b *backup.House, n *party.Index) []gate.Module {
	return []gate.Module{
		jobs.Module,
		identity.Module, org.Module, party.Module, n.Module, document.Module, approval.Module,
		d.Module, share.Module, optin.New(lookupTXT).Module, paper.Module, intro.New(d).Module, m.Module,
		invoice.Module, intake.Module, bundle.Module,
		record.Module, incident.Module, evidence.Module, drill.Module, b.Module, watch.Module,
		state.Module,
	}
}

// AllModules are the modules with the defaults, for reports on them.
func AllModules() ([]gate.Module, error) {
	d, err := outerGate(Defaults().Mail)
	if err != nil {
		return nil, err
	}
	return Modules(d, batch.New(d, batch.Settings{Pause: batch.DefaultPause}), backup.New(Defaults().Backup.Settings("")), party.NewIndex()), nil
}

// Infos describes all ops there are, without opening a house.
func Infos() ([]gate.Info, error) {
	mods, err := AllModules()
	return gate.Infos(mods), err
}

// outerGate makes the outer gate. Without a sender in the configuration it
// has one that no mail can come from.
func outerGate(m Mail) (*dispatch.Gate, error) {
	from := m.From
	if from == "" {
		from = "unset@sekisho.invalid"
	}
	return dispatch.New(dispatch.Settings{Hold: m.Hold(), From: dispatch.Sender{Address: from, Name: m.FromName}, Resolve: takesMail, FaxRelay: m.FaxRelay})
}

//go:embed matrix/*.txt conditions.cedar
var texts embed.FS

// MatrixText is the whole matrix, one file per module joined.
func MatrixText() (string, error) {
	names, err := texts.ReadDir("matrix")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, n := range names {
		t, err := texts.ReadFile("matrix/" + n.Name())
		if err != nil {
			return "", err
		}
		b.Write(t)
		b.WriteByte('\n')
	}
	return b.String(), nil
}

// Policy reads the matrix and the conditions for the ops named.
func Policy(names []string) (*policy.Policy, error) {
	body, err := MatrixText()
	if err != nil {
		return nil, err
	}
	m, err := policy.ParseMatrix(body)
	if err != nil {
		return nil, err
	}
	cond, err := texts.ReadFile("conditions.cedar")
	if err != nil {
		return nil, err
	}
	c, err := policy.ParseConditions(string(cond), names)
	if err != nil {
		return nil, err
	}
	return policy.New(m, c), nil
}
