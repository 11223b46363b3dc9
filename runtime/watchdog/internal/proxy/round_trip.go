package proxy

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

	"fwatchdog/internal/upstream"
)

const (
	// smallBody goes out with the header in one piece, and can be sent again on another connection.
	MaxSmallBody = 16 * 1024
	// continueWait is how long a process may think about Expect: 100-continue; many never answer it.
	continueTimeout = time.Second
	// blameWait is how long the sender of a body may take to say why it stopped.
	senderTimeout = 50 * time.Millisecond
)

// roundTrip is one call carried over one connection to the process.
type roundTrip struct {
	upstream *upstream.Pool
	writer   http.ResponseWriter
	request  *http.Request

	conn    *upstream.Conn
	stop    func() bool // ends the watch over the call's context; false when that has ended already
	body    []byte      // all of the request's body, when it is small
	stream  bool        // the body is sent while the answer is read
	expects bool        // the body is sent only when the process asks for it
	bodyEnd atomic.Bool // all of a streamed body has been read from the client
	sent    chan error  // result of sending the streamed body, nil before it has begun
	started bool        // the answer's header went to the client
	status  int
}

// ClientError is a request whose body could not be read from the client.
type ClientError struct{ Err error }

func (e ClientError) Error() string { return e.Err.Error() }
func (e ClientError) Unwrap() error { return e.Err }

// run carries the call. On an error with started unset the caller can still answer.
func (e *roundTrip) run(ctx context.Context, deadline time.Time) error {
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
func (e *roundTrip) readSmall() error {
	r := e.request
	length := r.ContentLength
	e.expects = strings.EqualFold(r.Header.Get("Expect"), "100-continue") && length != 0
	e.stream = length < 0 || length > MaxSmallBody || e.expects
	if e.stream || length == 0 {
		return nil
	}
	e.body = make([]byte, length)
	if _, err := io.ReadFull(r.Body, e.body); err != nil {
		return ClientError{err}
	}
	return nil
}

// ask sends the request and reads the header of the answer. A kept connection may have been closed at that
// very moment; then a call that can be repeated is, on a new one.
func (e *roundTrip) ask(ctx context.Context, deadline time.Time) (*http.Response, error) {
	for {
		conn, err := e.upstream.Take(ctx)
		if err != nil {
			return nil, err
		}
		e.conn = conn
		conn.LimitTo(deadline, e.stream || len(e.body) > 0)
		e.stop = context.AfterFunc(ctx, conn.Interrupt)
		response, err := e.send(deadline)
		if err == nil {
			return response, nil
		}
		e.stop()
		conn.Close()
		e.stopSending()
		var client ClientError
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
func (e *roundTrip) repeatable(err error) bool {
	if !e.conn.Used || e.stream || errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	return Repeatable(e.request.Method)
}

// Repeatable reports a method that does no harm when it is carried out twice (RFC 9110, 9.2.2).
func Repeatable(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return true
	}
	return false
}

func (e *roundTrip) send(deadline time.Time) (*http.Response, error) {
	e.conn.ExpectHead()
	e.writeHead(e.conn.Writer)
	if len(e.body) > 0 {
		_, _ = e.conn.Writer.Write(e.body)
	}
	if err := e.conn.Writer.Flush(); err != nil {
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
func (e *roundTrip) blame(err error) error {
	select {
	case sendErr := <-e.sent:
		e.sent <- sendErr
		var client ClientError
		if errors.As(sendErr, &client) {
			return client
		}
	case <-time.After(senderTimeout):
	}
	return err
}

// awaitContinue gives the process the time to refuse the body. A nil response means: send it.
func (e *roundTrip) awaitContinue(deadline time.Time) (*http.Response, error) {
	wait := time.Now().Add(continueTimeout)
	if !deadline.IsZero() && deadline.Before(wait) {
		wait = deadline
	}
	_ = e.conn.SetReadDeadline(wait)
	_, err := e.conn.Reader.Peek(1)
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
func (e *roundTrip) readHead(untilContinue bool) (*http.Response, error) {
	for {
		response, err := http.ReadResponse(e.conn.Reader, e.request)
		if err != nil {
			return nil, err
		}
		status := response.StatusCode
		switch {
		case response.ProtoMajor != 1 || status < 100:
			return nil, fmt.Errorf("the function's answer is not HTTP/1: %s %s", response.Proto, response.Status)
		case status >= 200 || status == http.StatusSwitchingProtocols:
			e.conn.BodyFollows()
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
		return ClientError{err}
	}
	r.Body, r.ContentLength, r.TransferEncoding, r.Trailer = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil, nil
	r.Header.Del("Expect")
	return nil
}
