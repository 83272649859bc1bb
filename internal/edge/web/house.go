package web

import (
	"net/http"
	"net/netip"

	"sekisho/internal/app"
	"sekisho/internal/edge/api"
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
		h, bad = New(&page.House{Gate: a.Gate, Policy: a.Policy, Log: a.Log, Demo: demo, People: a.HasPeople, Dispatch: a.Dispatch}, f)
		return h
	}
	h := api.New(api.Config{Gate: a.Gate, Log: a.Log, Version: app.Version, TrustedProxies: proxies, Sealed: a.Sealed, Feed: a.Published(), Pages: pages})
	return h, bad
}
