package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"sekisho/internal/edge/web/webtest"
	"sekisho/internal/kernel/civil"
)

// line is the selector of a cell of the nth line, from 1.
func line(n int, cell string) string {
	return fmt.Sprintf("#lines tbody tr:nth-child(%d) [name=l_%s]", n, cell)
}

func paste(b *webtest.Tab, sel, text string) {
	b.JS(fmt.Sprintf(`(()=>{const i=document.querySelector(%q),d=new DataTransfer();d.setData('text/plain',%q);i.focus();
		i.dispatchEvent(new ClipboardEvent('paste',{clipboardData:d,bubbles:true,cancelable:true}));return ''})()`, sel, text))
}

// write types into an area of text.
func write(b *webtest.Tab, sel, text string) {
	b.JS(fmt.Sprintf(`(()=>{const i=document.querySelector(%q);i.value=%q;i.dispatchEvent(new Event('input',{bubbles:true}));return ''})()`, sel, text))
}

func total(b *webtest.Tab, yen string) {
	b.Until("document.querySelector('#t-total').textContent === '" + yen + "'")
}

func saved(b *webtest.Tab) {
	b.Until("/^下書き保存 \\d\\d:\\d\\d$/.test(document.querySelector('#saved').textContent)")
}

// both looks at a page in light, in dark and on a phone.
func both(t *testing.T, b *webtest.Tab, name string) {
	t.Helper()
	b.Axe()
	b.Phone()
	b.Shot(name)
	b.Dark(true)
	b.Axe()
	b.Shot(name + "-dark")
	b.Dark(false)
}

// An invoice is found, written by hand and from a spreadsheet, kept by itself,
// issued, and its PDF is there.
func TestJ2_WritingAndIssuingAnInvoice(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("accounting", 0)
	b.Go("/invoices")
	b.See("INV-2026-", "発行済み", "下書き")
	both(t, b, "invoices")
	today := civil.Of(h.Clock.Now())

	b.Go("/invoices/new")
	b.Fill("#f-partner", "000101")
	b.Fill("#f-date", fmt.Sprintf("令和%d年%d月%d日", today.Year()-2018, today.Month(), today.Day()))
	b.Fill("#f-subject", "１１月分 ご請求")
	b.Until("document.querySelector('#f-date').value === '" + strings.ReplaceAll(today.String(), "-", "/") + "'")
	day := today.AddDays(-2)
	b.Fill(line(1, "date"), fmt.Sprintf("%d/%d", day.Month(), day.Day()))
	b.Fill(line(1, "description"), "ニトリル手袋 M")
	b.Fill(line(1, "quantity"), "１２")
	b.Fill(line(1, "price"), "１，２８０")
	total(b, "16,896")
	paste(b, line(2, "date"), fmt.Sprintf("R%d.%d.%d\tD-1\t保存水 500ml\t３\t箱\t2,160\t8%%\r\n%s\tD-2\t\"配送\n補助\"\t1.5\t式\t￥1,000\t標準\r\n", day.Year()-2018, day.Month(), day.Day(), day))
	total(b, "25,544") // 10%: 16,860 + 1,686; 8%: 6,480 + 518
	if got := b.Text("#t-rates"); !strings.Contains(got, "6,480") || !strings.Contains(got, "518") || !strings.Contains(got, "1,686") {
		t.Error(got)
	}
	if got := b.JS("document.querySelector('" + line(3, "description") + "').value"); got != "配送 補助" {
		t.Errorf("a cell in quotes: %q", got)
	}
	saved(b)
	b.Until("/^\\/invoices\\/[^/]+\\/edit$/.test(location.pathname)")
	both(t, b, "invoice-edit")

	b.Click("button[name=go]")
	b.Wait(".deed summary.pri") // of the next page
	b.See("適格請求書の記載事項はそろっています", "25,544")
	both(t, b, "invoice-draft")
	b.Click(".deed summary.pri")
	b.See("書き換えられず")
	b.Shot("invoice-issue")
	b.Click("form[action$='/issue'] button")
	b.See("発行しました")
	b.Wait("a[href$='/pdf']") // the page has looked again by itself
	b.Click("details:has(form[action$='/credit']) summary")
	b.See("返せる上限は元の金額です")
	both(t, b, "invoice-issued")
	b.JS("fetch(location.pathname+'/pdf').then(r=>r.text().then(s=>{window.pdf=r.headers.get('Content-Type')+s.slice(0,5)+(r.headers.get('Content-Disposition')||'')}));''")
	b.Until("window.pdf === 'application/pdf%PDF-'")
}

