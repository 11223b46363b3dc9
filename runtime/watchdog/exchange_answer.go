package main

import (
	"io"
	"net/http"
)

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
