package gate

import (
	"bytes"
	"crypto/sha256"
	"errors"

	"github.com/go-json-experiment/json"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/policy"
	"sekisho/internal/kernel/vault"
)

// An Idempotency-Key makes a write happen once: the same key with the same
// input gives the first answer again, with another input it is refused. Keys
// belong to the session or the client's owner who uses them, and are kept for a day.

func idemHash(in any) []byte {
	b, err := json.Marshal(in, json.Deterministic(true))
	if err != nil {
		return nil
	}
	h := sha256.Sum256(b)
	return h[:]
}

func (x *Tx) idemOwner() (owner string, key []byte) {
	h := sha256.Sum256([]byte(x.cred.Idem))
	who := x.cred.secret
	if x.actor.Via == policy.ViaClient { // its token changes every quarter of an hour, and it tries again with the next one
		who = x.actor.Person
	}
	o := sha256.Sum256([]byte(x.cred.kind + "\x00" + who))
	return ids.EncodeToString(o[:16]), h[:]
}

// idemAAD binds an answer to its key and op: one cannot be put in another's place.
func idemAAD(owner string, key []byte, op string) []byte {
	return vault.AAD("idem", owner, string(key), op)
}

func (x *Tx) idemFind(op string, in any) ([]byte, error) {
	owner, key := x.idemOwner()
	rows, err := x.query(`SELECT op, input_hash, answer FROM gate_idem WHERE person = $1 AND key_hash = $2`, owner, key)
	if err != nil {
		return nil, err
	}
	var was string
	var hash, answer []byte
	found := rows.Next()
	if found {
		err = rows.Scan(&was, &hash, &answer)
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil || !found {
		return nil, err
	}
	if was != op || !bytes.Equal(hash, idemHash(in)) {
		return nil, fault.Refused("gate.idem_other")
	}
	return x.root.g.ring.Open(vault.KindAudit, idemAAD(owner, key, op), answer)
}

// workedBefore stands for what Work gave when the op was run first.
type workedBefore struct{}

// answeredBefore tells whether the op was answered under this Idempotency-Key
// already, so that nothing is to be worked out for it.
func (x *Tx) answeredBefore(op string, in any) (bool, error) {
	if x.cred.Idem == "" {
		return false, nil
	}
	answer, err := x.idemFind(op, in)
	return answer != nil, err
}

func (x *Tx) idemKeep(op string, in, out any) error {
	if x.cred.Idem == "" {
		return nil
	}
	owner, key := x.idemOwner()
	plain, err := json.Marshal(out)
	if err != nil {
		return err
	}
	sealed, err := x.root.g.ring.Seal(vault.KindAudit, idemAAD(owner, key, op), plain)
	if err != nil {
		return err
	}
	_, err = x.exec(`INSERT INTO gate_idem(person, key_hash, op, input_hash, answer, at) VALUES ($1, $2, $3, $4, $5, $6)`,
		owner, key, op, idemHash(in), sealed, x.root.now.UnixMicro())
	return err
}
