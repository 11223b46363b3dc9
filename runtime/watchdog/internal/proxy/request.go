package proxy

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fwatchdog/internal/calls"
)

// writeHead writes the request as the process shall see it: the client's own, less what concerns the connection only.
func (e *roundTrip) writeHead(w *bufio.Writer) {
	r := e.request
	host := r.Host
	if host == "" {
		host = e.upstream.Host
	}
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") {
		target = r.URL.RequestURI()
	}
	for _, part := range []string{r.Method, " ", e.upstream.Base, target, " HTTP/1.1\r\nHost: ", host, "\r\n"} {
		_, _ = w.WriteString(part)
	}
	upgrade := upgradeOf(r.Header)
	dropped := connectionOptions(r.Header)
	auth := e.upstream.ProxyAuth()
	for name, values := range r.Header {
		if hopByHop[name] || dropped[name] || (auth != "" && name == "Proxy-Authorization") {
			continue
		}
		for _, value := range values {
			writeField(w, name, value)
		}
	}
	if auth != "" {
		writeField(w, "Proxy-Authorization", auth)
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

func (e *roundTrip) writeFraming(w *bufio.Writer) {
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
func (e *roundTrip) startSending() {
	e.sent = make(chan error, 1)
	_ = http.NewResponseController(e.writer).EnableFullDuplex()
	conn := e.conn
	go func() {
		err := e.sendBody()
		var client ClientError
		if errors.As(err, &client) {
			conn.Interrupt()
		}
		e.sent <- err
	}()
}

// wholeBody reports that the request's body has been read to its end. Otherwise what is left of it is still to come,
// and must not be taken for the connection's next request.
func (e *roundTrip) wholeBody() bool { return !e.stream || e.bodyEnd.Load() }

// stopSending returns when nobody reads the body any more, and whether all of it has been sent.
func (e *roundTrip) stopSending() bool {
	if e.sent == nil {
		return !e.expects
	}
	err, early := e.sendResult()
	e.sent = nil
	return err == nil && !early
}

// sendResult returns how the sending ended, and whether we had to end it.
func (e *roundTrip) sendResult() (err error, early bool) {
	patience := time.Duration(0)
	if e.bodyEnd.Load() {
		// The sender has everything, and is about to say so unless the process does not read.
		patience = senderTimeout
	}
	select {
	case err = <-e.sent:
		return err, false
	case <-time.After(patience):
	}
	e.conn.Close()
	if !e.bodyEnd.Load() {
		_ = http.NewResponseController(e.writer).SetReadDeadline(calls.Past)
	}
	return <-e.sent, true
}

func (e *roundTrip) sendBody() error {
	conn, r := e.conn, e.request
	buffer := calls.Buffers.Get().(*[]byte)
	defer calls.Buffers.Put(buffer)
	chunked := r.ContentLength < 0
	for {
		n, err := r.Body.Read(*buffer)
		if err == io.EOF {
			// Known before the process sees the last bytes, and can answer.
			e.bodyEnd.Store(true)
		}
		if n > 0 {
			if failed := sendPiece(conn.Writer, (*buffer)[:n], chunked); failed != nil {
				return failed
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return ClientError{err}
		}
	}
	if chunked {
		_, _ = conn.Writer.WriteString("0\r\n")
		for name, values := range r.Trailer {
			for _, value := range values {
				writeField(conn.Writer, name, value)
			}
		}
		_, _ = conn.Writer.WriteString("\r\n")
	}
	return conn.Writer.Flush()
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
