package policy

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Rule matches addresses: `ADDRESS[/BITS]:PORTS`, with IPv6 addresses in brackets. Instead of an address, `*` is any and
// `self` is each address of the machine. PORTS are `*`, `80` or `8000-8999`.
type Rule struct {
	any, self   bool
	prefix      netip.Prefix
	first, last uint16
}

// ParseRule reads a rule.
func ParseRule(text string) (Rule, error) {
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return Rule{}, fmt.Errorf("rule %q has no port", text)
	}
	r := Rule{last: 65535}
	host, ports := text[:colon], text[colon+1:]
	if ports != "*" {
		low, high, ranged := strings.Cut(ports, "-")
		if !ranged {
			high = low
		}
		first, err := strconv.ParseUint(low, 10, 16)
		last, err2 := strconv.ParseUint(high, 10, 16)
		if err != nil || err2 != nil || first > last {
			return Rule{}, fmt.Errorf("rule %q has no valid port", text)
		}
		r.first, r.last = uint16(first), uint16(last)
	}
	switch host {
	case "*":
		r.any = true
		return r, nil
	case "self":
		r.self = true
		return r, nil
	}
	address, bits, ranged := strings.Cut(host, "/")
	if inner, found := strings.CutPrefix(address, "["); found {
		address, found = strings.CutSuffix(inner, "]")
		if !found {
			return Rule{}, fmt.Errorf("rule %q has no valid address", text)
		}
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return Rule{}, fmt.Errorf("rule %q has no valid address", text)
	}
	ip = ip.Unmap().WithZone("")
	length := ip.BitLen()
	if ranged {
		if length, err = strconv.Atoi(bits); err != nil {
			return Rule{}, fmt.Errorf("rule %q has no valid prefix length", text)
		}
	}
	if r.prefix, err = ip.Prefix(length); err != nil {
		return Rule{}, fmt.Errorf("rule %q has no valid prefix length", text)
	}
	return r, nil
}

// UnmarshalText reads a rule of the document.
func (r *Rule) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRule(string(text))
	return err
}

// MarshalText writes a rule as ParseRule reads it.
func (r Rule) MarshalText() ([]byte, error) {
	host := r.prefix.String()
	switch {
	case r.any:
		host = "*"
	case r.self:
		host = "self"
	case r.prefix.Addr().Is6():
		host = fmt.Sprintf("[%s]/%d", r.prefix.Addr(), r.prefix.Bits())
	}
	return fmt.Appendf(nil, "%s:%d-%d", host, r.first, r.last), nil
}

// Matches reports whether a rule is about an address. IPv4-mapped addresses count as IPv4. isSelf reports whether an
// address is one of the machine.
func (r Rule) Matches(address netip.AddrPort, isSelf func(netip.Addr) bool) bool {
	if address.Port() < r.first || address.Port() > r.last {
		return false
	}
	ip := address.Addr().Unmap().WithZone("")
	switch {
	case r.any:
		return true
	case r.self:
		return isSelf(ip)
	}
	return r.prefix.Contains(ip)
}
