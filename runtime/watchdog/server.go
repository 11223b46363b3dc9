package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// answerGrace is added to write_timeout before the connection is cut: the time to say that it is over.
const answerGrace = 2 * time.Second

// watchdog is everything that runs in this process.
type watchdog struct {
	config  *config
	logger  *logger
	state   *state
	metrics *metrics
	child   *child // the long-lived process of mode http, else nil
	server  *http.Server
	slots   chan struct{} // nil: no limit
	funcs   http.Handler  // the function itself, below limiter and metrics
}

func newWatchdog(c *config, l *logger) (*watchdog, error) {
	w := &watchdog{config: c, logger: l, state: &state{}, metrics: newMetrics()}
	if !c.suppressLock {
		w.state.lockFile = c.lockFile
	}
	if c.maxInflight > 0 {
		w.slots = make(chan struct{}, c.maxInflight)
	}
	switch c.mode {
	case modeStatic:
		w.funcs = http.FileServer(http.Dir(c.staticPath))
	case modeHTTP:
		up := newUpstream(c.upstream)
		w.child = newChild(c, l, up, inheritedEnvironment())
		w.funcs = newProxy(c, l, w.child, up)
	default:
		w.funcs = &forkHandler{config: c, logger: l, env: inheritedEnvironment()}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/_/health", w.health)
	mux.HandleFunc("/_/ready", w.ready)
	mux.HandleFunc("/", w.function)
	w.server = &http.Server{
		Handler:        mux,
		ReadTimeout:    c.readTimeout,
		WriteTimeout:   withGrace(c.writeTimeout),
		MaxHeaderBytes: 1 << 20,
	}
	return w, nil
}

func withGrace(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return limit + answerGrace
}

// serve listens until SIGTERM and returns the exit code.
func (w *watchdog) serve() int {
	w.logger.printf("fwatchdog %s: mode %s, read_timeout %s, write_timeout %s, exec_timeout %s, healthcheck_interval %s",
		version, w.config.mode, w.config.readTimeout, w.config.writeTimeout, w.config.execTimeout, w.config.healthInterval)
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	listener, err := listen(w.config.port)
	if err != nil {
		w.logger.printf("cannot listen: %v", err)
		return exitFailed
	}
	failed := make(chan error, 2)
	if err := w.serveMetrics(failed); err != nil {
		w.logger.printf("cannot listen for metrics: %v (metrics_port=off turns them off)", err)
		return exitMisused
	}
	ended := make(chan int, 1)
	if w.child != nil {
		if err := w.child.start(ended); err != nil {
			w.logger.printf("the function's process cannot be started: %v", err)
			return exitFailed
		}
	}
	go func() { failed <- w.server.Serve(listener) }()
	if err := w.state.accept(); err != nil {
		w.logger.printf("cannot write the lock file: %v", err)
		return exitMisused
	}
	w.logger.printf("listening on %s", listener.Addr())
	select {
	case <-told:
		return w.drain(w.config.healthInterval, 0)
	case <-w.orphaned():
		return w.drain(0, 0)
	case code := <-ended:
		// Whoever runs us restarts us with a new process; the calls that wait for an answer get theirs first.
		w.logger.printf("the function's process has ended with code %d", code)
		return w.drain(0, code)
	case err := <-failed:
		w.logger.printf("cannot serve: %v", err)
		w.state.refuse()
		return exitFailed
	}
}

// drain takes no more requests after a while, lets those it has finish, and ends the child last.
func (w *watchdog) drain(interval time.Duration, code int) int {
	w.logger.printf("draining: %d requests in flight", w.metrics.inflight.Load())
	w.state.refuse()
	if interval > 0 {
		// Those who route requests to us need time to see that we are going.
		w.waitOrIdle(interval)
	}
	limit := w.config.writeTimeout
	if limit <= 0 {
		limit = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := w.server.Shutdown(ctx); err != nil {
		w.logger.printf("requests were cut off: they took longer than write_timeout (%s)", limit)
		w.server.Close()
	}
	if w.child != nil {
		w.child.stop()
	}
	return code
}

// waitOrIdle waits for the interval; a second SIGTERM ends it.
func (w *watchdog) waitOrIdle(interval time.Duration) {
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGTERM)
	defer signal.Stop(again)
	select {
	case <-time.After(interval):
	case <-again:
	}
}

// orphaned tells when whoever started us has gone, without a signal or even a chance to send one.
func (w *watchdog) orphaned() <-chan struct{} {
	gone := make(chan struct{})
	if w.config.stopOnEOF {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			close(gone)
		}()
	}
	return gone
}

