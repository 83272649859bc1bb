package invoice_test

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/trade/invoice"
)

func TestSM38_CodesAsTheyAreTyped(t *testing.T) {
	for typed, want := range map[string]string{
		"BCDF-GHJK-LMNP": "BCDFGHJKLMNP", "bcdfghjklmnp": "BCDFGHJKLMNP", " ｂｃｄｆ－ＧＨＪＫ　lmnp ": "BCDFGHJKLMNP", "BCDFーGHJKーLMNP": "BCDFGHJKLMNP",
		"": "", "BCDF-GHJK-LMN": "", "BCDF-GHJK-LMNPQ": "", "ABCD-GHJK-LMNP": "", "BCDF-GHJK-LMN0": "", "BCDF/GHJK/LMNP": "", "01jda2qk7t8z5x3v9b4n6m1c0p": "",
	} {
		if got := invoice.CheckTyped(typed); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

var printedCode = regexp.MustCompile(`確認コード([A-Z]{4}-[A-Z]{4}-[A-Z]{4})`)

// Whoever has the paper sees what it was issued with; where there is no portal, no
// code is printed, and what is no code is nobody's.
func TestSM38_TheCodeOnThePaperOpensItsAccount(t *testing.T) {
	nobody := gate.Nobody(netip.MustParseAddr("198.51.100.7"))
	for _, outside := range []string{"", "https://uketori.hokuto.example.jp"} {
		o := options(t)
		o.Outside = outside
		gatetest.Each(t, o, func(t *testing.T, g *gatetest.World) {
			w := prepared(g, t)
			first, second := w.issued("p1"), w.issued("p1")
			w.work()
			pdf := words(t, run(w, boss, invoice.PDF, invoice.ByID{ID: first.ID}).Content)
			code := printedCode.FindStringSubmatch(pdf)
			if outside == "" {
				if code != nil || strings.Contains(pdf, "振込先の確認") {
					t.Fatal("a code that nothing answers to", pdf)
				}
				return
			}
			if code == nil || !strings.Contains(pdf, outside+"/v/"+strings.ReplaceAll(code[1], "-", "")) {
				t.Fatal("no code on the paper: ", pdf)
			}
			other := printedCode.FindStringSubmatch(words(t, run(w, boss, invoice.PDF, invoice.ByID{ID: second.ID}).Content))
			if other == nil || other[1] == code[1] {
				t.Fatal("two invoices with one code")
			}
			got := run(w, nobody, invoice.Account, invoice.AccountIn{Code: strings.ToLower(code[1])})
			if got.Number != first.Number || got.Amount != first.Amount || !got.InForce || len(got.Accounts) != 2 || !strings.Contains(got.Accounts[0], "1234567") || got.Registration != "T7000012050002" {
				t.Errorf("%+v", got)
			}
			for _, bad := range []string{"BCDF-GHJK-LMNP", "BCDFGHJKLMN", "x", strings.Repeat("0", 26)} {
				_, err := gate.Run(bg, w.G, nobody, invoice.Account, invoice.AccountIn{Code: bad})
				wants(t, err, fault.KindNotFound, "")
			}
		})
	}
}
