package proxy

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"

	"fwatchdog/internal/calls"
	"fwatchdog/internal/upstream"
)

// relay passes the response to the client and returns the connection to the pool.
func (t *roundTrip) relay(response *http.Response) error {
	header := t.writer.Header()
	dropped := connectionOptions(response.Header)
	for name, values := range response.Header {
		if !hopByHop[name] && !dropped[name] {
			header[name] = values
		}
	}
	if response.ContentLength >= 0 && response.Header.Get("Content-Length") != "" {
		header.Set("Content-Length", response.Header.Get("Content-Length"))
	}
	if !t.wholeBody() {
		header.Set("Connection", "close")
	}
	for name := range response.Trailer {
		header.Add("Trailer", name)
	}
	t.started, t.status = true, response.StatusCode
	t.writer.WriteHeader(response.StatusCode)
	err := t.copyBody(response)
	maps.Copy(header, response.Trailer)
	whole := t.stopSending()
	if !t.stop() || err != nil || !whole || response.Close {
		t.conn.Close()
		return err
	}
	t.pool.Put(t.conn)
	return nil
}

// copyBody passes the body to the client. It flushes when no more of the body has arrived.
func (t *roundTrip) copyBody(response *http.Response) error {
	if response.Body == http.NoBody {
		return nil
	}
	buffer := calls.Buffers.Get().(*[]byte)
	defer calls.Buffers.Put(buffer)
	left := response.ContentLength
	for {
		n, err := response.Body.Read(*buffer)
		if n > 0 {
			if _, failed := t.writer.Write((*buffer)[:n]); failed != nil {
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
		if left != 0 && t.conn.Reader.Buffered() == 0 {
			if failed := http.NewResponseController(t.writer).Flush(); failed != nil {
				return failed
			}
		}
	}
}

var errUnrequestedUpgrade = errors.New("the function switched protocols without an Upgrade request")

// Relay reads the response to a request that has been sent on conn, and passes it to the client. stop ends the watch over
// the client and reports whether the client has disconnected. After an error with started unset the connection is open
// and the caller can still respond.
func Relay(pool *upstream.Pool, conn *upstream.Conn, w http.ResponseWriter, method string, stop func() bool) (status int, started bool, err error) {
	stopped := false
	t := &roundTrip{
		pool: pool, writer: w, request: &http.Request{Method: method, Header: http.Header{}}, conn: conn,
		stop: func() bool { stopped = true; return !stop() },
	}
	response, err := t.readHead(false)
	if err == nil && response.StatusCode == http.StatusSwitchingProtocols {
		err = errUnrequestedUpgrade
	}
	if err == nil {
		err = t.relay(response)
	}
	if !stopped && stop() {
		err = context.Canceled
	}
	return t.status, t.started, err
}
