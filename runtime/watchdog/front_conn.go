package main

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	headSize  = 4096 // bytes of a request's head that are looked at; a longer one is net/http's
	leastHead = 4
	// coarse is the part of a time limit by which it may be late: to move it for every call would cost each of them.
	coarse    = 10
	coarsest  = time.Second
	watchFrom = 100 * time.Millisecond // a call that takes longer ends when its client leaves
)

// past is a time limit that is over.
var past = time.Unix(1, 0)

// frontConn is a client's connection, and the call on it.
type frontConn struct {
	net.Conn
	front *front
	in    []byte
	have  int // bytes in in

	idle        atomic.Bool
	up          atomic.Pointer[upstreamConn] // the connection that the call is on
	readLimit   limit
	writeLimit  limit
	begun       time.Time
	request     plainRequest
	closeClient bool
}

// limit is a time limit that is moved only when it has come noticeably nearer.
type limit struct{ at time.Time }

// move returns the new limit, and whether there is one.
func (l *limit) move(now time.Time, length time.Duration) (time.Time, bool) {
	slack := min(length/coarse, coarsest)
	if l.at.Sub(now) >= length {
		return l.at, false
	}
	l.at = now.Add(length + slack)
	return l.at, true
}

// carryCalls answers plain requests until the connection ends (false) or a request comes that is not plain (true).
func (c *frontConn) carryCalls() bool {
	for {
		// net/http, too, takes the first four bytes for the beginning of a request, and less for nothing.
		for c.have < leastHead {
			if !c.await() {
				return false
			}
			c.skipEmptyLines()
		}
		c.begun = time.Now()
		out := pieces.Get().(*[]byte)
		head, plain := c.request.read(c.in[:c.have], c.front.proxy.upstream.base, (*out)[:0])
		if !plain || !c.front.proxy.child.listening() {
			pieces.Put(out)
			return true
		}
		*out = head
		keep := c.answerCall(out)
		if cap(*out) <= mostKept {
			pieces.Put(out)
		}
		if !keep || c.front.closing.Load() {
			return false
		}
	}
}

// skipEmptyLines drops what some old clients send after a body (RFC 9112, 2.2).
func (c *frontConn) skipEmptyLines() {
	if c.request.method == nil {
		return
	}
	rest := bytes.TrimLeft(c.in[:c.have], "\r\n")
	c.have = copy(c.in, rest)
}

// await waits for more of the next request.
func (c *frontConn) await() bool {
	if length := c.front.watchdog.config.readTimeout; length > 0 {
		if at, moved := c.readLimit.move(time.Now(), length); moved {
			_ = c.SetReadDeadline(at)
		}
	}
	c.idle.Store(true)
	if c.front.closing.Load() && c.idle.CompareAndSwap(true, false) {
		_ = c.SetReadDeadline(past)
	}
	n, err := c.Read(c.in[c.have:])
	if !c.idle.CompareAndSwap(true, false) && n == 0 && c.waiting() {
		// We are about to end, and a request has come in the last moment.
		c.readLimit = limit{}
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		n, err = c.Read(c.in[c.have:])
	}
	c.have += n
	return n > 0 || err == nil
}

// waiting reports that something has arrived that nobody has read.
func (c *frontConn) waiting() bool {
	found := false
	if raw, err := c.Conn.(syscall.Conn).SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { found, _ = peek(fd) })
	}
	return found
}

// answerCall carries one call, counted and limited. It returns whether the connection can be used again.
func (c *frontConn) answerCall(out *[]byte) bool {
	w := c.front.watchdog
	w.metrics.inflight.Add(1)
	status, keep := c.limitCall(out)
	if w.metrics.inflight.Add(-1) == 0 {
		w.rest.postpone()
	}
	w.metrics.observe(status, string(c.request.method), time.Since(c.begun))
	left := copy(c.in, c.in[c.request.end:c.have])
	c.have = left
	return keep
}

// limitCall refuses a call when max_inflight others run.
func (c *frontConn) limitCall(out *[]byte) (status int, keep bool) {
	slots := c.front.watchdog.slots
	if slots == nil {
		return c.passOn(out)
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
		return c.passOn(out)
	default:
		answer := &frontWriter{conn: c}
		c.front.watchdog.tooMany(answer)
		whole := c.takeBody(out) == nil
		return answer.status, answer.finish() == nil && whole && !answer.last
	}
}

// takeBody puts the request's body behind its head. What did not come with the head is read now.
func (c *frontConn) takeBody(out *[]byte) error {
	r := &c.request
	here := min(c.have-r.headEnd, r.length)
	*out = append(*out, c.in[r.headEnd:r.headEnd+here]...)
	r.end = r.headEnd + here
	missing := r.length - here
	if missing == 0 {
		return nil
	}
	if length := c.front.watchdog.config.readTimeout; length > 0 {
		c.readLimit = limit{}
		_ = c.SetReadDeadline(c.begun.Add(length))
	}
	from := len(*out)
	*out = append(*out, make([]byte, missing)...)
	if _, err := io.ReadFull(c.Conn, (*out)[from:]); err != nil {
		return clientError{err}
	}
	return nil
}

// watch sees to it that the call ends when its client leaves. The returned function ends the watch, and says whether
// the client has left.
func (c *frontConn) watch(up *upstreamConn) (stop func() bool) {
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return func() bool { return false }
	}
	c.readLimit = limit{}
	_ = c.SetReadDeadline(time.Time{})
	left := make(chan bool, 1)
	go func() {
		gone := false
		_ = raw.Read(func(fd uintptr) bool {
			data, ended := peek(fd)
			gone = ended
			return data || ended
		})
		if gone {
			up.interrupt()
		}
		left <- gone
	}()
	return func() bool {
		_ = c.SetReadDeadline(past)
		gone := <-left
		_ = c.SetReadDeadline(time.Time{})
		return gone
	}
}
