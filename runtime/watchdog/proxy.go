package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"time"
)

// proxy passes calls to the long-lived process of mode http.
type proxy struct {
	config   *config
	logger   *logger
	child    *child
	upstream *upstream
}

func newProxy(c *config, l *logger, child *child, upstream *upstream) *proxy {
	return &proxy{config: c, logger: l, child: child, upstream: upstream}
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	ctx, deadline := r.Context(), p.deadline(begun, requestedTimeout(r))
	ensureTrace(r)
	stamped := &durationStamp{ResponseWriter: w, begun: begun}
	call := &exchange{upstream: p.upstream, writer: stamped, request: r}
	err := p.child.waitUntilListening(ctx, deadline)
	if err == nil && p.config.bufferBody {
		err = bufferWhole(r)
	}
	if err == nil {
		err = call.run(ctx, deadline)
	}
	if err == nil {
		logAccess(p.config, p.logger, accessedBy(r), call.status, stamped.size(), time.Since(begun))
		return
	}
	if call.started {
		p.logger.printf("%s %s - %d: the answer was cut off: %v", r.Method, r.URL.RequestURI(), call.status, err)
		// The status is out: only a broken connection can still say that the answer is not whole.
		panic(http.ErrAbortHandler)
	}
	p.failed(stamped, r, err, begun)
}

// deadline is when a call must be over, which the caller asks to be so long at most (0: does not ask). Zero is never.
func (p *proxy) deadline(begun time.Time, asked time.Duration) time.Time {
	if limit := shortest(p.config.execTimeout, p.config.writeTimeout, asked); limit > 0 {
		return begun.Add(limit)
	}
	return time.Time{}
}

// failureStatus is 504 when time was up, 400 when the request did not come, 503 when this machine has run out of
// something, else 500.
func failureStatus(err error) int {
	var client clientError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusGatewayTimeout
	case errors.As(err, &client):
		return http.StatusBadRequest
	}
	return startStatus(err)
}

// failed answers for a process that could not.
func (p *proxy) failed(w http.ResponseWriter, r *http.Request, err error, begun time.Time) {
	status := failureStatus(err)
	p.logger.printf("%s %s - %d: %v", r.Method, r.URL.RequestURI(), status, err)
	w.Header().Set("X-Openfaas-Internal", "of-watchdog")
	if r.ContentLength != 0 {
		// What is left of the body must not be taken for the connection's next request.
		w.Header().Set("Connection", "close")
	}
	w.WriteHeader(status)
}

// durationStamp puts the time until the header came into the header.
type durationStamp struct {
	http.ResponseWriter
	begun   time.Time
	written int64
	stamped bool
}

func (d *durationStamp) WriteHeader(status int) {
	if status >= 200 && !d.stamped {
		d.stamped = true
		d.Header().Set("X-Duration-Seconds", seconds(time.Since(d.begun)))
	}
	d.ResponseWriter.WriteHeader(status)
}

func (d *durationStamp) Write(data []byte) (int, error) {
	n, err := d.ResponseWriter.Write(data)
	d.written += int64(n)
	return n, err
}

func (d *durationStamp) size() int64 { return d.written }

// Unwrap lets http.ResponseController reach the connection.
func (d *durationStamp) Unwrap() http.ResponseWriter { return d.ResponseWriter }
