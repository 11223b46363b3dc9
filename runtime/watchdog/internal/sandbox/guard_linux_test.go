//go:build amd64 || arm64

package sandbox

import (
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"fwatchdog/internal/sandbox/policy"
)

// accepting opens a port that counts its connections.
func accepting(t *testing.T) (address string, count *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	count = &atomic.Int64{}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			connection.Close()
		}
	}()
	return listener.Addr().String(), count
}

// guarded are the levels at which the guard works, with both user numbers.
func guarded(t *testing.T, test func(t *testing.T, level policy.Level, change func(*policy.Policy))) {
	for _, level := range []policy.Level{policy.Namespaces, policy.Landlock, policy.Seccomp} {
		t.Run(string(level), func(t *testing.T) {
			needs(t, level, partGuard)
			users(t, func(t *testing.T, user int) {
				test(t, level, func(p *policy.Policy) { p.Guard, p.User = true, user })
			})
		})
	}
}

func rule(t *testing.T, text string) policy.Rule {
	t.Helper()
	parsed, err := policy.ParseRule(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// The guard refuses what the policy refuses, in every way to write the address.
func TestGuardRefuses(t *testing.T) {
	open, _ := accepting(t)
	closed, reached := accepting(t)
	_, port, _ := net.SplitHostPort(closed)
	guarded(t, func(t *testing.T, level policy.Level, change func(*policy.Policy)) {
		output := prepare(t, level, func(p *policy.Policy) {
			change(p)
			p.Refuse = []policy.Rule{rule(t, "self:"+port)}
		}).run(t, "dial", open, closed, "[::ffff:127.0.0.1]:"+port, "0.0.0.0:"+port, "[::1]:"+port, "127.0.0.2:"+port, "169.254.169.254:80", "127.128.0.1:1")
		expect(t, output, []string{"dial " + open + " done", "dial " + closed + " permission denied", "dial [::1]:" + port + " permission denied",
			"dial 169.254.169.254:80 permission denied", "dial 127.128.0.1:1 permission denied"}, []string{":" + port + " done"})
	})
	if reached.Load() != 0 {
		t.Errorf("the refused port has been reached %d times", reached.Load())
	}
}

// A function's server is bound to an address of its own, whatever it names, and the function finds it.
func TestGuardBinds(t *testing.T) {
	guarded(t, func(t *testing.T, level policy.Level, change func(*policy.Policy)) {
		output := prepare(t, level, change).run(t, "serve")
		expect(t, output, []string{"address ", "127.1", "udp done", "listen unbound done", "unbound is true", "listen twice done"},
			[]string{"0.0.0.0", "refused", "denied"})
	})
}

// Datagrams are judged by every call that names an address; a send that connects is refused.
func TestGuardSends(t *testing.T) {
	packets, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	forbidden, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer forbidden.Close()
	guarded(t, func(t *testing.T, level policy.Level, change func(*policy.Policy)) {
		output := prepare(t, level, func(p *policy.Policy) {
			change(p)
			p.Refuse = []policy.Rule{rule(t, forbidden.LocalAddr().String())}
		}).run(t, "send", packets.LocalAddr().String(), forbidden.LocalAddr().String())
		expect(t, output, []string{"permitted batch 2 9 true", "permitted sendto true", "refused batch -1 0 false", "refused sendto false",
			"refused unspecified false", "refused fast open false"}, nil)
	})
	_ = forbidden.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if count, _, err := forbidden.ReadFrom(make([]byte, 64)); err == nil {
		t.Errorf("the refused port has got %d bytes", count)
	}
}

// The guard answers wrong arguments as the kernel does.
func TestGuardOddCalls(t *testing.T) {
	needs(t, policy.Namespaces, partGuard)
	output := prepare(t, policy.Namespaces, func(p *policy.Policy) { p.Guard = true }).run(t, "odd")
	expect(t, output, []string{
		"connect nothing bad file descriptor", "connect a file socket operation on non-socket", "connect to no memory bad address",
		"connect to much invalid argument", "connect to little address family not supported",
		"disconnect done", "bind unspecified address family not supported", "bind no memory bad address",
		"bind a neighbour cannot assign requested address", "bind done", "bind twice invalid argument",
		"listen to a file invalid argument", "connect to no socket connection refused", "connect to no name invalid argument",
		"netlink done", "send nothing done", "send without copy no buffer space available", "send no memory bad address",
		"send with time to live done", "send with a route operation not permitted", "send with wrong control invalid argument",
		"send many parts message too long", "send much message too long", "send what is not there bad address",
		"send to no memory bad address",
	}, nil)
}

// raceTime is how long threads try to exchange an address after it was judged.
func raceTime() string {
	if text := os.Getenv("FWATCHDOG_RACE_TIME"); text != "" {
		return text
	}
	return "700ms"
}

// No address passes that another thread puts in the place of a judged one.
func TestGuardRace(t *testing.T) {
	needs(t, policy.Namespaces, partGuard)
	open, allowed := accepting(t)
	closed, reached := accepting(t)
	refuse := func(p *policy.Policy) { p.Guard, p.Refuse = true, []policy.Rule{rule(t, closed)} }
	output := prepare(t, policy.Namespaces, refuse).run(t, "race", open, closed, raceTime())
	expect(t, output, []string{"attempts true"}, nil)
	if allowed.Load() == 0 || reached.Load() != 0 {
		t.Errorf("the permitted port was reached %d times, the refused one %d times", allowed.Load(), reached.Load())
	}
	permitted, _ := net.ListenPacket("udp4", "127.0.0.1:0")
	defer permitted.Close()
	forbidden, _ := net.ListenPacket("udp4", "127.0.0.1:0")
	defer forbidden.Close()
	output = prepare(t, policy.Namespaces, func(p *policy.Policy) {
		p.Guard, p.Refuse = true, []policy.Rule{rule(t, forbidden.LocalAddr().String())}
	}).run(t, "race-send", permitted.LocalAddr().String(), forbidden.LocalAddr().String(), raceTime())
	expect(t, output, []string{"attempts true"}, nil)
	_ = forbidden.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, _, err := forbidden.ReadFrom(make([]byte, 64)); err == nil {
		t.Error("the refused port has got a datagram")
	}
}

// Sockets of the function work; those of the machine are out of reach.
func TestGuardUnixSockets(t *testing.T) {
	abstract, err := net.Listen("unix", "@foreign")
	if err == nil {
		defer abstract.Close()
	}
	guarded(t, func(t *testing.T, level policy.Level, change func(*policy.Policy)) {
		folder := "/tmp"
		s := prepare(t, level, func(p *policy.Policy) {
			change(p)
			if p.User != 0 {
				_ = os.Chown(p.Tmp, p.User, p.User)
			}
			if level != policy.Namespaces {
				folder = p.Tmp
			}
		})
		output := s.run(t, "unix", folder)
		expect(t, output, []string{"listen own done", "dial own done", "dial @own done", "received hi true <nil>", "relative done", "by descriptor true"},
			[]string{"dial @foreign done", "docker.sock done"})
	})
}

// A function with a network of its own reaches its own loopback device only.
func TestOwnNetwork(t *testing.T) {
	needs(t, policy.Namespaces, partNetworkNamespace)
	open, reached := accepting(t)
	isolated := func(p *policy.Policy) { p.Network = policy.Isolated }
	expect(t, prepare(t, policy.Namespaces, isolated).run(t, "dial", open, "8.8.8.8:53"), nil, []string{"done"})
	expect(t, prepare(t, policy.Namespaces, isolated).run(t, "serve"), []string{"done"}, []string{"dial 127.0.0.1 refused"})
	if reached.Load() != 0 {
		t.Error("a port of the machine has been reached")
	}
}
