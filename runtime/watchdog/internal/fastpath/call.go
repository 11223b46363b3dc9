package fastpath

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"sync"
	"time"

	"fwatchdog/internal/calls"
	"fwatchdog/internal/logging"
	"fwatchdog/internal/proxy"
	"fwatchdog/internal/upstream"
)

// maxKeptBytes is the maximum size of a buffer that is kept for a later call.
const maxKeptBytes = 64 * 1024

// buffers holds buffers for heads of requests and responses.
var buffers = sync.Pool{New: func() any { buffer := make([]byte, 0, maxHeadBytes); return &buffer }}

// forward sends the request to the process and the response to the client.
func (c *clientConn) forward(out *[]byte) (status int, keep bool) {
	deadline := c.listener.Config.CallDeadline(c.begun, c.request.timeout)
	if err := c.takeBody(out); err != nil {
		return c.fail(err, false)
	}
	if length := c.listener.Config.ConnectionTimeout(); length > 0 {
		if at, moved := c.writeLimit.move(c.begun, length); moved {
			_ = c.SetWriteDeadline(at)
		}
	}
	up, err := c.roundTrip(*out, deadline)
	if err != nil {
		return c.fail(err, true)
	}
	defer c.up.Store(nil)
	return c.relayPlain(up, out)
}

// roundTrip sends the request and waits for the first byte of the response. The process may have closed an idle
// connection meanwhile; then an idempotent request is sent again on another one.
func (c *clientConn) roundTrip(request []byte, deadline time.Time) (*upstream.Conn, error) {
	for {
		up, err := c.listener.Upstream.Take(context.Background())
		if err != nil {
			return nil, err
		}
		c.up.Store(up)
		err = c.send(up, request, deadline)
		if err == nil {
			return up, nil
		}
		c.up.Store(nil)
		up.Close()
		if errors.Is(err, context.Canceled) || !proxy.CanRetry(up, string(c.request.method), err) {
			return nil, err
		}
	}
}

func (c *clientConn) send(up *upstream.Conn, request []byte, deadline time.Time) error {
	up.ExpectHead()
	first := c.begun.Add(watchDelay)
	watched := deadline.IsZero() || deadline.After(first)
	if !watched {
		first = deadline
	}
	up.LimitWrites(deadline, len(request) > proxy.MaxSmallBody)
	_ = up.SetReadDeadline(first)
	if _, err := up.Conn.Write(request); err != nil {
		// As in the round trip of package proxy: the process may have responded before it has read everything. The pool
		// does not hand out the closed connection again.
		if _, none := up.Reader.Peek(1); none != nil {
			return err
		}
		return nil
	}
	_, err := up.Reader.Peek(1)
	if watched && errors.Is(err, os.ErrDeadlineExceeded) {
		// The watch begins late, because most calls are short and the watch costs time.
		_ = up.SetReadDeadline(deadline)
		stop := c.watch(up)
		_, err = up.Reader.Peek(1)
		if stop() {
			return context.Canceled
		}
	}
	if err == nil {
		_ = up.SetReadDeadline(deadline)
	}
	return err
}

// relayPlain passes a plain response to the client and returns the connection to the pool.
func (c *clientConn) relayPlain(up *upstream.Conn, out *[]byte) (status int, keep bool) {
	var response plainResponse
	head, taken := []byte(nil), 0
	if in, whole := peekHead(up); whole {
		head, taken = response.read(in, (*out)[:0], string(c.request.method))
	}
	if taken == 0 {
		return c.relayOther(up)
	}
	_, _ = up.Reader.Discard(taken)
	up.BodyFollows()
	if response.length > 0 && up.Reader.Buffered() == 0 {
		// The header is sent together with the first bytes of the body.
		if _, err := up.Reader.Peek(1); err != nil {
			return c.cut(up, response.status, err)
		}
	}
	first, _ := up.Reader.Peek(min(response.length, up.Reader.Buffered()))
	head, keep = c.endHead(head, &response, first)
	*out = head
	_, _ = up.Reader.Discard(len(first))
	left := int64(response.length - len(first))
	if left == 0 {
		// Before the client has the response, because its next request needs the connection.
		c.release(up, &response)
	}
	if _, err := c.Write(head); err != nil {
		return c.cut(up, response.status, err)
	}
	if left > 0 {
		if err := c.copyRest(up, left); err != nil {
			return c.cut(up, response.status, err)
		}
		c.release(up, &response)
	}
	c.log(response.status, int64(response.length))
	return response.status, keep
}

