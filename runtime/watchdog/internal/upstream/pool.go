// Package upstream connects to an HTTP server: a connection pool, forward proxies, and single requests.
package upstream

import (
	"bufio"
	"cmp"
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
	maxIdle      = 256              // idle connections
	idleTimeout  = 4 * time.Second  // less than the five seconds of common servers
	dialTimeout  = 10 * time.Second // for the server to accept a connection
	maxHeadBytes = 1 << 20          // of the header of a response
)

// Pool holds the connections to one HTTP server.
type Pool struct {
	Network string // tcp or unix
	Address string
	Host    string // for requests without a Host
	Base    string // prepended to the path of every request
	secure  bool
	proxy   *forwardProxy // nil for direct connections

	mutex sync.Mutex
	idle  []*Conn // the most recently used last
}

// New returns the pool of a server: http://host:port/base, https://... or unix:///path/of/socket. It opens no connection.
func New(target *url.URL) (*Pool, error) {
	if target.Scheme == "unix" {
		return &Pool{Network: "unix", Address: target.Path, Host: "localhost"}, nil
	}
	p := &Pool{
		Network: "tcp", Address: net.JoinHostPort(target.Hostname(), portOf(target)), Host: target.Host,
		Base: target.EscapedPath(), secure: target.Scheme == "https",
	}
	return p, p.useProxy(target)
}

// portOf returns the port of a URL, by default that of its scheme.
func portOf(target *url.URL) string {
	return cmp.Or(target.Port(), map[string]string{"http": "80", "https": "443"}[target.Scheme])
}

// Conn is one connection to the server. One goroutine reads it at a time, and one writes it.
type Conn struct {
	net.Conn
	Reader        *bufio.Reader
	Writer        *bufio.Writer
	limited       *io.LimitedReader // what may still be read
	Used          bool              // an earlier call has used it
	idleSince     time.Time
	writesLimited bool // it has a write deadline
}

// Take returns an idle connection that the server has not closed, or a new one.
func (p *Pool) Take(ctx context.Context) (*Conn, error) {
	for {
		conn := p.popIdle()
		if conn == nil {
			return p.dial(ctx)
		}
		if time.Since(conn.idleSince) < idleTimeout && conn.quiet() {
			return conn, nil
		}
		conn.Close()
	}
}

func (p *Pool) popIdle() *Conn {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	conn := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	return conn
}

func (p *Pool) dial(ctx context.Context) (*Conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, p.Network, p.Address)
	if err != nil {
		return nil, err
	}
	name := p.Address
	if p.proxy != nil {
		name = p.proxy.target
		through, err := p.handshake(ctx, conn)
		if err != nil {
			conn.Close()
			return nil, err
		}
		conn = through
	}
	if p.secure {
		host, _, _ := net.SplitHostPort(name)
		conn = tls.Client(conn, &tls.Config{ServerName: host})
	}
	limit := &io.LimitedReader{R: conn, N: maxHeadBytes}
	return &Conn{Conn: conn, limited: limit, Reader: bufio.NewReader(limit), Writer: bufio.NewWriter(conn)}, nil
}

// Put returns a connection to the pool.
func (p *Pool) Put(conn *Conn) {
	conn.Used, conn.idleSince = true, time.Now()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if len(p.idle) >= maxIdle {
		conn.Close()
		return
	}
	p.idle = append(p.idle, conn)
}

// CloseIdle closes the idle connections.
func (p *Pool) CloseIdle() {
	for conn := p.popIdle(); conn != nil; conn = p.popIdle() {
		conn.Close()
	}
}

// quiet reports whether the server has neither closed the connection nor sent anything.
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
	// Control instead of Read: the read deadline of the last call may have passed.
	err = raw.Control(func(fd uintptr) {
		data, ended := Peek(fd)
		quiet = !data && !ended
	})
	return err == nil && quiet
}

// LimitTo sets the deadline of a call. A small request fits the buffer of the socket and needs no write deadline; that of
// an earlier call is removed then.
func (c *Conn) LimitTo(deadline time.Time, writes bool) {
	c.LimitWrites(deadline, writes)
	_ = c.SetReadDeadline(deadline)
}

// LimitWrites sets the write deadline of a call, or removes that of an earlier call.
func (c *Conn) LimitWrites(deadline time.Time, writes bool) {
	switch {
	case writes:
		_ = c.SetWriteDeadline(deadline)
	case c.writesLimited:
		_ = c.SetWriteDeadline(time.Time{})
	}
	c.writesLimited = writes
}

// ExpectHead limits the bytes that are read until BodyFollows is called, against endless headers.
func (c *Conn) ExpectHead() { c.limited.N = maxHeadBytes }

// BodyFollows removes the limit of ExpectHead.
func (c *Conn) BodyFollows() { c.limited.N = math.MaxInt64 }

// Interrupt makes reads and writes fail at once.
func (c *Conn) Interrupt() { _ = c.SetDeadline(calls.Past) }

// Peek reports, without reading, whether a socket has data to read, or has been closed by its peer.
func Peek(fd uintptr) (data, ended bool) {
	var one [1]byte
	n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		return false, false
	}
	return n > 0, n <= 0
}
