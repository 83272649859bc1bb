package webtest

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	cdp "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// Saved presses what saves a file, and gives the file's bytes.
func (b *Tab) Saved(sel string) []byte {
	b.t.Helper()
	dir := b.t.TempDir()
	if _, err := chromedp.Call(b.ctx, cdp.SetDownloadBehavior, cdp.SetDownloadBehaviorParams{Behavior: cdp.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir, BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID}); err != nil {
		b.t.Fatal(err)
	}
	b.Click(sel)
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		list, err := os.ReadDir(dir)
		if err != nil || len(list) != 1 || strings.HasSuffix(list[0].Name(), ".crdownload") || strings.HasPrefix(list[0].Name(), ".") {
			continue
		}
		if raw, err := os.ReadFile(filepath.Join(dir, list[0].Name())); err == nil && len(raw) > 0 {
			return raw
		}
	}
	b.t.Fatal("nothing was saved by ", sel)
	return nil
}
