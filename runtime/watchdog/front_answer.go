package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"sync"
	"time"
)

// mostKept is how large a buffer may be that is kept for a later call.
const mostKept = 64 * 1024

// pieces are lent to whoever puts a request or an answer together.
var pieces = sync.Pool{New: func() any { piece := make([]byte, 0, headSize); return &piece }}

// passOn sends the call to the process and its answer to the client.
func (c *frontConn) passOn(out *[]byte) (status int, keep bool) {
	p := c.front.proxy
	deadline := p.deadline(c.begun, c.request.timeout)
	if err := c.takeBody(out); err != nil {
		return c.fail(err, false)
	}
	if length := withGrace(p.config.writeTimeout); length > 0 {
		if at, moved := c.writeLimit.move(c.begun, length); moved {
			_ = c.SetWriteDeadline(at)
		}
	}
	up, err := c.ask(*out, deadline)
	if err != nil {
		return c.fail(err, true)
	}
	defer c.up.Store(nil)
	return c.answer(up, out)
}

// ask sends the request and waits for the first bytes of the answer. A kept connection may have been closed at that
// very moment; then a call that can be repeated is, on a new one.
func (c *frontConn) ask(request []byte, deadline time.Time) (*upstreamConn, error) {
	for {
		up, err := c.front.proxy.upstream.take(context.Background())
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
		again := up.used && repeatable(string(c.request.method)) && !errors.Is(err, os.ErrDeadlineExceeded)
		if !again || errors.Is(err, context.Canceled) {
			return nil, err
		}
	}
}

func (c *frontConn) send(up *upstreamConn, request []byte, deadline time.Time) error {
	up.limit.N = maxHeadSize
	soon := c.begun.Add(watchFrom)
	watched := deadline.IsZero() || deadline.After(soon)
	if !watched {
		soon = deadline
	}
	up.limitWrites(deadline, len(request) > smallBody)
	_ = up.SetReadDeadline(soon)
	if _, err := up.Conn.Write(request); err != nil {
		return err
	}
	_, err := up.reader.Peek(1)
	if watched && errors.Is(err, os.ErrDeadlineExceeded) {
		// It takes its time: from now on its client's leaving is watched for.
		_ = up.SetReadDeadline(deadline)
		stop := c.watch(up)
		_, err = up.reader.Peek(1)
		if stop() {
			return context.Canceled
		}
	}
	if err == nil {
		_ = up.SetReadDeadline(deadline)
	}
	return err
}

