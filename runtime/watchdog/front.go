package main

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// front accepts the connections of mode http and carries plain calls itself: those whose head comes in one piece,
// with a small body and nothing unusual in them. Nearly all calls are like that, and net/http would take longer over
// each than all the rest of this program. A connection with any other request goes to net/http, with what has been
// read of it, and stays there: every rule about the unusual has its one home.
type front struct {
	net.Listener
	watchdog *watchdog
	proxy    *proxy

	others  chan net.Conn // connections for net/http
	over    chan struct{} // closed when nothing is accepted any more
	ended   sync.Once
	closing atomic.Bool
	mutex   sync.Mutex
	conns   map[*frontConn]struct{}
}

const (
	shortestPause = 5 * time.Millisecond // before another attempt to accept, when descriptors have run out
	longestPause  = time.Second
)

// newFront takes over a listener. What it returns is the listener for net/http.
func newFront(listener net.Listener, w *watchdog, p *proxy) *front {
	return &front{
		Listener: listener, watchdog: w, proxy: p,
		others: make(chan net.Conn), over: make(chan struct{}), conns: map[*frontConn]struct{}{},
	}
}

// fits reports whether the configuration leaves anything to the front: tokens and header dumps are net/http's.
func (f *front) fits() bool {
	c := f.watchdog.config
	return !c.jwt && !c.debugHeaders && f.proxy.upstream.proxyAuth() == ""
}

// acceptAll serves connections until the listener is closed.
func (f *front) acceptAll() {
	pause := shortestPause
	for {
		conn, err := f.Listener.Accept()
		switch {
		case err == nil:
			pause = shortestPause
			go f.serve(conn)
		case errors.Is(err, net.ErrClosed):
			f.end()
			return
		default:
			// No descriptors, most of all: they come back when other connections go.
			time.Sleep(pause)
			pause = min(2*pause, longestPause)
		}
	}
}

// Accept returns the next connection that is net/http's.
func (f *front) Accept() (net.Conn, error) {
	select {
	case conn := <-f.others:
		return conn, nil
	case <-f.over:
		return nil, net.ErrClosed
	}
}

// Close accepts no more, and ends connections as soon as no call is on them.
func (f *front) Close() error {
	f.closing.Store(true)
	err := f.Listener.Close()
	f.end()
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for conn := range f.conns {
		if conn.idle.CompareAndSwap(true, false) {
			_ = conn.SetReadDeadline(past)
		}
	}
	return err
}

func (f *front) end() { f.ended.Do(func() { close(f.over) }) }

// cutOff ends every call at once.
func (f *front) cutOff() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for conn := range f.conns {
		conn.Close()
		if up := conn.up.Load(); up != nil {
			up.interrupt()
		}
	}
}

// serve carries one connection's calls.
func (f *front) serve(conn net.Conn) {
	c := &frontConn{Conn: conn, front: f, in: make([]byte, headSize)}
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
	case f.others <- &begunConn{Conn: conn, begun: c.in[:c.have]}:
	case <-f.over:
		conn.Close()
	}
}

// begunConn is a connection of which something has been read already.
type begunConn struct {
	net.Conn
	begun []byte
}

func (c *begunConn) Read(into []byte) (int, error) {
	if len(c.begun) == 0 {
		return c.Conn.Read(into)
	}
	n := copy(into, c.begun)
	c.begun = c.begun[n:]
	return n, nil
}

// CloseWrite lets net/http say why it refuses a request before it hangs up.
func (c *begunConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// peek looks at what has arrived on a connection without taking it: data, its end, or neither yet.
func peek(fd uintptr) (data, ended bool) {
	var one [1]byte
	n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		return false, false
	}
	return n > 0, n <= 0
}
