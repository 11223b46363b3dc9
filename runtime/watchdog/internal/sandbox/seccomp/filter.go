// Package seccomp decides which system calls a function may make.
//
// The filter is a deny list over the namespaces and Landlock, as Docker's default profile became one: calls that reach
// parts of the kernel no function needs fail with EPERM. With the guard, calls that name an address stop and are carried
// out by the launcher (package guard).
package seccomp

import (
	"fmt"
	"slices"
)

// Actions of a filter.
const (
	allow   = 0x7fff0000
	notify  = 0x7fc00000
	kill    = 0x80000000
	errorOf = 0x00050000

	ePerm     = errorOf | 1
	eNoSys    = errorOf | 38
	eProto    = errorOf | 93 // EPROTONOSUPPORT
	eFastOpen = errorOf | 95 // EOPNOTSUPP
	eFamily   = errorOf | 97 // EAFNOSUPPORT
)

// Arguments that are judged.
const (
	cloneNamespaces = 0x7E020080 // CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET

	familyUnix, familyInet, familyInet6, familyNetlink = 1, 2, 10, 16
	typeMask, typeStream, typeDatagram                 = 0xf, 1, 2
	netlinkRoute                                       = 0

	messageFastOpen = 0x20000000 // MSG_FASTOPEN: a send that connects

	terminalInput, terminalLinux = 0x5412, 0x541C // TIOCSTI, TIOCLINUX: type into a terminal
	newListener                  = 8              // SECCOMP_FILTER_FLAG_NEW_LISTENER
)

// Protocols of an internet socket: the default, ICMP, TCP, UDP, ICMPv6. Others have calls of their own that connect.
var protocols = []uint32{0, 1, 6, 17, 58}

// sourceRoutes are options of a socket (level, name) that send packets by way of an address that nobody judged: IP_OPTIONS,
// IPV6_2292RTHDR, IPV6_2292PKTOPTIONS, IPV6_RTHDR.
var sourceRoutes = [][2]uint32{{0, 4}, {41, 5}, {41, 6}, {41, 57}}

// Filter returns the program for an architecture of Go's name. With guarded, calls that name an address are left to the
// launcher.
func Filter(goarch string, guarded bool) ([]Instruction, error) {
	arch, found := architectures[goarch]
	if !found {
		return nil, fmt.Errorf("there is no filter for %s", goarch)
	}
	a := newAssembler()
	a.load(offsetArchitecture)
	a.jump(opEqual, arch.audit, "known", next)
	a.finish(kill)
	a.label("known")
	a.load(offsetNumber)
	// No bit of x32 is below the last call.
	a.returnIf(opAbove, callLast, eNoSys)
	// The flags of clone3 are in memory, where no filter reads them. Libraries fall back to clone.
	a.returnIf(opEqual, callClone3, eNoSys)
	for _, number := range slices.Concat(refusedEverywhere, arch.refused) {
		a.returnIf(opEqual, number, ePerm)
	}
	judge := func(number uint32, body func(done string)) {
		done := fmt.Sprintf("after %d", number)
		a.jump(opEqual, number, next, done)
		body(done)
		a.finish(allow)
		a.label(done)
	}
	judge(arch.calls.clone, func(string) {
		a.argument(0)
		a.returnIf(opBits, cloneNamespaces, ePerm)
	})
	judge(arch.calls.seccomp, func(string) {
		a.argument(1)
		a.returnIf(opBits, newListener, ePerm)
	})
	judge(arch.calls.ioctl, func(string) {
		a.argument(1)
		a.returnIf(opEqual, terminalInput, ePerm)
		a.returnIf(opEqual, terminalLinux, ePerm)
	})
	judge(arch.calls.socketpair, func(string) {
		a.argument(0)
		a.jump(opEqual, familyUnix, "pair", next)
		a.finish(eFamily)
		a.label("pair")
	})
	judge(arch.calls.socket, func(string) { socket(a) })
	judge(arch.calls.setsockopt, func(string) {
		for i, option := range sourceRoutes {
			other := fmt.Sprintf("option %d", i)
			a.argument(1)
			a.jump(opEqual, option[0], next, other)
			a.argument(2)
			a.returnIf(opEqual, option[1], ePerm)
			a.label(other)
		}
	})
	if guarded {
		guard(a, arch.calls, judge)
	}
	a.finish(allow)
	return a.program()
}

// socket allows Unix, TCP, UDP and ping sockets, and the part of netlink that lists addresses.
func socket(a *assembler) {
	a.argument(0)
	a.returnIf(opEqual, familyUnix, allow)
	a.jump(opEqual, familyNetlink, "netlink", next)
	a.jump(opEqual, familyInet, "internet", next)
	a.jump(opEqual, familyInet6, "internet", next)
	a.finish(eFamily)
	a.label("netlink")
	a.argument(2)
	a.returnIf(opEqual, netlinkRoute, allow)
	a.finish(eFamily)
	a.label("internet")
	a.argument(1)
	a.mask(typeMask)
	a.jump(opEqual, typeStream, "protocol", next)
	a.jump(opEqual, typeDatagram, "protocol", next)
	a.finish(ePerm)
	a.label("protocol")
	a.argument(2)
	for _, protocol := range protocols {
		a.returnIf(opEqual, protocol, allow)
	}
	a.finish(eProto)
}

// guard leaves the calls that name an address to the launcher. Only registers are read here: memory may change.
func guard(a *assembler, c calls, judge func(uint32, func(string))) {
	for _, number := range []uint32{c.connect, c.bind, c.listen} {
		a.returnIf(opEqual, number, notify)
	}
	judge(c.sendto, func(string) {
		a.argument(3)
		a.returnIf(opBits, messageFastOpen, eFastOpen)
		// A send without an address goes where the socket is connected to. The address is a pointer of 64 bits.
		a.argument(4)
		a.jump(opEqual, 0, next, "address")
		a.load(offsetArguments + 8*4 + 4)
		a.returnIf(opEqual, 0, allow)
		a.label("address")
		a.finish(notify)
	})
	judge(c.sendmsg, func(string) {
		a.argument(2)
		a.returnIf(opBits, messageFastOpen, eFastOpen)
		a.finish(notify)
	})
	judge(c.sendmmsg, func(string) {
		a.argument(3)
		a.returnIf(opBits, messageFastOpen, eFastOpen)
		a.finish(notify)
	})
}

// Call is a system call that the guard carries out.
type Call int

// The calls of the guard.
const (
	Unknown Call = iota
	Connect
	Bind
	Listen
	SendTo
	SendMessage
	SendMessages
)

// CallOf names the call of a number.
func CallOf(goarch string, number uint32) Call {
	arch, found := architectures[goarch]
	if !found {
		return Unknown
	}
	c := arch.calls
	numbers := []uint32{Connect: c.connect, Bind: c.bind, Listen: c.listen, SendTo: c.sendto, SendMessage: c.sendmsg, SendMessages: c.sendmmsg}
	return Call(max(slices.Index(numbers[1:], number), -1) + 1)
}
