package sheet

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sample is an invoice of n lines with everything on it that can be.
func sample(n int) Snapshot {
	s := Snapshot{
		Layout: Layout, DocumentID: "01JDA2QK7T8Z5X3V9B4N6M1C0P", Number: "INV-2026-000123",
		IssuedOn: "2026-11-22", DueOn: "2026-12-31", PeriodFrom: "2026-11-01", PeriodTo: "2026-11-20",
		Partner: Partner{
			PostalCode: "060-0001", Address: []string{"北海道札幌市中央区北一条西二丁目１番地", "時計台ビルディング 12階"},
			Name: "株式会社𠮷野髙島屋商会", Honorific: "御中", Department: "購買本部 資材調達課",
			Contact: "山﨑 邉太郎", ContactHonorific: "様",
		},
		Issuer: Issuer{
			Name: "北斗サプライ株式会社", RegistrationNumber: "T7000012050002", PostalCode: "100-0005",
			Address: []string{"東京都千代田区丸の内一丁目９番２号", "北斗ビル 3階"}, Tel: "03-0000-1234", Fax: "03-0000-1235",
			Email: "seikyu@hokuto.example", Contact: "経理部 佐藤",
		},
		Accounts: []Account{
			{Bank: "みずほ銀行", BankCode: "0001", Branch: "丸の内支店", BranchCode: "004", Kind: "普通", Number: "1234567", Holder: "ホクトサプライ（カ"},
			{Bank: "北洋銀行", BankCode: "0501", Branch: "本店営業部", BranchCode: "028", Kind: "当座", Number: "0098765", Holder: "ホクトサプライ（カ"},
		},
		Logo: picture(480, 120, false), Seal: picture(240, 240, true),
		Subject: "2026年11月度 業務用消耗品および飲料の納入について",
		Message: "平素は格別のお引き立てを賜り、厚く御礼申し上げます。下記のとおりご請求申し上げますので、お支払期限までにお振り込みくださいますようお願い申し上げます。",
		Notes:   "振込手数料はお客様のご負担でお願いいたします。\nご不明な点は https://hokuto.example/support/invoice?no=INV-2026-000123 をご覧ください。",
		Balance: &Balance{Previous: 550000, Received: 500000, Carried: 50000, Current: 1234567, Due: 1284567},
	}
	goods := []string{"業務用洗剤（大）詰替え用", "コピー用紙 A4 500枚×10冊", "天然水 2L×6本", "ボールペン 0.5mm 黒 10本セット「ハイグレード・シリーズ」", "煎茶ティーバッグ 50包", "トナーカートリッジ CT-203456-BK（リサイクル品・回収費を含む）"}
	for i := range n {
		l := Line{
			Date: fmt.Sprintf("2026-11-%02d", i%20+1), Slip: fmt.Sprintf("D-%07d", 40231+i),
			Description: goods[i%len(goods)], Quantity: fmt.Sprintf("%d", 3*i+1), Unit: "箱", UnitPrice: "1,280",
			Rate: "10%", Amount: int64(1280 * (3*i + 1)),
		}
		if i%3 == 2 {
			l.Rate, l.Reduced, l.Unit = "8%", true, "ケース"
		}
		if i%2 == 0 {
			s.Base += l.Amount
		}
		s.Lines = append(s.Lines, l)
	}
	s.Rates = []Rate{{Label: "10%対象", Base: 1000000, Tax: 100000}, {Label: "8%対象", Reduced: true, Base: 124599, Tax: 9968}}
	s.Base, s.Tax, s.Total = 1124599, 109968, 1234567
	return s
}

// picture draws a PNG: a framed box, with see-through ground where clear.
func picture(w, h int, clear bool) []byte {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			edge := min(x, y, w-1-x, h-1-y)
			c := color.NRGBA{R: 200, G: 40, B: 40, A: 255}
			if edge > 8 && (x/20+y/20)%3 != 0 {
				c = color.NRGBA{R: 255, G: 255, B: 255, A: 255}
				if clear {
					c.A = 0
				}
			}
			img.SetNRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func render(t testing.TB, s Snapshot) []byte {
	t.Helper()
	b, err := Render(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// extract gives the text of a PDF as poppler reads it, pages parted by \f.
func extract(t testing.TB, b []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.pdf")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("pdftotext", "-layout", file, "-").Output()
	if err != nil {
		t.Fatalf("pdftotext (poppler-utils) is needed: %v", err)
	}
	return string(out)
}

// bare is s without white space.
func bare(s string) string { return strings.Join(strings.Fields(s), "") }
