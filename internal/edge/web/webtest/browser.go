package webtest

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

//go:embed axe.min.js.gz
var axePacked []byte

var axe = sync.OnceValues(func() (string, error) {
	z, err := gzip.NewReader(bytes.NewReader(axePacked))
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(z)
	return string(b), err
})

// browser is one Chromium for all tests of a package; it ends with them.
var browser = sync.OnceValues(func() (context.Context, error) {
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WindowSize(1440, 1000),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("lang", "ja"), chromedp.Flag("accept-lang", "ja"))
	ctx, _ := chromedp.NewExecAllocator(context.Background(), opts...)
	root, _ := chromedp.NewContext(ctx)
	return root, chromedp.Do(root)
})

// Tab is one window of a person of their own: cookies are not shared.
type Tab struct {
	t     testing.TB
	house *House
	ctx   context.Context
	host  string
}

// Tab opens a window at the house as nobody. Whoever opens one must have
// Chromium: without it the test fails.
func (h *House) Tab(t testing.TB) *Tab {
	t.Helper()
	root, err := browser()
	if err != nil {
		t.Fatal("Chromium cannot be started (scripts/install-deps installs it): ", err)
	}
	ctx, done := chromedp.NewContext(root, chromedp.WithNewBrowserContext())
	ctx, stop := context.WithTimeout(ctx, 6*time.Minute) // a walk over every page on a machine with other work
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var bad []string
	said := chromedp.Console(ctx)
	go func() {
		for m, err := range said {
			if err != nil {
				return
			}
			if s := m.String(); (m.IsException() || m.Type == "error") && !expected(s) {
				mu.Lock()
				bad = append(bad, s)
				mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		done()
		mu.Lock()
		defer mu.Unlock()
		if len(bad) > 0 {
			t.Errorf("the browser complained: %q", bad)
		}
	})
	b := &Tab{t, h, ctx, h.URL}
	b.Wide(1440, 1000)
	return b
}

// expected are the browser's notes of answers that are refusals on purpose.
func expected(s string) bool {
	for _, code := range []string{"401", "403", "404", "409", "422", "429", "413", "400", "410"} {
		if strings.Contains(s, "status of "+code) {
			return true
		}
	}
	return false
}

// As signs the nth person of a role in, through the sign-in page.
func (b *Tab) As(role string, n int) *Tab {
	b.t.Helper()
	p := b.house.Person(role, n)
	b.Go("/signin")
	b.Fill("[name=login]", p.Login)
	b.Fill("[name=_password]", p.Password)
	code, err := b.house.Card.Code(p.Login, b.house.FreshCode(p.Login))
	if err != nil {
		b.t.Fatal(err)
	}
	b.Fill("[name=code]", code)
	b.Click("form[action='/signin'] .pri")
	b.Wait(".side")
	return b
}

// Code is a fresh one-time code of a person.
func (b *Tab) Code(role string, n int) string {
	p := b.house.Person(role, n)
	code, err := b.house.Card.Code(p.Login, b.house.FreshCode(p.Login))
	if err != nil {
		b.t.Fatal(err)
	}
	return code
}

// Do runs actions.
func (b *Tab) Do(as ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, 20*time.Second)
	defer stop()
	if err := chromedp.Do(ctx, as...); err != nil {
		b.t.Fatalf("%v\nat %s\n%s", err, b.JS("location.href"), b.JS("document.body?.innerText.slice(0, 1500) || ''"))
	}
}

// Go opens a page and waits until its script is ready.
func (b *Tab) Go(path string) {
	b.t.Helper()
	b.Do(chromedp.Navigate(b.host+path), chromedp.WaitReady(chromedp.CSS("html[data-ready]")))
}

// Visit opens a page at another address of the same house.
func (b *Tab) Visit(url string) {
	b.t.Helper()
	b.Do(chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS("html[data-ready]")))
}

// Click presses what a selector finds.
func (b *Tab) Click(sel string) { b.t.Helper(); b.Do(chromedp.Click(chromedp.CSS(sel))) }

// Wait waits until something is to be seen.
func (b *Tab) Wait(sel string) { b.t.Helper(); b.Do(chromedp.WaitVisible(chromedp.CSS(sel))) }

// Gone waits until something is there no more.
func (b *Tab) Gone(sel string) { b.t.Helper(); b.Do(chromedp.WaitNotPresent(chromedp.CSS(sel))) }

