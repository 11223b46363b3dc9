package main

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// stopGrace is how long the process may take to end after SIGTERM, when every call has been answered.
const stopGrace = 10 * time.Second

const (
	portInterval = 10 * time.Millisecond // between two attempts to reach a process that is starting
	restartPause = time.Second           // before a process that has ended is started again
	lastWords    = time.Second           // for what an ended process has printed to be in the log
)

var errNotReady = errors.New("the function's process has ended")

// child is the long-lived process of mode http.
type child struct {
	config   *config
	logger   *logger
	upstream *upstream
	env      []string

	mutex    sync.Mutex
	process  *process
	stopping bool
	running  atomic.Bool
	up       atomic.Bool   // it has accepted a connection
	ended    chan struct{} // closed when the present process has ended
}

func newChild(c *config, l *logger, up *upstream, env []string) *child {
	return &child{config: c, logger: l, upstream: up, env: env}
}

// start starts the process; when it ends by itself its exit code is sent to ended.
func (c *child) start(ended chan<- int) error {
	stdout, childOut, err := os.Pipe()
	if err != nil {
		return err
	}
	stderr, childErr, err := os.Pipe()
	if err != nil {
		closeEach(stdout, childOut)
		return err
	}
	// It never gets anything to read, and must not take the end of its input for a reason to leave.
	stdin, input, err := os.Pipe()
	if err != nil {
		closeEach(stdout, childOut, stderr, childErr)
		return err
	}
	started, err := startProcess(c.config.command, c.env, stdin, childOut, childErr)
	closeEach(stdin, childOut, childErr)
	if err != nil {
		closeEach(stdout, stderr, input)
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
func (c *child) copyOutput(stdout, stderr *os.File) <-chan struct{} {
	var copies sync.WaitGroup
	for name, output := range map[string]*os.File{"stdout": stdout, "stderr": stderr} {
		copies.Add(1)
		go func() {
			defer copies.Done()
			c.logger.copyLines(name, output, c.config.logBufferSize, c.config.prefixLogs)
		}()
	}
	said := make(chan struct{})
	go func() {
		copies.Wait()
		close(said)
	}()
	return said
}

func (c *child) watchEnd(started *process, input *os.File, said <-chan struct{}, gone chan struct{}, ended chan<- int) {
	err := started.wait()
	// Its last words say why it ended; a descendant that keeps its output open must not hold us up.
	select {
	case <-said:
	case <-time.After(lastWords):
	}
	input.Close()
	c.running.Store(false)
	c.up.Store(false)
	close(gone)
	c.upstream.closeIdle()
	if c.isStopping() {
		return
	}
	if !c.config.restart {
		ended <- exitCode(err)
		return
	}
	c.logger.printf("the function's process has ended with code %d; starting it again", exitCode(err))
	time.Sleep(restartPause)
	if c.isStopping() {
		return
	}
	if err := c.start(ended); err != nil {
		c.logger.printf("the function's process cannot be started: %v", err)
		ended <- exitFailed
	}
}

func (c *child) isStopping() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.stopping
}

// watchPort finds out when the process begins to listen.
func (c *child) watchPort(gone <-chan struct{}) {
	for {
		connection, err := net.DialTimeout(c.upstream.network, c.upstream.address, time.Second)
		if err == nil {
			connection.Close()
			c.up.Store(true)
			return
		}
		select {
		case <-gone:
			return
		case <-time.After(portInterval):
		}
	}
}

// waitUntilListening returns once the process takes connections, or with an error when the caller, the time (zero:
// no limit) or the process ends.
func (c *child) waitUntilListening(ctx context.Context, deadline time.Time) error {
	for !c.up.Load() {
		switch {
		case !c.running.Load() && !c.config.restart:
			return errNotReady
		case !deadline.IsZero() && time.Now().After(deadline):
			return context.DeadlineExceeded
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(portInterval):
		}
	}
	return nil
}

func (c *child) alive() bool     { return c.running.Load() }
func (c *child) listening() bool { return c.up.Load() }

// stop asks the process to end, and makes it end when it does not.
func (c *child) stop() {
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
	case <-time.After(stopGrace):
		c.logger.printf("the function's process did not end within %s of SIGTERM; killing it", stopGrace)
	}
	process.kill()
	<-ended
}
