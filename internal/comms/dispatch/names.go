package dispatch

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"sekisho/internal/kernel/jp"
)

// pattern is a name to look for.
type pattern struct {
	runes []rune // folded, at least three
	party string
	sure  sureness
	form  string // legal form of the partner, "" if none
	brand bool   // its core has no kanji: a ware may bear it
	joint int    // where form and core meet, 0 where there is no form
}

// sureness is how far finding a pattern means its partner.
type sureness int

const (
	anywhere  sureness = iota // wherever it stands
	forItself                 // where it stands for itself; in a longer word it asks for a look
	shortWord                 // three or four kana or letters: with a legal form or as an addressee
	shortHan                  // three kanji: the same; else it asks for a look, if no person or town is called so
)

// common are folded core names that are everyday words: alone in a text they
// say nothing about a partner.
const common = "日本 東京 大阪 名古屋 横浜 京都 神戸 福岡 札幌 仙台 広島 関東 関西 東海 九州 北海道 四国 東北 北陸 中部 近畿 中国 沖縄 中央 第一 東洋 西日本 東日本 首都圏 " +
	"全国 国際 総合 共同 協同 全日本 新日本 サービス システム ソリューション センター グループ ホールディングス テクノロジー エンジニアリング コンサルティング " +
	"デザイン オフィス プラス スマイル サポート ネットワーク フーズ 丸の内 日本橋 新宿 渋谷 商事 物産 工業 建設 運輸 製作所 電気 印刷 不動産 " +
	"メンテナンス プロジェクト コンピュータ コンピューター マーケティング マネジメント コミュニケーション インターネット クリエイト クリエイティブ クリーン クリーニング " +
	"スタジオ ストア ショップ マーケット プランニング リース レンタル リサイクル セキュリティ トラベル ツーリスト ロジスティクス トランスポート パッケージ パーツ " +
	"マテリアル ケミカル メディカル ヘルスケア ライフ ライフサポート ホーム ハウジング リフォーム ガーデン フラワー フレッシュ フード キッチン レストラン ベーカリー " +
	"プリント プリンティング メディア アドバンス アシスト スタッフ スタンダード プレミアム スマート エコロジー エネルギー パワー ソーラー ライト デジタル アナログ モバイル " +
	"クラウド データ ソフトウェア ソフト ハードウェア アプリ ゲーム ミュージック アート ファッション アパレル スポーツ フィットネス アカデミー スクール カレッジ " +
	"インターナショナル グローバル ジャパン ニッポン アジア パシフィック コーポレーション カンパニー パートナー パートナーズ アソシエイツ ベンチャー キャピタル " +
	"情報システム 電子部品 建設工事 建築設計 食品加工 環境整備 総合管理 情報処理 機械工具 事務機器 事務用品 産業資材 包装資材 建築資材 住宅設備 空調設備 電気工事 " +
	"水道工事 設備工事 物流センター 配送センター 運送業務 倉庫業務 人材派遣 業務委託 保守点検 清掃業務 警備業務 印刷製本 広告宣伝 旅費交通 福利厚生 総務経理 営業本部 " +
	"段ボール ボールペン コピー用紙 カートリッジ プラスチック アルミニウム ステンレス ケーブル バッテリー フィルター フィルム ラベル シール テープ ロープ ポンプ モーター センサー " +
	"system systems service services solution solutions design office support network group center plus tech store shop media print home life smart digital cloud data web soft"

var commonCores = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(common) {
		m[fold(w)] = true
	}
	return m
})

