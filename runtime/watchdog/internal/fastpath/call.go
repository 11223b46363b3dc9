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

// maxKeptBytes is how large a buffer may be that is kept for a later call.
const maxKeptBytes = 64 * 1024

// buffers are lent to whoever puts a request or an answer together.
var buffers = sync.Pool{New: func() any { piece := make([]byte, 0, maxHeadBytes); return &piece }}

// forward sends the call to the process and its answer to the client.
func (c *clientConn) forward(out *[]byte) (status int, keep bool) {
	deadline := proxy.Deadline(c.front.Config, c.begun, c.request.timeout)
	if err := c.takeBody(out); err != nil {
		return c.fail(err, false)
	}
	if length := c.front.Config.ConnectionTimeout(); length > 0 {
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

// roundTrip sends the request and waits for the first bytes of the answer. A kept connection may have been closed at that
// very moment; then a call that can be repeated is, on a new one.
func (c *clientConn) roundTrip(request []byte, deadline time.Time) (*upstream.Conn, error) {
	for {
		up, err := c.front.Upstream.Take(context.Background())
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
		again := up.Used && proxy.Repeatable(string(c.request.method)) && !errors.Is(err, os.ErrDeadlineExceeded)
		if !again || errors.Is(err, context.Canceled) {
			return nil, err
		}
	}
}

func (c *clientConn) send(up *upstream.Conn, request []byte, deadline time.Time) error {
	up.ExpectHead()
	soon := c.begun.Add(watchDelay)
	watched := deadline.IsZero() || deadline.After(soon)
	if !watched {
		soon = deadline
	}
	up.LimitWrites(deadline, len(request) > proxy.MaxSmallBody)
	_ = up.SetReadDeadline(soon)
	if _, err := up.Conn.Write(request); err != nil {
		return err
	}
	_, err := up.Reader.Peek(1)
	if watched && errors.Is(err, os.ErrDeadlineExceeded) {
		// It takes its time: from now on its client's leaving is watched for.
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

// relayPlain passes the answer on and gives the connection back.
func (c *clientConn) relayPlain(up *upstream.Conn, out *[]byte) (status int, keep bool) {
	var answer plainResponse
	head, taken := []byte(nil), 0
	if in, whole := peekHead(up); whole {
		head, taken = answer.read(in, (*out)[:0], string(c.request.method))
	}
	if taken == 0 {
		return c.relayOther(up)
	}
	_, _ = up.Reader.Discard(taken)
	up.BodyFollows()
	if answer.length > 0 && up.Reader.Buffered() == 0 {
		// The header goes out with what comes first of the body.
		if _, err := up.Reader.Peek(1); err != nil {
			return c.cut(up, answer.status, err)
		}
	}
	first, _ := up.Reader.Peek(min(answer.length, up.Reader.Buffered()))
	head, keep = c.endHead(head, &answer, first)
	*out = head
	_, _ = up.Reader.Discard(len(first))
	left := int64(answer.length - len(first))
	if left == 0 {
		// Before the client has its answer, and asks again.
		c.giveBack(up, &answer)
	}
	if _, err := c.Write(head); err != nil {
		return c.cut(up, answer.status, err)
	}
	if left > 0 {
		if err := c.copyRest(up, left); err != nil {
			return c.cut(up, answer.status, err)
		}
		c.giveBack(up, &answer)
	}
	c.log(answer.status, int64(answer.length))
	return answer.status, keep
}

// endHead adds what we have to say to an answer's head, and what there is of the body.
func (c *clientConn) endHead(head []byte, answer *plainResponse, first []byte) (out []byte, keep bool) {
	if !answer.typed && !answer.encoded && len(first) > 0 {
		head = appendText(head, "Content-Type: ", http.DetectContentType(first))
	}
	head = appendText(head, "X-Duration-Seconds: ", calls.Seconds(time.Since(c.begun)))
	if !answer.dated {
		head = appendText(head, "Date: ", httpDate())
	}
	keep = !c.request.last && !c.front.closing.Load()
	if !keep {
		head = append(head, "Connection: close\r\n"...)
	}
	return append(append(head, '\r', '\n'), first...), keep
}

func appendText(head []byte, name, value string) []byte {
	return append(append(append(head, name...), value...), '\r', '\n')
}

// giveBack ends the call's use of its connection to the process.
func (c *clientConn) giveBack(up *upstream.Conn, answer *plainResponse) {
	c.up.Store(nil)
	if answer.last || up.Reader.Buffered() > 0 {
		up.Close()
		return
	}
	c.front.Upstream.Put(up)
}

func (c *clientConn) log(status int, size int64) {
	c.front.Logger.Access(c.accessed(), status, size, time.Since(c.begun))
}

// limitWriting sets the exact time at which an answer that may take long must have been written.
func (c *clientConn) limitWriting() {
	if length := c.front.Config.ConnectionTimeout(); length > 0 {
		c.writeLimit = slidingDeadline{}
		_ = c.SetWriteDeadline(c.begun.Add(length))
	}
}

// copyRest passes on the part of a body that did not come with its head.
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

// peekHead returns what has come of an answer, once that is its whole head.
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

// relayOther passes on any answer that is not plain.
func (c *clientConn) relayOther(up *upstream.Conn) (status int, keep bool) {
	writer := &responseWriter{conn: c}
	stamped := proxy.NewDurationWriter(writer, c.begun)
	stop := c.watch(up)
	c.limitWriting()
	status, started, err := proxy.Relay(c.front.Upstream, up, stamped, string(c.request.method), stop)
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

// cut gives up an answer of which the client may have a part. Only a broken connection can still say so.
func (c *clientConn) cut(up *upstream.Conn, status int, err error) (int, bool) {
	if c.up.Swap(nil) != nil {
		up.Close()
	}
	c.front.Logger.Printf("%s %s - %d: the answer was cut off: %v", c.request.method, c.request.target, status, err)
	return status, false
}

// fail answers for a process that could not. What is left of a request that has not come as a whole must not be taken
// for the connection's next one.
func (c *clientConn) fail(err error, whole bool) (status int, keep bool) {
	status = proxy.FailureStatus(err)
	c.front.Logger.Printf("%s %s - %d: %v", c.request.method, c.request.target, status, err)
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

// accessed is the call as its line in the log has it.
func (c *clientConn) accessed() logging.Call {
	r := &c.request
	return logging.Call{
		Method: string(r.method), Target: string(r.target), Agent: string(r.agent), CallID: string(r.callID), Trace: string(r.trace[:]),
	}
}
