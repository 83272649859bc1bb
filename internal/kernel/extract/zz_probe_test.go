package extract

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signintech/gopdf"
)

func TestZZGen(t *testing.T) {
	p := gopdf.GoPdf{}
	p.Start(gopdf.Config{PageSize: *gopdf.PageSizeA4})
	p.AddPage()
	if err := p.AddTTFFont("f", "/usr/share/fonts/truetype/bizud-gothic/BIZUDGothic-Regular.ttf"); err != nil {
		t.Fatal(err)
	}
	p.SetFont("f", "", 12)
	p.SetXY(50, 50)
	p.Cell(nil, "株式会社北斗サプライ 御中")
	p.SetXY(50, 80)
	p.Cell(nil, "長谷川髙橋商店 ㈱ ① ﾊﾝｶｸ ¥12,345")
	p.AddPage()
	p.SetXY(50, 80)
	p.Cell(nil, "二ページ目 INV-2026-0042")
	p.WritePdf("/tmp/gen/gopdf.pdf")
}

func TestZZ(t *testing.T) {
	fs, _ := filepath.Glob(os.Getenv("PROBE"))
	if l := os.Getenv("LIST"); l != "" {
		lb, _ := os.ReadFile(l)
		fs = strings.Fields(string(lb))
	}
	for _, n := range fs {
		b, _ := os.ReadFile(n)
		s := time.Now()
		d, failure := text(context.Background(), n, b, DefaultLimits())
		fmt.Printf("== %s\t%s %v kind=%s pages=%d unread=%q mism=%v emb=%v act=%v pics=%v missing=%d fail=%v\n", strings.ReplaceAll(n, "/", "_"), filepath.Base(n), time.Since(s), d.Kind, len(d.Pages), d.Unreadable, d.NameMismatch, d.Embedded, d.Active, d.Pictures, d.Missing, failure)
		if os.Getenv("SHOW") != "" {
			os.WriteFile("/tmp/probe/"+strings.ReplaceAll(n, "/", "_")+".txt", []byte(Compact(strings.Join(d.Pages, ""))), 0o644)
		}
	}
}
