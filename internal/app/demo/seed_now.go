package demo

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sekisho/internal/comms/trap"
	"sekisho/internal/kernel/civil"
)

// troubles are what went wrong in the last weeks, and how it ended.
func (s *seeder) troubles() {
	biller := s.of("accounting", 0)

	day := s.ago(16, 11) // the relay knows no such mailbox
	s.breaks(trap.Fault{At: trap.AtRcpt, Act: trap.Reply, Code: 550, Text: "5.1.1 User unknown"}, func() {
		s.post(biller, "000107", s.issued(biller, "000107", day))
	})

	day = s.ago(13, 10) // stopped, mended, sent
	p := s.partner(biller, "000103")
	i := s.issued(biller, "000103", day)
	if sent := s.prepared(biller, s.packed(biller, "000103", slip(p.verified().Address), i)); s.err == nil {
		s.do(biller, "dispatch.take_registered", map[string]string{"id": sent.ID, "item": sent.Recipients[0].ID, "point": p.verified().ID}, nil)
		s.release(biller, s.of("controller", 1), sent)
	}

	day = s.ago(9, 15) // taken back while it could be
	i = s.issued(biller, "000114", day)
	if taken := s.prepared(biller, s.packed(biller, "000114", s.partner(biller, "000114").verified().Address, i)); s.err == nil {
		s.release(biller, s.of("controller", 1), taken)
		s.do(biller, "dispatch.cancel", map[string]string{"id": taken.ID, "reason": "ご請求先の部署が変わったと連絡があったため"}, nil)
	}

	s.links()

	day = s.ago(6, 13) // found out too late
	wrong := s.post(biller, "000117", s.issued(biller, "000117", day))
	s.ago(5, 10)
	s.do(biller, "incident.report", map[string]string{"package": wrong.ID, "cause": "wrong_content",
		"reason": "数量を1桁多く入力した請求書を送っていました。先方の購買課から電話で指摘がありました。", "should_be": "正しい数量で作り直した請求書"}, nil)

	s.imports()

	day = s.ago(2, 16) // the line broke at the last moment
	s.breaks(trap.Fault{At: trap.AtDot, Act: trap.Drop}, func() {
		s.post(biller, "000111", s.issued(biller, "000111", day))
	})
}

// breaks lets something happen while the relay misbehaves; that is no news for
// whoever starts the demo.
func (s *seeder) breaks(f trap.Fault, do func()) {
	log := s.sender.Log
	s.sender.Log = slog.New(slog.DiscardHandler)
	s.Trap.Break(f)
	do()
	s.Trap.Break(trap.Fault{})
	s.sender.Log = log
}

// imports are two files with slips in them: one was taken over without its bad
// rows, one is still being looked at.
func (s *seeder) imports() {
	s.ago(4, 11)
	if s.err != nil {
		return
	}
	today := civil.Of(s.House.Clock.Now())
	head := "得意先コード,請求番号,請求日,請求金額,支払期限,メールアドレス\r\n"
	row := func(code, number string, days int, amount string) string {
		return fmt.Sprintf("%s,%s,%s,%s,%s,\r\n", code, number, today.AddDays(-days), amount, today.AddDays(40-days))
	}
	who := s.of("accounting", 1)
	_, err := s.importFile(s.ctx, who, "open_invoices", "旧システム_未回収_9月.csv", []byte(head+
		row("000101", "K-19981", 30, "231000")+row("000112", "K-19982", 28, "96,800")+row("000999", "K-19983", 28, "55000")+row("000115", "K-19984", 27, "十二万円")))
	s.keep("import with errors", err)
	s.work()
	var up struct {
		ID string `json:"id"`
	}
	s.do(who, "intake.upload", map[string]any{"kind": "open_invoices", "name": "旧システム_未回収_10月.csv", "content": []byte(head +
		row("000102", "K-20011", 20, "154000") + row("000113", "", 20, "38500") + row("000116", "K-20013", 19, "2026/10/31"))}, &up)
	s.do(who, "intake.preview", map[string]string{"run": up.ID}, nil)
}

