package main

import (
	"context"
	"fmt"
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
	config   *config
	logger   *logger
	state    *state
	metrics  *metrics
	child    *child // the long-lived process of mode http, else nil
	server   *http.Server
	front    *front // carries the plain calls of mode http, else nil
	endCalls context.CancelFunc
	rest     *rest
	slots    chan struct{} // nil: no limit
	tokens   *tokenGuard   // nil: everybody may call
	funcs    http.Handler  // the function itself, below limiter, tokens and metrics
}

func newWatchdog(c *config, l *logger) (*watchdog, error) {
	w := &watchdog{config: c, logger: l, state: &state{}, metrics: newMetrics()}
	if !c.suppressLock {
		w.state.lockFile = c.lockFile
	}
	if c.maxInflight > 0 {
		w.slots = make(chan struct{}, c.maxInflight)
	}
	if c.jwt {
		keys, err := fetchKeys(c.jwtAuthority)
		if err != nil {
			return nil, err
		}
		w.tokens = &tokenGuard{config: c, logger: l, keys: keys}
	}
	var up *upstream
	switch c.mode {
	case modeStatic:
		w.funcs = staticFiles{http.Dir(c.staticPath)}
	case modeHTTP:
		proxy, err := proxyFor(c.upstream)
		if err != nil {
			return nil, err
		}
		up = newUpstream(c.upstream)
		up.goThrough(proxy)
		w.child = newChild(c, l, up, inheritedEnvironment())
		w.funcs = newProxy(c, l, w.child, up)
	default:
		w.funcs = newForkHandler(c, l, inheritedEnvironment())
	}
	w.rest = newRest(func() bool { return w.metrics.inflight.Load() > 0 }, up)
	w.newServer()
	return w, nil
}

func (w *watchdog) newServer() {
	mux := http.NewServeMux()
	mux.HandleFunc("/_/health", w.health)
	mux.HandleFunc("/_/ready", w.ready)
	mux.HandleFunc("/", w.function)
	calls, endCalls := context.WithCancel(context.Background())
	w.endCalls = endCalls
	w.server = &http.Server{
		Handler:        mux,
		ReadTimeout:    max(w.config.readTimeout, 0),
		WriteTimeout:   withGrace(w.config.writeTimeout),
		MaxHeaderBytes: 1 << 20,
		BaseContext:    func(net.Listener) context.Context { return calls },
	}
}

func withGrace(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return limit + answerGrace
}

// serve listens until SIGTERM and returns the exit code.
func (w *watchdog) serve() int {
	w.greet()
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
	if err := w.state.accept(); err != nil {
		w.logger.printf("cannot write the lock file: %v", err)
		w.stopProcesses()
		return exitMisused
	}
	if calls, ok := w.funcs.(*proxy); ok {
		if front := newFront(listener, w, calls); front.fits() {
			w.front, listener = front, front
			go front.acceptAll()
		}
	}
	go func() { failed <- w.server.Serve(listener) }()
	w.logger.printf("listening on %s", listener.Addr())
	select {
	case <-told:
		return w.drain(w.config.healthInterval, 0)
	case code := <-ended:
		// Whoever runs us restarts us with a new process; the calls that wait for an answer get theirs first.
		w.logger.printf("the function's process has ended with code %d", code)
		return w.drain(0, code)
	case err := <-failed:
		w.logger.printf("cannot serve: %v", err)
		w.state.refuse()
		w.stopProcesses()
		return exitFailed
	}
}

func (w *watchdog) greet() {
	c := w.config
	w.logger.printf("fwatchdog %s: mode %s, read_timeout %s, write_timeout %s, exec_timeout %s, healthcheck_interval %s",
		version, c.mode, c.readTimeout, c.writeTimeout, c.execTimeout, c.healthInterval)
	for _, doubt := range c.doubts {
		w.logger.printf("%s", doubt)
	}
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

// function answers a call: counted, limited, checked, then passed to the mode's handler.
func (w *watchdog) function(writer http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	recorder := &statusRecorder{ResponseWriter: writer}
	w.metrics.inflight.Add(1)
	defer func() {
		if w.metrics.inflight.Add(-1) == 0 {
			w.rest.postpone()
		}
		w.metrics.observe(recorder.code(), r.Method, time.Since(begun))
	}()
	switch {
	case w.tokens == nil:
		w.limited(recorder, r)
	case w.config.mode == modeFork:
		w.tokens.guard(recorder, r, w.limited)
	default:
		// In these modes the contract counts a request before it looks at its token.
		w.limit(recorder, r, func(writer http.ResponseWriter, r *http.Request) { w.tokens.guard(writer, r, w.call) })
	}
}

func (w *watchdog) limited(writer http.ResponseWriter, r *http.Request) { w.limit(writer, r, w.call) }

// limit passes a request on when fewer than max_inflight are being answered.
func (w *watchdog) limit(writer http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
	if w.slots == nil {
		next(writer, r)
		return
	}
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
		next(writer, r)
	default:
		w.tooMany(writer)
	}
}

func (w *watchdog) call(writer http.ResponseWriter, r *http.Request) {
	if w.config.debugHeaders {
		printHeaders("in", r.Header)
		defer func() { printHeaders("out", writer.Header()) }()
	}
	w.funcs.ServeHTTP(writer, r)
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