func (w *watchdog) serveMetrics(failed chan<- error) error {
	if w.config.metricsPort == 0 {
		return nil
	}
	listener, err := net.Listen("tcp", ":"+strconv.Itoa(w.config.metricsPort))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", w.metrics)
	server := &http.Server{Handler: mux, ReadTimeout: time.Second, WriteTimeout: 5 * time.Second}
	go func() { failed <- server.Serve(listener) }()
	return nil
}

func (w *watchdog) health(writer http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet:
		writer.WriteHeader(http.StatusMethodNotAllowed)
	case !w.state.healthy() || (w.child != nil && !w.child.alive()):
		writer.WriteHeader(http.StatusServiceUnavailable)
	default:
		_, _ = writer.Write([]byte("OK"))
	}
}

func (w *watchdog) ready(writer http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet:
		writer.WriteHeader(http.StatusMethodNotAllowed)
	case !w.state.healthy() || (w.child != nil && !w.child.listening()):
		writer.WriteHeader(http.StatusServiceUnavailable)
	case w.slots != nil && len(w.slots) == cap(w.slots):
		writer.WriteHeader(http.StatusTooManyRequests)
	case w.config.readyPath != "":
		w.askFunction(writer, r)
	}
}

// askFunction lets the function itself say whether it is ready.
func (w *watchdog) askFunction(writer http.ResponseWriter, r *http.Request) {
	asked := r.Clone(r.Context())
	asked.URL.Path, asked.URL.RawPath, asked.URL.RawQuery = w.config.readyPath, "", ""
	asked.RequestURI = w.config.readyPath
	asked.Body, asked.ContentLength = http.NoBody, 0
	w.funcs.ServeHTTP(writer, asked)
}

// function answers a call: counted, limited, then passed to the mode's handler.
func (w *watchdog) function(writer http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	recorder := &statusRecorder{ResponseWriter: writer}
	w.metrics.inflight.Add(1)
	defer func() {
		w.metrics.inflight.Add(-1)
		w.metrics.observe(recorder.code(), r.Method, time.Since(begun))
	}()
	if w.slots != nil {
		select {
		case w.slots <- struct{}{}:
			defer func() { <-w.slots }()
		default:
			w.tooMany(recorder)
			return
		}
	}
	if w.config.debugHeaders {
		printHeaders("in", r.Header)
		defer func() { printHeaders("out", recorder.Header()) }()
	}
	w.funcs.ServeHTTP(recorder, r)
}

func (w *watchdog) tooMany(writer http.ResponseWriter) {
	header := writer.Header()
	header.Set("Content-Type", "text/plain")
	header.Set("X-Openfaas-Internal", "faas-middleware")
	header.Set("Retry-After", "1")
	writer.WriteHeader(http.StatusTooManyRequests)
	fmt.Fprintf(writer, "Concurrent request limit exceeded. Max concurrent requests: %d\n", w.config.maxInflight)
}

func printHeaders(direction string, header http.Header) {
	for name, values := range header {
		fmt.Printf("[%s] %s=%v\n", direction, name, values)
	}
}

// statusRecorder remembers the status that went out.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	// Informational answers come before the real one.
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *statusRecorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

// Unwrap lets http.ResponseController reach the connection.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

var errNotReady = errors.New("the function's process does not listen yet")
