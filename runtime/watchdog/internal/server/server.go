// Package server assembles the watchdog: it builds the one chain of handlers, serves it, and drains it.
package server

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"fwatchdog/internal/auth"
	"fwatchdog/internal/config"
	"fwatchdog/internal/fastpath"
	"fwatchdog/internal/lifecycle"
	"fwatchdog/internal/logging"
	"fwatchdog/internal/metrics"
	"fwatchdog/internal/middleware"
	"fwatchdog/internal/modes"
	"fwatchdog/internal/process"
	"fwatchdog/internal/proxy"
	"fwatchdog/internal/upstream"
)

const (
	idleInterval = 10 * time.Millisecond // between two checks whether all calls have been answered
	killTimeout  = time.Second           // for calls that are cut off to kill their processes
)

// Watchdog is one instance: the handlers of the configured mode and what they share.
type Watchdog struct {
	config  *config.Config
	logger  *logging.Logger
	metrics *metrics.Metrics
	state   *lifecycle.State
	child   *process.Child // long-lived process of mode http, else nil
	server  *http.Server
	fast    *fastpath.Listener // nil when every call goes through the chain of handlers

	fastOptions   fastpath.Options
	cancelCalls   context.CancelFunc // ends the context of every call
	stopProcesses func()
}

// New builds the watchdog of a configuration. It starts no long-lived process and opens no port.
func New(c *config.Config, l *logging.Logger) (*Watchdog, error) {
	w := &Watchdog{config: c, logger: l, metrics: metrics.New(), state: lifecycle.NewState(c), stopProcesses: func() {}}
	guard, err := auth.NewGuard(c, l)
	if err != nil {
		return nil, err
	}
	var pool *upstream.Pool // mode http only
	var function http.Handler
	switch c.Mode {
	case config.ModeStatic:
		function = modes.Static{Folder: http.Dir(c.StaticPath)}
	case config.ModeHTTP:
		if pool, err = upstream.New(c.Upstream); err != nil {
			return nil, err
		}
		w.child = process.NewChild(c, l, pool.Network, pool.Address, pool.CloseIdle)
		w.stopProcesses = w.child.Stop
		function = proxy.New(c, l, w.child, pool)
	default:
		forks := modes.NewFork(c, l)
		w.stopProcesses = forks.Close
		function = forks
	}
	limiter := middleware.NewLimiter(c.MaxInflight)
	w.metrics.OnIdle = lifecycle.TrimIdle(w.metrics.InFlight, pool)
	w.fastOptions = fastpath.Options{Config: c, Logger: l, Metrics: w.metrics, Limiter: limiter, Child: w.child, Upstream: pool}
	calls, cancel := context.WithCancel(context.Background())
	w.cancelCalls = cancel
	w.server = &http.Server{
		Handler:        w.newHandler(function, guard, limiter),
		ReadTimeout:    max(c.ReadTimeout, 0),
		WriteTimeout:   c.ConnectionTimeout(),
		MaxHeaderBytes: 1 << 20,
		BaseContext:    func(net.Listener) context.Context { return calls },
	}
	return w, nil
}

// newHandler builds the chain of handlers, from the function outwards:
//
//	/_/health, /_/ready -> probes
//	any other path      -> metrics -> limit -> token -> header dump -> function
//
// The fast path of mode http carries plain calls past this chain, with the same metrics and the same limiter.
func (w *Watchdog) newHandler(function http.Handler, guard *auth.Guard, limiter *middleware.Limiter) http.Handler {
	calls := function
	if w.config.DebugHeaders {
		calls = middleware.DumpHeaders(calls)
	}
	if w.config.Mode == config.ModeFork {
		// In the classic contract a request without a valid token takes no slot.
		calls = guard.Wrap(limiter.Wrap(calls))
	} else {
		calls = limiter.Wrap(guard.Wrap(calls))
	}
	calls = w.metrics.Wrap(calls)

	probes := &lifecycle.Probes{State: w.state, Child: w.child, Limiter: limiter, ReadyPath: w.config.ReadyPath, Function: function}
	mux := http.NewServeMux()
	mux.HandleFunc("/_/health", probes.Health)
	mux.HandleFunc("/_/ready", probes.Ready)
	mux.Handle("/", calls)
	return mux
}

// Serve runs until SIGTERM or a failure and returns the exit code.
func (w *Watchdog) Serve() int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	listener, err := lifecycle.Listen(w.config.Port)
	if err != nil {
		w.logger.Printf("cannot listen: %v", err)
		return process.ExitFailed
	}
	failed := make(chan error, 2)
	if err := w.serveMetrics(failed); err != nil {
		w.logger.Printf("cannot listen for metrics: %v (metrics_port=off turns them off)", err)
		return process.ExitMisused
	}
	exited := make(chan int, 1)
	if w.child != nil {
		if err := w.child.Start(exited); err != nil {
			w.logger.Printf("cannot start the function's process: %v", err)
			return process.ExitFailed
		}
	}
	if err := w.state.Accept(); err != nil {
		w.logger.Printf("cannot write the lock file: %v", err)
		w.stopProcesses()
		return process.ExitMisused
	}
	if w.fastOptions.Supported() {
		w.fast = fastpath.New(listener, w.fastOptions)
		listener = w.fast
	}
	go func() { failed <- w.server.Serve(listener) }()
	w.logger.Printf("listening on %s", listener.Addr())
	select {
	case <-signals:
		return w.drain(signals, w.config.HealthcheckInterval, 0)
	case code := <-exited:
		// The platform restarts the watchdog with a new process; the calls in flight are answered first.
		w.logger.Printf("the function's process exited with code %d", code)
		return w.drain(signals, 0, code)
	case err := <-failed:
		w.logger.Printf("cannot serve: %v", err)
		w.state.Refuse()
		w.stopProcesses()
		return process.ExitFailed
	}
}

func (w *Watchdog) serveMetrics(failed chan<- error) error {
	if w.config.MetricsPort == 0 {
		return nil
	}
	listener, err := net.Listen("tcp", ":"+strconv.Itoa(w.config.MetricsPort))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", w.metrics)
	server := &http.Server{Handler: mux, ReadTimeout: time.Second, WriteTimeout: 5 * time.Second}
	go func() { failed <- server.Serve(listener) }()
	return nil
}

// drain serves for the interval, in which load balancers notice that the watchdog is unhealthy, or until another signal.
// Then it closes the port, waits for the calls in flight, stops the function's processes and returns the exit code.
func (w *Watchdog) drain(signals <-chan os.Signal, interval time.Duration, code int) int {
	w.logger.Printf("draining: %d requests in flight", w.metrics.InFlight())
	w.state.Refuse()
	if interval > 0 {
		select {
		case <-time.After(interval):
		case <-signals:
		}
	}
	limit := w.config.DrainTimeout()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	// Shutdown does not wait for upgraded connections; their calls are in flight too.
	if w.server.Shutdown(ctx) != nil || !w.waitIdle(ctx) {
		w.logger.Printf("cutting off %d requests that take longer than write_timeout (%s)", w.metrics.InFlight(), limit)
		w.cutOff()
	}
	w.stopProcesses()
	return code
}

// cutOff ends every call: their contexts end, which kills their processes.
func (w *Watchdog) cutOff() {
	w.cancelCalls()
	w.server.Close()
	if w.fast != nil {
		w.fast.CutOff()
	}
	ctx, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	w.waitIdle(ctx)
}

// waitIdle returns true when no call is in flight, and false when ctx ends first.
func (w *Watchdog) waitIdle(ctx context.Context) bool {
	for w.metrics.InFlight() > 0 {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(idleInterval):
		}
	}
	return true
}
