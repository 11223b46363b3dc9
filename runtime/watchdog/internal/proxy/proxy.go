// Package proxy passes calls to the long-lived process of mode http.
package proxy

import (
	"context"
	"errors"
	"net/http"
	"os"
	"time"

	"fwatchdog/internal/calls"
	"fwatchdog/internal/config"
	"fwatchdog/internal/logging"
	"fwatchdog/internal/process"
	"fwatchdog/internal/upstream"
)

// Handler passes calls to the long-lived process of mode http.
type Handler struct {
	config   *config.Config
	logger   *logging.Logger
	child    *process.Child
	upstream *upstream.Pool
}

func New(c *config.Config, l *logging.Logger, child *process.Child, upstream *upstream.Pool) *Handler {
	return &Handler{config: c, logger: l, child: child, upstream: upstream}
}

func (p *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	ctx, deadline := r.Context(), Deadline(p.config, begun, calls.RequestedTimeout(r))
	calls.EnsureTrace(r)
	stamped := NewDurationWriter(w, begun)
	call := &roundTrip{upstream: p.upstream, writer: stamped, request: r}
	err := p.child.WaitUntilListening(ctx, deadline)
	if err == nil && p.config.BufferBody {
		err = bufferWhole(r)
	}
	if err == nil {
		err = call.run(ctx, deadline)
	}
	if err == nil {
		p.logger.Access(logging.CallOf(r), call.status, stamped.Written, time.Since(begun))
		return
	}
	if call.started {
		p.logger.Printf("%s %s - %d: the answer was cut off: %v", r.Method, r.URL.RequestURI(), call.status, err)
		// The status is out: only a broken connection can still say that the answer is not whole.
		panic(http.ErrAbortHandler)
	}
	p.failed(stamped, r, err, begun)
}

// Deadline returns when a call must have ended; the zero time means never. See config.callTimeout for requested.
func Deadline(c *config.Config, begun time.Time, requested time.Duration) time.Time {
	if limit := c.CallTimeout(requested); limit > 0 {
		return begun.Add(limit)
	}
	return time.Time{}
}

// FailureStatus is 504 when time was up, 400 when the request did not come, 503 when this machine has run out of
// something, else 500.
func FailureStatus(err error) int {
	var client ClientError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusGatewayTimeout
	case errors.As(err, &client):
		return http.StatusBadRequest
	}
	return calls.StartStatus(err)
}

// failed answers for a process that could not.
func (p *Handler) failed(w http.ResponseWriter, r *http.Request, err error, begun time.Time) {
	status := FailureStatus(err)
	p.logger.Printf("%s %s - %d: %v", r.Method, r.URL.RequestURI(), status, err)
	w.Header().Set("X-Openfaas-Internal", "of-watchdog")
	if r.ContentLength != 0 {
		// What is left of the body must not be taken for the connection's next request.
		w.Header().Set("Connection", "close")
	}
	w.WriteHeader(status)
}

// DurationWriter puts the time until the header came into the header.
type DurationWriter struct {
	http.ResponseWriter
	begun   time.Time
	Written int64
	stamped bool
}

func NewDurationWriter(w http.ResponseWriter, begun time.Time) *DurationWriter {
	return &DurationWriter{ResponseWriter: w, begun: begun}
}

func (d *DurationWriter) WriteHeader(status int) {
	if status >= 200 && !d.stamped {
		d.stamped = true
		d.Header().Set("X-Duration-Seconds", calls.Seconds(time.Since(d.begun)))
	}
	d.ResponseWriter.WriteHeader(status)
}

func (d *DurationWriter) Write(data []byte) (int, error) {
	n, err := d.ResponseWriter.Write(data)
	d.Written += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (d *DurationWriter) Unwrap() http.ResponseWriter { return d.ResponseWriter }
