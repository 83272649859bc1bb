package civil

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestHolidays(t *testing.T) {
	for s, want := range map[string]string{
		"2026-05-06": "休日", "2026-09-21": "敬老の日", "2026-09-22": "休日", "2026-09-23": "秋分の日", "2027-03-21": "春分の日",
		"2027-03-22": "休日", "2026-12-31": "", "2019-05-01": "休日（祝日扱い）", "2019-04-30": "休日", "2019-05-02": "休日",
		"2020-07-23": "海の日", "2020-07-24": "スポーツの日", "2021-07-22": "海の日", "2021-07-23": "スポーツの日", "2021-10-11": "",
		"2028-03-20": "春分の日", "2028-09-22": "秋分の日", "2028-09-21": "", "2032-09-21": "休日", "2029-02-12": "休日", "2099-11-23": "勤労感謝の日",
	} {
		if got, err := Holiday(day(t, s)); err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", s, got, err, want)
		}
	}
	for _, s := range []string{"1954-12-31", "2100-01-01"} {
		_, err := Holiday(day(t, s))
		wantInvalid(t, err, "civil.no_calendar")
	}
	_, err := Holiday(Date{})
	wantInvalid(t, err, "civil.no_calendar")
	if got := OfficialUntil().String(); got != "2027-12-31" {
		t.Errorf("official until %s", got)
	}
}

// The law as computed agrees with the official list wherever it was in force
// without one-off exceptions.
func TestLawAgreesWithOfficialList(t *testing.T) {
	official, err := readHolidays(holidaysCSV)
	if err != nil {
		t.Fatal(err)
	}
	for year := 2022; year <= official.horizon.Year(); year++ {
		computed := lawfulHolidays(year)
		for d := (Date{int16(year), 1, 1}); d.Year() == year; d = d.AddDays(1) {
			if computed[d] != official.names[d] {
				t.Errorf("%s: %q computed, %q official", d, computed[d], official.names[d])
			}
		}
	}
	for year := 1980; year <= official.horizon.Year(); year++ {
		spring, autumn := equinoxes(year)
		s, a := Date{int16(year), 3, uint8(spring)}, Date{int16(year), 9, uint8(autumn)}
		if official.names[s] != "春分の日" || official.names[a] != "秋分の日" {
			t.Errorf("%d: equinoxes %s and %s", year, s, a)
		}
	}
}

