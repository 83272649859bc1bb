package invoice

import (
	"encoding/binary"
	"strings"

	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/trade/invoice/sheet"
)

// The check code (確認コード) of an issued invoice is twelve consonants: nobody
// guesses one (2^51), no word comes of it, and no digit in it is taken for an
// amount or an account.
const (
	checkLetters = "BCDFGHJKLMNPQRSTVWXZ"
	checkLength  = 12
)

// newCheck is the code of an invoice, out of the key ring.
func newCheck(x *gate.Tx, id string) string {
	m := x.Ring().MAC("invoice check", []byte(id))
	var b strings.Builder
	for i := range checkLength {
		b.WriteByte(checkLetters[int(binary.BigEndian.Uint16(m[2*i:]))%len(checkLetters)])
	}
	return b.String()
}

// CheckShown writes a code in groups of four, as it is printed and read out.
func CheckShown(code string) string {
	if len(code) != checkLength {
		return code
	}
	return code[:4] + "-" + code[4:8] + "-" + code[8:]
}

// CheckTyped is a code as a person types it: small or full-width letters, spaces
// and hyphens are fine. "" if it cannot be one.
func CheckTyped(s string) string {
	s = jp.Typed(s)
	if len(s) != checkLength || strings.Trim(s, checkLetters) != "" {
		return ""
	}
	return s
}

// certify gives an invoice its code, where there is a portal that answers to it.
func (h *Invoice) certify(x *gate.Tx, s *sheet.Snapshot) {
	if s.Kind != sheet.Invoice || x.Outside() == "" || len(s.Accounts) == 0 {
		return
	}
	h.Check = newCheck(x, h.ID)
	s.Check = &sheet.Check{Code: CheckShown(h.Check), Address: x.Outside() + "/v/" + h.Check}
}

// byCheck loads the invoice of a code, or of an id: those issued before codes were
// printed are known by it.
func byCheck(x *gate.Tx, typed string) (Invoice, error) {
	code := CheckTyped(typed)
	if code == "" {
		return Get(x, typed)
	}
	h, err := invoices.One(x, gate.Eq("check_code", code))
	if err != nil {
		return h, err
	}
	return Get(x, h.ID)
}
