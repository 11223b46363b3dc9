package process

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"fwatchdog/internal/config"
	"fwatchdog/internal/logging"
)

const (
	stopTimeout   = 10 * time.Second      // from SIGTERM to SIGKILL, after every call has been answered
	pollInterval  = 10 * time.Millisecond // between attempts to connect to a process that is starting
	restartDelay  = time.Second           // before a process that has exited is restarted
	outputTimeout = time.Second           // for the last output of a process to be logged
)

var errExited = errors.New("the function's process has exited")

// Child is the long-lived process of mode http. A nil Child stands for a mode without one: alive and listening.
type Child struct {
	config  *config.Config
	logger  *logging.Logger
	network string // where the process listens: tcp or unix
	address string
	onExit  func() // called each time the process has exited

	mutex    sync.Mutex
	process  *Process
	exited   chan struct{} // closed when process has exited
	stopping atomic.Bool
	running  atomic.Bool
	accepts  atomic.Bool // the process has accepted a connection
}

// NewChild returns a child that has not been started. It listens on a tcp or unix address; onExit is called each time
// its process has exited.
func NewChild(c *config.Config, l *logging.Logger, network, address string, onExit func()) *Child {
	return &Child{config: c, logger: l, network: network, address: address, onExit: onExit}
}

// Start starts the process. When the process exits by itself, and is not restarted, its exit code is sent to codes.
func (c *Child) Start(codes chan<- int) error {
	// Nothing is written to the input. It stays open, because some servers exit when their input ends.
	started, err := Start(c.config.Command, Environment(), true, true)
	if err != nil {
		return err
	}
	exited := make(chan struct{})
	c.mutex.Lock()
	c.process, c.exited = started, exited
	c.mutex.Unlock()
	c.running.Store(true)
	go c.watchPort(exited)
	go c.watchExit(started, c.logOutput(started), exited, codes)
	return nil
}

// logOutput logs the output of a process; the returned channel is closed when the output has ended.
func (c *Child) logOutput(p *Process) <-chan struct{} {
	var copies sync.WaitGroup
	for stream, output := range map[string]*os.File{"stdout": p.Output, "stderr": p.Errors} {
		copies.Add(1)
		go func() {
			defer copies.Done()
			defer output.Close()
			c.logger.CopyLines(stream, output)
		}()
	}
	logged := make(chan struct{})
	go func() {
		copies.Wait()
		close(logged)
	}()
	return logged
}

func (c *Child) watchExit(started *Process, logged <-chan struct{}, exited chan<- struct{}, codes chan<- int) {
	// A descendant would keep the port and the connections of the calls in flight.
	code := exitCode(started.WaitAll())
	// The last lines of the log often contain the reason; a descendant may keep the output open forever.
	select {
	case <-logged:
	case <-time.After(outputTimeout):
	}
	started.CloseInput()
	c.running.Store(false)
	c.accepts.Store(false)
	close(exited)
	c.onExit()
	if c.stopping.Load() {
		return
	}
	if !c.config.Restart {
		codes <- code
		return
	}
	c.logger.Printf("the function's process exited with code %d; restarting it", code)
	time.Sleep(restartDelay)
	if c.stopping.Load() {
		return
	}
	if err := c.Start(codes); err != nil {
		c.logger.Printf("cannot start the function's process: %v", err)
		codes <- ExitFailed
	}
}

// watchPort connects until the process accepts a connection or has exited.
func (c *Child) watchPort(exited <-chan struct{}) {
	for {
		connection, err := net.DialTimeout(c.network, c.address, time.Second)
		if err == nil {
			connection.Close()
			c.accepts.Store(true)
			return
		}
		select {
		case <-exited:
			return
		case <-time.After(pollInterval):
		}
	}
}

// WaitUntilListening returns when the process accepts connections. It returns an error when ctx ends, when the deadline
// passes (the zero time is no deadline), or when the process has exited for good.
func (c *Child) WaitUntilListening(ctx context.Context, deadline time.Time) error {
	for !c.accepts.Load() {
		switch {
		case !c.running.Load() && !c.config.Restart:
			return errExited
		case !deadline.IsZero() && time.Now().After(deadline):
			return context.DeadlineExceeded
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollInterval):
		}
	}
	return nil
}

// Alive reports whether the process runs.
func (c *Child) Alive() bool { return c == nil || c.running.Load() }

// Listening reports whether the process accepts connections.
func (c *Child) Listening() bool { return c == nil || c.accepts.Load() }

// Stop sends SIGTERM to the process, and SIGKILL when it does not exit in time.
func (c *Child) Stop() {
	c.stopping.Store(true)
	c.mutex.Lock()
	process, exited := c.process, c.exited
	c.mutex.Unlock()
	if process == nil || !c.running.Load() {
		return
	}
	process.signal(syscall.SIGTERM)
	select {
	case <-exited:
	case <-time.After(stopTimeout):
		c.logger.Printf("the function's process did not exit within %s of SIGTERM; killing it", stopTimeout)
	}
	process.Kill()
	<-exited
}
