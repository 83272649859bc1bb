package api

import (
	"net/http"
	"net/netip"
	"strings"
)

// source is the address a request comes from: the peer's, or, when the peer is
// a trusted proxy, the rightmost entry of X-Forwarded-For that no trusted proxy
// wrote about another. What stands left of that anybody may have written.
func (s *server) source(r *http.Request) netip.Addr {
	ip, ok := address(r.RemoteAddr)
	if !ok || !s.trusted(ip) {
		return ip
	}
	entries := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(entries) - 1; i >= 0; i-- {
		next, ok := address(strings.TrimSpace(entries[i]))
		if !ok {
			return ip // the last one that is known
		}
		if ip = next; !s.trusted(ip) {
			return ip
		}
	}
	return ip
}

func (s *server) trusted(ip netip.Addr) bool {
	for _, p := range s.cfg.TrustedProxies {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// address reads "192.0.2.1", "192.0.2.1:80", "2001:db8::1" and "[2001:db8::1]:80".
func address(text string) (netip.Addr, bool) {
	if a, err := netip.ParseAddrPort(text); err == nil {
		return a.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return a.Unmap().WithZone(""), err == nil
}
