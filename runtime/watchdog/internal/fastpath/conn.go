package fastpath

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"fwatchdog/internal/calls"
	"fwatchdog/internal/proxy"
	"fwatchdog/internal/upstream"
)

const (
	maxHeadBytes = 4096 // bytes of a request's head that are looked at; a longer one is net/http's
	minHead      = 4
	// coarse is the part of a time limit by which it may be late: to move it for every call would cost each of them.
	slackParts = 10
	maxSlack   = time.Second
	watchDelay = 100 * time.Millisecond // a call that takes longer ends when its client leaves
)

// clientConn is a client's connection, and the call on it.
type clientConn struct {
	net.Conn
	front *Listener
	in    []byte
	have  int // bytes in in

	idle       atomic.Bool
	up         atomic.Pointer[upstream.Conn] // the connection that the call is on
	readLimit  slidingDeadline
	writeLimit slidingDeadline
	begun      time.Time
	request    plainRequest
}

// slidingDeadline is a time limit that is moved only when it has come noticeably nearer.
type slidingDeadline struct{ at time.Time }

// move returns the new limit, and whether there is one.
func (l *slidingDeadline) move(now time.Time, length time.Duration) (time.Time, bool) {
	slack := min(length/slackParts, maxSlack)
	if l.at.Sub(now) >= length {
		return l.at, false
	}
	l.at = now.Add(length + slack)
	return l.at, true
}

// carryCalls answers plain requests until the connection ends (false) or a request comes that is not plain (true).
func (c *clientConn) carryCalls() bool {
	for {
		// net/http, too, takes the first four bytes for the beginning of a request, and less for nothing.
		for c.have < minHead {
			if !c.await() {
				return false
			}
			c.skipEmptyLines()
		}
		out := buffers.Get().(*[]byte)
		head, plain := c.request.read(c.in[:c.have], c.front.Upstream.Base, (*out)[:0])
		if !plain || !c.front.Child.Listening() {
			buffers.Put(out)
			return true
		}
		*out = head
		keep := c.answerCall(out)
		if cap(*out) <= maxKeptBytes {
			buffers.Put(out)
		}
		if !keep || c.front.closing.Load() {
			return false
		}
	}
}

// skipEmptyLines drops what some old clients send after a body (RFC 9112, 2.2).
func (c *clientConn) skipEmptyLines() {
	if c.request.method == nil {
		return
	}
	rest := bytes.TrimLeft(c.in[:c.have], "\r\n")
	c.have = copy(c.in, rest)
}

// await waits for more of the next request.
func (c *clientConn) await() bool {
	if length := c.front.Config.ReadTimeout; length > 0 {
		if at, moved := c.readLimit.move(time.Now(), length); moved {
			_ = c.SetReadDeadline(at)
		}
	}
	c.idle.Store(true)
	if c.front.closing.Load() && c.idle.CompareAndSwap(true, false) {
		_ = c.SetReadDeadline(calls.Past)
	}
	n, err := c.Read(c.in[c.have:])
	if !c.idle.CompareAndSwap(true, false) && n == 0 && c.waiting() {
		// We are about to end, and a request has come in the last moment.
		c.readLimit = slidingDeadline{}
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		n, err = c.Read(c.in[c.have:])
	}
	c.have += n
	return n > 0 || err == nil
}

// waiting reports that something has arrived that nobody has read.
func (c *clientConn) waiting() bool {
	found := false
	if raw, err := c.Conn.(syscall.Conn).SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { found, _ = upstream.Peek(fd) })
	}
	return found
}

// answerCall carries one call, counted and limited. It returns whether the connection can be used again.
func (c *clientConn) answerCall(out *[]byte) bool {
	c.begun = c.front.Metrics.Begin()
	status, keep := c.limitCall(out)
	c.front.Metrics.End(status, string(c.request.method), c.begun)
	c.have = copy(c.in, c.in[c.request.end:c.have])
	return keep
}

// limitCall rejects a call above max_inflight.
func (c *clientConn) limitCall(out *[]byte) (status int, keep bool) {
	limiter := c.front.Limiter
	if limiter.Acquire() {
		defer limiter.Release()
		return c.forward(out)
	}
	answer := &responseWriter{conn: c}
	limiter.Reject(answer)
	whole := c.takeBody(out) == nil
	return answer.status, answer.finish() == nil && whole && !answer.last
}

// takeBody puts the request's body behind its head. What did not come with the head is read now.
func (c *clientConn) takeBody(out *[]byte) error {
	r := &c.request
	here := min(c.have-r.headEnd, r.length)
	*out = append(*out, c.in[r.headEnd:r.headEnd+here]...)
	r.end = r.headEnd + here
	missing := r.length - here
	if missing == 0 {
		return nil
	}
	if length := c.front.Config.ReadTimeout; length > 0 {
		c.readLimit = slidingDeadline{}
		_ = c.SetReadDeadline(c.begun.Add(length))
	}
	from := len(*out)
	*out = append(*out, make([]byte, missing)...)
	if _, err := io.ReadFull(c.Conn, (*out)[from:]); err != nil {
		return proxy.ClientError{Err: err}
	}
	return nil
}

// watch sees to it that the call ends when its client leaves. The returned function ends the watch, and says whether
// the client has left.
func (c *clientConn) watch(up *upstream.Conn) (stop func() bool) {
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return func() bool { return false }
	}
	c.readLimit = slidingDeadline{}
	_ = c.SetReadDeadline(time.Time{})
	left := make(chan bool, 1)
	go func() {
		gone := false
		_ = raw.Read(func(fd uintptr) bool {
			data, ended := upstream.Peek(fd)
			gone = ended
			return data || ended
		})
		if gone {
			up.Interrupt()
		}
		left <- gone
	}()
	return func() bool {
		_ = c.SetReadDeadline(calls.Past)
		gone := <-left
		_ = c.SetReadDeadline(time.Time{})
		return gone
	}
}
