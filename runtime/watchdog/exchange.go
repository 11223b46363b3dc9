package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// smallBody goes out with the header in one piece, and can be sent again on another connection.
	smallBody = 16 * 1024
	// continueWait is how long a process may think about Expect: 100-continue; many never answer it.
	continueWait = time.Second
	// blameWait is how long the sender of a body may take to say why it stopped.
	blameWait = 50 * time.Millisecond
)

// exchange is one call carried over one connection to the process.
type exchange struct {
	upstream *upstream
	writer   http.ResponseWriter
	request  *http.Request

	conn    *upstreamConn
	stop    func() bool // ends the watch over the call's context; false when that has ended already
	body    []byte      // all of the request's body, when it is small
	stream  bool        // the body is sent while the answer is read
	expects bool        // the body is sent only when the process asks for it
	bodyEnd atomic.Bool // all of a streamed body has been read from the client
	sent    chan error  // result of sending the streamed body, nil before it has begun
	started bool        // the answer's header went to the client
	status  int
}

// clientError is a request whose body could not be read from the client.
type clientError struct{ error }

func (e clientError) Unwrap() error { return e.error }

// run carries the call. On an error with started unset the caller can still answer.
func (e *exchange) run(ctx context.Context, deadline time.Time) error {
	if err := e.readSmall(); err != nil {
		return err
	}
	response, err := e.ask(ctx, deadline)
	if err != nil {
		return err
	}
	defer e.stop()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return e.tunnel(ctx, response, deadline)
	}
	return e.answer(response)
}

// readSmall reads a body that is small, and decides how the others travel.
func (e *exchange) readSmall() error {
	r := e.request
	length := r.ContentLength
	e.expects = strings.EqualFold(r.Header.Get("Expect"), "100-continue") && length != 0
	e.stream = length < 0 || length > smallBody || e.expects
	if e.stream || length == 0 {
		return nil
	}
	e.body = make([]byte, length)
	if _, err := io.ReadFull(r.Body, e.body); err != nil {
		return clientError{err}
	}
	return nil
}

// ask sends the request and reads the header of the answer. A kept connection may have been closed at that
// very moment; then a call that can be repeated is, on a new one.
func (e *exchange) ask(ctx context.Context, deadline time.Time) (*http.Response, error) {
	for {
		conn, err := e.upstream.take(ctx)
		if err != nil {
			return nil, err
		}
		e.conn = conn
		conn.limitTo(deadline, e.stream || len(e.body) > 0)
		e.stop = context.AfterFunc(ctx, conn.interrupt)
		response, err := e.send(deadline)
		if err == nil {
			return response, nil
		}
		e.stop()
		conn.Close()
		e.stopSending()
		var client clientError
		switch {
		case errors.As(err, &client):
			return nil, err
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !e.repeatable(err):
			return nil, err
		}
	}
}

// repeatable reports a call that a closed connection has swallowed, and that does no harm when sent twice.
func (e *exchange) repeatable(err error) bool {
	if !e.conn.used || e.stream || errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	return repeatable(e.request.Method)
}

// repeatable reports a method that does no harm when it is carried out twice (RFC 9110, 9.2.2).
func repeatable(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return true
	}
	return false
}

func (e *exchange) send(deadline time.Time) (*http.Response, error) {
	e.conn.limit.N = maxHeadSize
	e.writeHead(e.conn.writer)
	if len(e.body) > 0 {
		_, _ = e.conn.writer.Write(e.body)
	}
	if err := e.conn.writer.Flush(); err != nil {
		return nil, err
	}
	if e.expects {
		if response, err := e.awaitContinue(deadline); response != nil || err != nil {
			return response, err
		}
	}
	if e.stream {
		e.startSending()
	}
	response, err := e.readHead(false)
	if err != nil && e.sent != nil {
		return nil, e.blame(err)
	}
	return response, err
}

// blame finds out whether an answer failed to come because the client did not send its request. The sender may need
// a moment to notice: the end of the request's context and that of its body are the same event.
func (e *exchange) blame(err error) error {
	select {
	case sendErr := <-e.sent:
		e.sent <- sendErr
		var client clientError
		if errors.As(sendErr, &client) {
			return client
		}
	case <-time.After(blameWait):
	}
	return err
}

// awaitContinue gives the process the time to refuse the body. A nil response means: send it.
func (e *exchange) awaitContinue(deadline time.Time) (*http.Response, error) {
	wait := time.Now().Add(continueWait)
	if !deadline.IsZero() && deadline.Before(wait) {
		wait = deadline
	}
	_ = e.conn.SetReadDeadline(wait)
	_, err := e.conn.reader.Peek(1)
	_ = e.conn.SetReadDeadline(deadline)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return e.readHead(true)
}

// readHead reads the header of the answer, and passes on those that come before the real one. With untilContinue
// it returns nil when the process asks for the body.
func (e *exchange) readHead(untilContinue bool) (*http.Response, error) {
	for {
		response, err := http.ReadResponse(e.conn.reader, e.request)
		if err != nil {
			return nil, err
		}
		status := response.StatusCode
		switch {
		case response.ProtoMajor != 1 || status < 100:
			return nil, fmt.Errorf("the function's answer is not HTTP/1: %s %s", response.Proto, response.Status)
		case status >= 200 || status == http.StatusSwitchingProtocols:
			e.conn.limit.N = 1<<63 - 1
			return response, nil
		case status != http.StatusContinue:
			copyHeader(e.writer.Header(), response.Header)
			e.writer.WriteHeader(status)
			clear(e.writer.Header())
		case untilContinue:
			return nil, nil
		}
	}
}

// bufferWhole reads the request's body completely, so that its length is known beforehand.
func bufferWhole(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return clientError{err}
	}
	r.Body, r.ContentLength, r.TransferEncoding, r.Trailer = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil, nil
	r.Header.Del("Expect")
	return nil
}
