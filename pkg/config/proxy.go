package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// noProxyURL refuses what the pattern of a proxy's URL lets through, and a user and
// password without repeating them. No host has an @ in it.
func noProxyURL(s string) string {
	if strings.Contains(s, "@") {
		return "a user or a password, which everybody on a node could read: want a proxy that asks for none"
	}
	_, host, ok := strings.Cut(strings.TrimSuffix(s, "/"), "://")
	if !ok {
		return ""
	}
	if address, port, ok := bracketed(host); ok {
		if a, err := netip.ParseAddr(address); err != nil || !a.Is6() {
			return fmt.Sprintf("%q is no IPv6 address", clip(address))
		}
		return noPort(s, port)
	}
	_, port, _ := strings.Cut(host, ":")
	return noPort(s, port)
}

// neverMatched refuses an item of NO_PROXY that Go takes and then matches with nothing
// (golang.org/x/net, http/httpproxy, config.init): the plugin would silently go through
// the proxy.
func neverMatched(s string) string {
	if address, port, ok := bracketed(s); ok {
		if port == "" {
			return fmt.Sprintf("want an IPv6 address without brackets, or with a port behind them, got %q", clip(s))
		}
		if a, err := netip.ParseAddr(address); err != nil || !a.Is6() {
			return fmt.Sprintf("%q is no IPv6 address", clip(address))
		}
		return noPort(s, port)
	}
	if _, err := netip.ParseAddr(s); err == nil || s == "*" {
		return ""
	}
	unwanted := fmt.Sprintf("want %s, got %q", wantNoProxy, clip(s))
	if strings.Contains(s, "://") {
		return unwanted
	}
	if strings.Contains(s, "/") {
		if _, err := netip.ParsePrefix(s); err != nil {
			return fmt.Sprintf("%q is no network: want one as 10.0.0.0/8", clip(s))
		}
		return ""
	}
	host, port, ok := strings.Cut(s, ":")
	if ok && port == "" || strings.Contains(port, ":") {
		return unwanted
	}
	domain := strings.TrimPrefix(strings.TrimPrefix(host, "*"), ".")
	switch {
	case strings.Contains(domain, "*") || strings.HasPrefix(host, "*") && !strings.HasPrefix(host, "*."):
		return fmt.Sprintf("* stands for everything, or in front of a domain as *.corp.example, got %q", clip(s))
	case domain == "" || strings.ContainsAny(domain, "[]"):
		return unwanted
	}
	return noPort(s, port)
}

// bracketed takes [ADDRESS] and [ADDRESS]:PORT apart.
func bracketed(s string) (address, port string, ok bool) {
	rest, ok := strings.CutPrefix(s, "[")
	if !ok {
		return "", "", false
	}
	address, rest, ok = strings.Cut(rest, "]")
	return address, strings.TrimPrefix(rest, ":"), ok
}

// noPort is what is wrong with the port in s, "" if it has none.
func noPort(s, port string) string {
	if port == "" {
		return ""
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Sprintf("%s is no port: %q", clip(port), clip(s))
	}
	return ""
}
