package guard

import (
	"encoding/binary"
	"net/netip"
)

// Families of addresses, as Linux numbers them.
const (
	familyUnspecified = 0
	familyUnix        = 1
	familyInet        = 2
	familyInet6       = 10
)

const (
	maxAddress = 128 // bytes of the largest address (struct sockaddr_storage)
	inetBytes  = 16  // struct sockaddr_in
	inet6Bytes = 28  // struct sockaddr_in6
	// The kernel accepts an IPv6 address without its scope.
	inet6MinBytes = 24
)

// family returns the family of an address, -1 when it is too short to have one.
func family(address []byte) int {
	if len(address) < 2 {
		return -1
	}
	return int(binary.NativeEndian.Uint16(address))
}

// parse reads an IPv4 or IPv6 address.
func parse(address []byte) (netip.AddrPort, bool) {
	switch family(address) {
	case familyInet:
		if len(address) >= inetBytes {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte(address[4:8])), binary.BigEndian.Uint16(address[2:])), true
		}
	case familyInet6:
		if len(address) >= inet6MinBytes {
			return netip.AddrPortFrom(netip.AddrFrom16([16]byte(address[8:24])), binary.BigEndian.Uint16(address[2:])), true
		}
	}
	return netip.AddrPort{}, false
}

// format writes an address for a socket of a family: an IPv4 address for an IPv6 socket is mapped.
func format(address netip.AddrPort, family int) []byte {
	if family == familyInet {
		text := make([]byte, inetBytes)
		binary.NativeEndian.PutUint16(text, familyInet)
		binary.BigEndian.PutUint16(text[2:], address.Port())
		ip := address.Addr().Unmap().As4()
		copy(text[4:], ip[:])
		return text
	}
	text := make([]byte, inet6Bytes)
	binary.NativeEndian.PutUint16(text, familyInet6)
	binary.BigEndian.PutUint16(text[2:], address.Port())
	ip := address.Addr().As16()
	copy(text[8:], ip[:])
	return text
}
