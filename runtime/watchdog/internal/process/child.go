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

// stopTimeout is how long the process may take to end after SIGTERM, when every call has been answered.
const stopTimeout = 10 * time.Second

const (
	pollInterval  = 10 * time.Millisecond // between two attempts to reach a process that is starting
	restartDelay  = time.Second           // before a process that has ended is started again
	outputTimeout = time.Second           // for what an ended process has printed to be in the log
)

var errNotReady = errors.New("the function's process has ended")

// Child is the long-lived process of mode http. A nil child stands for the modes that have none.
type Child struct {
	config  *config.Config
	logger  *logging.Logger
	network string // where it listens: tcp or unix
	address string
	onExit  func() // called whenever the process has ended

	mutex    sync.Mutex
	process  *Process
	stopping bool
	running  atomic.Bool
	up       atomic.Bool   // it has accepted a connection
	ended    chan struct{} // closed when the present process has ended
}

func NewChild(c *config.Config, l *logging.Logger, network, address string, onExit func()) *Child {
	return &Child{config: c, logger: l, network: network, address: address, onExit: onExit}
}

// Start starts the process; when it ends by itself its exit code is sent to ended.
func (c *Child) Start(ended chan<- int) error {
	stdout, childOut, err := os.Pipe()
	if err != nil {
		return err
	}
	stderr, childErr, err := os.Pipe()
	if err != nil {
		CloseFiles(stdout, childOut)
		return err
	}
	// It never gets anything to read, and must not take the end of its input for a reason to leave.
	stdin, input, err := os.Pipe()
	if err != nil {
		CloseFiles(stdout, childOut, stderr, childErr)
		return err
	}
	started, err := Start(c.config.Command, Environment(), stdin, childOut, childErr)
	CloseFiles(stdin, childOut, childErr)
	if err != nil {
		CloseFiles(stdout, stderr, input)
		return err
	}
	c.mutex.Lock()
	c.process, c.ended = started, make(chan struct{})
	gone := c.ended
	c.mutex.Unlock()
	c.running.Store(true)
	said := c.copyOutput(stdout, stderr)
	go c.watchPort(gone)
	go c.watchEnd(started, input, said, gone, ended)
	return nil
}

// copyOutput writes what the process prints to the log; the channel is closed when all of it is there.
func (c *Child) copyOutput(stdout, stderr *os.File) <-chan struct{} {
	var copies sync.WaitGroup
	for name, output := range map[string]*os.File{"stdout": stdout, "stderr": stderr} {
		copies.Add(1)
		go func() {
			defer copies.Done()
			c.logger.CopyLines(name, output)
		}()
	}
	said := make(chan struct{})
	go func() {
		copies.Wait()
		close(said)
	}()
	return said
}

func (c *Child) watchEnd(started *Process, input *os.File, said <-chan struct{}, gone chan struct{}, ended chan<- int) {
	err := started.Wait()
	// Its last words say why it ended; a descendant that keeps its output open must not hold us up.
	select {
	case <-said:
	case <-time.After(outputTimeout):
	}
	input.Close()
	c.running.Store(false)
	c.up.Store(false)
	close(gone)
	c.onExit()
	if c.isStopping() {
		return
	}
	if !c.config.Restart {
		ended <- exitCode(err)
		return
	}
	c.logger.Printf("the function's process has ended with code %d; starting it again", exitCode(err))
	time.Sleep(restartDelay)
	if c.isStopping() {
		return
	}
	if err := c.Start(ended); err != nil {
		c.logger.Printf("the function's process cannot be started: %v", err)
		ended <- ExitFailed
	}
}

func (c *Child) isStopping() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.stopping
}

// watchPort finds out when the process begins to listen.
func (c *Child) watchPort(gone <-chan struct{}) {
	for {
		connection, err := net.DialTimeout(c.network, c.address, time.Second)
		if err == nil {
			connection.Close()
			c.up.Store(true)
			return
		}
		select {
		case <-gone:
			return
		case <-time.After(pollInterval):
		}
	}
}

// WaitUntilListening returns once the process takes connections, or with an error when the caller, the time (zero:
// no limit) or the process ends.
func (c *Child) WaitUntilListening(ctx context.Context, deadline time.Time) error {
	for !c.up.Load() {
		switch {
		case !c.running.Load() && !c.config.Restart:
			return errNotReady
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

func (c *Child) Alive() bool     { return c == nil || c.running.Load() }
func (c *Child) Listening() bool { return c == nil || c.up.Load() }

// Stop asks the process to end, and makes it end when it does not.
func (c *Child) Stop() {
	if c == nil {
		return
	}
	c.mutex.Lock()
	c.stopping = true
	process, ended := c.process, c.ended
	c.mutex.Unlock()
	if process == nil || !c.running.Load() {
		return
	}
	process.signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(stopTimeout):
		c.logger.Printf("the function's process did not end within %s of SIGTERM; killing it", stopTimeout)
	}
	process.Kill()
	<-ended
}
