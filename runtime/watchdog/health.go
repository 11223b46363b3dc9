package main

import (
	"fmt"
	"net/http"
	"os"
)

// maxHealth is how much of a health answer is read: it is two bytes long.
const maxHealth = 1024

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
	asked.Body, asked.ContentLength, asked.TransferEncoding = http.NoBody, 0, nil
	asked.Header.Del("Content-Length")
	w.funcs.ServeHTTP(writer, asked)
}

// runHealthcheck is for image health checks: the lock file says whether the watchdog takes requests, and
// where that is suppressed, its own answer does.
func runHealthcheck(env lookup) int {
	v := &values{env: env}
	var problem string
	if v.truth("suppress_lock", false) {
		problem = askHealth(v.number("port", 8080))
	} else if _, err := os.Stat(lockPath(v)); err != nil {
		problem = fmt.Sprintf("there is no lock file `%s`", lockPath(v))
	}
	if problem != "" {
		fmt.Fprintf(os.Stderr, "fwatchdog: not healthy: %s\n", problem)
		return exitFailed
	}
	return 0
}

func askHealth(port int) string {
	if _, err := fetch(fmt.Sprintf("http://127.0.0.1:%d/_/health", port), maxHealth); err != nil {
		return err.Error()
	}
	return ""
}
