package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
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
	switch e.request.Method {
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

// writeHead writes the request as the process shall see it: the client's own, less what concerns the connection only.
func (e *exchange) writeHead(w *bufio.Writer) {
	r := e.request
	host := r.Host
	if host == "" {
		host = e.upstream.host
	}
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") {
		target = r.URL.RequestURI()
	}
	for _, part := range []string{r.Method, " ", e.upstream.base, target, " HTTP/1.1\r\nHost: ", host, "\r\n"} {
		_, _ = w.WriteString(part)
	}
	upgrade := upgradeOf(r.Header)
	dropped := connectionOptions(r.Header)
	for name, values := range r.Header {
		if hopByHop[name] || dropped[name] {
			continue
		}
		for _, value := range values {
			writeField(w, name, value)
		}
	}
	if upgrade != "" {
		writeField(w, "Connection", "Upgrade")
		writeField(w, "Upgrade", upgrade)
	}
	if strings.Contains(strings.ToLower(r.Header.Get("Te")), "trailers") {
		writeField(w, "Te", "trailers")
	}
	e.writeFraming(w)
	_, _ = w.WriteString("\r\n")
}

func (e *exchange) writeFraming(w *bufio.Writer) {
	r := e.request
	switch {
	case r.ContentLength < 0:
		writeField(w, "Transfer-Encoding", "chunked")
		for name := range r.Trailer {
			writeField(w, "Trailer", name)
		}
	case r.ContentLength > 0 || r.Header.Get("Content-Length") != "":
		writeField(w, "Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
}

func writeField(w *bufio.Writer, name, value string) {
	_, _ = w.WriteString(name)
	_, _ = w.WriteString(": ")
	_, _ = w.WriteString(value)
	_, _ = w.WriteString("\r\n")
}

// startSending sends the body from a goroutine of its own: the answer may begin before the request ends.
func (e *exchange) startSending() {
	e.sent = make(chan error, 1)
	_ = http.NewResponseController(e.writer).EnableFullDuplex()
	conn, request := e.conn, e.request
	go func() {
		err := sendBody(conn, request)
		var client clientError
		if errors.As(err, &client) {
			conn.interrupt()
		}
		e.sent <- err
	}()
}

// stopSending returns when nobody reads the body any more, and whether all of it has been sent.
func (e *exchange) stopSending() bool {
	if e.sent == nil {
		return !e.expects
	}
	var err error
	select {
	case err = <-e.sent:
	default:
		e.conn.Close()
		_ = http.NewResponseController(e.writer).SetReadDeadline(time.Unix(1, 0))
		if err = <-e.sent; err == nil {
			err = io.ErrShortWrite
		}
	}
	e.sent = nil
	return err == nil
}

func sendBody(conn *upstreamConn, r *http.Request) error {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	chunked := r.ContentLength < 0
	for {
		n, err := r.Body.Read(*buffer)
		if n > 0 {
			if failed := sendPiece(conn.writer, (*buffer)[:n], chunked); failed != nil {
				return failed
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return clientError{err}
		}
	}
	if chunked {
		_, _ = conn.writer.WriteString("0\r\n")
		for name, values := range r.Trailer {
			for _, value := range values {
				writeField(conn.writer, name, value)
			}
		}
		_, _ = conn.writer.WriteString("\r\n")
	}
	return conn.writer.Flush()
}

func sendPiece(w *bufio.Writer, piece []byte, chunked bool) error {
	if chunked {
		_, _ = w.WriteString(strconv.FormatInt(int64(len(piece)), 16))
		_, _ = w.WriteString("\r\n")
		_, _ = w.Write(piece)
		_, _ = w.WriteString("\r\n")
	} else {
		_, _ = w.Write(piece)
	}
	return w.Flush()
}

// answer passes the answer on and gives the connection back.
func (e *exchange) answer(response *http.Response) error {
	header := e.writer.Header()
	dropped := connectionOptions(response.Header)
	for name, values := range response.Header {
		if !hopByHop[name] && !dropped[name] {
			header[name] = values
		}
	}
	if response.ContentLength >= 0 && response.Header.Get("Content-Length") != "" {
		header.Set("Content-Length", response.Header.Get("Content-Length"))
	}
	for name := range response.Trailer {
		header.Add("Trailer", name)
	}
	e.started, e.status = true, response.StatusCode
	e.writer.WriteHeader(response.StatusCode)
	err := e.copyBody(response)
	for name, values := range response.Trailer {
		header[name] = values
	}
	whole := e.stopSending()
	if !e.stop() || err != nil || !whole || response.Close {
		e.conn.Close()
		return err
	}
	e.upstream.put(e.conn)
	return nil
}

// copyBody passes on what has come, at once when nothing more is waiting behind it.
func (e *exchange) copyBody(response *http.Response) error {
	if response.Body == http.NoBody {
		return nil
	}
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	left := response.ContentLength
	for {
		n, err := response.Body.Read(*buffer)
		if n > 0 {
			if _, failed := e.writer.Write((*buffer)[:n]); failed != nil {
				return failed
			}
			left -= int64(n)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if left != 0 && e.conn.reader.Buffered() == 0 {
			if failed := http.NewResponseController(e.writer).Flush(); failed != nil {
				return failed
			}
		}
	}
}

// hopByHop are the fields that concern one connection, and those that we write ourselves.
var hopByHop = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true, "Content-Length": true,
}

// connectionOptions are the further fields that Connection declares to be for this connection only.
func connectionOptions(header http.Header) map[string]bool {
	values := header["Connection"]
	if len(values) == 0 {
		return nil
	}
	var named map[string]bool
	for _, value := range values {
		for _, option := range strings.Split(value, ",") {
			option = http.CanonicalHeaderKey(strings.TrimSpace(option))
			if option == "" || option == "Close" || hopByHop[option] {
				continue
			}
			if named == nil {
				named = map[string]bool{}
			}
			named[option] = true
		}
	}
	return named
}

// upgradeOf is the protocol the client wants to change to, or empty.
func upgradeOf(header http.Header) string {
	for _, value := range header["Connection"] {
		for _, option := range strings.Split(value, ",") {
			if strings.EqualFold(strings.TrimSpace(option), "upgrade") {
				return header.Get("Upgrade")
			}
		}
	}
	return ""
}

func copyHeader(to, from http.Header) {
	for name, values := range from {
		to[name] = values
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
