package main

import (
	"net/http"
	"sync"
	"time"
)

// forkHandler answers each request by running the command once: modes fork, streaming and serializing.
type forkHandler struct {
	config *config
	logger *logger
	env    []string
	warm   *warmPool // nil: every request starts its own process
}

func newForkHandler(c *config, l *logger, env []string) *forkHandler {
	h := &forkHandler{config: c, logger: l, env: env}
	if c.warm > 0 {
		start := func() (*worker, error) { return h.startWorker(env, true) }
		h.warm = newWarmPool(c.warm, start, func(err error) { l.printf("a process cannot be started in advance: %v", err) })
	}
	return h
}

// close ends the processes that wait for a request.
func (h *forkHandler) close() {
	if h.warm != nil {
		h.warm.close()
	}
}

// buffers are lent to whoever copies a body.
var buffers = sync.Pool{New: func() any { buffer := make([]byte, 32*1024); return &buffer }}

func (h *forkHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.config.mode == modeFork && !classicMethod(r.Method) {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if h.warm != nil {
		defer h.warm.refill()
	}
	c := &call{handler: h, writer: w, request: r, begun: time.Now()}
	c.run()
}

func classicMethod(method string) bool {
	switch method {
	case "GET", "POST", "PUT", "PATCH", "DELETE":
		return true
	}
	return false
}
