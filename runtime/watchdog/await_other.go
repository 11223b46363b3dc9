//go:build !linux

package main

import "syscall"

// awaitExit returns at once: only Linux lets us see the end of a child without reaping it.
func awaitExit(int) {}

// hasEnded cannot tell, and says no.
func hasEnded(int) bool { return false }

// childAttributes make a child lead a group of its own.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
