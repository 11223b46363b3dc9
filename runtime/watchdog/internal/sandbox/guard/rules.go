// Package guard decides which addresses a function reaches, and carries out the calls that name one.
//
// The kernel stops connect, bind, listen and the sends that name an address, and reports them to the launcher (seccomp user
// notification). The launcher copies the address, judges the copy, and makes the call itself with the copy, on the function's
// socket. The kernel never reads the function's memory again, so another thread cannot exchange the address after it was
// judged.
package guard

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"fwatchdog/internal/sandbox/policy"
)

// ownRange has a loopback address for each replica. A function's servers are bound to the address of its replica, so no
// other function reaches them, and two replicas can use the same port.
var ownRange = netip.MustParsePrefix("127.128.0.0/9")

// metadata are addresses at which clouds hand out credentials, besides link-local ones.
var metadata = prefixes("fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32")

// special are ranges that are not public, besides those that package netip knows.
var special = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4", "::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:db8::/32", "fec0::/10")

// Ranges of IPv6 that lead to an IPv4 address.
var (
	nat64  = netip.MustParsePrefix("64:ff9b::/96")
	sixTo4 = netip.MustParsePrefix("2002::/16")
)

func prefixes(texts ...string) []netip.Prefix {
	var parsed []netip.Prefix
	for _, text := range texts {
		parsed = append(parsed, netip.MustParsePrefix(text))
	}
	return parsed
}

func within(ip netip.Addr, ranges []netip.Prefix) bool {
	return slices.ContainsFunc(ranges, func(each netip.Prefix) bool { return each.Contains(ip) })
}

// isPublic reports whether an address is one of the internet.
func isPublic(ip netip.Addr) bool {
	bytes := ip.AsSlice()
	switch {
	case nat64.Contains(ip):
		return isPublic(netip.AddrFrom4([4]byte(bytes[12:16])))
	case sixTo4.Contains(ip):
		return isPublic(netip.AddrFrom4([4]byte(bytes[2:6])))
	}
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !within(ip, special) && !within(ip, metadata)
}

// rules judge the addresses of one replica.
type rules struct {
	policy *policy.Policy
	own    netip.Addr // the replica's loopback address

	mutex   sync.Mutex
	bound   map[uint16]bool // ports on which the function listens, or did
	machine []netip.Addr    // addresses of the machine
	asked   time.Time       // when the machine's addresses were read
}

// newRules returns the rules of a replica with a launcher of a pid. Upstream is the URL of the function's own server, if it
// has one: its port is the function's even before it listens.
func newRules(p *policy.Policy, pid int, upstream string) *rules {
	r := &rules{policy: p, own: ownAddress(pid), bound: map[uint16]bool{}}
	if server, err := url.Parse(upstream); err == nil {
		ip, _ := netip.ParseAddr(server.Hostname())
		port, err := strconv.ParseUint(server.Port(), 10, 16)
		if err == nil && (server.Hostname() == "localhost" || isLoopback(ip)) {
			r.bound[uint16(port)] = true
		}
	}
	return r
}

// ownAddress returns the loopback address of a replica. Pids have at most 22 bits.
func ownAddress(pid int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 128 | byte(pid>>16)&0x7f, byte(pid >> 8), byte(pid)})
}

func isLoopback(ip netip.Addr) bool { return ip.Unmap().IsLoopback() || ip.Unmap().IsUnspecified() }

// addressTimeout is how long the machine's addresses are kept.
const addressTimeout = 5 * time.Second

// isSelf reports whether an address is one of this machine.
func (r *rules) isSelf(ip netip.Addr) bool {
	if isLoopback(ip) {
		return true
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if time.Since(r.asked) > addressTimeout {
		r.asked, r.machine = time.Now(), nil
		found, _ := net.InterfaceAddrs()
		for _, each := range found {
			if prefix, err := netip.ParsePrefix(each.String()); err == nil {
				r.machine = append(r.machine, prefix.Addr().Unmap())
			}
		}
	}
	return slices.Contains(r.machine, ip)
}

// bind notes that the function has bound a port of its own address.
func (r *rules) bind(port uint16) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.bound[port] = true
}

func (r *rules) hasBound(port uint16) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.bound[port]
}

// destination returns where a function that names an address gets to, and whether it may.
func (r *rules) destination(named netip.AddrPort) (netip.AddrPort, bool) {
	ip := named.Addr().Unmap().WithZone("")
	switch {
	case ownRange.Contains(ip):
		return netip.AddrPortFrom(ip, named.Port()), ip == r.own
	case isLoopback(ip) && r.hasBound(named.Port()):
		return netip.AddrPortFrom(r.own, named.Port()), true
	}
	return named, r.permits(netip.AddrPortFrom(ip, named.Port()))
}

// permits judges an address that is not the replica's own.
func (r *rules) permits(address netip.AddrPort) bool {
	for _, rule := range r.policy.Refuse {
		if rule.Matches(address, r.isSelf) {
			return false
		}
	}
	for _, rule := range r.policy.Allow {
		if rule.Matches(address, r.isSelf) {
			return true
		}
	}
	ip := address.Addr()
	if r.policy.Network == policy.Host {
		return !ip.IsLinkLocalUnicast() && !within(ip, metadata)
	}
	return isPublic(ip) && !r.isSelf(ip)
}
