package invoice_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sekisho/internal/base/approval"
	"sekisho/internal/base/document"
	"sekisho/internal/base/org"
	"sekisho/internal/base/party"
	"sekisho/internal/comms/dispatch"
	"sekisho/internal/comms/share"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/gatetest"
	"sekisho/internal/kernel/gatetest/pgtest"
	"sekisho/internal/kernel/jobs"
	"sekisho/internal/kernel/money"
	"sekisho/internal/trade/invoice"
)

var (
	bg   = context.Background()
	boss = gatetest.Boss("b")
)

func day(s string) civil.Date { return civil.MustParse(s) }

func dec(t testing.TB, s string) money.Decimal {
	return gatetest.Must[money.Decimal](t)(money.ParseDecimal(s))
}

type nothing struct{}

type world struct {
	*gatetest.World
	t   testing.TB
	ids map[string]string // of partners by code
}

func options(t testing.TB) gatetest.Options {
	return optionsBy(t, gatetest.Must[*dispatch.Gate](t)(dispatch.New(dispatch.Settings{From: dispatch.Sender{Address: "billing@hokuto-supply.example.jp"}})))
}

// optionsBy are those of a house that sends by d.
func optionsBy(t testing.TB, d *dispatch.Gate) gatetest.Options {
	var matrix strings.Builder
	for _, f := range []string{"00_roles.txt", "invoice.txt"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "app", "matrix", f))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range strings.Split(string(b), "\n") {
			if strings.HasPrefix(l, "invoice.") {
				l += " boss=all"
			}
			matrix.WriteString(l + "\n")
		}
	}
	return gatetest.Options{Matrix: matrix.String(), Request: approval.Keep,
		Modules: []gate.Module{org.Module, approval.Module, party.Module, document.Module, jobs.Module, d.Module, share.Module, invoice.Module, invoice.Extra, stageModule}}
}

func open(t testing.TB, dsn string) world { return openAs(t, dsn, func(*org.Profile) {}) }

func openAs(t testing.TB, dsn string, change func(*org.Profile)) world {
	return preparedAs(gatetest.Open(t, options(t), dsn), t, change)
}

func prepared(g *gatetest.World, t testing.TB) world {
	return preparedAs(g, t, func(*org.Profile) {})
}

func preparedAs(g *gatetest.World, t testing.TB, change func(*org.Profile)) world {
	w := world{g, t, map[string]string{}}
	p := org.Profile{
		Name: "北斗サプライ株式会社", RegistrationNumber: "T7000012050002", PostalCode: "100-0005", Address: "東京都千代田区丸の内一丁目９番２号",
		Phone: "03-0000-1234", FiscalStart: 4, Rounding: money.Floor,
		BankAccounts: []org.BankAccount{
			{BankCode: "0001", BankName: "みずほ銀行", BranchCode: "004", BranchName: "丸の内支店", Kind: "ordinary", Number: "1234567", Holder: "ﾎｸﾄｻﾌﾟﾗｲ(ｶ"},
			{BankCode: "0501", BankName: "北洋銀行", BranchCode: "028", BranchName: "本店営業部", Kind: "current", Number: "0098765", Holder: "ﾎｸﾄｻﾌﾟﾗｲ(ｶ"},
		}}
	change(&p)
	run(w, boss, org.IssuerUpdate, org.IssuerIn{Profile: p})
	run(w, boss, org.SeriesCreate, org.SeriesIn{Name: "invoice", Pattern: "INV-{yyyy}-{000000}"})
	w.partner("p1", "株式会社青葉商会", "sato", "east")
	w.partner("p2", "髙𠮷水産株式会社", "kato", "west")
	run(w, boss, party.Suspend, party.SuspendIn{ID: w.partner("p3", "株式会社閉店", "kato", "west"), State: party.Suspended, Reason: "支払遅延のため"})
	return w
}

func (w world) partner(code, name, owner, department string) string {
	w.t.Helper()
	p := run(w, boss, party.Create, party.CreateIn{Code: code, Name: name, PostalCode: "060-0001", Address: "北海道札幌市中央区北一条西二丁目１番地",
		Terms: civil.Term{Close: 31, Months: 1, PayDay: 31, Shift: civil.ShiftNone}, Owner: owner, Department: department})
	w.ids[code] = p.ID
	return p.ID
}

// contact enters a person at a partner.
func (w world) contact(code string) string {
	w.t.Helper()
	return run(w, boss, party.ContactAdd, party.ContactIn{Party: w.ids[code], Name: "山﨑 邉太郎", Section: "購買部"}).ID
}

func each(t *testing.T, f func(t *testing.T, w world)) {
	t.Run("sqlite", func(t *testing.T) { f(t, open(t, "")) })
	t.Run("postgres", func(t *testing.T) { f(t, open(t, pgtest.DSN(t))) })
}

func run[In, Out any](w world, c gate.Credential, op *gate.UseCase[In, Out], in In) Out {
	w.t.Helper()
	return gatetest.Must[Out](w.t)(gate.Run(bg, w.G, c, op, in))
}

// work runs all jobs that are due.
func (w world) work() {
	w.t.Helper()
	k := jobs.Worker{Gate: w.G, Parallel: 2}
	for {
		n, _, err := k.Once(bg)
		if err != nil {
			w.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

func wants(t testing.TB, err error, k fault.Kind, key string) {
	t.Helper()
	if f := fault.Of(err); f == nil || f.Kind != k || key != "" && f.Key != key {
		t.Fatalf("want %s %s, got %v", k, key, err)
	}
}

func as(id, dept string, roles ...string) gate.Credential {
	return gatetest.Person{ID: id, Roles: roles, Departments: []string{dept}}.As()
}

// draft is an invoice of three lines in two rates: 10 % 35,801 + 3,580, 8 % 99 + 7.
func (w world) draft(code string) invoice.Draft {
	line := func(what string, price string, c money.Category) invoice.Line {
		return invoice.Line{Date: day("2026-11-20"), Slip: "D-0040231", Description: what, Quantity: dec(w.t, "1"), Unit: "式", UnitPrice: dec(w.t, price), Category: c}
	}
	return invoice.Draft{Party: w.ids[code], Subject: "2026年11月度 ご請求", Date: day("2026-11-22"), Due: day("2026-12-31"), Delivery: true,
		Lines:      []invoice.Line{line("業務用洗剤", "12345", money.Standard), line("コピー用紙", "23456", money.Standard), line("煎茶ティーバッグ", "99", money.Reduced)},
		Recipients: []string{"keiri@aoba.example"}}
}

func (w world) issued(code string) invoice.Shown {
	w.t.Helper()
	d := run(w, boss, invoice.Create, w.draft(code))
	return run(w, boss, invoice.Issue, invoice.ByVersion{ID: d.ID, Version: d.Version})
}

// words is the text of a PDF as poppler reads it, without white space.
func words(t testing.TB, pdf []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("pdftotext", "-layout", file, "-").Output()
	if err != nil {
		t.Fatalf("pdftotext (poppler-utils) is needed: %v", err)
	}
	return strings.Join(strings.Fields(string(out)), "")
}