// lately is this very day: what is stopped, what waits for somebody, drafts, and,
// if no story is going to be played, one that still counts down.
func (s *seeder) lately() {
	s.House.Clock.until(s.now().Add(-2*reserve - 20*time.Minute))
	today := civil.Of(s.House.Clock.Now())
	biller, other := s.of("accounting", 0), s.of("accounting", 1)

	i := s.issued(biller, "000102", today) // 送信停止: one letter is another
	s.prepared(biller, s.packed(biller, "000102", slip(s.partner(biller, "000102").verified().Address), i))
	own, foreign := s.issued(other, "000105", today), s.issued(other, "000121", today) // 送信停止: another's file
	p := s.packed(other, "000105", s.partner(other, "000105").verified().Address, own)
	p.Documents = append(p.Documents, foreign.Document)
	s.prepared(other, p)

	for n, who := range []*Person{biller, other} { // 承認待ち
		code := []string{"000101", "000120"}[n]
		d := s.draft(code, today)
		d.Lines = append(d.Lines, Line{Date: today.AddDays(-2), Slip: "D-70021", Description: "スチール棚 W900×D450×H1800（倉庫一式）", Quantity: "64", Unit: "台", UnitPrice: "18600", Category: "standard"})
		big := s.billed(who, d)
		if sent := s.prepared(who, s.packed(who, code, s.partner(who, code).verified().Address, big)); s.err == nil {
			c, err := s.confirm(s.ctx, who, sent.ID)
			if s.keep("confirm", err); err == nil {
				_, err = s.ask(s.ctx, who, sent.ID, c.Digest)
				s.keep("ask", err)
			}
		}
	}
	s.requests()
	for _, code := range []string{"000103", "000108", "000117", "000124"} {
		d := s.draft(code, today)
		d.Lines = d.Lines[:1]
		s.do(s.of("accounting", 2), "invoice.draft", d, nil)
	}
	if !s.story {
		s.counting()
	}
}

// requests are what a second person has not decided about yet.
func (s *seeder) requests() {
	ask := func(p *Person, op string, in any) {
		if s.err != nil {
			return
		}
		var stop *Stop
		if err := s.Act(s.ctx, p, op, in, nil); !errors.As(err, &stop) || stop.Request == "" {
			s.keep(op, errors.Join(errors.New("nobody was asked"), err))
		}
	}
	ask(s.of("accounting", 0), "party.account_propose", map[string]string{"party": s.ids["000109"], "bank_code": "9998", "bank_name": "ｶｸｳｼﾝｷﾝ", "branch_code": "012",
		"branch_name": "ﾐﾅﾄ", "kind": "ordinary", "number": "0076543", "holder": "ｼﾔ)ﾐﾅﾄｶﾝｺｳｷﾖｳｶｲ", "how": "letter", "reason": "返金先の口座の届けが書面で来たため"})
	ask(s.of("controller", 0), "dispatch.rule_set", map[string]string{"rule": "second_amount", "value": "2000000", "reason": "年末の大口が増えるため"})
	ask(s.of("admin", 0), "identity.role_grant", map[string]string{"person": s.of("clerk", 2).ID, "role": "accounting", "reason": "月末の請求業務の応援のため"})
}

// counting is a sending that can still be cancelled when the demo is opened.
func (s *seeder) counting() {
	s.House.Clock.until(s.now().Add(-2 * time.Minute))
	biller := s.of("accounting", 0)
	i := s.issued(biller, "000124", civil.Of(s.House.Clock.Now()))
	if sent := s.prepared(biller, s.packed(biller, "000124", s.partner(biller, "000124").verified().Address, i)); s.err == nil {
		s.release(biller, s.of("controller", 1), sent)
	}
}

// prepared builds a package and has it checked.
func (s *seeder) prepared(who *Person, p Package) (out Sending) {
	s.do(who, "dispatch.prepare", p, &out)
	s.do(who, "dispatch.check", byID{out.ID}, nil)
	return out
}

// release confirms a package and lets a second person agree.
func (s *seeder) release(asks, agrees *Person, p Sending) {
	if s.err != nil {
		return
	}
	c, err := s.confirm(s.ctx, asks, p.ID)
	if s.keep("confirm", err); err == nil {
		s.together(asks, agrees, "dispatch.release", map[string]string{"id": p.ID, "digest": c.Digest})
	}
}
