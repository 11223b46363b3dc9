//go:build amd64 || arm64

package guard

import (
	"net/netip"
	"syscall"
	"unsafe"

	"fwatchdog/internal/sandbox/seccomp"
)

// carryOut makes a call for the function and returns its result.
func (g *Guard) carryOut(n *notification) (int, error) {
	c, err := n.caller()
	if err != nil {
		return 0, err
	}
	defer c.close()
	fd, domain, err := c.socket(n.argument(0))
	if err != nil {
		return 0, err
	}
	defer syscall.Close(fd)
	switch n.call() {
	case seccomp.Connect:
		return 0, g.connect(n, c, fd, domain)
	case seccomp.Bind:
		return 0, g.bindSocket(n, c, fd, domain)
	case seccomp.Listen:
		return 0, g.listen(fd, domain, int(int32(n.argument(1))))
	case seccomp.SendTo:
		return g.sendTo(n, c, fd, domain)
	case seccomp.SendMessage:
		return g.sendMessage(c, fd, domain, n.argument(1), int(int32(n.argument(2))))
	case seccomp.SendMessages:
		return g.sendMessages(n, c, fd, domain)
	}
	return 0, syscall.ENOSYS
}

func isInternet(domain int) bool { return domain == familyInet || domain == familyInet6 }

// target is where a call goes: an address that has been judged. Close it after the call.
type target struct {
	address []byte
	path    int // of a Unix socket: a descriptor that the address names, else -1
}

func (t *target) close() {
	if t.path >= 0 {
		syscall.Close(t.path)
	}
}

// judge returns the target for an address, for a socket of a domain.
func (g *Guard) judge(c *caller, address []byte, domain int) (*target, error) {
	if domain == familyUnix {
		return g.unixTarget(c, address)
	}
	if !isInternet(domain) {
		return &target{address, -1}, nil // netlink: the kernel itself
	}
	named, known := parse(address)
	if !known {
		return nil, syscall.EAFNOSUPPORT
	}
	to, permitted := g.destination(named)
	if !permitted {
		return nil, syscall.EACCES
	}
	if to == named {
		return &target{address, -1}, nil
	}
	return &target{format(to, family(address)), -1}, nil
}

func (g *Guard) connect(n *notification, c *caller, fd, domain int) error {
	address, err := c.address(n.argument(1), n.argument(2))
	if err != nil {
		return err
	}
	if family(address) == familyUnspecified && domain != familyUnix {
		return call(syscall.SYS_CONNECT, fd, address) // ends the association with an address
	}
	to, err := g.judge(c, address, domain)
	if err != nil {
		return err
	}
	defer to.close()
	return g.asFunction(domain, func() error { return call(syscall.SYS_CONNECT, fd, to.address) })
}

// call makes a call that takes a socket and an address.
func call(number uintptr, fd int, address []byte) error {
	if len(address) == 0 {
		return syscall.EINVAL
	}
	_, _, errno := syscall.Syscall(number, uintptr(fd), uintptr(unsafe.Pointer(&address[0])), uintptr(len(address)))
	if errno != 0 {
		return errno
	}
	return nil
}

// bindSocket binds internet sockets to the replica's own loopback address, whatever address they name.
func (g *Guard) bindSocket(n *notification, c *caller, fd, domain int) error {
	address, err := c.address(n.argument(1), n.argument(2))
	if err != nil {
		return err
	}
	if domain == familyUnix {
		if len(address) > 2 && address[2] == 0 {
			return call(syscall.SYS_BIND, fd, g.abstract(address))
		}
		// The kernel makes the file, as the function. Should a thread exchange the socket meanwhile, an internet socket is
		// bound to an address outside: nothing can connect to it, for listen refuses it.
		return errContinue
	}
	if !isInternet(domain) {
		return call(syscall.SYS_BIND, fd, address)
	}
	named, known := parse(address)
	if !known {
		return syscall.EAFNOSUPPORT
	}
	ip := named.Addr().Unmap()
	if ownRange.Contains(ip) && ip != g.own {
		return syscall.EADDRNOTAVAIL
	}
	kind, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE)
	if err != nil {
		return err
	}
	if kind == syscall.SOCK_DGRAM && ip.IsUnspecified() && named.Port() == 0 {
		// A client that leaves address and port to the kernel, such as the resolver of musl. Its first send does the same.
		return nil
	}
	return g.bindOwn(fd, domain, named.Port())
}

// bindOwn binds a socket to a port of the replica's own address.
func (g *Guard) bindOwn(fd, domain int, port uint16) error {
	if domain == familyInet6 {
		// The own address is of IPv4.
		if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, 0); err != nil {
			return err
		}
	}
	if err := call(syscall.SYS_BIND, fd, format(netip.AddrPortFrom(g.own, port), domain)); err != nil {
		return err
	}
	if _, port, err := localAddress(fd); err == nil {
		g.bind(port)
	}
	return nil
}

// localAddress returns the address to which a socket is bound.
func localAddress(fd int) (netip.Addr, uint16, error) {
	address, err := syscall.Getsockname(fd)
	if err != nil {
		return netip.Addr{}, 0, err
	}
	switch a := address.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrFrom4(a.Addr), uint16(a.Port), nil
	case *syscall.SockaddrInet6:
		return netip.AddrFrom16(a.Addr), uint16(a.Port), nil
	}
	return netip.Addr{}, 0, syscall.EINVAL
}

// listen opens no port to the outside: the socket must be bound to a loopback address.
func (g *Guard) listen(fd, domain, backlog int) error {
	if isInternet(domain) {
		ip, port, err := localAddress(fd)
		if err != nil {
			return err
		}
		switch {
		case port == 0:
			if err := g.bindOwn(fd, domain, 0); err != nil {
				return err
			}
		case ip.Unmap() != g.own:
			return syscall.EACCES
		}
	}
	return syscall.Listen(fd, backlog)
}
