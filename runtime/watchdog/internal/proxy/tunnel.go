package proxy

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"time"

	"fwatchdog/internal/calls"
)

// tunnel joins client and process after both have agreed to speak another protocol, until one of them leaves.
func (e *roundTrip) tunnel(ctx context.Context, response *http.Response, deadline time.Time) error {
	defer e.conn.Close()
	client, buffered, err := http.NewResponseController(e.writer).Hijack()
	if err != nil {
		return err
	}
	defer client.Close()
	e.started, e.status = true, response.StatusCode
	_ = client.SetDeadline(deadline)
	// After the hijack the request's context no longer ends with the client; it does with the call's limit.
	stop := context.AfterFunc(ctx, func() { client.SetDeadline(calls.Past) })
	defer stop()
	if err := writeSwitch(buffered.Writer, response); err != nil {
		return nil
	}
	done := make(chan struct{}, 2)
	join := func(to io.Writer, from *bufio.Reader) {
		_, _ = io.Copy(to, from)
		done <- struct{}{}
	}
	go join(e.conn.Conn, buffered.Reader)
	go join(client, e.conn.Reader)
	<-done
	// Closing both ends makes the other copy return as well.
	client.Close()
	e.conn.Close()
	<-done
	return nil
}

func writeSwitch(w *bufio.Writer, response *http.Response) error {
	_, _ = w.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = response.Header.Write(w)
	_, _ = w.WriteString("\r\n")
	return w.Flush()
}
