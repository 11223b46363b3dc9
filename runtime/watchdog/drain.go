package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	idleCheck = 10 * time.Millisecond // between two looks whether all calls have been answered
	killWait  = time.Second           // for calls that are cut off to end their processes
)

// drain takes no more requests after a while, lets those it has finish, and ends the function's processes last.
func (w *watchdog) drain(interval time.Duration, code int) int {
	w.logger.printf("draining: %d requests in flight", w.metrics.inflight.Load())
	w.state.refuse()
	if interval > 0 {
		// Those who route requests to us need time to see that we are going.
		waitOrTold(interval)
	}
	limit := w.config.writeTimeout
	if limit <= 0 {
		limit = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	// Shutdown does not wait for connections that have been upgraded; their calls are in flight all the same.
	if w.server.Shutdown(ctx) != nil || !w.waitIdle(ctx) {
		w.logger.printf("%d requests are cut off: they take longer than write_timeout (%s)", w.metrics.inflight.Load(), limit)
		w.cutOff()
	}
	w.stopProcesses()
	return code
}

// cutOff ends every call: their contexts end, which kills their processes.
func (w *watchdog) cutOff() {
	w.endCalls()
	w.server.Close()
	if w.front != nil {
		w.front.cutOff()
	}
	ctx, cancel := context.WithTimeout(context.Background(), killWait)
	defer cancel()
	w.waitIdle(ctx)
}

// waitIdle returns true when no call is in flight, and false when ctx ends before.
func (w *watchdog) waitIdle(ctx context.Context) bool {
	for w.metrics.inflight.Load() > 0 {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(idleCheck):
		}
	}
	return true
}

func (w *watchdog) stopProcesses() {
	if w.child != nil {
		w.child.stop()
	}
	if forks, ok := w.funcs.(*forkHandler); ok {
		forks.close()
	}
}

// waitOrTold waits for the interval; a second SIGTERM ends it.
func waitOrTold(interval time.Duration) {
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGTERM)
	defer signal.Stop(again)
	select {
	case <-time.After(interval):
	case <-again:
	}
}
