package drill

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/quick"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
)

func day(s string) civil.Date { return civil.MustParse(s) }

// However people decide and however often the server looks, nobody ever has more
// than one decoy in fifty real requests, at any moment.
func TestC34_AtMostOneInFifty(t *testing.T) {
	f := func(seed uint64, steps uint16) bool {
		r := rand.New(rand.NewPCG(seed, 1))
		var decided, sinceLast, planted int64
		open := false
		for range int(steps) {
			switch r.IntN(4) {
			case 0: // the server looks
				if due(sinceLast, open, fmt.Sprint(seed, planted)) {
					planted, sinceLast, open = planted+1, 0, true
				}
			case 1: // the decoy is answered
				open = open && r.IntN(3) > 0
			default:
				decided, sinceLast = decided+1, sinceLast+1
			}
			if planted*Every > decided {
				return false
			}
		}
		return true
	}
	if err := quick.Check(f, &quick.Config{MaxCount: 400}); err != nil {
		t.Fatal(err)
	}
	gaps := map[int64]bool{}
	for i := range 500 {
		g := gap(fmt.Sprint(i))
		if g < Every || g >= Every+spread {
			t.Fatal(g)
		}
		gaps[g] = true
	}
	if len(gaps) < spread/2 {
		t.Error("the gaps can be counted down:", gaps)
	}
}

func TestC34_NoDecoyAroundClosing(t *testing.T) {
	c := calendar{[]int{20, 31}, 2, 8}
	for d, want := range map[string]bool{
		"2026-11-17": false, "2026-11-18": true, "2026-11-20": true, "2026-11-27": true, "2026-11-28": true, "2026-11-30": true,
		"2026-12-08": true, "2026-12-09": false, "2027-02-26": true, "2027-02-28": true, "2027-03-08": true, "2027-03-09": false,
		"2028-02-29": true, "2027-01-08": true, "2027-01-09": false, "2026-12-31": true,
	} {
		if c.busy(day(d)) != want {
			t.Errorf("%s: %v", d, !want)
		}
	}
	// Every day within the distance of any closing day is busy, and no other.
	f := func(offset uint16, before, after uint8) bool {
		c := calendar{[]int{31}, int(before % 15), int(after % 15)}
		d := day("2026-01-15").AddDays(int(offset % 2000))
		near := false
		for n := -14; n <= 14; n++ {
			e := d.AddDays(n)
			near = near || e == e.EndOfMonth() && (n >= 0 && n <= c.before || n <= 0 && -n <= c.after)
		}
		return c.busy(d) == near
	}
	if err := quick.Check(f, &quick.Config{MaxCount: 3000}); err != nil {
		t.Fatal(err)
	}
}

func TestC34_ADrillThatCannotBe(t *testing.T) {
	today := day("2026-11-24")
	good := calendar{[]int{31}, 2, 8}
	for name, x := range map[string]struct {
		c           calendar
		from, until string
		key         string
	}{
		"fine":                 {good, "2026-11-24", "2026-12-31", ""},
		"in the past":          {good, "2026-11-23", "2026-12-31", "drill.past"},
		"backwards":            {good, "2026-12-10", "2026-12-09", "drill.order"},
		"for ever":             {good, "2026-12-01", "2027-06-30", "drill.long"},
		"up to closing":        {calendar{[]int{31}, 0, 8}, "2026-12-01", "2026-12-31", "drill.around"},
		"right after closing":  {calendar{[]int{31}, 2, 4}, "2026-12-01", "2026-12-31", "drill.around"},
		"closing all the time": {calendar{[]int{5, 10, 15, 20, 25, 31}, 2, 8}, "2026-12-01", "2026-12-31", "drill.no_days"},
	} {
		err := x.c.check(day(x.from), day(x.until), today)
		if x.key == "" && err != nil || x.key != "" && fault.Of(err).Key != x.key {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{"", "0", "29", "30", "32", "31,31", "a", "20;31", "-1"} {
		if _, err := parseClosings(bad); err == nil {
			t.Error("accepted: ", bad)
		}
	}
	if got, err := parseClosings("31, 20"); err != nil || got[0] != 20 || got[1] != 31 {
		t.Error(got, err)
	}
}

func sample(party, address string, amount int64) look {
	return look{Party: party, Sender: "北斗サプライ <billing@hokuto-supply.co.jp>", Recipients: []string{"to: " + address}, Subject: "ご請求書(INV-0099)の送付",
		Body: "請求書 INV-0099 を添付します。", Attachments: []paper{{"請求書INV-0099.pdf", "INV-0099", 118_800, "2026-11-20", "aa", "invoice"}}, Total: 118_800,
		Findings: []map[string]string{{"ja": "「" + address + "」に送るのは初めてです。"}, {"ja": "金額が大きいです。"}}}
}

// Each decoy has exactly the error of its lesson, and looks like the next request
// in all else.
func TestC34_ADecoyHasOneError(t *testing.T) {
	real := []look{sample("000101 株式会社東北機械製作所", "keiri@tohoku-kikai.co.jp", 118_800), sample("AK-2002 有限会社あかつき運輸", "info@akatsuki-unyu.co.jp", 64_900)}
	kinds := map[Kind]int{}
	for i := range 300 {
		d, of, l, ok := forge(real, fmt.Sprint("seed", i))
		if !ok {
			t.Fatal(i)
		}
		kinds[l.Kind]++
		was, a := real[of], d.Attachments[0]
		if a.Number == "INV-0099" && l.Kind != OtherFile || a.Digest == "aa" || strings.Contains(d.Body, "INV-0099") || d.Party != was.Party || len(d.Findings) != 1 || l.Wrong == l.Right || l.Wrong == "" {
			t.Fatalf("%+v %+v", d, l)
		}
		if errs := []bool{!strings.Contains(a.Name, a.Number) || strings.Contains(a.Name, strings.SplitN(real[1-of].Party, " ", 2)[1]), d.Recipients[0] != was.Recipients[0], d.Total != was.Total}; errs[0] != (l.Kind == OtherFile) || errs[1] != (l.Kind == OneLetter) || errs[2] != (l.Kind == TenTimes) {
			t.Fatalf("%s: %v %+v", l.Kind, errs, d)
		}
	}
	if len(kinds) != 3 {
		t.Error(kinds)
	}
	if _, _, _, ok := forge(nil, "x"); ok {
		t.Error("made out of nothing")
	}
	if _, _, _, ok := forge([]look{{Party: "1 A", Recipients: []string{"cc: a@b"}}}, "x"); ok {
		t.Error("made without an error in it")
	}
	if real[0].Attachments[0].Number != "INV-0099" || real[0].Recipients[0] != "to: keiri@tohoku-kikai.co.jp" {
		t.Error("the real one was changed")
	}
}

func TestC34_NumbersGoOn(t *testing.T) {
	for in, want := range map[string]string{"INV-0099": "INV-0100", "2026-11-0009": "2026-11-0010", "A": "A", "": "", "R-99": "R-00"} {
		if got := later(in, 1); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{"a@tohoku.co.jp": "a@toh0ku.co.jp", "a@bbb.jp": "a@bbbb.jp"} {
		if got, ok := misspelt(in); !ok || got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
	for _, bad := range []string{"", "a", "a@b", "@.", "a@日本.jp"} {
		if got, ok := misspelt(bad); ok {
			t.Error(bad, got)
		}
	}
}
