package main

import (
	"os"
	"path/filepath"
	"sync/atomic"
)

// state is whether this watchdog takes requests: the lock file says so to the outside.
type state struct {
	accepting atomic.Bool
	lockFile  string // empty when it is suppressed
}

// accept begins to take requests. Other programs see the lock file.
func (s *state) accept() error {
	if s.lockFile != "" {
		if err := os.MkdirAll(filepath.Dir(s.lockFile), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(s.lockFile, nil, 0o660); err != nil {
			return err
		}
	}
	s.accepting.Store(true)
	return nil
}

// refuse makes health and readiness fail from now on.
func (s *state) refuse() {
	s.accepting.Store(false)
	if s.lockFile != "" {
		_ = os.Remove(s.lockFile)
	}
}

// healthy also asks for the lock file: removing it by hand is a way to take a container out of service.
func (s *state) healthy() bool {
	if !s.accepting.Load() {
		return false
	}
	if s.lockFile == "" {
		return true
	}
	_, err := os.Stat(s.lockFile)
	return err == nil
}