// The keys of the grid: the next cell, a new row, moving; and none of them while
// an input method composes.
func TestTheGridWorksFromTheKeyboard(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("accounting", 0)
	b.Go("/invoices/new")
	reach := func(js string) {
		t.Helper()
		for range 300 {
			if b.JS("String(document.activeElement.matches("+js+"))") == "true" {
				return
			}
			b.Key("\t")
		}
		t.Fatal("not reached by Tab: ", js)
	}
	reach("'#f-partner'")
	b.Key("000102")
	reach("'[name=l_description]'")
	b.Key("安全靴")
	at := func() string {
		return b.JS("document.activeElement.name + document.activeElement.closest('tr')?.rowIndex")
	}
	b.JS(`document.activeElement.dispatchEvent(new KeyboardEvent('keydown',{key:'Enter',isComposing:true,bubbles:true,cancelable:true}));''`)
	if at() != "l_description1" {
		t.Error("Enter was taken from the input method: ", at())
	}
	b.Key("\r")
	if at() != "l_quantity1" {
		t.Error(at())
	}
	b.Key("2")
	b.Key("\r")
	b.Key("\r")
	b.Key("7800")
	b.JS(`document.activeElement.dispatchEvent(new KeyboardEvent('keydown',{key:'Enter',ctrlKey:true,bubbles:true,cancelable:true}));''`)
	if at() != "l_date2" {
		t.Error(at())
	}
	b.JS(`document.activeElement.dispatchEvent(new KeyboardEvent('keydown',{key:'ArrowUp',altKey:true,bubbles:true,cancelable:true}));''`)
	if at() != "l_date1" {
		t.Error(at())
	}
	b.Key(civil.Of(h.Clock.Now()).String())
	b.Key("\r")
	b.Key("\r")
	b.Key("配送料")
	b.Key("\r")
	b.Key("1")
	b.Key("\r")
	b.Key("\r")
	b.Key("500")
	total(b, "550") // a line without a day counts as nothing yet
	saved(b)
	reach("'#l1-date'")
	b.Key(civil.Of(h.Clock.Now()).String())
	total(b, "17,710")
	b.Until("document.querySelector('#m-list').children.length === 0")
	saved(b)
	b.JS("document.activeElement.blur(),''")
	reach("'button[name=go]'")
	b.Key("\r")
	b.Wait(".deed summary.pri")
	reach("'.deed summary.pri'")
	b.Key("\r")
	reach("'form[action$=\"/issue\"] button'")
	b.Key("\r")
	b.See("発行しました")
}

// Two windows write at one draft: what differs is chosen, and nothing is lost.
func TestTwoTabsAtOneDraft(t *testing.T) {
	h := webtest.Open(t)
	a, b := h.Tab(t).As("accounting", 0), h.Tab(t).As("accounting", 1)
	c := h.Client(t, "accounting", 0)
	id := draft(t, h, c, "000103")
	a.Go("/invoices/" + id + "/edit")
	b.Go("/invoices/" + id + "/edit")
	a.Fill("#f-subject", "先に保存した件名")
	write(a, "#f-message", "先に保存したあいさつ")
	a.Fill(line(2, "description"), "先の行")
	saved(a)
	a.Until("!document.querySelector('#saved').classList.contains('bad')")
	b.Fill("#f-subject", "あとから書いた件名")
	write(b, "#f-notes", "あとから書いた備考")
	b.Fill(line(1, "quantity"), "5")
	b.Wait("#clash")
	b.Shot("invoice-clash")
	b.Click("#clash button")
	b.See("先に保存した件名", "あとから書いた件名", "先に保存したあいさつ", "あとから書いた備考", "先の行")
	both(t, b, "invoice-conflict")
	for name, want := range map[string]string{"subject": "", "message": "theirs", "notes": "mine", "lines0": "mine", "lines1": "theirs"} {
		if got := b.JS("document.querySelector('[name=pick_" + name + "]:checked')?.value ?? ''"); got != want {
			t.Errorf("%s is set to %q, want %q", name, got, want)
		}
	}
	b.Click("[name=pick_subject][value=mine]")
	b.Click("button[name=merge]")
	b.See("選んだ内容で保存しました")
	all := b.JS("[...document.querySelectorAll('#draft input,#draft textarea')].map(i=>i.value).join('|')")
	for _, want := range []string{"あとから書いた件名", "先に保存したあいさつ", "あとから書いた備考", "先の行", "|5|"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is lost: %s", want, all)
		}
	}
}

// form is a draft as a browser without scripts posts it.
func form(partner string, h *webtest.House, lines int) url.Values {
	today := civil.Of(h.Clock.Now())
	v := url.Values{"partner": {partner}, "date": {today.String()}, "delivery": {"1"}, "pricing": {"exclusive"}, "subject": {"見本の件名"}}
	for i := range lines {
		for name, value := range map[string]string{"date": today.String(), "slip": fmt.Sprint("S-", i), "description": "品物", "quantity": "2", "unit": "個", "price": "1,000", "category": "standard", "note": ""} {
			v.Add("l_"+name, value)
		}
	}
	return v
}

