package dispatch

import (
	"fmt"
	"sync"

	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
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

var (
	partyStamp = gate.NewQuery[stampRow]("dispatch.party_stamp", `SELECT COUNT(*), CAST(COALESCE(SUM(p.version), 0) AS BIGINT),
		COALESCE(MAX(p.record), '') FROM {party p}`)
	pointStamp = gate.NewQuery[stampRow]("dispatch.point_stamp", `SELECT COUNT(*), CAST(COALESCE(SUM(p.version), 0) AS BIGINT),
		COALESCE(MAX(p.record), '') FROM {party_point p}`)
	runStamp = gate.NewQuery[stampRow]("dispatch.run_stamp", `SELECT COUNT(*), CAST(COALESCE(SUM(p.version), 0) AS BIGINT),
		COALESCE(MAX(p.record), '') FROM {party_run p}`)
)

func registerVersion(x *gate.Tx) (string, error) {
	version := ""
	for _, q := range []*gate.Query[stampRow]{partyStamp, pointStamp, runStamp} {
		rows, err := q.Rows(x)
		if err != nil {
			return "", err
		}
		version += fmt.Sprintf("%d.%d.%s ", rows[0].Rows, rows[0].Versions, rows[0].Last)
	}
	return version, nil
}

// snapshots keeps the register as last read, because preparing it costs far
// more than a check. The version is asked for in every check's own transaction,
// so what is compared with is never older than the check.
type snapshots struct {
	mu      sync.Mutex
	version string
	last    *Register
}

// at gives the register as x sees it, with its version.
func (s *snapshots) at(x *gate.Tx) (*Register, string, error) {
	version, err := registerVersion(x)
	if err != nil {
		return nil, "", err
	}
	issuer, err := org.Issuer(x)
	if err != nil {
		return nil, "", err
	}
	version += fmt.Sprint(issuer.Version)
	s.mu.Lock()
	last, same := s.last, s.version == version
	s.mu.Unlock()
	if same {
		return last, version, nil
	}
	r, err := readRegister(x, Partner{ID: Ourselves, Name: issuer.Name, Registration: string(issuer.RegistrationNumber), Phone: issuer.Phone})
	if err != nil {
		return nil, "", err
	}
	s.mu.Lock()
	s.version, s.last = version, r
	s.mu.Unlock()
	return r, version, nil
}

// slice is how many rows of the register are asked for at once.
const slice = 2000

func readRegister(x *gate.Tx, own Partner) (*Register, error) {
	partners, mails := []Partner{own}, []PartnerMail(nil)
	for after := ""; ; {
		list, err := party.AllNames(x, after, slice)
		if err != nil {
			return nil, err
		}
		for _, n := range list {
			p, err := party.Get(x, n.ID) // read a moment ago: comes from the transaction's memory
			if err != nil {
				return nil, err
			}
			partners = append(partners, Partner{p.ID, p.Code, p.Name, string(p.RegistrationNumber), string(p.CorporateNumber), p.Phone})
		}
		if len(list) < slice {
			break
		}
		after = list[len(list)-1].ID
	}
	for after := ""; ; {
		list, err := party.AllDeliveryPoints(x, after, slice)
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			a, err := mailaddr.Parse(p.Address)
			if err != nil || p.Channel != Mail {
				continue // another channel: nothing to confuse it with
			}
			mails = append(mails, PartnerMail{p.Party, p.ID, a})
		}
		if len(list) < slice {
			break
		}
		after = list[len(list)-1].ID
	}
	return NewRegister(partners, mails), nil
}
