package guard

import (
	"net"
	"net/netip"
	"testing"

	"fwatchdog/internal/sandbox/policy"
)

func testRules(t *testing.T, network policy.Network, refuse, allow []string) *rules {
	t.Helper()
	p := &policy.Policy{Network: network}
	for list, texts := range map[*[]policy.Rule][]string{&p.Refuse: refuse, &p.Allow: allow} {
		for _, text := range texts {
			rule, err := policy.ParseRule(text)
			if err != nil {
				t.Fatal(err)
			}
			*list = append(*list, rule)
		}
	}
	return newRules(p, 0x030201, "http://127.0.0.1:3000")
}

// Each network reaches what its documentation says, in every way to write an address.
func TestDestinations(t *testing.T) {
	host := testRules(t, policy.Host, []string{"self:9000", "10.0.0.9:*"}, nil)
	internet := testRules(t, policy.Internet, []string{"9.9.9.9:*"}, []string{"127.0.0.1:8080", "10.0.0.5:5432"})
	for _, c := range []struct {
		address        string
		host, internet bool
	}{
		{"127.0.0.1:8080", true, true},
		{"127.0.0.1:8081", true, false},
		{"[::ffff:127.0.0.1]:8080", true, true},
		{"127.0.0.1:9000", false, false},
		{"127.9.9.9:9000", false, false},
		{"0.0.0.0:9000", false, false},
		{"[::]:9000", false, false},
		{"[::1]:9000", false, false},
		{"[::ffff:0.0.0.0]:9000", false, false},
		{"10.0.0.9:1", false, false},
		{"10.0.0.5:5432", true, true},
		{"10.0.0.5:5433", true, false},
		{"9.9.9.9:53", true, false},
		{"8.8.8.8:53", true, true},
		{"[2606:4700::1111]:443", true, true},
		{"169.254.169.254:80", false, false},
		{"[::ffff:169.254.169.254]:80", false, false},
		{"[fe80::1]:80", false, false},
		{"[fd00:ec2::254]:80", false, false},
		{"100.100.100.200:80", false, false},
		{"192.168.1.1:80", true, false},
		{"100.64.0.1:80", true, false},
		{"224.0.0.1:80", true, false},
		{"255.255.255.255:80", true, false},
		{"[fc00::1]:80", true, false},
		{"[64:ff9b::808:808]:80", true, true},
		{"[64:ff9b::a00:1]:80", true, false},
		{"[2002:a00:1::1]:80", true, false},
		{"[2002:808:808::1]:80", true, true},
		{"[::10.0.0.1]:80", true, false},
		{"127.131.2.2:80", false, false}, // the address of another replica
		{"127.131.2.1:80", true, true},   // its own
		{"127.0.0.1:3000", true, true},   // its own server
	} {
		address := netip.MustParseAddrPort(c.address)
		if _, permitted := host.destination(address); permitted != c.host {
			t.Errorf("host: %s is permitted: %v", address, permitted)
		}
		if _, permitted := internet.destination(address); permitted != c.internet {
			t.Errorf("internet: %s is permitted: %v", address, permitted)
		}
	}
}

// What a function has bound is found at its own address, by each loopback address.
func TestOwnPorts(t *testing.T) {
	r := testRules(t, policy.Internet, []string{"self:*"}, nil)
	r.bind(7000)
	for _, address := range []string{"127.0.0.1:7000", "[::1]:7000", "0.0.0.0:7000", "[::ffff:127.0.0.1]:7000", "127.0.0.1:3000"} {
		to, permitted := r.destination(netip.MustParseAddrPort(address))
		if !permitted || to.Addr() != r.own {
			t.Errorf("%s leads to %s: %v", address, to, permitted)
		}
	}
	if r.own.String() != "127.131.2.1" {
		t.Errorf("the own address is %s", r.own)
	}
}

// Addresses of the machine's interfaces are the machine's.
func TestSelf(t *testing.T) {
	r := testRules(t, policy.Internet, nil, nil)
	found, err := net.InterfaceAddrs()
	if err != nil {
		t.Skip(err)
	}
	for _, each := range found {
		prefix := netip.MustParsePrefix(each.String())
		if !r.isSelf(prefix.Addr().Unmap()) {
			t.Errorf("%s is not the machine's", prefix)
		}
	}
	if r.isSelf(netip.MustParseAddr("203.0.113.7")) {
		t.Error("a foreign address is the machine's")
	}
}

func TestAddresses(t *testing.T) {
	for _, text := range []string{"1.2.3.4:80", "[2001:db8::1]:443"} {
		address := netip.MustParseAddrPort(text)
		kind := familyInet
		if address.Addr().Is6() {
			kind = familyInet6
		}
		if again, known := parse(format(address, kind)); !known || again != address {
			t.Errorf("%s becomes %s", text, again)
		}
	}
	mapped, known := parse(format(netip.MustParseAddrPort("1.2.3.4:80"), familyInet6))
	if !known || mapped.String() != "[::ffff:1.2.3.4]:80" {
		t.Errorf("for an IPv6 socket 1.2.3.4 is %s", mapped)
	}
	for _, short := range [][]byte{nil, {2}, {2, 0, 0, 80, 127, 0, 0}, {10, 0, 0, 80, 0}, {1, 0, 'a'}, {99, 0}} {
		if _, known := parse(short); known {
			t.Errorf("%v is an address", short)
		}
	}
}
