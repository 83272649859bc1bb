package judgement

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sekisho/internal/app/apptest"
	"sekisho/internal/app/demo"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/money"
)

var bg = context.Background()

type m = map[string]any

//go:embed partners.txt
var register string

// partner is one of the register, as the file has it and the house made it.
type partner struct {
	id, code, name, phone string
	addresses             []string
	base                  int64 // yen a month
	monthly, personal     bool
	number                string   // T番号, "" if none
	contact, contactID    string   // the person one writes to, and their id
	points                []string // ids
	last                  invoice  // the last one that was sent
}

// invoice is one that is ready.
type invoice struct {
	demo.Invoice
	Due   civil.Date `json:"due"`
	month int        // its month of the year, from 0
}

// house is the wholesaler with its people, its register and a relay that keeps
// all mail.
type house struct {
	*apptest.World
	t                         testing.TB
	rand                      *rand.Rand
	trap                      *trap.Trap
	worker                    *dispatch.Worker
	biller, colleague, second *demo.Person
	dept                      string
	all                       []*partner
	slip, quote               int
	issuer                    m
	payee                     string // number of the company's own account
	events                    []event
	result                    Result
}

func open(t testing.TB, dsn string) *house {
	t.Helper()
	h := &house{World: apptest.Open(t, dsn), t: t, rand: rand.New(rand.NewPCG(2027, 4)), slip: 40000, payee: "0012345"}
	tr, err := trap.Start(trap.Config{Listen: "127.0.0.1:0", Dir: t.TempDir(), Now: h.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	h.trap = tr
	h.worker = &dispatch.Worker{Gate: h.App.Gate, As: gate.System("dispatch"), Blobs: h.App.Blobs, Holder: "judge", Log: slog.New(slog.DiscardHandler),
		Relay: dispatch.Relay{Host: "localhost", Port: tr.Port(), Mode: dispatch.StartTLS, ExtraRoots: tr.PEM(), Hello: "localhost"}}
	h.biller, h.colleague, h.second = h.Of("accounting", 0), h.Of("accounting", 1), h.Of("controller", 0)
	return h
}

func (h *house) do(op string, in, out any) {
	h.t.Helper()
	h.Do(h.t, h.biller, op, in, out)
}

// together has two people do it.
func (h *house) together(op string, in any) {
	h.t.Helper()
	if err := h.Troupe.Together(bg, h.biller, h.second, op, in); err != nil {
		h.t.Fatalf("%s: %v %v", op, err, in)
	}
}

func (h *house) today() civil.Date { return civil.Of(h.Clock.Now()) }

// until lets time pass until an hour of a day, or of the next day on which
// people work.
func (h *house) until(d civil.Date, hour int) {
	for !working(d) {
		d = d.AddDays(1)
	}
	if wait := d.Start().Add(time.Duration(hour) * time.Hour).Sub(h.Clock.Now()); wait > 0 {
		h.Pass(wait)
	}
}

// working tells whether people work: not on Saturdays, Sundays, holidays and
// from December 29 to January 4.
func working(d civil.Date) bool {
	month, day := d.Month(), d.Day()
	newYear := month == time.December && day >= 29 || month == time.January && day <= 4
	return d.Weekday() != time.Saturday && d.Weekday() != time.Sunday && !newYear && must(civil.Holiday(d)) == ""
}

// of is the partner with a code.
func (h *house) of(code string) *partner {
	for _, p := range h.all {
		if p.code == code {
			return p
		}
	}
	h.t.Fatal("no partner ", code)
	return nil
}

// found makes the company and enters its register.
func (h *house) found() {
	h.until(civil.MustParse("2026-11-24"), 9)
	controller := h.second
	h.issuer = m{"name": "北斗サプライ株式会社", "kana": "ホクトサプライカブシキガイシャ", "registration_number": demo.Registration,
		"postal_code": "060-0001", "address": "北海道札幌市中央区北一条西９丁目９番地 見本ビル２階", "phone": ownPhone, "fax": "011-001-0002",
		"fiscal_start": 4, "rounding": "floor", "bank_accounts": []m{ownAccount(h.payee)}}
	h.Do(h.t, controller, "org.issuer_update", h.issuer, nil)
	h.Do(h.t, controller, "org.series_create", m{"name": "invoice", "pattern": "INV-{yyyy}-{00000}"}, nil)
	var depts struct {
		Rows []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"rows"`
	}
	h.do("org.department_list", struct{}{}, &depts)
	h.dept = depts.Rows[0].ID
	for line := range strings.Lines(register) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			h.enter(strings.Split(line, "|"))
		}
	}
	for _, p := range h.all {
		for _, a := range p.addresses {
			h.point(p, a, "")
		}
	}
	h.accounts()
	h.relations()
}

// ownPhone is the switchboard of the company.
const ownPhone = "011-001-0001"

func ownAccount(number string) m {
	return m{"bank_code": "9999", "bank_name": "見本銀行", "branch_code": "001", "branch_name": "本店営業部", "kind": "ordinary", "number": number, "holder": "ﾎｸﾄｻﾌﾟﾗｲ(ｶ"}
}

// enter enters one line of the register.
func (h *house) enter(f []string) {
	for i := range f {
		f[i] = strings.TrimSpace(f[i])
	}
	p := &partner{code: f[0], name: f[1], phone: f[2]}
	for _, l := range strings.Fields(f[4]) {
		p.addresses = append(p.addresses, strings.TrimPrefix(l+"@", "-@")+f[3])
	}
	var err error
	if p.base, err = strconv.ParseInt(f[5], 10, 64); err != nil {
		h.t.Fatal(f)
	}
	traits := strings.Fields(f[6])
	p.monthly, p.personal = slices.Contains(traits, "monthly"), slices.Contains(traits, "personal")
	if slices.Contains(traits, "t") {
		p.number = registration(len(h.all))
	}
	var made struct {
		ID string `json:"id"`
	}
	h.do("party.create", m{"code": p.code, "name": p.name, "registration_number": p.number, "phone": p.phone, "department": h.dept,
		"postal_code": "060-0002", "address": fmt.Sprintf("北海道見本市緑町%d丁目%d番%d号", 1+len(h.all)%6, 1+len(h.all)/6, 1+len(h.all)%9),
		"terms": m{"close": 31, "months": 1, "pay_day": 31, "shift": "next"}}, &made)
	p.id = made.ID
	p.contact = names[len(h.all)%len(names)]
	if n, ok := known[p.code]; ok {
		p.contact = n
	}
	h.do("party.contact_add", m{"party": p.id, "name": p.contact, "section": "経理課"}, &made)
	p.contactID = made.ID
	h.all = append(h.all, p)
}

// names are those of the people written to; known are those of some partners.
// 五十嵐 and 長谷川 are customers, too.
var (
	names = []string{"佐藤 恵", "鈴木 一郎", "髙橋 由美", "田中 誠", "伊藤 さやか", "渡邊 隆", "山本 智子", "中村 剛", "小林 春香", "加藤 光", "吉田 稔", "斎藤 望"}
	known = map[string]string{"000144": "五十嵐 学", "000166": "長谷川 涼子"}
)

// registration is a T番号 whose check digit fits (国税庁「法人番号の構成」).
func registration(n int) string {
	body, sum := fmt.Sprintf("9999%08d", 10_000+n*7919), 0
	for i := range 12 {
		sum += int(body[11-i]-'0') * (1 + i%2)
	}
	return "T" + strconv.Itoa(9-sum%9) + body
}

// point registers an address with a second person, in place of another if one is given.
func (h *house) point(p *partner, address, replaces string) string {
	var made struct {
		ID      string `json:"id"`
		Version int64  `json:"version"`
	}
	class := "confidential"
	if p.personal {
		class = "personal"
	}
	h.do("party.point_propose", m{"party": p.id, "address": address, "label": "経理ご担当", "max_class": class, "replaces": replaces}, &made)
	h.together("party.point_verify", m{"id": made.ID, "version": made.Version, "how": "phone", "reason": "登録の代表電話で確認しました"})
	p.points = append(p.points, made.ID)
	return made.ID
}

// accounts are those into which some partners are paid back.
func (h *house) accounts() {
	for i, code := range []string{"000113", "000130", "000142", "000160"} {
		h.together("party.account_propose", m{"party": h.of(code).id, "bank_code": "9998", "bank_name": "ﾐﾎﾝ", "branch_code": "012", "branch_name": "ｻﾂﾎﾟﾛ",
			"kind": "ordinary", "number": fmt.Sprintf("%07d", 3345671+i*1113), "holder": "ｶ)ﾐﾎﾝ", "how": "phone", "reason": "登録の代表電話で確認しました"})
	}
}

// relations are those that two people have recorded.
func (h *house) relations() {
	for _, r := range [][3]string{
		{"000101", "group", "000102"}, {"000101", "group", "000103"}, {"000101", "group", "000104"},
		{"000105", "group", "000106"}, {"000105", "group", "000107"},
		{"000108", "branch", "000109"}, {"000108", "branch", "000110"}, {"000111", "branch", "000112"},
		{"000108", "drop_ship", "000143"}, {"000120", "drop_ship", "000144"}, {"000157", "ship_to", "000145"}, {"K-2048", "ship_to", "000146"},
		{"000134", "maker", "000140"}, {"000148", "maker", "000142"}, {"000163", "maker", "000141"},
	} {
		in := m{"party": h.of(r[0]).id, "kind": r[1], "other": h.of(r[2]).id, "reason": "取引先に確認し、契約書の写しを保管しています"}
		if r[1] == "maker" {
			in["name"] = h.of(r[2]).name
		}
		if r[0] == "000148" { // by its name alone
			delete(in, "other")
		}
		h.together("party.relation_add", in)
	}
}

// sum is the invoice's amount in figures as people write it.
func (i invoice) sum() string { return money.Yen(i.Amount).String() }

// refusal is the key of what the gate refused, "" for nil. Anything else ends
// the test.
func (h *house) refusal(err error) string {
	var s *demo.Stop
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &s):
		h.t.Fatal(err)
	case len(s.Errors) > 0:
		return s.Errors[0].Code
	}
	return s.Code
}
