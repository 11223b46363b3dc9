package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"fwatchdog/internal/calls"
	"fwatchdog/internal/upstream"
)

// MaxSmallBody is the maximum body in bytes that is sent together with the header, and can be sent again on another
// connection.
const MaxSmallBody = 16 * 1024

const (
	continueTimeout = time.Second           // for the answer to Expect: 100-continue, which many servers never send
	senderTimeout   = 50 * time.Millisecond // for the sender of a body to report why it stopped
)

// roundTrip sends one request over one connection to the process, and passes the response to the client.
type roundTrip struct {
	pool    *upstream.Pool
	writer  http.ResponseWriter
	request *http.Request

	conn    *upstream.Conn
	stop    func() bool // ends the watch over the context of the call; false when the context has ended
	body    []byte      // the whole body, if small
	stream  bool        // the body is sent while the response is read
	expects bool        // the body is sent only when the process asks for it
	bodyEnd atomic.Bool // the whole streamed body has been read from the client
	sent    chan error  // result of sending the streamed body; nil before that begins
	started bool        // the header of the response has been sent to the client
	status  int
}

// run executes the round trip. After an error with started unset the caller can still respond.
func (t *roundTrip) run(ctx context.Context, deadline time.Time) error {
	if err := t.readSmall(); err != nil {
		return err
	}
	response, err := t.roundTrip(ctx, deadline)
	if err != nil {
		return err
	}
	defer t.stop()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return t.tunnel(ctx, response, deadline)
	}
	return t.relay(response)
}

// readSmall reads a small body, and decides how a larger one is sent.
func (t *roundTrip) readSmall() error {
	r := t.request
	length := r.ContentLength
	t.expects = strings.EqualFold(r.Header.Get("Expect"), "100-continue") && length != 0
	t.stream = length < 0 || length > MaxSmallBody || t.expects
	if t.stream || length == 0 {
		return nil
	}
	t.body = make([]byte, length)
	if _, err := io.ReadFull(r.Body, t.body); err != nil {
		return calls.ClientError{Err: err}
	}
	return nil
}

// roundTrip sends the request and reads the header of the response. The process may have closed an idle connection
// meanwhile; then an idempotent request is sent again on another one.
func (t *roundTrip) roundTrip(ctx context.Context, deadline time.Time) (*http.Response, error) {
	for {
		conn, err := t.pool.Take(ctx)
		if err != nil {
			return nil, err
		}
		t.conn = conn
		conn.LimitTo(deadline, t.stream || len(t.body) > 0)
		t.stop = context.AfterFunc(ctx, conn.Interrupt)
		response, err := t.send(deadline)
		if err == nil {
			return response, nil
		}
		t.stop()
		conn.Close()
		t.stopSending()
		switch {
		case errors.As(err, new(calls.ClientError)):
			return nil, err
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case t.stream || !CanRetry(conn, t.request.Method, err):
			return nil, err
		}
	}
}

// CanRetry reports whether a request may be sent again after an error: the connection had been idle, and the method is
// idempotent (RFC 9110, 9.2.2).
func CanRetry(conn *upstream.Conn, method string, err error) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return conn.Used && !errors.Is(err, os.ErrDeadlineExceeded)
	}
	return false
}

func (t *roundTrip) send(deadline time.Time) (*http.Response, error) {
	t.conn.ExpectHead()
	t.writeHead(t.conn.Writer)
	if len(t.body) > 0 {
		_, _ = t.conn.Writer.Write(t.body)
	}
	if err := t.conn.Writer.Flush(); err != nil {
		// A process that refuses a request (431, 413) may respond and close the connection before it has read all of it.
		response, none := t.readHead(false)
		if none != nil {
			return nil, err
		}
		response.Close = true
		return response, nil
	}
	if t.expects {
		if response, err := t.awaitContinue(deadline); response != nil || err != nil {
			return response, err
		}
	}
	if t.stream {
		t.startSending()
	}
	response, err := t.readHead(false)
	if err != nil && t.sent != nil {
		return nil, t.cause(err)
	}
	return response, err
}

// cause returns the error of the sender if the client did not send its request, else err. Both can be the result of one
// event, so the sender has a moment to report.
func (t *roundTrip) cause(err error) error {
	select {
	case sendErr := <-t.sent:
		t.sent <- sendErr
		if errors.As(sendErr, new(calls.ClientError)) {
			return sendErr
		}
	case <-time.After(senderTimeout):
	}
	return err
}

// awaitContinue waits for the process to accept or reject the body. A nil response means that the body is sent.
func (t *roundTrip) awaitContinue(deadline time.Time) (*http.Response, error) {
	wait := time.Now().Add(continueTimeout)
	if !deadline.IsZero() && deadline.Before(wait) {
		wait = deadline
	}
	_ = t.conn.SetReadDeadline(wait)
	_, err := t.conn.Reader.Peek(1)
	_ = t.conn.SetReadDeadline(deadline)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return t.readHead(true)
}

// readHead reads the header of the response, and passes informational responses to the client. With untilContinue it
// returns nil when the process asks for the body.
func (t *roundTrip) readHead(untilContinue bool) (*http.Response, error) {
	for {
		response, err := http.ReadResponse(t.conn.Reader, t.request)
		if err != nil {
			return nil, err
		}
		status := response.StatusCode
		switch {
		case response.ProtoMajor != 1 || status < 100:
			return nil, fmt.Errorf("the response of the function is not HTTP/1: %s %s", response.Proto, response.Status)
		case status >= 200 || status == http.StatusSwitchingProtocols:
			t.conn.BodyFollows()
			return response, nil
		case status != http.StatusContinue:
			maps.Copy(t.writer.Header(), response.Header)
			t.writer.WriteHeader(status)
			clear(t.writer.Header())
		case untilContinue:
			return nil, nil
		}
	}
}

// bufferWhole reads the whole body, so that its length is known before it is sent.
func bufferWhole(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return calls.ClientError{Err: err}
	}
	r.Body, r.ContentLength, r.TransferEncoding, r.Trailer = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil, nil
	r.Header.Del("Expect")
	return nil
}
