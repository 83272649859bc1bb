package document

import (
	"context"
	"strings"
	"testing"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/extract"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/policy"
)

func sound() Document {
	return Document{Kind: Invoice, Direction: Issued, Amount: 1100, Date: civil.MustParse("2026-11-22"), Name: "請求書.pdf",
		Media: "application/pdf", Digest: blob.Sum([]byte("x")).String(), Size: 1, Class: "confidential"}
}

func TestIR62_WhatMayBeArchived(t *testing.T) {
	if err := sound().fits(); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(*Document){
		"kind":      func(d *Document) { d.Kind = "letter" },
		"direction": func(d *Document) { d.Direction = "out" },
		"digest":    func(d *Document) { d.Digest = strings.ToUpper(d.Digest) },
		"name":      func(d *Document) { d.Name = "請求書\u202efdp.exe" },
		"amount":    func(d *Document) { d.Amount = 1 << 60 },
		"date":      func(d *Document) { d.Date = civil.Date{} },
		"content":   func(d *Document) { d.Size = 0 },
		"class":     func(d *Document) { d.Class = "internal" }, // an issued one is confidential at least
	} {
		d := sound()
		spoil(&d)
		if f := fault.Of(d.fits()); f == nil || f.Kind != fault.KindInvalid || f.Field != field {
			t.Errorf("%s: %v", field, f)
		}
	}
	d := sound()
	d.Direction, d.Class = Internal, "public"
	if d.fits() == nil {
		t.Error("the floor is internal")
	}
}

func TestUnknownClassIsTheHighest(t *testing.T) {
	if (Document{Class: "?"}).Clearance() != policy.Secret || (Document{Class: "internal"}).Clearance() != policy.Internal {
		t.Fatal("clearance")
	}
	if got := strings.Join(under(policy.Confidential), " "); got != "public internal confidential" {
		t.Fatal(got)
	}
}

func TestMediaNeedsNameAndContentToAgree(t *testing.T) {
	pdf := []byte("%PDF-1.4\n%%EOF")
	for _, c := range []struct {
		name    string
		content []byte
		media   string // "" if refused
	}{
		{"a.pdf", pdf, "application/pdf"},
		{"a.PDF", pdf, "application/pdf"},
		{"a.csv", pdf, ""},
		{"a.pdf", []byte("text"), ""},
		{"a.csv", []byte("a,b\n1,2\n"), "text/csv"},
		{"a.png", []byte("\x89PNG\r\n\x1a\n..."), "image/png"},
		{"a.png", []byte("<svg onload=x>"), ""},
		{"a.xlsx", []byte("PK\x03\x04...."), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
		{"a.xlsm", []byte("PK\x03\x04...."), ""},
		{"a.zip", []byte("PK\x03\x04...."), ""},
		{"a.exe", []byte("MZ\x90\x00"), ""},
		{"a.html", []byte("<html>"), ""},
		{"a", pdf, ""},
	} {
		doc, err := extract.Text(context.Background(), c.name, c.content, extract.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		m, err := mediaOf(c.name, doc)
		if m != c.media || (err == nil) != (c.media != "") {
			t.Errorf("%s: %q %v", c.name, m, err)
		}
	}
}

func TestIR62_SearchNeedsACondition(t *testing.T) {
	d := civil.MustParse
	for _, c := range []struct {
		in  SearchIn
		key string
	}{
		{SearchIn{}, "document.no_condition"},
		{SearchIn{Corrected: true, Limit: 10}, "document.no_condition"},
		{SearchIn{From: d("2026-11-02"), To: d("2026-11-01")}, "document.range"},
		{SearchIn{AmountFrom: 2, AmountTo: 1}, "document.range"},
		{SearchIn{AmountFrom: 2, NoAmount: true}, "document.range"},
		{SearchIn{From: d("2026-11-01"), To: d("2026-11-01")}, ""},
		{SearchIn{AmountTo: -1}, ""}, {SearchIn{NoAmount: true}, ""}, {SearchIn{Party: "p"}, ""}, {SearchIn{Number: "n"}, ""}, {SearchIn{Kind: Invoice}, ""},
	} {
		err := c.in.Validate()
		if (c.key == "") != (err == nil) || err != nil && fault.Of(err).Key != c.key {
			t.Errorf("%+v: %v", c.in, err)
		}
	}
}
