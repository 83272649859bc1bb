package web

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strconv"

	"sekisho/internal/app"
	"sekisho/internal/edge/api"
	"sekisho/internal/edge/metrics"
	"sekisho/internal/edge/portal"
	"sekisho/internal/edge/web/page"
)

// Handler serves a whole house: the API and the pages. demo is nil in a real one.
func Handler(a *app.App, demo page.Demo) (http.Handler, error) {
	var proxies []netip.Prefix
	for _, p := range a.Config.Server.TrustedProxies {
		proxies = append(proxies, netip.MustParsePrefix(p))
	}
	var bad error
	pages := func(f api.Front) http.Handler {
		var h http.Handler
		h, bad = New(&page.House{Gate: a.Gate, Policy: a.Policy, Log: a.Log, Demo: demo, People: a.HasPeople, Dispatch: a.Dispatch, Places: places(a)}, f)
		return h
	}
	meter := metrics.New(app.Version, a.Log, func(ctx context.Context) (metrics.Reading, error) {
		r, err := a.Reading(ctx)
		return metrics.Reading{LogSize: r.LogSize, SignedAt: r.SignedAt, LastBackup: r.LastBackup, Sessions: r.Sessions, Sealed: a.Sealed()}, err
	})
	a.Gate.Observe(meter.Op)
	var counts http.Handler
	if file := a.Config.Server.MetricsToken; file != "" {
		if _, err := metrics.Token(file); err != nil {
			return nil, err
		}
		counts = meter.Handler(file)
	}
	h := api.New(api.Config{Gate: a.Gate, Log: a.Log, Version: app.Version, TrustedProxies: proxies, Sealed: a.Sealed, Feed: a.Published(), Pages: pages, Metrics: counts})
	return meter.Around(h), bad
}

// Portal serves the pages for recipients of links, beside the house's own.
func Portal(a *app.App) (http.Handler, error) {
	var proxies []netip.Prefix
	for _, p := range a.Config.Server.TrustedProxies {
		proxies = append(proxies, netip.MustParsePrefix(p))
	}
	return portal.New(portal.Config{Gate: a.Gate, Log: a.Log, Origin: a.Config.Portal.Origin, Alarm: a.Alarm, TrustedProxies: proxies})
}

func places(a *app.App) page.Places {
	p := page.Places{Config: filepath.Join(a.Home, app.ConfigFile), Keys: a.Config.Keys.Dir, From: a.Config.Mail.From}
	if a.Config.Mail.Host != "" {
		p.Relay = net.JoinHostPort(a.Config.Mail.Host, strconv.Itoa(a.Config.Mail.Port))
	}
	return p
}
