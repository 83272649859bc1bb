package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/vault"
)

//go:embed files/partners.csv
var partnersFile []byte

// seeder makes the company's past: fourteen months in which its people did
// everything that stands in the books, through the gate and in order. After the
// first error it does nothing any more; err keeps it.
type seeder struct {
	*House
	Troupe
	ctx   context.Context
	rand  *rand.Rand
	first civil.Date
	now   func() time.Time  // the machine's
	story bool              // one is going to be played
	ids   map[string]string // of partners, by code
	err   error
}

// fill makes the people and the past of a fresh house.
func (h *House) fill(ctx context.Context, o Options) error {
	s := &seeder{House: h, Troupe: Troupe{Door: Inside{h.App.Gate}, Clock: h.Clock}, ctx: ctx,
		rand: rand.New(rand.NewPCG(uint64(o.Seed), 0)), first: civil.Of(h.Clock.Now()), now: o.Now, story: o.Story, ids: map[string]string{}}
	h.cast = Cast()
	code, err := h.App.SetupCode(ctx)
	if err != nil {
		return err
	}
	if err := s.Hire(ctx, code, h.cast, Secrets(o.Seed)); err != nil {
		return err
	}
	h.Card.People = places(h.cast)
	for _, chapter := range []func(){s.company, s.client, s.partners, s.hands, s.choices, s.invoices, s.corrections, s.suspension, s.troubles, s.lately, s.payments} {
		if chapter(); s.err != nil {
			return s.err
		}
	}
	return nil
}

// of is the nth person of a role.
func (h *House) of(role string, n int) *Person { return Of(h.cast, role)[n] }

// on lets time pass until a day of the past, counted from its first, at an hour
// of it; on a Saturday or Sunday until the Monday after.
func (s *seeder) on(day, hour int) civil.Date {
	d := s.first.AddDays(day)
	for d.Weekday() == time.Saturday || d.Weekday() == time.Sunday {
		d = d.AddDays(1)
	}
	s.House.Clock.until(d.Start().Add(time.Duration(hour) * time.Hour))
	return civil.Of(s.House.Clock.Now())
}

// ago lets time pass until so many days before today, on a Saturday or Sunday
// until the Friday before.
func (s *seeder) ago(days, hour int) civil.Date {
	d := civil.Of(s.now()).AddDays(-days)
	for d.Weekday() == time.Saturday || d.Weekday() == time.Sunday {
		d = d.AddDays(-1)
	}
	s.House.Clock.until(d.Start().Add(time.Duration(hour) * time.Hour))
	return civil.Of(s.House.Clock.Now())
}

func (s *seeder) do(p *Person, op string, in, out any) {
	if s.err == nil {
		s.keep(op, s.Act(s.ctx, p, op, in, out))
	}
}

func (s *seeder) together(asks, agrees *Person, op string, in any) {
	if s.err == nil {
		s.keep(op, s.Together(s.ctx, asks, agrees, op, in))
	}
}

// work runs the jobs until none is left, also those that are to be tried again.
func (s *seeder) work() {
	for s.err == nil {
		next, err := s.Work(s.ctx)
		if s.keep("work", err); next.IsZero() {
			return
		}
		s.House.Clock.until(next)
	}
}

func (s *seeder) keep(what string, err error) {
	var stop *Stop
	if errors.As(err, &stop) {
		err = fmt.Errorf("%w %v", err, stop.Errors)
	}
	if err != nil {
		s.err = fmt.Errorf("%s: %w", what, err)
	}
}

// Registration is the made-up T番号 of 北斗サプライ: its check digit fits, and no
// registry office has its number.
const Registration = "T8999901090000"

// company enters what is printed on every document, and the number series.
func (s *seeder) company() {
	controller := s.of("controller", 0)
	s.do(controller, "org.issuer_update", map[string]any{
		"name": "北斗サプライ株式会社", "kana": "ホクトサプライカブシキガイシャ", "registration_number": Registration,
		"postal_code": "060-0001", "address": "北海道札幌市中央区北一条西９丁目９番地 見本ビル２階", "phone": "011-001-0001", "fax": "011-001-0002",
		"fiscal_start": 4, "rounding": "floor",
		"bank_accounts": []map[string]string{{"bank_code": "9999", "bank_name": "見本銀行", "branch_code": "001", "branch_name": "本店営業部",
			"kind": "ordinary", "number": "0012345", "holder": "ﾎｸﾄｻﾌﾟﾗｲ(ｶ"}}}, nil)
	s.do(controller, "org.series_create", map[string]any{"name": "invoice", "pattern": "INV-{yyyy}-{0000}", "first": 1041}, nil)
}

