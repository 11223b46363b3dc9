package seccomp

import (
	"runtime"
	"syscall"
	"unsafe"
)

const (
	setModeFilter = 1
	// After the launcher has begun to carry out a call, only a deadly signal interrupts it: a call that is made again after
	// a signal would connect twice. Linux before 5.19 does not know this.
	waitKillable = 0x20
)

// Install puts a filter on the calling thread, and what it executes, for good. With guarded it returns the descriptor over
// which the kernel reports calls, else -1. The thread must have no new privileges.
func Install(program []Instruction, guarded bool) (int, error) {
	filter := struct {
		count   uint16
		program *Instruction
	}{uint16(len(program)), &program[0]}
	defer runtime.KeepAlive(program)
	install := func(flags uintptr) (int, syscall.Errno) {
		fd, _, errno := syscall.RawSyscall(uintptr(architectures[runtime.GOARCH].calls.seccomp), setModeFilter, flags,
			uintptr(unsafe.Pointer(&filter)))
		return int(fd), errno
	}
	if !guarded {
		if _, errno := install(0); errno != 0 {
			return -1, errno
		}
		return -1, nil
	}
	fd, errno := install(newListener | waitKillable)
	if errno == syscall.EINVAL {
		fd, errno = install(newListener)
	}
	if errno != 0 {
		return -1, errno
	}
	return fd, nil
}
