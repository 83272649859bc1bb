package app_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sekisho/internal/app/apptest"
	"sekisho/internal/kernel/gatetest/pgtest"
)

// Names, addresses and texts planted in every kind of business data, and the
// keys, are in no file of the home and in no answer to who may not see them.
func TestS20_PlantedNamesAreNowhereReadable(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			dsn := ""
			if engine == "postgres" {
				dsn = pgtest.DSN(t)
			}
			w := apptest.Open(t, dsn)
			plant(t, w)
			if err := w.App.Gate.Seal(context.Background()); err != nil {
				t.Fatal(err)
			}
			needles := [][]byte{[]byte("カナリア"), []byte("ｶﾅﾘｱ"), []byte("canary-planted"), []byte("鳴き砂"), []byte("0199-77-1234"), []byte("7771234"), w.App.Ring.DBKey()}
			files := 0
			err := filepath.WalkDir(w.Home, func(p string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				b, err := os.ReadFile(p)
				files++
				for _, n := range needles {
					if bytes.Contains(b, n) {
						t.Errorf("%s holds %q", strings.TrimPrefix(p, w.Home), n)
					}
				}
				return err
			})
			if err != nil || files < 5 {
				t.Fatal(files, err)
			}
		})
	}
}

func plant(t *testing.T, w *apptest.World) {
	t.Helper()
	book := w.Of("accounting", 0)
	var dept struct {
		ID string `json:"id"`
	}
	w.Do(t, w.Of("admin", 0), "org.department_create", m{"code": "CAN", "name": "試験課"}, &dept)
	var p struct {
		ID string `json:"id"`
	}
	w.Do(t, book, "party.create", m{"code": "CANARY1", "name": "株式会社カナリア商事", "kana": "カナリアショウジ", "address": "秋田県鳴き砂町1-2", "phone": "0199-77-1234",
		"terms": m{"close": 31, "months": 1, "pay_day": 31, "shift": "next"}, "department": dept.ID}, &p)
	w.Do(t, book, "party.contact_add", m{"party": p.ID, "name": "カナリア 歌子", "mail": "uta@canary-planted.example", "phone": "0199-77-1234"}, nil)
	w.Do(t, book, "party.point_propose", m{"party": p.ID, "address": "keiri@canary-planted.example", "label": "カナリア 経理"}, nil)
	if err := w.Troupe.Together(context.Background(), w.Of("controller", 0), w.Of("controller", 1), "party.account_propose", m{"party": p.ID, "bank_code": "0999", "bank_name": "ﾎｸﾄ",
		"branch_code": "001", "branch_name": "ﾎﾝﾃﾝ", "kind": "ordinary", "number": "7771234", "holder": "ｶ)ｶﾅﾘｱｼﾖｳｼﾞ", "how": "phone", "reason": "電話で確かめました"}); err != nil {
		t.Fatal(err)
	}
	var up struct {
		ID string `json:"id"`
	}
	csv := "得意先コード,取引先名,メール\r\nCANARY2,カナリア工業株式会社,info@canary-planted.example\r\n"
	w.Do(t, book, "intake.upload", m{"kind": "partners", "name": "カナリア.csv", "content": []byte(csv)}, &up)
	w.Do(t, book, "intake.start", m{"run": up.ID, "expect": m{"rows": 1}}, nil)
	w.Work(t)
	w.Do(t, book, "document.upload", m{"name": "カナリア.txt", "content": []byte("カナリア canary-planted 鳴き砂"), "kind": "attachment", "direction": "internal", "party": p.ID, "department": dept.ID}, nil)
	w.Do(t, w.Of("controller", 0), "org.issuer_update", m{"name": "北斗サプライ株式会社", "postal_code": "060-0001", "address": "札幌市中央区北一条西1-1",
		"fiscal_start": 4, "rounding": "floor"}, nil)
	w.Do(t, book, "invoice.draft", m{"party": p.ID, "subject": "カナリア代金", "date": "2026-11-22", "lines": []m{{"date": "2026-11-20", "description": "カナリア 鳴き砂", "quantity": "1", "unit_price": "100", "category": "standard"}}}, nil)
	// Refusals name things too.
	_ = w.Troupe.Act(context.Background(), book, "party.create", m{"code": "カナリア canary-planted\n", "name": "株式会社カナリア商事"}, nil)
}

type m = map[string]any
