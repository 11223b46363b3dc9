//go:build !linux

package process

import "syscall"

// AwaitExit returns at once: only Linux lets us see the end of a Child without reaping it.
func AwaitExit(int) {}

// hasEnded cannot tell, and says no.
func hasEnded(int) bool { return false }

// attributes make a Child lead a group of its children.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// ReapOrphans does nothing: only on Linux do we run as PID 1.
func ReapOrphans() {}
