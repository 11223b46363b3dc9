package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/url"
	"sync"
	"syscall"
	"time"
)

const (
	maxIdle     = 256              // connections kept for later calls
	idleLimit   = 4 * time.Second  // under the five seconds after which common servers hang up
	dialLimit   = 10 * time.Second // longest wait for the process to take a connection
	maxHeadSize = 1 << 20          // bytes of an answer's header
)

// upstream is where the process of mode http listens, with a pool of connections to it.
type upstream struct {
	network string // tcp or unix
	address string
	host    string // for requests that name none
	base    string // path put before every request's
	secure  bool
	proxy   *forwardProxy // nil: connections go there directly

	mutex sync.Mutex
	idle  []*upstreamConn // the last one was used most recently
}

// newUpstream understands http://host:port/base, https://... and unix:///path/of/socket.
func newUpstream(target *url.URL) *upstream {
	if target.Scheme == "unix" {
		return &upstream{network: "unix", address: target.Path, host: "localhost"}
	}
	return &upstream{
		network: "tcp", address: net.JoinHostPort(target.Hostname(), portOf(target)), host: target.Host,
		base: target.EscapedPath(), secure: target.Scheme == "https",
	}
}

// portOf is the port of an address, or the usual one.
func portOf(target *url.URL) string {
	if port := target.Port(); port != "" {
		return port
	}
	return map[string]string{"http": "80", "https": "443"}[target.Scheme]
}

// upstreamConn is one connection to the process. One goroutine uses it at a time, but for the sending of bodies.
type upstreamConn struct {
	net.Conn
	reader *bufio.Reader
	writer *bufio.Writer
	limit  *io.LimitedReader // what may still be read; guards against endless headers
	used   bool              // it has carried a call before
	since  time.Time         // idle since
	slow   bool              // its writes have a time limit as well
}

// take returns a connection that is idle and alive, or a new one.
func (u *upstream) take(ctx context.Context) (*upstreamConn, error) {
	for {
		conn := u.popIdle()
		if conn == nil {
			return u.dial(ctx)
		}
		if time.Since(conn.since) < idleLimit && conn.quiet() {
			return conn, nil
		}
		conn.Close()
	}
}

func (u *upstream) popIdle() *upstreamConn {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	last := len(u.idle) - 1
	if last < 0 {
		return nil
	}
	conn := u.idle[last]
	u.idle[last] = nil
	u.idle = u.idle[:last]
	return conn
}

// dial opens a new connection.
func (u *upstream) dial(ctx context.Context) (*upstreamConn, error) {
	dialer := net.Dialer{Timeout: dialLimit}
	conn, err := dialer.DialContext(ctx, u.network, u.address)
	if err != nil {
		return nil, err
	}
	name := u.address
	if u.proxy != nil {
		name = u.proxy.target
		through, err := u.secureThrough(ctx, conn)
		if err != nil {
			conn.Close()
			return nil, err
		}
		conn = through
	}
	if u.secure {
		host, _, _ := net.SplitHostPort(name)
		conn = tls.Client(conn, &tls.Config{ServerName: host})
	}
	limit := &io.LimitedReader{R: conn, N: maxHeadSize}
	return &upstreamConn{Conn: conn, limit: limit, reader: bufio.NewReader(limit), writer: bufio.NewWriter(conn)}, nil
}

// put gives a connection back for the next call.
func (u *upstream) put(conn *upstreamConn) {
	conn.used, conn.since = true, time.Now()
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if len(u.idle) >= maxIdle {
		conn.Close()
		return
	}
	u.idle = append(u.idle, conn)
}

// closeIdle forgets the connections to a process that has ended.
func (u *upstream) closeIdle() {
	for conn := u.popIdle(); conn != nil; conn = u.popIdle() {
		conn.Close()
	}
}

// quiet reports that the other side has neither hung up nor said anything unasked.
func (c *upstreamConn) quiet() bool {
	under := c.Conn
	for secure, ok := under.(*tls.Conn); ok; secure, ok = under.(*tls.Conn) {
		under = secure.NetConn()
	}
	raw, err := under.(syscall.Conn).SyscallConn()
	if err != nil || c.reader.Buffered() > 0 {
		return false
	}
	quiet := false
	// Control, and not Read: the time limit of the last call may be over.
	err = raw.Control(func(fd uintptr) {
		data, ended := peek(fd)
		quiet = !data && !ended
	})
	return err == nil && quiet
}

// limitTo sets the time at which the call on this connection must be over. A request that goes out in one piece fits
// the socket's buffer, and needs no limit for writing; it must not have that of an earlier call either.
func (c *upstreamConn) limitTo(deadline time.Time, writes bool) {
	c.limitWrites(deadline, writes)
	_ = c.SetReadDeadline(deadline)
}

func (c *upstreamConn) limitWrites(deadline time.Time, writes bool) {
	switch {
	case writes:
		_ = c.SetWriteDeadline(deadline)
	case c.slow:
		_ = c.SetWriteDeadline(time.Time{})
	}
	c.slow = writes
}

// interrupt makes every read and write of the connection fail at once.
func (c *upstreamConn) interrupt() { _ = c.SetDeadline(time.Unix(1, 0)) }
