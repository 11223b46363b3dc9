// Package upstream connects to an HTTP server: a connection pool, forward proxies, and single requests.
package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"net/url"
	"sync"
	"syscall"
	"time"

	"fwatchdog/internal/calls"
)

const (
	maxIdle      = 256              // connections kept for later calls
	idleTimeout  = 4 * time.Second  // under the five seconds after which common servers hang up
	dialTimeout  = 10 * time.Second // longest wait for the process to take a connection
	maxHeadBytes = 1 << 20          // bytes of an answer's header
)

// Pool is where the process of mode http listens, with a pool of connections to it.
type Pool struct {
	Network string // tcp or unix
	Address string
	Host    string // for requests that name none
	Base    string // path put before every request's
	secure  bool
	proxy   *forwardProxy // nil: connections go there directly

	mutex sync.Mutex
	idle  []*Conn // the last one was used most recently
}

// New understands http://host:port/base, https://... and unix:///path/of/socket.
func New(target *url.URL) (*Pool, error) {
	if target.Scheme == "unix" {
		return &Pool{Network: "unix", Address: target.Path, Host: "localhost"}, nil
	}
	u := &Pool{
		Network: "tcp", Address: net.JoinHostPort(target.Hostname(), portOf(target)), Host: target.Host,
		Base: target.EscapedPath(), secure: target.Scheme == "https",
	}
	return u, u.useProxy(target)
}

// portOf is the port of an address, or the usual one.
func portOf(target *url.URL) string {
	if port := target.Port(); port != "" {
		return port
	}
	return map[string]string{"http": "80", "https": "443"}[target.Scheme]
}

// Conn is one connection to the process. One goroutine uses it at a time, but for the sending of bodies.
type Conn struct {
	net.Conn
	Reader        *bufio.Reader
	Writer        *bufio.Writer
	limited       *io.LimitedReader // what may still be read; guards against endless headers
	Used          bool              // it has carried a call before
	idleSince     time.Time         // idle since
	writesLimited bool              // its writes have a time limit as well
}

// Take returns a connection that is idle and alive, or a new one.
func (u *Pool) Take(ctx context.Context) (*Conn, error) {
	for {
		conn := u.popIdle()
		if conn == nil {
			return u.dial(ctx)
		}
		if time.Since(conn.idleSince) < idleTimeout && conn.quiet() {
			return conn, nil
		}
		conn.Close()
	}
}

func (u *Pool) popIdle() *Conn {
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
func (u *Pool) dial(ctx context.Context) (*Conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, u.Network, u.Address)
	if err != nil {
		return nil, err
	}
	name := u.Address
	if u.proxy != nil {
		name = u.proxy.target
		through, err := u.handshake(ctx, conn)
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
	limit := &io.LimitedReader{R: conn, N: maxHeadBytes}
	return &Conn{Conn: conn, limited: limit, Reader: bufio.NewReader(limit), Writer: bufio.NewWriter(conn)}, nil
}

// Put gives a connection back for the next call.
func (u *Pool) Put(conn *Conn) {
	conn.Used, conn.idleSince = true, time.Now()
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if len(u.idle) >= maxIdle {
		conn.Close()
		return
	}
	u.idle = append(u.idle, conn)
}

// CloseIdle forgets the connections to a process that has ended.
func (u *Pool) CloseIdle() {
	for conn := u.popIdle(); conn != nil; conn = u.popIdle() {
		conn.Close()
	}
}

// quiet reports that the other side has neither hung up nor said anything unasked.
func (c *Conn) quiet() bool {
	under := c.Conn
	for secure, ok := under.(*tls.Conn); ok; secure, ok = under.(*tls.Conn) {
		under = secure.NetConn()
	}
	raw, err := under.(syscall.Conn).SyscallConn()
	if err != nil || c.Reader.Buffered() > 0 {
		return false
	}
	quiet := false
	// Control, and not Read: the time limit of the last call may be over.
	err = raw.Control(func(fd uintptr) {
		data, ended := Peek(fd)
		quiet = !data && !ended
	})
	return err == nil && quiet
}

// LimitTo sets the time at which the call on this connection must be over. A request that goes out in one piece fits
// the socket's buffer, and needs no limit for writing; it must not have that of an earlier call either.
func (c *Conn) LimitTo(deadline time.Time, writes bool) {
	c.LimitWrites(deadline, writes)
	_ = c.SetReadDeadline(deadline)
}

func (c *Conn) LimitWrites(deadline time.Time, writes bool) {
	switch {
	case writes:
		_ = c.SetWriteDeadline(deadline)
	case c.writesLimited:
		_ = c.SetWriteDeadline(time.Time{})
	}
	c.writesLimited = writes
}

// ExpectHead limits what is read until bodyFollows is called, which guards against endless headers.
func (c *Conn) ExpectHead() { c.limited.N = maxHeadBytes }

// BodyFollows lifts the limit of expectHead.
func (c *Conn) BodyFollows() { c.limited.N = math.MaxInt64 }

// Interrupt makes every read and write of the connection fail at once.
func (c *Conn) Interrupt() { _ = c.SetDeadline(calls.Past) }

// Peek looks at what has arrived on a connection without taking it: data, its end, or neither yet.
func Peek(fd uintptr) (data, ended bool) {
	var one [1]byte
	n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		return false, false
	}
	return n > 0, n <= 0
}
