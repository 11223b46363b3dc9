// Package fastpath carries the plain calls of mode http without net/http.
package fastpath

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"fwatchdog/internal/calls"
	"fwatchdog/internal/config"
	"fwatchdog/internal/logging"
	"fwatchdog/internal/metrics"
	"fwatchdog/internal/middleware"
	"fwatchdog/internal/process"
	"fwatchdog/internal/upstream"
)

// Listener accepts the connections of mode http and carries plain calls itself: those whose head comes in one piece,
// with a small body and nothing unusual in them. Nearly all calls are like that, and net/http would take longer over
// each than all the rest of this program. A connection with any other request goes to net/http, with what has been
// read of it, and stays there: every rule about the unusual has its one home.
type Listener struct {
	net.Listener
	Options

	fallback chan net.Conn // connections for net/http
	closed   chan struct{} // closed when nothing is accepted any more
	ended    sync.Once
	closing  atomic.Bool
	mutex    sync.Mutex
	conns    map[*clientConn]struct{}
}

const (
	minAcceptDelay = 5 * time.Millisecond // before another attempt to accept, when descriptors have run out
	maxAcceptDelay = time.Second
)

// Options are the parts of the watchdog that the fast path shares with the chain of handlers.
type Options struct {
	Config   *config.Config
	Logger   *logging.Logger
	Metrics  *metrics.Metrics
	Limiter  *middleware.Limiter
	Child    *process.Child
	Upstream *upstream.Pool
}

// New takes over a listener. It returns the listener for net/http.
func New(listener net.Listener, options Options) *Listener {
	f := &Listener{
		Listener: listener, Options: options,
		fallback: make(chan net.Conn), closed: make(chan struct{}), conns: map[*clientConn]struct{}{},
	}
	go f.acceptAll()
	return f
}

// Fits reports whether the fast path can carry the calls of a configuration. The chain of handlers alone checks tokens,
// dumps headers and authenticates to a forward proxy.
func (o Options) Fits() bool {
	return o.Child != nil && !o.Config.JWT && !o.Config.DebugHeaders && o.Upstream.ProxyAuth() == ""
}

// acceptAll serves connections until the listener is closed.
func (f *Listener) acceptAll() {
	pause := minAcceptDelay
	for {
		conn, err := f.Listener.Accept()
		switch {
		case err == nil:
			pause = minAcceptDelay
			go f.serve(conn)
		case errors.Is(err, net.ErrClosed):
			f.endAccept()
			return
		default:
			// No descriptors, most of all: they come back when other connections go.
			time.Sleep(pause)
			pause = min(2*pause, maxAcceptDelay)
		}
	}
}

// Accept returns the next connection that is net/http's.
func (f *Listener) Accept() (net.Conn, error) {
	select {
	case conn := <-f.fallback:
		return conn, nil
	case <-f.closed:
		return nil, net.ErrClosed
	}
}

// Close accepts no more, and ends connections as soon as no call is on them.
func (f *Listener) Close() error {
	f.closing.Store(true)
	err := f.Listener.Close()
	f.endAccept()
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for conn := range f.conns {
		if conn.idle.CompareAndSwap(true, false) {
			_ = conn.SetReadDeadline(calls.Past)
		}
	}
	return err
}

func (f *Listener) endAccept() { f.ended.Do(func() { close(f.closed) }) }

// CutOff ends every call at once.
func (f *Listener) CutOff() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for conn := range f.conns {
		conn.Close()
		if up := conn.up.Load(); up != nil {
			up.Interrupt()
		}
	}
}

// serve carries one connection's calls.
func (f *Listener) serve(conn net.Conn) {
	c := &clientConn{Conn: conn, front: f, in: make([]byte, maxHeadBytes)}
	f.mutex.Lock()
	f.conns[c] = struct{}{}
	f.mutex.Unlock()
	keep := c.carryCalls()
	f.mutex.Lock()
	delete(f.conns, c)
	f.mutex.Unlock()
	if !keep {
		conn.Close()
		return
	}
	// net/http sets its own limits.
	_ = conn.SetDeadline(time.Time{})
	select {
	case f.fallback <- &replayConn{Conn: conn, buffered: c.in[:c.have]}:
	case <-f.closed:
		conn.Close()
	}
}

// replayConn is a connection of which something has been read already.
type replayConn struct {
	net.Conn
	buffered []byte
}

func (c *replayConn) Read(into []byte) (int, error) {
	if len(c.buffered) == 0 {
		return c.Conn.Read(into)
	}
	n := copy(into, c.buffered)
	c.buffered = c.buffered[n:]
	return n, nil
}

// CloseWrite lets net/http say why it refuses a request before it hangs up.
func (c *replayConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
