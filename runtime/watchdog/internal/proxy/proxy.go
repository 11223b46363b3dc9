// Package proxy passes calls to the long-lived process of mode http.
package proxy

import (
	"net/http"
	"time"

	"fwatchdog/internal/calls"
	"fwatchdog/internal/config"
	"fwatchdog/internal/logging"
	"fwatchdog/internal/process"
	"fwatchdog/internal/upstream"
)

// Handler passes calls to the long-lived process of mode http.
type Handler struct {
	config *config.Config
	logger *logging.Logger
	child  *process.Child
	pool   *upstream.Pool
}

// New returns the handler of mode http. The pool connects to the child.
func New(c *config.Config, l *logging.Logger, child *process.Child, pool *upstream.Pool) *Handler {
	return &Handler{config: c, logger: l, child: child, pool: pool}
}

// ServeHTTP passes one call to the process. It waits for a process that is starting.
func (p *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	ctx, deadline := r.Context(), p.config.CallDeadline(begun, calls.RequestedTimeout(r))
	calls.EnsureTrace(r)
	stamped := NewDurationWriter(w, begun)
	trip := &roundTrip{pool: p.pool, writer: stamped, request: r}
	err := p.child.WaitUntilListening(ctx, deadline)
	if err == nil && p.config.BufferBody {
		err = bufferWhole(r)
	}
	if err == nil {
		err = trip.run(ctx, deadline)
	}
	if err == nil {
		p.logger.Access(logging.CallOf(r), trip.status, stamped.Written, time.Since(begun))
		return
	}
	if trip.started {
		p.logger.Printf("%s %s - %d: the response was cut off: %v", r.Method, r.URL.RequestURI(), trip.status, err)
		// The status has been sent: only a closed connection can report that the response is incomplete.
		panic(http.ErrAbortHandler)
	}
	p.fail(stamped, r, err)
}

// fail responds to a call that the process did not answer.
func (p *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := calls.FailureStatus(err)
	p.logger.Printf("%s %s - %d: %v", r.Method, r.URL.RequestURI(), status, err)
	w.Header().Set("X-Openfaas-Internal", "of-watchdog")
	if r.ContentLength != 0 {
		// The rest of the body must not be parsed as the next request of the connection.
		w.Header().Set("Connection", "close")
	}
	w.WriteHeader(status)
}

// DurationWriter adds X-Duration-Seconds, the time until the header is written, and counts the bytes of the body.
type DurationWriter struct {
	http.ResponseWriter
	Written int64
	begun   time.Time
	stamped bool
}

// NewDurationWriter wraps the writer of a call.
func NewDurationWriter(w http.ResponseWriter, begun time.Time) *DurationWriter {
	return &DurationWriter{ResponseWriter: w, begun: begun}
}

// WriteHeader adds the duration to the final header, not to informational ones.
func (d *DurationWriter) WriteHeader(status int) {
	if status >= 200 && !d.stamped {
		d.stamped = true
		d.Header().Set("X-Duration-Seconds", calls.Seconds(time.Since(d.begun)))
	}
	d.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes that have been written.
func (d *DurationWriter) Write(data []byte) (int, error) {
	n, err := d.ResponseWriter.Write(data)
	d.Written += int64(n)
	return n, err
}

// Unwrap gives http.ResponseController access to the connection.
func (d *DurationWriter) Unwrap() http.ResponseWriter { return d.ResponseWriter }
