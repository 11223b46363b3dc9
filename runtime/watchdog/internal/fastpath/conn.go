package fastpath

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"fwatchdog/internal/calls"
	"fwatchdog/internal/upstream"
)

const (
	maxHeadBytes = 4096 // of the head of a plain request
	minHeadBytes = 4    // net/http ignores fewer bytes too
	slackParts   = 10   // a sliding deadline may be late by this part of its length
	maxSlack     = time.Second
	watchDelay   = 100 * time.Millisecond // a call that takes longer ends when its client disconnects
)

// clientConn is the connection of a client with its current call.
type clientConn struct {
	net.Conn
	listener *Listener
	in       []byte
	have     int // number of bytes in the buffer in

	idle       atomic.Bool
	up         atomic.Pointer[upstream.Conn] // connection of the call to the process
	readLimit  slidingDeadline
	writeLimit slidingDeadline
	begun      time.Time
	request    plainRequest
}

// slidingDeadline is a deadline that is moved only when it has become noticeably shorter, because moving it costs time.
type slidingDeadline struct{ at time.Time }

// move returns the deadline, and whether it has moved.
func (d *slidingDeadline) move(now time.Time, length time.Duration) (time.Time, bool) {
	slack := min(length/slackParts, maxSlack)
	if d.at.Sub(now) >= length {
		return d.at, false
	}
	d.at = now.Add(length + slack)
	return d.at, true
}

// carryCalls answers plain requests. It returns false when the connection must be closed, and true when net/http must
// continue with it.
func (c *clientConn) carryCalls() bool {
	for {
		for c.have < minHeadBytes {
			if !c.await() {
				return false
			}
			c.skipEmptyLines()
		}
		out := buffers.Get().(*[]byte)
		head, plain := c.request.read(c.in[:c.have], c.listener.Upstream.Base, (*out)[:0])
		if !plain || !c.listener.Child.Listening() {
			buffers.Put(out)
			return true
		}
		*out = head
		keep := c.answerCall(out)
		if cap(*out) <= maxKeptBytes {
			buffers.Put(out)
		}
		if !keep || c.listener.closing.Load() {
			return false
		}
	}
}

// skipEmptyLines drops the line breaks that some old clients send after a body (RFC 9112, 2.2).
func (c *clientConn) skipEmptyLines() {
	if c.request.method == nil {
		return
	}
	rest := bytes.TrimLeft(c.in[:c.have], "\r\n")
	c.have = copy(c.in, rest)
}

// await reads more of the next request. It returns false when the connection has ended.
func (c *clientConn) await() bool {
	if length := c.listener.Config.ReadTimeout; length > 0 {
		if at, moved := c.readLimit.move(time.Now(), length); moved {
			_ = c.SetReadDeadline(at)
		}
	}
	c.idle.Store(true)
	if c.listener.closing.Load() && c.idle.CompareAndSwap(true, false) {
		_ = c.SetReadDeadline(calls.Past)
	}
	n, err := c.Read(c.in[c.have:])
	if !c.idle.CompareAndSwap(true, false) && n == 0 && c.waiting() {
		// The listener is closing, and a request has arrived at the last moment.
		c.readLimit = slidingDeadline{}
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		n, err = c.Read(c.in[c.have:])
	}
	c.have += n
	return n > 0 || err == nil
}

// waiting reports whether unread bytes have arrived.
func (c *clientConn) waiting() bool {
	found := false
	if raw, err := c.Conn.(syscall.Conn).SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { found, _ = upstream.Peek(fd) })
	}
	return found
}

// answerCall carries one call, with metrics and limit. It reports whether the connection can be used again.
func (c *clientConn) answerCall(out *[]byte) (keep bool) {
	c.begun = c.listener.Metrics.Begin()
	var status int
	if limiter := c.listener.Limiter; limiter.Acquire() {
		status, keep = c.forward(out)
		limiter.Release()
	} else {
		w := &responseWriter{conn: c}
		limiter.Reject(w)
		whole := c.takeBody(out) == nil
		status, keep = w.status, w.finish() == nil && whole && !w.last
	}
	c.listener.Metrics.End(status, string(c.request.method), c.begun)
	c.have = copy(c.in, c.in[c.request.end:c.have])
	return keep
}

// takeBody appends the body of the request to its head, and reads what has not arrived yet.
func (c *clientConn) takeBody(out *[]byte) error {
	r := &c.request
	here := min(c.have-r.headEnd, r.length)
	*out = append(*out, c.in[r.headEnd:r.headEnd+here]...)
	r.end = r.headEnd + here
	missing := r.length - here
	if missing == 0 {
		return nil
	}
	if length := c.listener.Config.ReadTimeout; length > 0 {
		c.readLimit = slidingDeadline{}
		_ = c.SetReadDeadline(c.begun.Add(length))
	}
	from := len(*out)
	*out = append(*out, make([]byte, missing)...)
	if _, err := io.ReadFull(c.Conn, (*out)[from:]); err != nil {
		return calls.ClientError{Err: err}
	}
	return nil
}

// watch interrupts the call when its client disconnects. The returned function ends the watch and reports whether the
// client has disconnected.
func (c *clientConn) watch(up *upstream.Conn) (stop func() bool) {
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return func() bool { return false }
	}
	c.readLimit = slidingDeadline{}
	_ = c.SetReadDeadline(time.Time{})
	result := make(chan bool, 1)
	go func() {
		disconnected := false
		_ = raw.Read(func(fd uintptr) bool {
			data, ended := upstream.Peek(fd)
			disconnected = ended
			return data || ended
		})
		if disconnected {
			up.Interrupt()
		}
		result <- disconnected
	}()
	return func() bool {
		_ = c.SetReadDeadline(calls.Past)
		disconnected := <-result
		_ = c.SetReadDeadline(time.Time{})
		return disconnected
	}
}
