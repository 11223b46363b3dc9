package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"

	"fwatchdog/internal/calls"
	"fwatchdog/internal/upstream"
)

// answer passes the answer on and gives the connection back.
func (e *roundTrip) answer(response *http.Response) error {
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
	if !e.wholeBody() {
		header.Set("Connection", "close")
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
	e.upstream.Put(e.conn)
	return nil
}

// copyBody passes on what has come, at once when nothing more is waiting behind it.
func (e *roundTrip) copyBody(response *http.Response) error {
	if response.Body == http.NoBody {
		return nil
	}
	buffer := calls.Buffers.Get().(*[]byte)
	defer calls.Buffers.Put(buffer)
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
		if left != 0 && e.conn.Reader.Buffered() == 0 {
			if failed := http.NewResponseController(e.writer).Flush(); failed != nil {
				return failed
			}
		}
	}
}

var errUnrequestedUpgrade = errors.New("the function switched protocols without an Upgrade request")

// Relay passes the response on a connection, on which the request has been sent, to the client. stop ends the watch over
// the client and reports whether it has disconnected. An error with started unset leaves the connection open and the
// client without a status.
func Relay(pool *upstream.Pool, conn *upstream.Conn, w http.ResponseWriter, method string, stop func() bool) (status int, started bool, err error) {
	ended := false
	e := &roundTrip{
		upstream: pool, writer: w, request: &http.Request{Method: method, Header: http.Header{}}, conn: conn,
		// The exchange ends the watch when it has the whole response, and keeps the connection if the client is still there.
		stop: func() bool { ended = true; return !stop() },
	}
	response, err := e.readHead(false)
	if err == nil && response.StatusCode == http.StatusSwitchingProtocols {
		err = errUnrequestedUpgrade
	}
	if err == nil {
		err = e.answer(response)
	}
	if !ended && stop() {
		err = context.Canceled
	}
	return e.status, e.started, err
}
