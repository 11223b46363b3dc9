package main

import (
	"syscall"
	"unsafe"
)

const (
	idPID  = 1          // P_PID: wait for one process
	exited = 0x4        // WEXITED
	noReap = 0x01000000 // WNOWAIT: leave it a zombie
)

// awaitExit returns when a child has ended, and leaves it to be reaped: until then nobody else gets its number.
func awaitExit(pid int) {
	var info [128]byte
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, idPID, uintptr(pid), uintptr(unsafe.Pointer(&info)), exited|noReap, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}
