package web_test

import (
	"testing"

	"sekisho/internal/edge/web/webtest"
)

// The first page shows what waits, and figures that agree with each other.
func TestHome(t *testing.T) {
	h := webtest.Open(t)
	b := h.Tab(t).As("accounting", 0)
	b.Go("/")
	b.See("今日やること", "下書きの請求書", "安全対策の状況", "期限超過", "売掛金の滞留状況")
	b.Until("document.documentElement.dataset.filled")
	b.Axe()
	b.Phone()
	b.Shot("home")
	b.Dark(true)
	b.Axe()
	b.Shot("home-dark")
	b.Dark(false)
	b.Wide(390, 844)
	b.Shot("home-mobile")
	b.Wide(1440, 1000)
	b.Go("/figures")
	b.Axe()
	b.Phone()
	m := h.Tab(t).As("admin", 0)
	m.Go("/")
	m.See("安全対策の状況")
	m.Not("売掛金", "期限超過")
}
