// Package kernel has the system calls of Linux that the sandbox needs and package syscall lacks.
//
// Those that change the calling thread only (prctl, setresuid, seccomp) do so on purpose: the launcher locks its goroutine
// to a thread and replaces the process by exec, with which the other threads end.
package kernel

import (
	"syscall"
	"unsafe"
)

// Calls that have one number on every architecture.
const (
	callPidfdOpen    = 434
	callCloseRange   = 436
	callOpenat2      = 437
	callPidfdGetfd   = 438
	callMountSetattr = 442
)

// Operations of prctl.
const (
	prSetPdeathsig       = 1
	prCapbsetDrop        = 24
	prSetDumpable        = 4
	prSetSecurebits      = 28
	prSetChildSubreaper  = 36
	prSetNoNewPrivs      = 38
	prCapAmbient         = 47
	prCapAmbientClearAll = 4
)

// secureBits: exec gives no capabilities to number 0, a change of the number keeps none; both locked.
const secureBits = 0xf

// maxCapability is above every capability's number.
const maxCapability = 64

// OpenPath is O_PATH: a descriptor that only names a file.
const OpenPath = 0x200000

func result(errno syscall.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}

func prctl(operation, a, b uintptr) error {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, operation, a, b, 0, 0, 0)
	return result(errno)
}

// BecomeSubreaper makes this process the parent of orphans among its descendants.
func BecomeSubreaper() error { return prctl(prSetChildSubreaper, 1, 0) }

// DieWithParent asks for a signal when the parent ends. The kernel forgets it when the user number changes.
func DieWithParent(signal syscall.Signal) error { return prctl(prSetPdeathsig, uintptr(signal), 0) }

// CloseMemory keeps the memory of this process, and its files in /proc, from processes of the same user that have no
// capabilities. What it executes is open again.
func CloseMemory() error { return prctl(prSetDumpable, 0, 0) }

// NoNewPrivileges keeps the thread, and what it executes, from gaining privileges by setuid files.
func NoNewPrivileges() error { return prctl(prSetNoNewPrivs, 1, 0) }

// CloseOnExec marks every descriptor from first on, so that no program started later inherits it.
func CloseOnExec(first int) error {
	const closeOnExec = 4 // CLOSE_RANGE_CLOEXEC
	_, _, errno := syscall.RawSyscall(callCloseRange, uintptr(first), uintptr(^uint32(0)), closeOnExec)
	if errno == 0 {
		return nil
	}
	// Linux before 5.11.
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	for fd := first; uint64(fd) < min(limit.Cur, 1<<16); fd++ {
		syscall.CloseOnExec(fd)
	}
	return nil
}

// BecomeUser changes user and group of the thread, and leaves all supplementary groups.
func BecomeUser(number int) error {
	n := uintptr(number)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
		return errno
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESGID, n, n, n); errno != 0 {
		return errno
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, n, n, n)
	return result(errno)
}

// LimitCapabilities makes sure that no exec and no change of the user number gives capabilities. It comes before BecomeUser,
// which takes the right to do so. What an ordinary user may not limit it does not have.
func LimitCapabilities() {
	for capability := uintptr(0); capability < maxCapability; capability++ {
		_ = prctl(prCapbsetDrop, capability, 0)
	}
	_ = prctl(prCapAmbient, prCapAmbientClearAll, 0)
	_ = prctl(prSetSecurebits, secureBits, 0)
}

// DropCapabilities drops every capability of the thread.
func DropCapabilities() error {
	header := [2]uint32{0x20080522, 0} // _LINUX_CAPABILITY_VERSION_3, this thread
	var none [6]uint32
	_, _, errno := syscall.RawSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none)), 0)
	return result(errno)
}

// PidfdOpen opens the process of a thread. The descriptor is closed on exec.
func PidfdOpen(thread int) (int, error) {
	const threadFlag = syscall.O_EXCL // PIDFD_THREAD, of Linux 6.9
	fd, _, errno := syscall.RawSyscall(callPidfdOpen, uintptr(thread), threadFlag, 0)
	if errno == syscall.EINVAL {
		fd, _, errno = syscall.RawSyscall(callPidfdOpen, uintptr(threadGroup(thread)), 0, 0)
	}
	return int(fd), result(errno)
}

// PidfdGetfd duplicates a descriptor of a process. The duplicate is closed on exec.
func PidfdGetfd(pidfd, fd int) (int, error) {
	duplicate, _, errno := syscall.RawSyscall(callPidfdGetfd, uintptr(pidfd), uintptr(fd), 0)
	return int(duplicate), result(errno)
}

// Resolutions of Openat2.
const (
	NoMagicLinks = 0x02
	Beneath      = 0x08
	InRoot       = 0x10
)

// Openat2 opens a path as openat2(2) does.
func Openat2(folder int, path string, flags int, resolve uint64) (int, error) {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return -1, err
	}
	how := [3]uint64{uint64(flags | syscall.O_CLOEXEC), 0, resolve}
	fd, _, errno := syscall.Syscall6(callOpenat2, uintptr(folder), uintptr(unsafe.Pointer(name)),
		uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0, 0)
	return int(fd), result(errno)
}

// SetMountFlags adds flags (MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC) to a mount and all mounts below it. Linux before 5.12
// answers ENOSYS.
func SetMountFlags(path string, flags uintptr) error {
	const recursive = 0x8000 // AT_RECURSIVE
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	// The first MOUNT_ATTR flags have the values of their MS twins.
	attributes := [4]uint64{uint64(flags)}
	at := -100 // AT_FDCWD
	_, _, errno := syscall.Syscall6(callMountSetattr, uintptr(at), uintptr(unsafe.Pointer(name)), recursive,
		uintptr(unsafe.Pointer(&attributes)), unsafe.Sizeof(attributes), 0)
	return result(errno)
}

// ActAs changes the numbers that decide on access to files, of the calling thread; ActAs(0) is the way back.
func ActAs(number int) {
	for _, call := range []uintptr{syscall.SYS_SETFSGID, syscall.SYS_SETFSUID} {
		_, _, _ = syscall.RawSyscall(call, uintptr(number), 0, 0)
	}
}
