// Package lifecycle decides whether the watchdog accepts requests: the listening socket, the lock file, health and
// readiness, and what is released while no calls come.
package lifecycle

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"fwatchdog/internal/config"
	"fwatchdog/internal/upstream"
)

// State is whether the watchdog accepts requests. The lock file shows it to other programs.
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

// Accept begins accepting requests and writes the lock file.
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

// Refuse makes health and readiness fail, and removes the lock file.
func (s *State) Refuse() {
	s.accepting.Store(false)
	if s.lockFile != "" {
		_ = os.Remove(s.lockFile)
	}
}

// healthy checks the lock file too: users remove it to take a container out of service.
func (s *State) healthy() bool {
	if !s.accepting.Load() || s.lockFile == "" {
		return s.accepting.Load()
	}
	_, err := os.Stat(s.lockFile)
	return err == nil
}

const firstPassedFD = 3

// Listen opens the main port, or uses the socket passed by a service manager (sd_listen_fds of systemd), with which no
// connection is refused during a restart.
func Listen(port int) (net.Listener, error) {
	if socketPassed() {
		file := os.NewFile(firstPassedFD, "listener")
		defer file.Close()
		listener, err := net.FileListener(file)
		if err != nil {
			return nil, fmt.Errorf("`LISTEN_FDS` is set, but descriptor 3 is not a listening socket: %w", err)
		}
		return listener, nil
	}
	return net.Listen("tcp", ":"+strconv.Itoa(port))
}

func socketPassed() bool {
	if count, err := strconv.Atoi(os.Getenv("LISTEN_FDS")); err != nil || count < 1 {
		return false
	}
	// A service manager that does not know the pid beforehand sets 0.
	owner := os.Getenv("LISTEN_PID")
	return owner == "" || owner == "0" || owner == strconv.Itoa(os.Getpid())
}

// trimDelay is the time without a call after which memory and connections are released.
const trimDelay = 2 * time.Second

// TrimIdle releases memory and the idle connections of a pool, which may be nil, when no calls are in flight. Go itself
// keeps unused memory for minutes, and many functions share a machine while few of them work. The returned function
// restarts the delay; it is called when a call has ended.
func TrimIdle(inFlight func() int64, pool *upstream.Pool) (postpone func()) {
	timer := time.AfterFunc(trimDelay, func() {
		if inFlight() > 0 {
			return
		}
		if pool != nil {
			pool.CloseIdle()
		}
		// The first collection only marks the contents of a sync.Pool; the second frees them.
		runtime.GC()
		debug.FreeOSMemory()
	})
	return func() { timer.Reset(trimDelay) }
}