// client registers a program that may read invoices for a person of 経理.
func (s *seeder) client() {
	owner, ops := s.of("accounting", 2), []string{"party.list", "party.show", "invoice.list", "invoice.show", "invoice.draft", "document.search"}
	var made struct {
		ID string `json:"id"`
	}
	public, private := vault.NewClientKey()
	asks, agrees := s.of("admin", 0), s.of("admin", 1)
	s.do(asks, "identity.client_create", map[string]any{"name": "販売管理連携（見本）", "owner": owner.ID, "ops": ops, "public_key": public}, &made)
	s.together(asks, agrees, "identity.client_enable", map[string]string{"id": made.ID, "reason": "販売管理システムとの連携のため"})
	s.Card.Client = ClientCard{made.ID, owner.Login, private.Reveal(), ops}
}

// partners takes the register over from the file of another program: the quiet
// addresses are verified in one act, of the strange ones one, singly.
func (s *seeder) partners() {
	if s.err != nil {
		return
	}
	s.on(1, 10)
	asks, agrees := s.of("accounting", 1), s.of("controller", 0)
	got, err := s.importFile(s.ctx, asks, "partners", "得意先一覧.csv", partnersFile)
	s.keep("import", err)
	if s.work(); s.err != nil {
		return
	}
	s.on(1, 14)
	_, strange, err := s.firstVerify(s.ctx, asks, agrees, got.Run, "旧システムの登録と見比べて確認しました")
	if s.keep("first verification", err); s.err != nil {
		return
	}
	s.on(2, 10)
	for _, a := range strange {
		if a.Code == "000118" {
			s.verify(asks, agrees, a.Point, a.Version, "三好様に代表電話で確認しました")
		}
	}
	s.owners()
}

func (s *seeder) verify(asks, agrees *Person, point string, version int64, reason string) {
	s.together(asks, agrees, "party.point_verify", map[string]any{"id": point, "version": version, "how": "phone", "reason": reason})
}

// owners hands every partner over to somebody of 営業.
func (s *seeder) owners() {
	s.on(2, 15)
	var page struct {
		Rows []struct {
			ID   string `json:"id"`
			Code string `json:"code"`
		} `json:"rows"`
	}
	s.do(s.of("controller", 1), "party.list", map[string]any{"limit": 200}, &page)
	depts := s.departmentIDs()
	for i, r := range page.Rows {
		s.ids[r.Code] = r.ID
		owner := s.of("sales", i%3)
		s.do(s.of("controller", 1), "party.hand_over", map[string]string{"id": r.ID, "owner": owner.ID, "department": depts[owner.dept]}, nil)
	}
}

func (s *seeder) departmentIDs() map[string]string {
	var list struct {
		Rows []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"rows"`
	}
	s.do(s.of("controller", 1), "org.department_list", struct{}{}, &list)
	ids := map[string]string{}
	for _, d := range list.Rows {
		ids[d.Name] = d.ID
	}
	return ids
}

// hands enters contacts and addresses one by one, each with four eyes.
func (s *seeder) hands() {
	s.on(3, 11)
	for _, n := range []struct{ code, name, kana, section, mail string }{
		{"000101", "阿部 千尋", "アベ チヒロ", "購買部", "koubai@aoba-seisakusho.example"},
		{"000102", "森下 亘", "モリシタ ワタル", "総務課", "soumu@yamada-shoji.example"},
		{"000105", "髙﨑 一馬", "タカサキ カズマ", "資材課", "shizai@takasaki-kinzoku.example"},
	} {
		var contact, point struct {
			ID      string `json:"id"`
			Version int64  `json:"version"`
		}
		asks, agrees := s.of("accounting", 0), s.of("controller", 2)
		s.do(asks, "party.contact_add", map[string]string{"party": s.ids[n.code], "name": n.name, "kana": n.kana, "section": n.section, "mail": n.mail}, &contact)
		s.do(asks, "party.point_propose", map[string]string{"party": s.ids[n.code], "contact": contact.ID, "address": n.mail, "label": n.section + " " + n.name}, &point)
		s.verify(asks, agrees, point.ID, point.Version, n.name+"様に登録の代表電話で確認しました")
	}
}

// suspension stops one partner.
func (s *seeder) suspension() {
	s.ago(10, 10)
	s.do(s.of("controller", 1), "party.suspend", map[string]string{"id": s.ids["000123"], "state": "suspended",
		"reason": "お支払いが二か月遅れているため、入金を確認できるまで取引を止めます"}, nil)
}

// codes are those of all partners that are billed, in their order.
func (s *seeder) codes() []string {
	all := []string{}
	for c := range s.ids {
		all = append(all, c)
	}
	slices.Sort(all)
	return all
}