var hidden = regexp.MustCompile(`name="(_key|version|base|party)" value="([^"]*)"`)

// fields are the hidden fields of the draft's form.
func fields(body string, v url.Values) url.Values {
	_, body, _ = strings.Cut(body, `id="draft"`)
	for _, m := range hidden.FindAllStringSubmatch(body, 4) {
		v.Set(m[1], strings.ReplaceAll(m[2], "&#43;", "+"))
	}
	return v
}

// draft keeps one and gives its id.
func draft(t *testing.T, h *webtest.House, c *webtest.Client, partner string) string {
	t.Helper()
	r := c.PostForm("/invoices/new", fields(c.Get("/invoices/new").Body, form(partner, h, 1)))
	id := strings.TrimSuffix(strings.TrimPrefix(r.Path, "/invoices/"), "/edit")
	if r.Status != http.StatusOK || id == r.Path || id == "new" {
		t.Fatal(r.Status, r.Path, r.Body)
	}
	return id
}

// ready waits for the PDF of an issued invoice.
func rendered(t *testing.T, c *webtest.Client, path string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if strings.Contains(c.Get(path).Body, "PDFを見る") {
			return
		}
	}
	t.Fatal("there is no PDF of ", path)
}

// Without scripts a draft is written, gets more rows, is issued and corrected.
func TestAnInvoiceWithoutScripts(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 0)
	v := fields(c.Get("/invoices/new").Body, form("000101", h, 2))
	v.Set("more", "1")
	r := c.PostForm("/invoices/new", v)
	if r.Status != http.StatusOK || strings.Count(r.Body, `name="l_date"`) < 20 || !strings.Contains(r.Body, `value="S-1"`) {
		t.Fatal("rows are not added: ", r.Status, strings.Count(r.Body, `name="l_date"`))
	}
	id := draft(t, h, c, "000101")
	edit := "/invoices/" + id + "/edit"
	v = fields(c.Get(edit).Body, form("000101", h, 3))
	v.Set("go", "1")
	if r = c.PostForm(edit, v); r.Path != "/invoices/"+id || !strings.Contains(r.Body, "6,600") {
		t.Fatal(r.Status, r.Path, r.Body)
	}
	version := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(r.Body)[1]
	if r = c.Post("/invoices/"+id+"/issue", "version", version); !strings.Contains(r.Body, "PDFを作成しています") && !strings.Contains(r.Body, "PDFを見る") {
		t.Fatal(r.Status, r.Body)
	}
	if r = c.Get(edit); r.Path != "/invoices/"+id {
		t.Error("an issued invoice can be edited: ", r.Path)
	}
	rendered(t, c, "/invoices/"+id)
	if r = c.Post("/invoices/"+id+"/correct", "reason", ""); r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Body, "理由") {
		t.Error("corrected without a reason: ", r.Status)
	}
	if r = c.Post("/invoices/"+id+"/void", "reason", "宛先の部署を間違えたため"); !strings.Contains(r.Body, "元の番号を無効にし") {
		t.Fatal(r.Status, r.Body)
	}
	again := r.Path
	if r = c.Get("/gaps"); !strings.Contains(r.Body, "宛先の部署を間違えたため") || !strings.Contains(r.Body, "抜けはありません") {
		t.Error(r.Body)
	}
	rendered(t, c, again)
	if r = c.Get(again + "/pdf"); r.Header.Get("Content-Type") != "application/pdf" || !strings.HasPrefix(r.Body, "%PDF-") {
		t.Error(r.Status, r.Header)
	}
	if r = c.Post(again+"/credit", "reason", "返品のため"); !strings.HasSuffix(r.Path, "/edit") || !strings.Contains(r.Body, "返還する元の請求書") {
		t.Error(r.Status, r.Path)
	}
	if r = c.Post(again+"/cancel", "reason", "取引の取りやめ"); r.Status != http.StatusConflict && !strings.Contains(r.Body, "同時に2つは作れません") {
		t.Error(r.Status, r.Body)
	}
}