// patternsOf gives a partner's core name, or, where that is too short or too
// common to mean anything alone, its whole name with the legal form before and
// after: 株式会社東和 may also be the beginning of 株式会社東和産業.
func patternsOf(p Partner) []pattern {
	core, form := fold(jp.CoreName(p.Name)), jp.LegalForm(p.Name)
	n := len([]rune(core))
	brand := !strings.ContainsFunc(core, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	bare := func(s sureness) pattern { return pattern{[]rune(core), p.ID, s, form, brand, 0} }
	everyday := commonCores()[core]
	switch {
	case !everyday && (n > 4 || n == 4 && !brand):
		out := []pattern{bare(anywhere)}
		for _, w := range wholeNames(p.Name) {
			out = append(out, pattern{[]rune(w), p.ID, anywhere, form, brand, 0})
		}
		return out
	case !everyday && n == 4:
		return []pattern{bare(shortWord)}
	}
	var out []pattern
	if n == 3 && !everyday {
		sure := shortHan
		if brand {
			sure = shortWord
		}
		out = []pattern{bare(sure)}
	}
	if form == "" {
		return out
	}
	for _, f := range append([]string{fold(form)}, shortForms(fold(form))...) {
		for _, name := range [][2]string{{f, core}, {core, f}} {
			if r := []rune(name[0] + name[1]); len(r) >= 3 {
				out = append(out, pattern{r, p.ID, forItself, form, brand, len([]rune(name[0]))})
			}
		}
	}
	return out
}

// shortForms are how the usual forms are abbreviated.
func shortForms(form string) []string {
	switch form {
	case fold("株式会社"):
		return []string{"(株)"}
	case fold("有限会社"):
		return []string{"(有)"}
	case fold("合同会社"):
		return []string{"(同)"}
	}
	return nil
}

// span is a name found at [from, to) of a folded text.
type span struct {
	from, to int
	pattern
	weak bool
}

// namesIn finds all names in a text, and drops what lies inside a longer one:
// 山田商店 is not found in 新山田商店 if that is a name, too.
func (r *Register) namesIn(t folded) []span {
	var found []span
	for i := 0; i+3 <= len(t.runes); i++ {
		for _, p := range r.names[[3]rune(t.runes[i:i+3])] {
			j := i + len(p.runes)
			if j > len(t.runes) || !slices.Equal(t.runes[i:j], p.runes) || !t.bounded(i, j) {
				continue
			}
			if strong, weak := t.weigh(i, j, p); strong || weak {
				found = append(found, span{i, j, p, !strong})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b span) int { return cmp.Or(a.from-b.from, b.to-a.to) })
	end, from := 0, -1
	return slices.DeleteFunc(found, func(s span) bool {
		inside := s.to <= end && !(s.from == from && s.to == end)
		if s.to > end {
			from, end = s.from, s.to
		}
		return inside
	})
}

// weigh tells how much a pattern at [i, j) means. One that is neither strong nor
// weak is an everyday word.
func (t folded) weigh(i, j int, p pattern) (strong, weak bool) {
	rest := string(t.runes[j:min(j+2, len(t.runes))])
	switch p.sure {
	case anywhere:
		return true, false
	case forItself:
		alone := t.alone(i, j)
		return alone, alone || !t.ends[i+p.joint] // 五十嵐 / 株式会社東北…: the form is another's
	}
	company := strings.HasPrefix(rest, jp.ToCompany)
	named := strings.HasPrefix(rest, jp.ToPerson) || strings.HasPrefix(rest, "殿")
	formed := t.formAt(i, j) != "" && (p.sure == shortWord || t.alone(i, j))
	switch {
	case company || formed:
		return true, false
	case p.sure == shortWord:
		return named, t.alone(i, j)
	}
	return named && !persons(string(p.runes)), !persons(string(p.runes))
}

// names finds the names of others, and what the places they stand in say.
func (s *scan) names(text string, file bool) {
	t := foldWords(text)
	s.found.Ours = t.contains(s.r.cores[s.ours]) || slices.ContainsFunc(s.r.wholes[s.ours], t.contains)
	spans := s.r.namesIn(t)
	if len(spans) == 0 {
		return
	}
	l := layOut(t.lines)
	for n := 0; n < len(spans); {
		k := n + 1
		for k < len(spans) && spans[k].from == spans[n].from && spans[k].to == spans[n].to {
			k++
		}
		if parties := s.whose(t, spans[n:k]); len(parties) > 0 {
			at := s.placed(t, l, spans[n], file)
			if file && at == plainPlace && t.goesOn(spans[n]) {
				spans[n].weak = true
			}
			s.named(spans[n], parties, at)
		}
		n = k
	}
}

// whose gives the partners that a name may mean, none if it may be ours. Where
// a legal form stands beside it, those who have that form come before the others.
func (s *scan) whose(t folded, same []span) []string {
	first := same[0]
	form := t.formAt(first.from, first.to)
	match := slices.ContainsFunc(same, func(x span) bool { return form != "" && x.form == form })
	var out []string
	for _, x := range same {
		switch {
		case match && x.form != form:
		case x.party == s.ours || x.party == Ourselves:
			return nil
		default:
			out = once(out, x.party)
		}
	}
	if s.masked(t, first) || s.branch(first) {
		return nil
	}
	return out
}

// masked tells whether a name is only a part of what may stand in this partner's
// papers anyway: its own address or ours, or one of our banks.
func (s *scan) masked(t folded, x span) bool {
	for _, m := range slices.Concat(s.r.masks[s.ours], s.r.masks[Ourselves]) {
		for p := 0; p+len(x.runes) <= len(m); p++ {
			from := x.from - p
			if from >= 0 && from+len(m) <= len(t.runes) && slices.Equal(m[p:p+len(x.runes)], x.runes) && slices.Equal(t.runes[from:from+len(m)], m) {
				return true
			}
		}
	}
	return false
}

// branch tells whether the name is that of the company of which ours is a
// branch: 東北機械製作所 in the papers of 東北機械製作所仙台支店.
func (s *scan) branch(x span) bool {
	rest, ok := strings.CutPrefix(string(s.r.cores[s.ours]), fold(jp.CoreName(string(x.runes))))
	return ok && rest != "" && branchWords.MatchString(rest)
}

func (s *scan) placed(t folded, l *lay, x span, file bool) place {
	line := t.line[x.from]
	p := l.at(line, string(x.runes))
	if p == plainPlace && file && x.brand && t.formAt(x.from, x.to) == "" && x.sure != forItself &&
		strings.ContainsAny(l.lines[line], "0123456789") && l.cells[line] == nil {
		return makerPlace // パナソニック LED電球 10個: a line of goods
	}
	return p
}

// named adds a name to what was found: one hit per partner, with all that the
// places say.
func (s *scan) named(x span, parties []string, p place) {
	if p == carrierPlace || x.weak && p == makerPlace {
		return
	}
	h := Hit{Kind: HitName, Value: s.r.called[parties[0]], Party: parties[0], Others: parties[1:],
		Weak: x.weak, Product: p == makerPlace, Ship: p == shipPlace, To: p == toPlace && !x.weak}
	i := slices.IndexFunc(s.found.Hits, func(o Hit) bool { return o.Kind == HitName && o.Party == h.Party })
	if i < 0 {
		s.found.Hits = append(s.found.Hits, h)
		return
	}
	o := &s.found.Hits[i]
	o.Ship, o.To = o.Ship || h.Ship, o.To || h.To
	o.Product = o.Product && (h.Product || h.Weak) || o.Weak && h.Product // the place that says most counts
	o.Weak = o.Weak && h.Weak
}
