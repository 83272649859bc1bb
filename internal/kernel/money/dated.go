package money

import (
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
)

// Transition is the dated table of the share of tax still deductible on
// purchases from suppliers who are not registered (経過措置, 平成28年法律15号附則
// 52条・53条 as amended in 2026), by the day of the purchase. Earlier days have no
// share but the old rules, so they are errors.
func Transition() civil.Table[Percent] {
	row := func(from, to string, p Percent) civil.Row[Percent] {
		r := civil.Row[Percent]{From: civil.MustParse(from), Value: p, Source: "平成28年法律15号附則52条・53条（令和8年改正後）", Status: civil.Enacted}
		if to != "" {
			r.To = civil.MustParse(to)
		}
		return r
	}
	return civil.Table[Percent]{
		row("2023-10-01", "2026-09-30", 80),
		row("2026-10-01", "2028-09-30", 70),
		row("2028-10-01", "2030-09-30", 50),
		row("2030-10-01", "2031-09-30", 30),
		row("2031-10-01", "", 0),
	}
}

// WithholdingRate is a row of the table of withholding on fees (源泉徴収税率).
type WithholdingRate struct {
	Upper Yen    // up to here Low applies, above it High
	Low   int64  // ten-thousandths: 1021 = 10.21 %
	High  int64  // ten-thousandths: 2042 = 20.42 %
	Label string // text key of the tax's name, which changes in 2027
}

// WithholdingRates is the dated table of withholding on fees paid to individuals
// for listed services (所得税法204条1項, 205条; 復興財源確保法28条). From 2027 a
// part becomes defence tax; the sum stays as it is, so only the label depends on it.
func WithholdingRates() civil.Table[WithholdingRate] {
	return civil.Table[WithholdingRate]{
		{
			From: civil.MustParse("2013-01-01"), To: civil.MustParse("2026-12-31"),
			Value:  WithholdingRate{1_000_000, 1021, 2042, "money.withholding_2013"},
			Source: "所得税法205条, 復興財源確保法28条", Status: civil.Enacted,
		},
		{
			From: civil.MustParse("2027-01-01"), To: civil.MustParse("2037-12-31"),
			Value:  WithholdingRate{1_000_000, 1021, 2042, "money.withholding_2027"},
			Source: "所得税法205条, 復興財源確保法28条（令和8年改正後）", Status: civil.Provisional,
		},
	}
}

// Of gives the tax to withhold from one payment to one person; the fraction is
// dropped (国税通則法119条2項, 復興財源確保法31条2項). pay is without consumption tax where that is stated
// separately, else with it. A negative pay is fault.Invalid.
func (w WithholdingRate) Of(pay Yen) (Yen, error) {
	if pay < 0 {
		return 0, fault.Invalid("money.negative_fee")
	}
	if err := pay.Check(); err != nil {
		return 0, err
	}
	low, err := mulDiv(int64(min(pay, w.Upper)), w.Low, 10_000, Floor)
	if err != nil || pay <= w.Upper {
		return low, err
	}
	high, err := mulDiv(int64(pay-w.Upper), w.High, 10_000, Floor)
	if err != nil {
		return 0, err
	}
	return low.Add(high)
}
