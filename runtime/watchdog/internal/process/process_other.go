//go:build !linux

package process

import "syscall"

// awaitExit returns at once: only Linux has a wait that does not reap.
func awaitExit(int) {}

// hasEnded reports false: only Linux can report the end of a child without reaping it.
func hasEnded(int) (ended, failed bool) { return false, false }

// left returns nothing: only Linux keeps the number of an ended child's group.
func left(int, bool) []int { return nil }

// attributes make a child the leader of its own group.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// ReapOrphans does nothing: the watchdog runs as PID 1 on Linux only.
func ReapOrphans() {}
