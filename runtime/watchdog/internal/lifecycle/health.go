package lifecycle

import (
	"fmt"
	"net/http"
	"os"

	"fwatchdog/internal/config"
	"fwatchdog/internal/middleware"
	"fwatchdog/internal/process"
	"fwatchdog/internal/upstream"
)

// maxHealthBytes limits how much of a health response is read: the body has two bytes.
const maxHealthBytes = 1024

// Probes answers /_/health and /_/ready.
type Probes struct {
	State     *State
	Child     *process.Child // nil in modes without a long-lived process
	Limiter   *middleware.Limiter
	ReadyPath string // path of the function that decides readiness, or empty
	Function  http.Handler
}

// watchdogHeader tells a provider that /_/ready is about the function: other watchdogs report on themselves only.
const watchdogHeader = "X-Watchdog"

// Health answers 200 while the watchdog accepts requests and its long-lived process runs.
func (p *Probes) Health(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(watchdogHeader, "faas")
	switch {
	case r.Method != http.MethodGet:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case !p.State.healthy() || !p.Child.Alive():
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		_, _ = w.Write([]byte("OK"))
	}
}

// Ready answers 200 when a request would be answered now.
func (p *Probes) Ready(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case !p.State.healthy() || !p.Child.Listening():
		w.WriteHeader(http.StatusServiceUnavailable)
	case p.Limiter.Full():
		w.WriteHeader(http.StatusTooManyRequests)
	case p.ReadyPath != "":
		p.callFunction(w, r)
	}
}

// callFunction lets the function itself report whether it is ready.
func (p *Probes) callFunction(w http.ResponseWriter, r *http.Request) {
	call := r.Clone(r.Context())
	call.URL.Path, call.URL.RawPath, call.URL.RawQuery = p.ReadyPath, "", ""
	call.RequestURI = p.ReadyPath
	call.Body, call.ContentLength, call.TransferEncoding = http.NoBody, 0, nil
	call.Header.Del("Content-Length")
	p.Function.ServeHTTP(w, call)
}

// Healthcheck is the health check of an image, -run-healthcheck; nil means healthy. The lock file shows whether the
// watchdog accepts requests; without a lock file its health endpoint is called.
func Healthcheck(c *config.Config) error {
	if c.SuppressLock {
		_, err := upstream.Fetch(fmt.Sprintf("http://127.0.0.1:%d/_/health", c.Port), maxHealthBytes)
		return err
	}
	if _, err := os.Stat(c.LockFile); err != nil {
		return fmt.Errorf("the lock file `%s` does not exist", c.LockFile)
	}
	return nil
}
