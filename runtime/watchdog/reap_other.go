//go:build !linux

package main

// reapOrphans does nothing: only on Linux do we run as PID 1.
func reapOrphans() {}