func TestReadHolidaysRefusesBrokenLists(t *testing.T) {
	for _, s := range []string{"", "horizon=2027-12-31\n", "2026-01-01,元日\n", "horizon=2027-12-31\n2026-1-1,元日\n",
		"horizon=2027-12-31\n2026-01-01\n", "horizon=2027-12-31\n2026-01-01,\n", "horizon=x\n2026-01-01,元日\n"} {
		if _, err := readHolidays(s); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
}

func TestBankDays(t *testing.T) {
	for s, want := range map[string]bool{
		"2026-12-30": true, "2026-12-31": false, "2027-01-01": false, "2027-01-02": false, "2027-01-03": false, "2027-01-04": true,
		"2026-11-21": false, "2026-11-22": false, "2026-11-23": false, "2026-11-24": true,
	} {
		if got, err := IsBankDay(day(t, s)); err != nil || got != want {
			t.Errorf("%s: %v %v", s, got, err)
		}
	}
}

func TestCompanyDaysOff(t *testing.T) {
	bank := Calendar{}
	company := bank.Closed(day(t, "2026-12-29"), day(t, "2026-12-30")).Closed(day(t, "2027-01-04"))
	for _, c := range []struct {
		cal   Calendar
		shift Shift
		want  string
	}{
		{bank, ShiftPrevious, "2026-12-30"}, {bank, ShiftNext, "2027-01-04"}, {bank, ShiftNone, "2026-12-31"},
		{company, ShiftPrevious, "2026-12-28"}, {company, ShiftNext, "2027-01-05"}, {company, ShiftNone, "2026-12-31"},
	} {
		if got, err := c.cal.Shift(day(t, "2026-12-31"), c.shift); err != nil || got.String() != c.want {
			t.Errorf("%s: %s %v, want %s", c.shift, got, err, c.want)
		}
	}
	_, err := bank.Shift(day(t, "2026-12-31"), "")
	wantInvalid(t, err, "civil.bad_shift")
	_, err = bank.Shift(day(t, "2100-01-05"), ShiftNext)
	wantInvalid(t, err, "civil.no_calendar")
}

func TestDueDateVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Due []struct {
			Deliver, Nominal Date
			Term             string
			Prev             Date `json:"prev_business"`
			Next             Date `json:"next_business"`
		} `json:"due_dates"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Due) != 14 {
		t.Fatalf("%d vectors", len(v.Due))
	}
	for _, c := range v.Due {
		for shift, want := range map[Shift]Date{ShiftNone: c.Nominal, ShiftPrevious: c.Prev, ShiftNext: c.Next} {
			term, err := ParseTerm(c.Term, shift)
			if err != nil {
				t.Fatal(err)
			}
			got, err := term.Due(c.Deliver)
			provisional := c.Deliver.Year() == 2028
			if err != nil || got.Nominal != c.Nominal || got.Date != want || got.Provisional != provisional {
				t.Errorf("%s %s %s: %+v %v, want %s", c.Deliver, c.Term, shift, got, err, want)
			}
		}
	}
}

func TestClosingDates(t *testing.T) {
	for _, c := range []struct {
		deliver string
		close   int
		want    string
	}{
		{"2026-01-31", LastDay, "2026-01-31"}, {"2026-02-01", LastDay, "2026-02-28"}, {"2026-11-20", 20, "2026-11-20"},
		{"2026-11-21", 20, "2026-12-20"}, {"2026-02-28", 30, "2026-02-28"}, {"2027-01-31", 30, "2027-02-28"},
		{"2028-02-29", 30, "2028-02-29"}, {"2026-12-21", 20, "2027-01-20"}, {"2026-04-30", LastDay, "2026-04-30"},
	} {
		if got := (Term{Close: c.close}).Closing(day(t, c.deliver)).String(); got != c.want {
			t.Errorf("%s closing on %d: %s, want %s", c.deliver, c.close, got, c.want)
		}
	}
}

func TestTermNotations(t *testing.T) {
	for s, want := range map[string]Term{
		"末/翌末": {31, 1, 31, ShiftNext}, "20/翌々10": {20, 2, 10, ShiftNext}, "末締め翌月末払い": {31, 1, 31, ShiftNext},
		"月末締め翌月末払い": {31, 1, 31, ShiftNext}, "毎月２０日締　翌々月１０日払": {20, 2, 10, ShiftNext}, "15日締め当月末日払い": {15, 0, 31, ShiftNext},
		"末締3ヶ月後末払い": {31, 3, 31, ShiftNext}, "5日締め12か月後1日払い": {5, 12, 1, ShiftNext},
	} {
		got, err := ParseTerm(s, ShiftNext)
		if err != nil || got != want {
			t.Errorf("%s: %+v %v", s, got, err)
		}
	}
	for s, key := range map[string]string{
		"": "civil.unread_term", "末": "civil.unread_term", "末/翌": "civil.unread_term", "末/末": "civil.unread_term",
		"末/翌末x": "civil.unread_term", "0/翌末": "civil.bad_term", "32/翌末": "civil.bad_term", "末/翌0": "civil.bad_term",
		"末/13か月後末": "civil.bad_term", "末/当10": "civil.term_before_closing", "20/当19": "civil.term_before_closing",
	} {
		_, err := ParseTerm(s, ShiftNone)
		wantInvalid(t, err, key)
	}
	_, err := (Term{31, 1, 31, "later"}).Due(day(t, "2026-01-01"))
	wantInvalid(t, err, "civil.bad_shift")
	_, err = (Term{31, 1, 31, ShiftNone}).Due(Date{})
	wantInvalid(t, err, "civil.bad_date")
}

func TestTermProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		term := Term{
			rapid.IntRange(1, 31).Draw(t, "close"), rapid.IntRange(0, MaxTermMonths).Draw(t, "months"),
			rapid.IntRange(1, 31).Draw(t, "pay"), rapid.SampledFrom([]Shift{ShiftNone, ShiftPrevious, ShiftNext}).Draw(t, "shift"),
		}
		if term.Check() != nil {
			return
		}
		back, err := ParseTerm(term.String(), term.Shift)
		if err != nil || back != term {
			t.Fatalf("%s came back as %+v (%v)", term, back, err)
		}
		d := anyDate(t, "deliver", 1956, 2090)
		due, err := term.Due(d)
		if err != nil {
			t.Fatal(err)
		}
		if due.Closing.Before(d) || due.Nominal.Before(due.Closing) || term.Closing(due.Closing) != due.Closing {
			t.Fatalf("%s %s: %+v", d, term, due)
		}
		if d.DaysUntil(due.Closing) > 31 {
			t.Fatalf("%s %s skips a closing: %+v", d, term, due)
		}
		open, _ := IsBankDay(due.Date)
		off := due.Nominal.DaysUntil(due.Date)
		if term.Shift == ShiftNone && off != 0 || term.Shift != ShiftNone && !open ||
			term.Shift == ShiftPrevious && off > 0 || term.Shift == ShiftNext && off < 0 {
			t.Fatalf("%s %s: %+v", d, term, due)
		}
		if later, err := term.Due(d.AddDays(1)); err != nil || later.Nominal.Before(due.Nominal) {
			t.Fatalf("a later delivery is due earlier: %+v, %+v", due, later)
		}
	})
}

func FuzzParseTerm(f *testing.F) {
	for _, s := range []string{"末/翌末", "20日締め翌々月10日払い", "末締3か月後末払", "99/翌99"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		term, err := ParseTerm(s, ShiftNone)
		if err != nil {
			return
		}
		if back, err := ParseTerm(term.String(), ShiftNone); err != nil || back != term {
			t.Fatalf("%q: %+v, then %+v (%v)", s, term, back, err)
		}
	})
}

func TestWareki(t *testing.T) {
	for _, c := range []struct{ on, long, short, bank string }{
		{"1926-12-24", "大正15年12月24日", "T15.12.24", "151224"}, {"1926-12-25", "昭和元年12月25日", "S1.12.25", "011225"},
		{"1989-01-07", "昭和64年1月7日", "S64.1.7", "640107"}, {"1989-01-08", "平成元年1月8日", "H1.1.8", "010108"},
		{"2019-04-30", "平成31年4月30日", "H31.4.30", "310430"}, {"2019-05-01", "令和元年5月1日", "R1.5.1", "010501"},
		{"2026-11-22", "令和8年11月22日", "R8.11.22", "081122"}, {"2028-02-29", "令和10年2月29日", "R10.2.29", "100229"},
		{"1873-01-01", "明治6年1月1日", "M6.1.1", "060101"}, {"1912-07-29", "明治45年7月29日", "M45.7.29", "450729"},
		{"1912-07-30", "大正元年7月30日", "T1.7.30", "010730"},
	} {
		w, err := day(t, c.on).Wareki()
		if err != nil || w.String() != c.long || w.Short() != c.short || w.YYMMDD() != c.bank {
			t.Errorf("%s: %s %s %s %v", c.on, w, w.Short(), w.YYMMDD(), err)
		}
		for _, s := range []string{c.long, c.short, c.on} {
			if got, err := ParseLoose(s); err != nil || got.String() != c.on {
				t.Errorf("%s read as %s (%v)", s, got, err)
			}
		}
	}
	_, err := day(t, "1872-12-31").Wareki()
	wantInvalid(t, err, "civil.no_era")
}

func TestLooseDates(t *testing.T) {
	for _, s := range []string{"2026/1/5", "2026-1-5", "2026.01.05", "20260105", "2026年1月5日", "２０２６／１／５", "令和８年１月５日", "r8/1/5", " 2026 年 1 月 5 日 "} {
		if got, err := ParseLoose(s); err != nil || got.String() != "2026-01-05" {
			t.Errorf("%q: %s %v", s, got, err)
		}
	}
	for s, key := range map[string]string{
		"": "civil.unread_date", "26/1/5": "civil.unread_date", "2026/1": "civil.unread_date", "1/5/2026": "civil.unread_date",
		"2026年1月": "civil.unread_date", "46027": "civil.unread_date", "X8.1.5": "civil.unread_date",
		"平成31年5月1日": "civil.outside_era", "昭和65年1月1日": "civil.outside_era", "令和0年5月1日": "civil.outside_era", "R1.4.30": "civil.outside_era",
		"2026/2/30": "civil.no_such_day", "令和8年13月1日": "civil.no_such_day", "20261301": "civil.no_such_day",
	} {
		_, err := ParseLoose(s)
		wantInvalid(t, err, key)
	}
}

func FuzzParseLoose(f *testing.F) {
	for _, s := range []string{"2026/1/5", "令和8年11月22日", "R8.11.22", "20261122", "平成元年1月8日", "０"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseLoose(s)
		if (err == nil) == d.IsZero() {
			t.Fatalf("%q: %s beside %v", s, d, err)
		}
		if err == nil && d != day(t, d.String()) {
			t.Fatalf("%q: %s is no day", s, d)
		}
	})
}

func TestFiscalYears(t *testing.T) {
	for _, c := range []struct {
		on          string
		end         time.Month
		first, last string
		name        int
	}{
		{"2026-11-22", 3, "2026-04-01", "2027-03-31", 2026}, {"2027-03-31", 3, "2026-04-01", "2027-03-31", 2026},
		{"2027-04-01", 3, "2027-04-01", "2028-03-31", 2027}, {"2026-11-22", 12, "2026-01-01", "2026-12-31", 2026},
		{"2027-03-01", 2, "2027-03-01", "2028-02-29", 2027}, {"2028-02-29", 2, "2027-03-01", "2028-02-29", 2027},
	} {
		f, err := FiscalYearOf(day(t, c.on), c.end)
		if err != nil || f.First.String() != c.first || f.Last.String() != c.last || f.Name() != c.name {
			t.Errorf("%s, month %d: %s to %s (%v)", c.on, c.end, f.First, f.Last, err)
		}
	}
	for _, end := range []time.Month{0, 13, -1} {
		_, err := FiscalYearOf(day(t, "2026-11-22"), end)
		wantInvalid(t, err, "civil.bad_fiscal_year")
	}
}

func TestKeepingPeriods(t *testing.T) {
	for _, c := range []struct {
		end                                 string
		keep                                Keeping
		deadline, from, through, through103 string
		provisional                         bool
	}{
		{"2027-03-31", KeepTax, "2027-05-31", "2027-06-01", "2034-05-31", "2037-08-31", false},
		{"2027-03-31", KeepLoss, "2027-05-31", "2027-06-01", "2037-05-31", "2037-08-31", false},
		{"2026-12-31", KeepTax, "2027-03-01", "2027-03-02", "2034-03-01", "2037-06-01", false}, // 02-28 is a Sunday
		{"2027-12-31", KeepTax, "2028-02-29", "2028-03-01", "2035-02-28", "2038-05-31", true},
		{"2026-10-31", KeepTax, "2027-01-04", "2027-01-05", "2034-01-04", "2037-04-04", false}, // 12-31: offices closed
		{"2026-12-30", KeepTax, "2027-03-01", "2027-03-02", "2034-03-01", "2037-06-01", false}, // from 12-31: no 02-31
		{"2024-12-30", KeepTax, "2025-02-28", "2025-03-01", "2032-02-29", "2035-05-31", false},
		{"2026-10-29", KeepTax, "2027-01-04", "2027-01-05", "2034-01-04", "2037-04-04", false}, // 12-29: banks open, offices closed
		{"2026-03-20", KeepTax, "2026-05-20", "2026-05-21", "2033-05-20", "2036-08-20", false},
	} {
		got, err := c.keep.Through(day(t, c.end))
		if err != nil || got.Deadline.String() != c.deadline || got.From.String() != c.from ||
			got.Through.String() != c.through || got.Provisional != c.provisional {
			t.Errorf("%s %d: %+v %v", c.end, c.keep, got, err)
		}
		if safe, err := KeepSafely(day(t, c.end)); err != nil || safe.Through.String() != c.through103 {
			t.Errorf("%s safely: %+v %v", c.end, safe, err)
		}
	}
	_, err := KeepTax.Through(Date{})
	wantInvalid(t, err, "civil.bad_fiscal_year")
	_, err = Keeping(0).Through(day(t, "2027-03-31"))
	wantInvalid(t, err, "civil.bad_fiscal_year")
	_, err = KeepSafely(day(t, "2099-12-31"))
	wantInvalid(t, err, "civil.no_calendar")
}
