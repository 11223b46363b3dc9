// Package modes holds the handlers that need no long-lived process: a process per call, and static files.
package modes

import (
	"net/http"
	"slices"
	"time"

	"fwatchdog/internal/config"
	"fwatchdog/internal/logging"
	"fwatchdog/internal/process"
)

// classicMethods are the methods of mode fork; another one gets 405.
var classicMethods = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

// Fork answers each request by running the command once: modes fork, streaming and serializing.
type Fork struct {
	config *config.Config
	logger *logging.Logger
	env    []string
	warm   *warmPool // nil: every call starts its own process
}

// NewFork returns the handler of a configuration. It starts the processes of the warm pool, if any.
func NewFork(c *config.Config, l *logging.Logger) *Fork {
	h := &Fork{config: c, logger: l, env: process.Environment()}
	if c.Warm > 0 {
		start := func() (*worker, error) { return h.startWorker(h.env, true) }
		h.warm = newWarmPool(c.Warm, start, func(err error) { l.Printf("cannot start a process in advance: %v", err) })
	}
	return h
}

// Close ends the processes of the warm pool.
func (h *Fork) Close() {
	if h.warm != nil {
		h.warm.close()
	}
}

// ServeHTTP answers one call with one process.
func (h *Fork) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.config.Mode == config.ModeFork && !slices.Contains(classicMethods, r.Method) {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if h.warm != nil {
		defer h.warm.refill()
	}
	c := &call{Fork: h, writer: w, request: r, begun: time.Now()}
	c.run()
}

// worker is a process that answers one call.
type worker struct {
	*process.Process
	started time.Time
}

// startWorker starts the command. Its standard error is logged unless it is part of the response.
func (h *Fork) startWorker(env []string, input bool) (*worker, error) {
	p, err := process.Start(h.config.Command, env, input, !h.config.CombinesOutput())
	if err != nil {
		return nil, err
	}
	if p.Errors != nil {
		go func() {
			defer p.Errors.Close()
			h.logger.CopyLines("stderr", p.Errors)
		}()
	}
	return &worker{Process: p, started: time.Now()}, nil
}

// discard kills a worker that has no call.
func (w *worker) discard() {
	w.Kill()
	w.CloseInput()
	w.Output.Close()
	_ = w.Wait()
}
