package demo

import (
	"context"
	"fmt"
	"math/rand/v2"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/vault"
)

// Roles of the demo, in the order of its cards, with their Japanese names.
var Roles = []struct{ Name, Japanese string }{
	{"sales", "営業"}, {"clerk", "営業事務"}, {"accounting", "経理"}, {"controller", "経理責任者"}, {"manager", "管理職"},
	{"admin", "システム"}, {"hr", "人事"}, {"auditor", "監査"}, {"security", "セキュリティ担当"}, {"custodian", "鍵管理者"}, {"attendant", "立会人"},
}

// Cast are the people: three of every role, all of them made up.
func Cast() []*Person {
	names := map[string][3][3]string{ // login, name, kana
		"sales":      {{"sato.misaki", "佐藤 美咲", "サトウ ミサキ"}, {"suzuki.kenta", "鈴木 健太", "スズキ ケンタ"}, {"takahashi.ryo", "髙橋 亮", "タカハシ リョウ"}},
		"clerk":      {{"tanaka.yui", "田中 結衣", "タナカ ユイ"}, {"ito.haruka", "伊藤 遥", "イトウ ハルカ"}, {"watanabe.mei", "渡邉 芽衣", "ワタナベ メイ"}},
		"accounting": {{"yamamoto.aoi", "山本 葵", "ヤマモト アオイ"}, {"nakamura.sho", "中村 翔", "ナカムラ ショウ"}, {"kobayashi.rin", "小林 凛", "コバヤシ リン"}},
		"controller": {{"kato.naomi", "加藤 直美", "カトウ ナオミ"}, {"yoshida.osamu", "吉田 修", "ヨシダ オサム"}, {"yamada.kyoko", "山田 京子", "ヤマダ キョウコ"}},
		"manager":    {{"sasaki.hiroshi", "佐々木 浩", "ササキ ヒロシ"}, {"matsumoto.emi", "松本 恵美", "マツモト エミ"}, {"inoue.takashi", "井上 隆", "イノウエ タカシ"}},
		"admin":      {{"kimura.jun", "木村 純", "キムラ ジュン"}, {"hayashi.nao", "林 直", "ハヤシ ナオ"}, {"shimizu.ken", "清水 賢", "シミズ ケン"}},
		"hr":         {{"saito.mariko", "齋藤 真理子", "サイトウ マリコ"}, {"yamaguchi.yu", "山口 悠", "ヤマグチ ユウ"}, {"mori.chie", "森 千恵", "モリ チエ"}},
		"auditor":    {{"abe.shoji", "阿部 昭二", "アベ ショウジ"}, {"ikeda.fumi", "池田 文", "イケダ フミ"}, {"hashimoto.ai", "橋本 愛", "ハシモト アイ"}},
		"security":   {{"ishikawa.rei", "石川 玲", "イシカワ レイ"}, {"maeda.go", "前田 剛", "マエダ ゴウ"}, {"fujita.maki", "藤田 真希", "フジタ マキ"}},
		"custodian":  {{"okada.tetsu", "岡田 哲", "オカダ テツ"}, {"goto.nana", "後藤 奈々", "ゴトウ ナナ"}, {"hasegawa.jin", "長谷川 仁", "ハセガワ ジン"}},
		"attendant":  {{"murakami.sen", "村上 千", "ムラカミ セン"}, {"kondo.tomo", "近藤 智", "コンドウ トモ"}, {"ishii.kaho", "石井 佳穂", "イシイ カホ"}},
	}
	seats := map[string][3]string{
		"sales": {salesOne, salesTwo, salesOne}, "clerk": {salesOne, salesTwo, salesOne}, "manager": {salesOne, salesTwo, general},
		"accounting": {accounting, accounting, accounting}, "controller": {accounting, accounting, accounting},
		"admin": {"", "", systems}, "security": {systems, systems, systems}, "custodian": {systems, systems, systems},
		"hr": {general, general, general}, "auditor": {general, general, general}, "attendant": {general, general, general},
	}
	var out []*Person
	for _, r := range Roles {
		for i, n := range names[r.Name] {
			out = append(out, &Person{Login: n[0], Name: n[1], Kana: n[2], Roles: []string{r.Name}, dept: seats[r.Name][i]})
		}
	}
	return out
}

// The departments of 北斗サプライ.
const (
	salesOne   = "営業一課"
	salesTwo   = "営業二課"
	accounting = "経理部"
	general    = "管理部"
	systems    = "システム室"
)

// departments are they, in the order of their codes.
var departments = []string{salesOne, salesTwo, accounting, general, systems}

// Of are the people of one role.
func Of(cast []*Person, role string) []*Person {
	var out []*Person
	for _, p := range cast {
		if p.Roles[0] == role {
			out = append(out, p)
		}
	}
	return out
}

type particulars struct {
	Login  string `json:"login"`
	Number string `json:"number"`
	Name   string `json:"name"`
	Kana   string `json:"kana"`
	Mail   string `json:"mail"`
}

