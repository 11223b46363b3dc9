// Package fastpath carries the plain calls of mode http without net/http, which needs more time for a call than the rest of
// the watchdog.
//
// A plain request has its whole head in one read, a small body with a stated length, and no field with a rule of its own,
// such as Expect or Upgrade. Almost all requests are plain. A connection with any other request is handed to net/http, with
// the bytes that have been read, for the rest of its life, so that the rules for such requests exist only once.
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

// Listener accepts connections and carries their plain calls. Its own Accept returns the connections for net/http.
type Listener struct {
	net.Listener
	Options

	fallback chan net.Conn // connections for net/http
	closed   chan struct{} // closed when no more connections are accepted
	ended    sync.Once
	closing  atomic.Bool
	mutex    sync.Mutex
	conns    map[*clientConn]struct{}
}

const (
	minAcceptDelay = 5 * time.Millisecond // before the next attempt to accept after an error
	maxAcceptDelay = time.Second
)

// Options are what the fast path shares with the chain of handlers.
type Options struct {
	Config   *config.Config
	Logger   *logging.Logger
	Metrics  *metrics.Metrics
	Limiter  *middleware.Limiter
	Child    *process.Child
	Upstream *upstream.Pool
}

// New carries the plain calls of the connections of a listener. It returns the listener for net/http.
func New(listener net.Listener, options Options) *Listener {
	l := &Listener{
		Listener: listener, Options: options,
		fallback: make(chan net.Conn), closed: make(chan struct{}), conns: map[*clientConn]struct{}{},
	}
	go l.acceptAll()
	return l
}

// Supported reports whether the fast path can carry the calls of a configuration: mode http without tokens, a header dump
// or the credentials of a forward proxy, which only the chain of handlers knows.
func (o Options) Supported() bool {
	return o.Child != nil && !o.Config.JWT && !o.Config.DebugHeaders && o.Upstream.ProxyAuth() == ""
}

// acceptAll serves connections until the listener is closed.
func (l *Listener) acceptAll() {
	delay := minAcceptDelay
	for {
		conn, err := l.Listener.Accept()
		switch {
		case err == nil:
			delay = minAcceptDelay
			go l.serve(conn)
		case errors.Is(err, net.ErrClosed):
			l.endAccept()
			return
		default:
			// Most likely out of descriptors, until other connections are closed.
			time.Sleep(delay)
			delay = min(2*delay, maxAcceptDelay)
		}
	}
}

// Accept returns the next connection for net/http.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.fallback:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close closes the listener and idle connections. Busy connections are closed after their call.
func (l *Listener) Close() error {
	l.closing.Store(true)
	err := l.Listener.Close()
	l.endAccept()
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for conn := range l.conns {
		if conn.idle.CompareAndSwap(true, false) {
			_ = conn.SetReadDeadline(calls.Past)
		}
	}
	return err
}

func (l *Listener) endAccept() { l.ended.Do(func() { close(l.closed) }) }

// CutOff ends every call at once.
func (l *Listener) CutOff() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for conn := range l.conns {
		conn.Close()
		if up := conn.up.Load(); up != nil {
			up.Interrupt()
		}
	}
}

// serve carries the calls of one connection.
func (l *Listener) serve(conn net.Conn) {
	c := &clientConn{Conn: conn, listener: l, in: make([]byte, maxHeadBytes)}
	l.mutex.Lock()
	l.conns[c] = struct{}{}
	l.mutex.Unlock()
	keep := c.carryCalls()
	l.mutex.Lock()
	delete(l.conns, c)
	l.mutex.Unlock()
	if !keep {
		conn.Close()
		return
	}
	// net/http sets its own deadlines.
	_ = conn.SetDeadline(time.Time{})
	select {
	case l.fallback <- &replayConn{Conn: conn, buffered: c.in[:c.have]}:
	case <-l.closed:
		conn.Close()
	}
}

// replayConn is a connection whose first bytes have been read already.
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

// CloseWrite lets net/http send an error before it closes the connection.
func (c *replayConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