// What is wrong is said where it is, and everything typed is still there.
func TestBadInputIntoTheEditor(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 0)
	for _, bad := range []struct {
		name, field, value, says string
	}{
		{"an unknown partner", "partner", "999999", "その請求先は見つかりません"},
		{"no partner", "partner", "", "請求先が空です"},
		{"a day that does not exist", "date", "2026/2/30", "発行日"},
		{"a line's day", "l_date", "きのう", "明細1行目"},
		{"a huge quantity", "l_quantity", "9999999999999999999", "明細1行目"},
		{"a price that is none", "l_price", "1e9", "明細1行目"},
		{"a category of one's own", "l_category", "free", "明細1行目"},
		{"text that turns round", "l_description", "cod.\u202etxt", "明細1行目"},
		{"a discount that is none", "discount", "たくさん", "一括値引き"},
	} {
		t.Run(bad.name, func(t *testing.T) {
			v := fields(c.Get("/invoices/new").Body, form("000101", h, 2))
			v[bad.field] = append([]string{bad.value}, v[bad.field][min(1, len(v[bad.field])):]...)
			r := c.PostForm("/invoices/new", v)
			if r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Body, bad.says) {
				t.Error(r.Status, said(r.Body))
			}
			if !strings.Contains(r.Body, `value="S-1"`) || !strings.Contains(r.Body, "見本の件名") {
				t.Error("what was typed is lost")
			}
		})
	}
	t.Run("501 lines", func(t *testing.T) {
		r := c.PostForm("/invoices/new", fields(c.Get("/invoices/new").Body, form("000101", h, 501)))
		if r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Body, "500件") || !strings.Contains(r.Body, `value="S-500"`) {
			t.Error(r.Status, said(r.Body))
		}
	})
	t.Run("a form posted twice makes one draft", func(t *testing.T) {
		v := fields(c.Get("/invoices/new").Body, form("000104", h, 1))
		one, two := c.PostForm("/invoices/new", v), c.PostForm("/invoices/new", v)
		if one.Path != two.Path || one.Status != http.StatusOK {
			t.Error(one.Path, two.Path)
		}
	})
	t.Run("a forged version", func(t *testing.T) {
		edit := "/invoices/" + draft(t, h, c, "000105") + "/edit"
		v := fields(c.Get(edit).Body, form("000105", h, 2))
		v.Set("version", "77")
		v.Set("subject", "別の件名")
		if r := c.PostForm(edit, v); r.Status != http.StatusConflict || !strings.Contains(r.Body, "別の件名") {
			t.Error(r.Status, said(r.Body))
		}
		v.Del("base")
		v.Set("merge", "1")
		if r := c.PostForm(strings.Replace(edit, "/edit", "/merge", 1), v); r.Status != http.StatusConflict {
			t.Error("merged against a forged version: ", r.Status)
		}
	})
	t.Run("a draft that was discarded", func(t *testing.T) {
		id := draft(t, h, c, "000106")
		v := fields(c.Get("/invoices/"+id+"/edit").Body, form("000106", h, 2))
		if r := c.Post("/invoices/"+id+"/discard", "version", v.Get("version")); r.Path != "/invoices" {
			t.Fatal(r.Status, said(r.Body))
		}
		if r := c.PostForm("/invoices/"+id+"/edit", v); r.Status != http.StatusConflict || !strings.Contains(r.Body, `value="S-1"`) || !strings.Contains(r.Body, `action="/invoices/new"`) {
			t.Error(r.Status, r.Path, said(r.Body))
		}
	})
	t.Run("searches that make no sense", func(t *testing.T) {
		for _, q := range []string{"from=きのう", "amount_from=abc", "state=nonsense", "partner=zzz", "after=forged", "amount_to=99999999999999999999"} {
			if r := c.Get("/invoices?" + q); r.Status >= 500 || r.Status == http.StatusOK {
				t.Error(q, r.Status)
			}
		}
	})
}

// said is what a page says is wrong.
func said(body string) string {
	_, rest, _ := strings.Cut(body, `role="alert"`)
	out, _, _ := strings.Cut(rest, "<main")
	return out[:min(len(out), 600)]
}

// Whoever may not see an invoice sees no page of it, and who may only look sees
// no button.
func TestWhoSeesInvoices(t *testing.T) {
	h := webtest.Open(t)
	id := draft(t, h, h.Client(t, "accounting", 0), "000101")
	if r := h.Client(t, "hr", 0).Get("/invoices/" + id); r.Status != http.StatusForbidden {
		t.Error(r.Status)
	}
	r := h.Client(t, "auditor", 0).Get("/invoices/" + id)
	if r.Status != http.StatusOK || strings.Contains(r.Body, "/issue") || strings.Contains(r.Body, "/edit") {
		t.Error(r.Status, "an auditor is offered what only others may do")
	}
	if r := h.Client(t, "sales", 1).Get("/invoices/" + id); r.Status != http.StatusNotFound {
		t.Error("another's invoice: ", r.Status)
	}
}

// The 欠番台帳, for the eye.
func TestTheRegisterOfVoidNumbers(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 0)
	id := draft(t, h, c, "000101")
	c.Post("/invoices/"+id+"/issue", "version", "1")
	rendered(t, c, "/invoices/"+id)
	if r := c.Post("/invoices/"+id+"/void", "reason", "件名を間違えたため"); r.Status != http.StatusOK {
		t.Fatal(r.Status, said(r.Body))
	}
	b := h.Tab(t).As("auditor", 0)
	b.Go("/gaps")
	b.See("抜けはありません", "使った番号", "件名を間違えたため")
	both(t, b, "gaps")
}
