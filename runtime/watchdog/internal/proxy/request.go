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

// writeHead writes the head of the request: that of the client without the fields that concern its connection.
func (t *roundTrip) writeHead(w *bufio.Writer) {
	r := t.request
	host := r.Host
	if host == "" {
		host = t.pool.Host
	}
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") {
		target = r.URL.RequestURI()
	}
	for _, part := range []string{r.Method, " ", t.pool.Base, target, " HTTP/1.1\r\nHost: ", host, "\r\n"} {
		_, _ = w.WriteString(part)
	}
	upgrade := upgradeOf(r.Header)
	dropped := connectionOptions(r.Header)
	auth := t.pool.ProxyAuth()
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
	t.writeFraming(w)
	_, _ = w.WriteString("\r\n")
}

func (t *roundTrip) writeFraming(w *bufio.Writer) {
	r := t.request
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

// startSending sends the body in a goroutine, because the response may begin before the request has ended.
func (t *roundTrip) startSending() {
	sent, conn := make(chan error, 1), t.conn
	t.sent = sent
	_ = http.NewResponseController(t.writer).EnableFullDuplex()
	go func() {
		err := t.sendBody()
		if errors.As(err, new(calls.ClientError)) {
			conn.Interrupt()
		}
		sent <- err
	}()
}

// wholeBody reports whether the body has been read to its end. If not, its rest must not be parsed as the next request of
// the connection.
func (t *roundTrip) wholeBody() bool { return !t.stream || t.bodyEnd.Load() }

// stopSending returns when nobody reads the body any more. It reports whether the whole body has been sent.
func (t *roundTrip) stopSending() bool {
	if t.sent == nil {
		return !t.expects
	}
	sent, timeout := t.sent, time.Duration(0)
	t.sent = nil
	if t.bodyEnd.Load() {
		// The sender reports at once, unless the process does not read.
		timeout = senderTimeout
	}
	select {
	case err := <-sent:
		return err == nil
	case <-time.After(timeout):
	}
	t.conn.Close()
	if !t.bodyEnd.Load() {
		_ = http.NewResponseController(t.writer).SetReadDeadline(calls.Past)
	}
	<-sent
	return false
}

func (t *roundTrip) sendBody() error {
	conn, r := t.conn, t.request
	buffer := calls.Buffers.Get().(*[]byte)
	defer calls.Buffers.Put(buffer)
	chunked := r.ContentLength < 0
	for {
		n, err := r.Body.Read(*buffer)
		if err == io.EOF {
			// Recorded before the process reads the last bytes, and can respond.
			t.bodyEnd.Store(true)
		}
		if n > 0 {
			if failed := sendChunk(conn.Writer, (*buffer)[:n], chunked); failed != nil {
				return failed
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return calls.ClientError{Err: err}
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

func sendChunk(w *bufio.Writer, data []byte, chunked bool) error {
	if chunked {
		_, _ = w.WriteString(strconv.FormatInt(int64(len(data)), 16))
		_, _ = w.WriteString("\r\n")
		_, _ = w.Write(data)
		_, _ = w.WriteString("\r\n")
	} else {
		_, _ = w.Write(data)
	}
	return w.Flush()
}

// hopByHop are the fields that concern one connection, and those that this package writes.
var hopByHop = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true, "Content-Length": true,
}

// connectionOptions returns the other fields that the Connection header declares hop-by-hop.
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

// upgradeOf returns the protocol that the client asks to switch to, or an empty text.
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
