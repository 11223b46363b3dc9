//go:build amd64 || arm64

package guard

import (
	"encoding/binary"
	"runtime"
	"syscall"
	"unsafe"

	"fwatchdog/internal/sandbox/kernel"
)

const (
	// maxMessage is the number of bytes of one send, more than the kernel takes of a datagram. A stream sends the rest with
	// its next call. All calls at a time hold 64 MiB.
	maxMessage     = 256 << 10
	maxParts       = 1024 // UIO_MAXIOV
	maxControl     = 16 << 10
	maxDescriptors = 253 // SCM_MAX_FD
	maxBatch       = 1024

	headerBytes      = 56 // struct msghdr
	batchHeaderBytes = 64 // struct mmsghdr
	partBytes        = 16 // struct iovec

	messageNoSignal = 0x4000
	messageZeroCopy = 0x4000000
)

// controls are the control messages (level, type) that a datagram may carry: IP_TOS, IP_TTL, IP_PKTINFO, IPV6_PKTINFO,
// IPV6_HOPLIMIT, IPV6_TCLASS, UDP_SEGMENT.
var controls = map[[2]int32]bool{
	{0, 1}: true, {0, 2}: true, {0, 8}: true, {41, 50}: true, {41, 52}: true, {41, 67}: true, {17, 103}: true,
}

// sendTo sends data to a named address.
func (g *Guard) sendTo(n *notification, c *caller, fd, domain int) (int, error) {
	name, err := c.address(n.argument(4), n.argument(5))
	if err != nil {
		return 0, err
	}
	if n.argument(2) > maxMessage {
		return 0, syscall.EMSGSIZE
	}
	data, err := c.read(n.argument(1), n.argument(2))
	if err != nil {
		return 0, err
	}
	return g.send(c, fd, domain, &message{name: name, data: data}, int(int32(n.argument(3))))
}

// message is a copy of what a function sends.
type message struct {
	name, data, control []byte
}

// sendMessage sends what a struct msghdr of the caller describes.
func (g *Guard) sendMessage(c *caller, fd, domain int, at uint64, flags int) (int, error) {
	m, err := c.message(at)
	if err != nil {
		return 0, err
	}
	return g.send(c, fd, domain, m, flags)
}

// sendMessages sends several messages and writes the sent lengths into the caller's memory, as sendmmsg does.
func (g *Guard) sendMessages(n *notification, c *caller, fd, domain int) (int, error) {
	for i := range min(uint64(uint32(n.argument(2))), maxBatch) {
		at := n.argument(1) + i*batchHeaderBytes
		sent, err := g.sendMessage(c, fd, domain, at, int(int32(n.argument(3))))
		if err == nil {
			_, err = c.memory.WriteAt(binary.NativeEndian.AppendUint32(nil, uint32(sent)), int64(at+headerBytes))
		}
		if err != nil {
			if i > 0 {
				return int(i), nil
			}
			return 0, err
		}
	}
	return int(min(uint64(uint32(n.argument(2))), maxBatch)), nil
}

// message copies a struct msghdr and all it points to.
func (c *caller) message(at uint64) (*message, error) {
	header, err := c.read(at, headerBytes)
	if err != nil {
		return nil, err
	}
	word := func(offset int) uint64 { return binary.NativeEndian.Uint64(header[offset:]) }
	m := &message{}
	if word(0) != 0 {
		if m.name, err = c.address(word(0), uint64(binary.NativeEndian.Uint32(header[8:]))); err != nil {
			return nil, err
		}
	}
	if word(24) > maxParts || word(40) > maxControl {
		return nil, syscall.EMSGSIZE
	}
	parts, err := c.read(word(16), word(24)*partBytes)
	if err != nil {
		return nil, err
	}
	for ; len(parts) > 0 && len(m.data) < maxMessage; parts = parts[partBytes:] {
		size := min(binary.NativeEndian.Uint64(parts[8:]), uint64(maxMessage-len(m.data)))
		data, err := c.read(binary.NativeEndian.Uint64(parts), size)
		if err != nil {
			return nil, err
		}
		m.data = append(m.data, data...)
	}
	m.control, err = c.read(word(32), word(40))
	return m, err
}

// send judges a message and sends it on the function's socket.
func (g *Guard) send(c *caller, fd, domain int, m *message, flags int) (int, error) {
	if flags&messageZeroCopy != 0 {
		return 0, syscall.ENOBUFS // the memory is the launcher's; callers fall back to a copy
	}
	if len(m.name) > 0 {
		to, err := g.judge(c, m.name, domain)
		if err != nil {
			return 0, err
		}
		defer to.close()
		m.name = to.address
	}
	descriptors, err := c.control(m.control, domain)
	defer func() {
		for _, each := range descriptors {
			syscall.Close(each)
		}
	}()
	if err != nil {
		return 0, err
	}
	var sent uintptr
	err = g.asFunction(domain, func() error {
		header := syscall.Msghdr{}
		if len(m.name) > 0 {
			header.Name, header.Namelen = &m.name[0], uint32(len(m.name))
		}
		part := syscall.Iovec{}
		if len(m.data) > 0 {
			part.Base = &m.data[0]
			part.SetLen(len(m.data))
		}
		header.Iov, header.Iovlen = &part, 1
		if len(m.control) > 0 {
			header.Control = &m.control[0]
			header.SetControllen(len(m.control))
		}
		defer runtime.KeepAlive(m)
		var errno syscall.Errno
		sent, _, errno = syscall.Syscall(syscall.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&header)),
			uintptr(flags|messageNoSignal))
		if errno != 0 {
			return errno
		}
		return nil
	})
	return int(sent), err
}

// control checks control messages. Descriptors in them are replaced by duplicates, which the caller of this function closes.
func (c *caller) control(text []byte, domain int) (descriptors []int, err error) {
	const header = syscall.SizeofCmsghdr
	for len(text) >= header {
		size := binary.NativeEndian.Uint64(text)
		if size < header || size > uint64(len(text)) {
			return descriptors, syscall.EINVAL
		}
		level, kind := int32(binary.NativeEndian.Uint32(text[8:])), int32(binary.NativeEndian.Uint32(text[12:]))
		data := text[header:size]
		switch {
		case domain == familyUnix && level == syscall.SOL_SOCKET && kind == syscall.SCM_RIGHTS:
			if len(data)/4 > maxDescriptors {
				return descriptors, syscall.EINVAL
			}
			for ; len(data) >= 4; data = data[4:] {
				duplicate, err := kernel.PidfdGetfd(c.pidfd, int(int32(binary.NativeEndian.Uint32(data))))
				if err != nil {
					return descriptors, err
				}
				descriptors = append(descriptors, duplicate)
				binary.NativeEndian.PutUint32(data, uint32(duplicate))
			}
		case isInternet(domain) && controls[[2]int32{level, kind}]:
		default:
			return descriptors, syscall.EPERM
		}
		text = text[min(uint64(len(text)), (size+7)&^7):]
	}
	return descriptors, nil
}