// answer passes the answer on and gives the connection back.
func (c *frontConn) answer(up *upstreamConn, out *[]byte) (status int, keep bool) {
	var answer plainAnswer
	head, taken := []byte(nil), 0
	if in, whole := peekHead(up); whole {
		head, taken = answer.read(in, (*out)[:0], string(c.request.method))
	}
	if taken == 0 {
		return c.answerOther(up)
	}
	_, _ = up.reader.Discard(taken)
	up.limit.N = 1<<63 - 1
	if answer.length > 0 && up.reader.Buffered() == 0 {
		// The header goes out with what comes first of the body.
		if _, err := up.reader.Peek(1); err != nil {
			return c.cut(up, answer.status, err)
		}
	}
	first, _ := up.reader.Peek(min(answer.length, up.reader.Buffered()))
	head, keep = c.endHead(head, &answer, first)
	*out = head
	_, _ = up.reader.Discard(len(first))
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
func (c *frontConn) endHead(head []byte, answer *plainAnswer, first []byte) (out []byte, keep bool) {
	if !answer.typed && !answer.encoded && len(first) > 0 {
		head = appendText(head, "Content-Type: ", http.DetectContentType(first))
	}
	head = appendText(head, "X-Duration-Seconds: ", seconds(time.Since(c.begun)))
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
func (c *frontConn) giveBack(up *upstreamConn, answer *plainAnswer) {
	c.up.Store(nil)
	if answer.last || up.reader.Buffered() > 0 {
		up.Close()
		return
	}
	c.front.proxy.upstream.put(up)
}

func (c *frontConn) log(status int, size int64) {
	logAccess(c.front.proxy.config, c.front.proxy.logger, c.accessed(), status, size, time.Since(c.begun))
}

// limitWriting sets the exact time at which an answer that may take long must have been written.
func (c *frontConn) limitWriting() {
	if length := withGrace(c.front.watchdog.config.writeTimeout); length > 0 {
		c.writeLimit = limit{}
		_ = c.SetWriteDeadline(c.begun.Add(length))
	}
}

// copyRest passes on the part of a body that did not come with its head.
func (c *frontConn) copyRest(up *upstreamConn, left int64) (err error) {
	c.limitWriting()
	stop := c.watch(up)
	defer func() {
		if stop() && err == nil {
			err = context.Canceled
		}
	}()
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	for left > 0 {
		n, err := up.reader.Read((*buffer)[:min(left, int64(len(*buffer)))])
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
func peekHead(up *upstreamConn) (in []byte, whole bool) {
	for {
		in, _ = up.reader.Peek(up.reader.Buffered())
		if bytes.Contains(in, []byte("\r\n\r\n")) {
			return in, true
		}
		if len(in) == up.reader.Size() {
			return nil, false
		}
		if _, err := up.reader.Peek(len(in) + 1); err != nil {
			return nil, false
		}
	}
}

// answerOther passes on any answer that is not plain.
func (c *frontConn) answerOther(up *upstreamConn) (status int, keep bool) {
	writer := &frontWriter{conn: c}
	stamped := &durationStamp{ResponseWriter: writer, begun: c.begun}
	watching := c.watch(up)
	ended := false
	request := &http.Request{Method: string(c.request.method), Header: http.Header{}}
	call := &exchange{upstream: c.front.proxy.upstream, writer: stamped, request: request, conn: up}
	// The exchange ends the watch when it has the whole answer, and keeps the connection if the client is still there.
	call.stop = func() bool { ended = true; return !watching() }
	c.limitWriting()
	response, err := call.readHead(false)
	if err == nil && response.StatusCode == http.StatusSwitchingProtocols {
		err = errUnasked
	}
	if err == nil {
		err = call.answer(response)
	}
	if !ended && watching() {
		err = context.Canceled
	}
	switch {
	case err == nil:
		failed := writer.finish()
		c.log(call.status, stamped.size())
		return call.status, failed == nil && !writer.last
	case call.started:
		return c.cut(up, call.status, err)
	}
	up.Close()
	return c.fail(err, true)
}

var errUnasked = errors.New("the function has changed to another protocol, which nobody asked for")

// cut gives up an answer of which the client may have a part. Only a broken connection can still say so.
func (c *frontConn) cut(up *upstreamConn, status int, err error) (int, bool) {
	if c.up.Swap(nil) != nil {
		up.Close()
	}
	c.front.proxy.logger.printf("%s %s - %d: the answer was cut off: %v", c.request.method, c.request.target, status, err)
	return status, false
}

// fail answers for a process that could not. What is left of a request that has not come as a whole must not be taken
// for the connection's next one.
func (c *frontConn) fail(err error, whole bool) (status int, keep bool) {
	status = failureStatus(err)
	c.front.proxy.logger.printf("%s %s - %d: %v", c.request.method, c.request.target, status, err)
	writer := &frontWriter{conn: c}
	stamped := &durationStamp{ResponseWriter: writer, begun: c.begun}
	stamped.Header().Set("X-Openfaas-Internal", "of-watchdog")
	stamped.Header().Set("Content-Length", "0")
	if !whole || errors.Is(err, context.Canceled) {
		stamped.Header().Set("Connection", "close")
	}
	stamped.WriteHeader(status)
	return status, writer.finish() == nil && !writer.last
}

// accessed is the call as its line in the log has it.
func (c *frontConn) accessed() accessed {
	r := &c.request
	return accessed{
		method: string(r.method), target: string(r.target), agent: string(r.agent), callID: string(r.callID), trace: string(r.trace[:]),
	}
}
