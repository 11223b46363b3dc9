package main

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

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
	auth := e.upstream.proxyAuth()
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
	conn := e.conn
	go func() {
		err := e.sendBody()
		var client clientError
		if errors.As(err, &client) {
			conn.interrupt()
		}
		e.sent <- err
	}()
}

// wholeBody reports that the request's body has been read to its end. Otherwise what is left of it is still to come,
// and must not be taken for the connection's next request.
func (e *exchange) wholeBody() bool { return !e.stream || e.bodyEnd.Load() }

// stopSending returns when nobody reads the body any more, and whether all of it has been sent.
func (e *exchange) stopSending() bool {
	if e.sent == nil {
		return !e.expects
	}
	err, early := e.sendResult()
	e.sent = nil
	return err == nil && !early
}

// sendResult returns how the sending ended, and whether we had to end it.
func (e *exchange) sendResult() (err error, early bool) {
	patience := time.Duration(0)
	if e.bodyEnd.Load() {
		// The sender has everything, and is about to say so unless the process does not read.
		patience = blameWait
	}
	select {
	case err = <-e.sent:
		return err, false
	case <-time.After(patience):
	}
	e.conn.Close()
	if !e.bodyEnd.Load() {
		_ = http.NewResponseController(e.writer).SetReadDeadline(time.Unix(1, 0))
	}
	return <-e.sent, true
}

func (e *exchange) sendBody() error {
	conn, r := e.conn, e.request
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	chunked := r.ContentLength < 0
	for {
		n, err := r.Body.Read(*buffer)
		if err == io.EOF {
			// Known before the process sees the last bytes, and can answer.
			e.bodyEnd.Store(true)
		}
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
