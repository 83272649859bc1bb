package dispatch

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/mailaddr"
)

// The register's version: how many rows it has, how often they were changed and
// which record was the last to. Any insert, change or deletion moves at least
// one of the three, and record ids never repeat, in this database or another.
type stampRow struct {
	Rows, Versions int64
	Last           string
}

// versionRow is one row of the register as it stands.
type versionRow struct {
	ID     string
	Record string // of its last change
}

var (
	partyStamp = gate.NewQuery[stampRow]("dispatch.party_stamp", `SELECT COUNT(*), CAST(COALESCE(SUM(p.version), 0) AS BIGINT),
		COALESCE(MAX(p.record), '') FROM {party p}`)
	pointStamp = gate.NewQuery[stampRow]("dispatch.point_stamp", `SELECT COUNT(*), CAST(COALESCE(SUM(p.version), 0) AS BIGINT),
		COALESCE(MAX(p.record), '') FROM {party_point p}`)
	runStamp = gate.NewQuery[stampRow]("dispatch.run_stamp", `SELECT COUNT(*), CAST(COALESCE(SUM(p.version), 0) AS BIGINT),
		COALESCE(MAX(p.record), '') FROM {party_run p}`)
	partyVersions = gate.NewQuery[versionRow]("dispatch.party_versions", `SELECT p.id, p.record FROM {party p} ORDER BY p.id`)
	pointVersions = gate.NewQuery[versionRow]("dispatch.point_versions", `SELECT p.id, p.record FROM {party_point p} ORDER BY p.id`)
)

func stamp(x *gate.Tx, qs ...*gate.Query[stampRow]) (string, error) {
	version := ""
	for _, q := range qs {
		rows, err := q.Rows(x)
		if err != nil {
			return "", err
		}
		version += fmt.Sprintf("%d.%d.%s ", rows[0].Rows, rows[0].Versions, rows[0].Last)
	}
	return version, nil
}

// snapshots keeps the register as last read, because reading it costs far more
// than a check. The version is asked for in every check's own transaction, so
// what is compared with is never older than the check.
type snapshots struct {
	mu      sync.Mutex
	version string
	last    *Register
	known   rows
}

// rows are the rows the register was prepared from, by id. They are never
// changed once they are kept: a newer register begins with copies.
type rows struct {
	runs     string // version of the import runs: they decide which rows count
	own      entry
	partners map[string]kept[entry]
	mails    map[string]kept[PartnerMail]
}

type kept[T any] struct {
	record string
	counts bool // false: not visible, retired, or of another channel
	value  T
}

// registerVersion names the register as x sees it; ourselves are part of it.
func registerVersion(x *gate.Tx) (string, org.Company, error) {
	version, err := stamp(x, partyStamp, pointStamp, runStamp)
	if err != nil {
		return "", org.Company{}, err
	}
	issuer, err := org.Issuer(x)
	return version + issuer.Record, issuer, err
}

// at gives the register as x sees it, with its version.
func (s *snapshots) at(x *gate.Tx) (*Register, string, error) {
	version, issuer, err := registerVersion(x)
	if err != nil {
		return nil, "", err
	}
	s.mu.Lock()
	last, same, known := s.last, s.version == version, s.known
	s.mu.Unlock()
	if same {
		return last, version, nil
	}
	own := Partner{ID: Ourselves, Name: issuer.Name, Registration: string(issuer.RegistrationNumber), Phone: issuer.Phone, Address: issuer.Address}
	for _, a := range issuer.BankAccounts {
		own.Banks = append(own.Banks, a.BankName+a.BranchName)
	}
	now := rows{own: newEntry(own)}
	if now.runs, err = stamp(x, runStamp); err != nil {
		return nil, "", err
	}
	if now.runs != known.runs {
		known = rows{}
		if err := readAhead(x); err != nil {
			return nil, "", err
		}
	}
	if now.partners, err = renew(x, partyVersions, known.partners, readPartner); err == nil {
		now.mails, err = renew(x, pointVersions, known.mails, readMail)
	}
	if err != nil {
		return nil, "", err
	}
	r := now.register()
	s.mu.Lock()
	s.version, s.last, s.known = version, r, now
	s.mu.Unlock()
	return r, version, nil
}

// renew gives all rows of one table: those that have not changed from before,
// the others read one by one.
func renew[T any](x *gate.Tx, q *gate.Query[versionRow], before map[string]kept[T], read func(*gate.Tx, string) (T, bool, error)) (map[string]kept[T], error) {
	list, err := q.Rows(x)
	if err != nil {
		return nil, err
	}
	now := make(map[string]kept[T], len(list))
	for _, r := range list {
		k, ok := before[r.ID]
		if !ok || k.record != r.Record {
			k.record = r.Record
			if k.value, k.counts, err = read(x, r.ID); err != nil {
				return nil, err
			}
		}
		now[r.ID] = k
	}
	return now, nil
}

func readPartner(x *gate.Tx, id string) (entry, bool, error) {
	p, err := party.Get(x, id)
	if fault.Is(err, fault.KindNotFound) { // of a run nobody sees
		return entry{}, false, nil
	}
	return newEntry(Partner{ID: p.ID, Code: p.Code, Name: p.Name, Registration: string(p.RegistrationNumber), Corporate: string(p.CorporateNumber),
		Phone: p.Phone, Address: p.Address}), true, err
}

func readMail(x *gate.Tx, id string) (PartnerMail, bool, error) {
	p, err := party.DeliveryPointByID(x, id)
	if fault.Is(err, fault.KindNotFound) {
		return PartnerMail{}, false, nil
	}
	if err != nil || p.Channel != Mail || p.State == party.Retired {
		return PartnerMail{}, false, err
	}
	a, err := mailaddr.Parse(p.Address)
	return PartnerMail{p.Party, p.ID, a}, err == nil, nil // what is no address cannot be mistaken for one
}

// slice is how many rows of the register are read at once.
const slice = 2000

// readAhead reads the whole register in slices into the transaction's memory,
// where reading one by one finds the rows.
func readAhead(x *gate.Tx) error {
	for after := ""; ; {
		list, err := party.AllNames(x, after, slice)
		if err != nil {
			return err
		}
		if len(list) < slice {
			break
		}
		after = list[len(list)-1].ID
	}
	for after := ""; ; {
		list, err := party.AllDeliveryPoints(x, after, slice)
		if err != nil || len(list) < slice {
			return err
		}
		after = list[len(list)-1].ID
	}
}

// register prepares what counts, in the order of the ids.
func (r rows) register() *Register {
	entries, mails := []entry{r.own}, []PartnerMail(nil)
	for _, id := range slices.Sorted(maps.Keys(r.partners)) {
		if k := r.partners[id]; k.counts {
			entries = append(entries, k.value)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.mails)) {
		if k := r.mails[id]; k.counts {
			mails = append(mails, k.value)
		}
	}
	return newRegister(entries, mails)
}
