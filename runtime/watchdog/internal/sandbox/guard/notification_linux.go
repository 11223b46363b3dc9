//go:build amd64 || arm64

package guard

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"fwatchdog/internal/sandbox/kernel"
	"fwatchdog/internal/sandbox/policy"
	"fwatchdog/internal/sandbox/seccomp"
)

// Requests of the notification descriptor. See seccomp_unotify(2).
const (
	ioctlReceive  = 0xc0502100
	ioctlSend     = 0xc0182101
	ioctlValid    = 0x40082102
	ioctlSetFlags = 0x40082104

	syncWakeUp   = 1 // the launcher runs on the processor of the thread that waits for it
	flagContinue = 1
)

// maxCalls is the number of calls carried out at a time. A call on a blocking socket holds a thread of the launcher.
const maxCalls = 256

// Guard carries out the calls of one replica.
type Guard struct {
	*rules
	prefix string // of abstract names, so that they are the replica's own
	slots  chan struct{}
}

// New returns the guard of a policy. The environment is that of the watchdog, which names the function's own server.
func New(p *policy.Policy, environment func(string) string) *Guard {
	upstream := environment("upstream_url")
	if upstream == "" {
		upstream = environment("http_upstream_url")
	}
	return &Guard{
		rules: newRules(p, os.Getpid(), upstream), prefix: "fwatchdog/" + strconv.Itoa(os.Getpid()) + "/",
		slots: make(chan struct{}, maxCalls),
	}
}

// Serve carries out calls until the notification descriptor has no more processes.
func (g *Guard) Serve(listener int) {
	flags := uint64(syncWakeUp)
	_ = ioctl(listener, ioctlSetFlags, unsafe.Pointer(&flags)) // Linux 6.6; faster
	for {
		n := &notification{listener: listener}
		switch err := ioctl(listener, ioctlReceive, unsafe.Pointer(&n.raw)); {
		case errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.ENOENT): // the thread has been interrupted
			continue
		case err != nil:
			return
		}
		select {
		case g.slots <- struct{}{}:
			go func() {
				defer func() { <-g.slots }()
				n.reply(g.carryOut(n))
			}()
		default:
			n.reply(0, syscall.EAGAIN)
		}
	}
}

func ioctl(fd int, request uintptr, argument unsafe.Pointer) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}

// notification is one call of the function that waits for its result: struct seccomp_notif.
type notification struct {
	listener int
	raw      [80]byte
}

func (n *notification) thread() int { return int(binary.NativeEndian.Uint32(n.raw[8:])) }

func (n *notification) call() seccomp.Call {
	return seccomp.CallOf(runtime.GOARCH, binary.NativeEndian.Uint32(n.raw[16:]))
}

func (n *notification) argument(index int) uint64 {
	return binary.NativeEndian.Uint64(n.raw[32+8*index:])
}

// valid reports whether the thread still waits. Until then its number is not another's.
func (n *notification) valid() bool {
	return ioctl(n.listener, ioctlValid, unsafe.Pointer(&n.raw)) == nil
}

// errContinue is the answer that lets the kernel make the call itself.
var errContinue = errors.New("continue")

// reply ends the call with a result or an error.
func (n *notification) reply(value int, err error) {
	var response [24]byte // struct seccomp_notif_resp
	copy(response[:8], n.raw[:8])
	var errno syscall.Errno
	switch {
	case err == nil:
		binary.NativeEndian.PutUint64(response[8:], uint64(value))
	case errors.Is(err, errContinue):
		binary.NativeEndian.PutUint32(response[20:], flagContinue)
	default:
		if !errors.As(err, &errno) {
			errno = syscall.EACCES
		}
		binary.NativeEndian.PutUint32(response[16:], uint32(-int32(errno)))
	}
	_ = ioctl(n.listener, ioctlSend, unsafe.Pointer(&response)) // it fails if the thread has ended
}

// caller is the thread that waits, as the launcher reaches it. Its descriptors cannot come to mean another process.
type caller struct {
	thread int
	pidfd  int
	memory *os.File
}

func (n *notification) caller() (*caller, error) {
	pidfd, err := kernel.PidfdOpen(n.thread())
	if err != nil {
		return nil, err
	}
	memory, err := os.OpenFile("/proc/"+strconv.Itoa(n.thread())+"/mem", os.O_RDWR, 0)
	if err != nil {
		syscall.Close(pidfd)
		return nil, err
	}
	c := &caller{n.thread(), pidfd, memory}
	if !n.valid() {
		c.close()
		return nil, syscall.ESRCH
	}
	return c, nil
}

func (c *caller) close() {
	syscall.Close(c.pidfd)
	c.memory.Close()
}

// read copies memory of the caller.
func (c *caller) read(address, size uint64) ([]byte, error) {
	bytes := make([]byte, size)
	if size == 0 {
		return bytes, nil
	}
	if _, err := c.memory.ReadAt(bytes, int64(address)); err != nil {
		return nil, syscall.EFAULT
	}
	return bytes, nil
}

// address copies the address that a call names.
func (c *caller) address(at, size uint64) ([]byte, error) {
	if uint32(size) > maxAddress { // the kernel reads an int
		return nil, syscall.EINVAL
	}
	return c.read(at, uint64(uint32(size)))
}

// socket duplicates a socket of the caller, and returns its family. The duplicate is the caller's to close.
func (c *caller) socket(number uint64) (fd, domain int, err error) {
	if fd, err = kernel.PidfdGetfd(c.pidfd, int(int32(number))); err != nil {
		return -1, 0, err
	}
	const optionDomain = 39 // SO_DOMAIN
	if domain, err = syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, optionDomain); err != nil {
		syscall.Close(fd)
		return -1, 0, err
	}
	return fd, domain, nil
}