// endHead adds the fields of the watchdog and the first bytes of the body to a head.
func (c *clientConn) endHead(head []byte, response *plainResponse, first []byte) (out []byte, keep bool) {
	if !response.typed && !response.encoded && len(first) > 0 {
		head = appendText(head, "Content-Type: ", http.DetectContentType(first))
	}
	head = appendText(head, "X-Duration-Seconds: ", calls.Seconds(time.Since(c.begun)))
	if !response.dated {
		head = appendText(head, "Date: ", httpDate())
	}
	keep = !c.request.last && !c.listener.closing.Load()
	if !keep {
		head = append(head, "Connection: close\r\n"...)
	}
	return append(append(head, '\r', '\n'), first...), keep
}

func appendText(head []byte, name, value string) []byte {
	return append(append(append(head, name...), value...), '\r', '\n')
}

// release ends the use of the connection to the process.
func (c *clientConn) release(up *upstream.Conn, response *plainResponse) {
	c.up.Store(nil)
	if response.last || up.Reader.Buffered() > 0 {
		up.Close()
		return
	}
	c.listener.Upstream.Put(up)
}

func (c *clientConn) log(status int, size int64) {
	r := &c.request
	c.listener.Logger.Access(logging.Call{
		Method: string(r.method), Target: string(r.target), Agent: string(r.agent), CallID: string(r.callID), Trace: string(r.trace[:]),
	}, status, size, time.Since(c.begun))
}

// limitWriting sets the exact write deadline, for a response that may take long.
func (c *clientConn) limitWriting() {
	if length := c.listener.Config.ConnectionTimeout(); length > 0 {
		c.writeLimit = slidingDeadline{}
		_ = c.SetWriteDeadline(c.begun.Add(length))
	}
}

// copyRest passes the part of a body to the client that did not arrive with the head.
func (c *clientConn) copyRest(up *upstream.Conn, left int64) (err error) {
	c.limitWriting()
	stop := c.watch(up)
	defer func() {
		if stop() && err == nil {
			err = context.Canceled
		}
	}()
	buffer := calls.Buffers.Get().(*[]byte)
	defer calls.Buffers.Put(buffer)
	for left > 0 {
		n, err := up.Reader.Read((*buffer)[:min(left, int64(len(*buffer)))])
		if n > 0 {
			if _, failed := c.Write((*buffer)[:n]); failed != nil {
				return failed
			}
			left -= int64(n)
		}
		if err != nil && left > 0 {
			return err
		}
	}
	return nil
}

// peekHead returns what has arrived of a response, when that includes the whole head.
func peekHead(up *upstream.Conn) (in []byte, whole bool) {
	for {
		in, _ = up.Reader.Peek(up.Reader.Buffered())
		if bytes.Contains(in, []byte("\r\n\r\n")) {
			return in, true
		}
		if len(in) == up.Reader.Size() {
			return nil, false
		}
		if _, err := up.Reader.Peek(len(in) + 1); err != nil {
			return nil, false
		}
	}
}

// relayOther passes a response to the client that is not plain.
func (c *clientConn) relayOther(up *upstream.Conn) (status int, keep bool) {
	writer := &responseWriter{conn: c}
	stamped := proxy.NewDurationWriter(writer, c.begun)
	stop := c.watch(up)
	c.limitWriting()
	status, started, err := proxy.Relay(c.listener.Upstream, up, stamped, string(c.request.method), stop)
	switch {
	case err == nil:
		failed := writer.finish()
		c.log(status, stamped.Written)
		return status, failed == nil && !writer.last
	case started:
		return c.cut(up, status, err)
	}
	up.Close()
	return c.fail(err, true)
}

// cut ends a response of which the client may have received a part. Only a closed connection can report that.
func (c *clientConn) cut(up *upstream.Conn, status int, err error) (int, bool) {
	if c.up.Swap(nil) != nil {
		up.Close()
	}
	c.listener.Logger.Printf("%s %s - %d: the response was cut off: %v", c.request.method, c.request.target, status, err)
	return status, false
}

// fail responds to a call that the process did not answer. The rest of an incomplete request must not be parsed as the
// next one.
func (c *clientConn) fail(err error, whole bool) (status int, keep bool) {
	status = calls.FailureStatus(err)
	c.listener.Logger.Printf("%s %s - %d: %v", c.request.method, c.request.target, status, err)
	writer := &responseWriter{conn: c}
	stamped := proxy.NewDurationWriter(writer, c.begun)
	stamped.Header().Set("X-Openfaas-Internal", "of-watchdog")
	stamped.Header().Set("Content-Length", "0")
	if !whole || errors.Is(err, context.Canceled) {
		stamped.Header().Set("Connection", "close")
	}
	stamped.WriteHeader(status)
	return status, writer.finish() == nil && !writer.last
}
