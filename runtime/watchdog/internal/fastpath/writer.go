package fastpath

import (
	"bytes"
	"net/http"
	"strconv"
	"time"
)

// responseWriter writes a response that is not plain, or one of the watchdog itself.
type responseWriter struct {
	conn    *clientConn
	header  http.Header
	out     []byte
	status  int
	begun   bool // the head has been written to out
	chunked bool
	last    bool // the connection is closed after this response
}

func (w *responseWriter) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

func (w *responseWriter) WriteHeader(status int) {
	if status >= 200 {
		if w.status == 0 {
			w.status = status
		}
		return
	}
	w.writeHead(status)
	_ = w.FlushError()
}

// begin writes the head. The first bytes of the body decide about its content type.
func (w *responseWriter) begin(first []byte) {
	if w.begun {
		return
	}
	w.begun = true
	if w.status == 0 {
		w.status = http.StatusOK
	}
	header := w.Header()
	if header["Content-Type"] == nil && header["Content-Encoding"] == nil && len(first) > 0 {
		header.Set("Content-Type", http.DetectContentType(first))
	}
	if w.status == http.StatusNoContent {
		header.Del("Content-Length")
	}
	if header["Content-Length"] == nil && !withoutBody(string(w.conn.request.method), w.status) {
		w.chunked = true
		header.Set("Transfer-Encoding", "chunked")
	}
	if header["Date"] == nil {
		header.Set("Date", httpDate())
	}
	w.last = w.conn.request.last || w.conn.listener.closing.Load() || header.Get("Connection") == "close"
	if w.last {
		header.Set("Connection", "close")
	}
	w.writeHead(w.status)
}

func (w *responseWriter) writeHead(status int) {
	w.out = appendStatus(w.out, status)
	var head bytes.Buffer
	_ = w.Header().Write(&head)
	w.out = append(append(w.out, head.Bytes()...), '\r', '\n')
}

func (w *responseWriter) Write(data []byte) (int, error) {
	if len(data) == 0 {
		return 0, nil
	}
	w.begin(data)
	if w.chunked {
		w.out = append(strconv.AppendInt(w.out, int64(len(data)), 16), '\r', '\n')
		w.out = append(append(w.out, data...), '\r', '\n')
	} else {
		w.out = append(w.out, data...)
	}
	if len(w.out) >= maxHeadBytes {
		return len(data), w.send()
	}
	return len(data), nil
}

// FlushError sends what has been written; http.ResponseController calls it.
func (w *responseWriter) FlushError() error {
	if w.status > 0 {
		w.begin(nil)
	}
	return w.send()
}

func (w *responseWriter) send() error {
	if len(w.out) == 0 {
		return nil
	}
	_, err := w.conn.Write(w.out)
	w.out = w.out[:0]
	return err
}

// finish sends the rest of the response, with its trailers.
func (w *responseWriter) finish() error {
	w.begin(nil)
	if w.chunked {
		w.out = append(w.out, "0\r\n"...)
		var trailer bytes.Buffer
		for _, name := range w.header["Trailer"] {
			for _, value := range w.header[http.CanonicalHeaderKey(name)] {
				_ = http.Header{name: {value}}.Write(&trailer)
			}
		}
		w.out = append(append(w.out, trailer.Bytes()...), '\r', '\n')
	}
	return w.send()
}

// appendStatus appends the status line with the standard text.
func appendStatus(out []byte, status int) []byte {
	out = append(strconv.AppendInt(append(out, "HTTP/1.1 "...), int64(status), 10), ' ')
	text := http.StatusText(status)
	if text == "" {
		text = "status code " + strconv.Itoa(status)
	}
	return append(append(out, text...), '\r', '\n')
}

// httpDate returns the current time in the format of HTTP.
func httpDate() string { return time.Now().UTC().Format(http.TimeFormat) }