func (p *Person) particulars() particulars {
	return particulars{p.Login, fmt.Sprintf("E%04d", p.number+1), p.Name, p.Kana, p.Login + "@hokuto-supply.example.jp"}
}

// Hire sets the house up with the code of its first start, makes the departments
// and opens an account for everybody: start password, own password,
// authenticator, role by two administrators. secret gives the passwords, so that
// one demo is like another. The first two people sit in no department: it has
// none yet when they come.
func (t *Troupe) Hire(ctx context.Context, setupCode string, cast []*Person, secret func(n int) string) error {
	first, second := Of(cast, "admin")[0], Of(cast, "admin")[1]
	for i, p := range cast {
		p.Password, p.number = secret(i), i
	}
	if err := t.open(ctx, setupCode, first, second); err != nil {
		return err
	}
	depts, err := t.departments(ctx, first)
	if err != nil {
		return err
	}
	for _, p := range cast {
		if p == first || p == second {
			continue
		}
		if err := t.hire(ctx, first, second, p, depts[p.dept]); err != nil {
			return fmt.Errorf("hiring %s: %w", p.Login, err)
		}
	}
	return nil
}

// open makes the first two people with the set-up code.
func (t *Troupe) open(ctx context.Context, setupCode string, first, second *Person) error {
	var made struct {
		Start string `json:"second_start_password"`
	}
	type firstPerson struct {
		particulars
		Password string `json:"password"`
	}
	type secondPerson struct {
		particulars
		Role string `json:"role"`
	}
	if err := t.raw(ctx, "", "identity.setup", map[string]any{"code": setupCode,
		"first": firstPerson{first.particulars(), first.Password}, "second": secondPerson{second.particulars(), "admin"}}, &made); err != nil {
		return err
	}
	if err := t.enrol(ctx, first, ""); err != nil {
		return err
	}
	return t.enrol(ctx, second, made.Start)
}

// departments makes them all and gives their ids by name.
func (t *Troupe) departments(ctx context.Context, by *Person) (map[string]string, error) {
	ids := map[string]string{}
	for i, name := range departments {
		var made struct {
			ID string `json:"id"`
		}
		in := map[string]string{"code": fmt.Sprintf("%03d", 10*(i+1)), "name": name}
		if err := t.Act(ctx, by, "org.department_create", in, &made); err != nil {
			return nil, err
		}
		ids[name] = made.ID
	}
	return ids, nil
}

func (t *Troupe) hire(ctx context.Context, first, second, p *Person, dept string) error {
	var start struct {
		ID       string `json:"id"`
		Password string `json:"start_password"`
	}
	in := struct {
		particulars
		Department string     `json:"department"`
		HiredOn    civil.Date `json:"hired_on"`
	}{p.particulars(), dept, civil.Of(t.Clock.Now()).AddDays(-400)}
	if err := t.Act(ctx, first, "identity.person_create", in, &start); err != nil {
		return err
	}
	p.ID = start.ID
	for _, role := range p.Roles {
		if err := t.Together(ctx, first, second, "identity.role_grant",
			map[string]string{"person": p.ID, "role": role, "reason": "入社・配属のため"}); err != nil {
			return err
		}
	}
	return t.enrol(ctx, p, start.Password)
}

// enrol replaces a start password and registers an authenticator.
func (t *Troupe) enrol(ctx context.Context, p *Person, start string) error {
	own := p.Password
	if start != "" {
		p.Password = start
	}
	if err := t.SignIn(ctx, p); err != nil {
		return err
	}
	var renewed struct {
		Token string `json:"token"`
	}
	if start != "" {
		if err := t.raw(ctx, p.token, "identity.password_change", map[string]string{"old": start, "new": own}, &renewed); err != nil {
			return err
		}
		p.Password, p.token = own, renewed.Token
	}
	var begun struct {
		Secret string `json:"secret"`
	}
	if err := t.raw(ctx, p.token, "identity.totp_begin", struct{}{}, &begun); err != nil {
		return err
	}
	p.TOTP = begun.Secret
	code, err := vault.TOTPCode(vault.NewSecret(p.TOTP), t.Clock.Now())
	if err != nil {
		return err
	}
	p.step = t.Clock.Now().Unix() / 30
	if err := t.raw(ctx, p.token, "identity.totp_confirm", map[string]string{"code": code}, &renewed); err != nil {
		return err
	}
	p.token = renewed.Token
	return nil
}

// Secrets gives the nth password of a demo with this seed: the same seed, the
// same passwords, and no two of them alike.
func Secrets(seed int64) func(n int) string {
	const letters = "abcdefghjkmnpqrstvwxyz23456789"
	return func(n int) string {
		r := rand.New(rand.NewPCG(uint64(seed), uint64(n)))
		b := make([]byte, 0, 23)
		for i := range 20 {
			if i > 0 && i%5 == 0 {
				b = append(b, '-')
			}
			b = append(b, letters[r.IntN(len(letters))])
		}
		return string(b)
	}
}