// Fill types into a field after emptying it.
func (b *Tab) Fill(sel, value string) {
	b.t.Helper()
	b.Do(chromedp.Clear(chromedp.CSS(sel)))
	if value != "" {
		b.Do(chromedp.SendKeys(chromedp.CSS(sel), value))
	}
}

// File chooses a file on this machine.
func (b *Tab) File(sel, path string) {
	b.t.Helper()
	b.Do(chromedp.SetUploadFiles(chromedp.CSS(sel), []string{path}))
}

// Key presses a key.
func (b *Tab) Key(key string) { b.t.Helper(); b.Do(chromedp.KeyEvent(key)) }

// Until waits until an expression is true.
func (b *Tab) Until(js string) {
	b.t.Helper()
	end := time.Now().Add(20 * time.Second)
	for time.Now().Before(end) {
		if b.JS("String(!!("+js+"))") == "true" {
			return
		}
		time.Sleep(60 * time.Millisecond)
	}
	b.t.Fatalf("never came true: %s\nat %s\n%s", js, b.JS("location.href"), b.JS("document.body.innerText.slice(0, 1500)"))
}

// JS evaluates an expression that gives a string; "" while a page changes.
func (b *Tab) JS(js string) string {
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](js))
	if err != nil {
		return ""
	}
	return s
}

// Text is what is to be seen of an element.
func (b *Tab) Text(sel string) string {
	b.t.Helper()
	return b.JS("document.querySelector(" + quote(sel) + ")?.innerText ?? ''")
}

// See fails unless the page shows all these words.
func (b *Tab) See(words ...string) {
	b.t.Helper()
	for _, w := range words {
		b.Until("document.body.innerText.includes(" + quote(w) + ")")
	}
}

// Not fails if the page shows one of these words.
func (b *Tab) Not(words ...string) {
	b.t.Helper()
	all := b.JS("document.documentElement.outerHTML")
	for _, w := range words {
		if strings.Contains(all, w) {
			b.t.Errorf("%s shows %q", b.JS("location.pathname"), w)
		}
	}
}

func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`).Replace(s) + "'"
}

// Wide sets the size of the window; narrower than 600 is a phone.
func (b *Tab) Wide(w, h int64) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: w, Height: h, DeviceScaleFactor: 1, Mobile: w < 600}); err != nil {
		b.t.Fatal(err)
	}
}

// Dark sets what the reader's system likes.
func (b *Tab) Dark(dark bool) {
	b.t.Helper()
	v := map[bool]string{true: "dark", false: "light"}[dark]
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: v}}}); err != nil {
		b.t.Fatal(err)
	}
}

// Shot saves a picture into the folder SEKISHO_SHOTS, if that is set.
func (b *Tab) Shot(name string) {
	b.t.Helper()
	dir := os.Getenv("SEKISHO_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// Small saves a picture of the window at half its size, for the book of pages.
func (b *Tab) Small(file string) {
	b.t.Helper()
	quality := int64(55)
	got, err := chromedp.Call(b.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatJpeg, Quality: &quality,
		Clip: &page.Viewport{Width: 1440, Height: 1000, Scale: 0.5}})
	if err == nil {
		err = os.WriteFile(file, got.Data, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// Axe fails for everything axe finds against WCAG 2.2 AA on the page as it stands.
func (b *Tab) Axe() {
	b.t.Helper()
	src, err := axe()
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](src+";0")); err != nil {
		b.t.Fatal(err)
	}
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`axe.run(document,{runOnly:['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa']})`+
		`.then(r=>r.violations.flatMap(v=>v.nodes.map(n=>v.id+' '+n.target.join(' ')+' '+(n.any[0]?.message||''))).concat(r.passes.length?[]:['axe looked at nothing']))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range found {
		b.t.Errorf("axe on %s: %s", b.JS("location.pathname"), f)
	}
}

// Phone fails if the page can be scrolled sideways at 390 pixels.
func (b *Tab) Phone() {
	b.t.Helper()
	b.Wide(390, 844)
	defer b.Wide(1440, 1000)
	w, err := chromedp.Run(b.ctx, chromedp.Evaluate[float64]("document.documentElement.scrollWidth"))
	if err != nil {
		b.t.Fatal(err)
	}
	if w > 390 {
		b.t.Errorf("%s is %v wide on a phone: %s", b.JS("location.pathname"), w,
			b.JS("[...document.querySelectorAll('body *')].filter(e=>e.getBoundingClientRect().right>391&&!e.closest('.rows,.gridw')).slice(0,6).map(e=>e.tagName+'.'+e.className).join(' ')"))
	}
}
