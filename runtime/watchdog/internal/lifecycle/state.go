// Package lifecycle decides whether the watchdog accepts requests: the listening socket, the lock file, health and
// readiness, and what is released while no calls come.
package lifecycle

import (
	"os"
	"path/filepath"
	"sync/atomic"

	"fwatchdog/internal/config"
)

// State is whether this watchdog takes requests: the lock file says so to the outside.
type State struct {
	accepting atomic.Bool
	lockFile  string // empty when it is suppressed
}

// NewState returns the state before the start: no requests are accepted.
func NewState(c *config.Config) *State {
	s := &State{}
	if !c.SuppressLock {
		s.lockFile = c.LockFile
	}
	return s
}

// Accept begins to take requests. Other programs see the lock file.
func (s *State) Accept() error {
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

// Refuse makes health and readiness fail from now on.
func (s *State) Refuse() {
	s.accepting.Store(false)
	if s.lockFile != "" {
		_ = os.Remove(s.lockFile)
	}
}

// healthy also asks for the lock file: removing it by hand is a way to take a container out of service.
func (s *State) healthy() bool {
	if !s.accepting.Load() {
		return false
	}
	if s.lockFile == "" {
		return true
	}
	_, err := os.Stat(s.lockFile)
	return err == nil
}
