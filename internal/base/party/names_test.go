package party

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"unicode/utf8"

	"sekisho/internal/kernel/jp"
)

func everyone(n *Index) reach { return reach{all: true, runs: []int32{n.words[""]}} }

func filled(rows ...IndexRow) *Index {
	n := NewIndex()
	n.put(rows)
	return n
}

// What is found in the packed text is what stands in the folded one, for names
// of kana, kanji, letters and characters beyond the first plane.
func TestPackedNamesAreFoundWhereTheyStand(t *testing.T) {
	names := []string{"株式会社髙橋商店", "ミヤシタ クミコ", "Aoba 製作所", "𠮷野家", "東北計器", "ウェ゛ー", "é-100", "アイウ", "ガギグ", "한국상사", "山田商事"}
	var rows []IndexRow
	for i, s := range names {
		rows = append(rows, IndexRow{ID: fmt.Sprintf("%02d", i), Name: s, Kana: "カナ", Code: fmt.Sprintf("%06d", i)})
	}
	n := filled(rows...)
	for i, s := range names {
		folded := []rune(jp.Fold(s))
		for from := range folded {
			for to := from + 1; to <= len(folded); to++ {
				part := string(folded[from:to])
				ids, _ := n.find(part, everyone, 100)
				if !slices.Contains(ids, rows[i].ID) {
					t.Errorf("%q is not found by %q", s, part)
				}
				for _, id := range ids {
					k := slices.IndexFunc(rows, func(r IndexRow) bool { return r.ID == id })
					if !holds(Party{Name: rows[k].Name, Kana: rows[k].Kana, Code: rows[k].Code}, part) {
						t.Errorf("%q finds %q", part, rows[k].Name)
					}
				}
			}
		}
	}
	if b := pack(nil, "ア山𠮷a"); len(b) != 1+3+4+1 || !utf8.ValidString("ア山𠮷a") || bytes.IndexByte(b, 0) >= 0 {
		t.Error(b)
	}
}

// Replacing and removing leaves nothing of the old behind, however often.
func TestNamesAreReplaced(t *testing.T) {
	n := NewIndex()
	const count = 3000
	row := func(i, round int) IndexRow {
		return IndexRow{ID: fmt.Sprintf("%05d", i), Name: fmt.Sprintf("会社%d番%d回", i, round), Code: fmt.Sprint(i)}
	}
	var rows []IndexRow
	for i := range count {
		rows = append(rows, row(i, 0))
	}
	n.put(rows)
	for round := 1; round <= 3; round++ {
		for i := 0; i < count; i += 2 {
			n.put([]IndexRow{row(i, round)})
		}
	}
	n.remove([]string{"00001", "00002", "nobody"})
	for i, want := range map[int]string{4: "会社4番3回", 5: "会社5番0回"} {
		if ids, _ := n.find(jp.Fold(want), everyone, 5); len(ids) != 1 || ids[0] != fmt.Sprintf("%05d", i) {
			t.Error(want, ids)
		}
	}
	for _, gone := range []string{"会社4番0回", "会社4番2回", "会社1番", "会社2番"} {
		if ids, _ := n.find(jp.Fold(gone), everyone, 5); len(ids) != 0 {
			t.Error(gone, ids)
		}
	}
	seen := map[string]bool{}
	ids, more := n.find(jp.Fold("会社"), everyone, count+1)
	for _, id := range ids {
		seen[id] = true
	}
	if len(seen) != count-2 || len(ids) != len(seen) || more {
		t.Error(len(ids), len(seen), more)
	}
	if len(n.all)-n.dead != count-2 || n.dead*4 > len(n.all)+4000 {
		t.Error("not packed anew:", len(n.all), n.dead)
	}
}

// The best come first: what is the whole of a name, what it begins with, what it holds.
func TestTheBestComeFirst(t *testing.T) {
	n := filled(IndexRow{ID: "a", Name: "新山田"}, IndexRow{ID: "b", Name: "山田商事"}, IndexRow{ID: "c", Name: "ヤマ", Code: "山田"}, IndexRow{ID: "d", Name: "北山田"})
	ids, more := n.find("山田", everyone, 3)
	if fmt.Sprint(ids) != "[c b a]" || !more {
		t.Error(ids, more)
	}
	if ids, _ := n.find("", everyone, 3); len(ids) != 0 {
		t.Error(ids)
	}
}

// million are names like those of a large register.
func million(count int) *Index {
	n := NewIndex()
	heads := []string{"青葉", "山田", "髙﨑", "瀬戸内", "みなと", "北陸", "東海", "日本橋", "翠嵐", "丸福"}
	kinds := []string{"商事", "製作所", "運輸", "フーズ", "工務店", "精密機器", "サービス", "印刷", "電材", "観光"}
	rows := make([]IndexRow, 0, 500)
	for i := range count {
		rows = append(rows, IndexRow{ID: fmt.Sprintf("%026d", i), Code: fmt.Sprintf("%06d", i), Owner: fmt.Sprintf("p%d", i%50), Department: fmt.Sprintf("d%d", i%7),
			Name: fmt.Sprintf("株式会社%s%d%s", heads[i%10], i, kinds[i/10%10]), Kana: fmt.Sprintf("カブシキガイシャアオバ%dセイサクショ", i)})
		if len(rows) == cap(rows) {
			n.put(rows)
			rows = rows[:0]
		}
	}
	n.put(rows)
	return n
}

// A search touches every byte at most once however often its text stands there,
// and gives no more than was asked for: ten times the names cost about ten
// times the time, never a hundred.
func TestASearchIsLinearAndBounded(t *testing.T) {
	cost := func(n *Index) int64 {
		r := testing.Benchmark(func(b *testing.B) {
			for range b.N {
				if ids, more := n.find(jp.Fold("かぶしきがいしゃ"), everyone, 20); len(ids) != 20 || !more {
					b.Fatal(ids, more)
				}
			}
		})
		if r.AllocsPerOp() > 40 {
			t.Fatalf("%d allocations", r.AllocsPerOp())
		}
		return r.NsPerOp()
	}
	few, many := cost(million(2_000)), cost(million(20_000))
	t.Logf("2,000 names %d µs, 20,000 names %d µs", few/1000, many/1000)
	if many > 40*few {
		t.Errorf("ten times the names take %d times as long", many/few)
	}
}
