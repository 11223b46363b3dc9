package proxy

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"time"

	"fwatchdog/internal/calls"
)

// tunnel copies bytes between client and process after a protocol switch, until one of them closes its connection.
func (t *roundTrip) tunnel(ctx context.Context, response *http.Response, deadline time.Time) error {
	defer t.conn.Close()
	client, buffered, err := http.NewResponseController(t.writer).Hijack()
	if err != nil {
		return err
	}
	defer client.Close()
	t.started, t.status = true, response.StatusCode
	_ = client.SetDeadline(deadline)
	// After the hijack the context no longer ends when the client disconnects; it still ends when the watchdog drains.
	stop := context.AfterFunc(ctx, func() { client.SetDeadline(calls.Past) })
	defer stop()
	_, _ = buffered.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = response.Header.Write(buffered)
	_, _ = buffered.WriteString("\r\n")
	if buffered.Flush() != nil {
		return nil
	}
	done := make(chan struct{}, 2)
	join := func(to io.Writer, from *bufio.Reader) {
		_, _ = io.Copy(to, from)
		done <- struct{}{}
	}
	go join(t.conn.Conn, buffered.Reader)
	go join(client, t.conn.Reader)
	<-done
	// Closing both connections ends the other copy.
	client.Close()
	t.conn.Close()
	<-done
	return nil
}
