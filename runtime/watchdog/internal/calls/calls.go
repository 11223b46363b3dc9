// Package calls holds what the ways to answer a call share: time limits, trace context, failure status, copy buffers.
package calls

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Past is a deadline that has passed: it makes reads and writes fail at once.
var Past = time.Unix(1, 0)

// Buffers are lent to whoever copies a body.
var Buffers = sync.Pool{New: func() any { buffer := make([]byte, 32*1024); return &buffer }}

// Seconds formats a duration for X-Duration-Seconds.
func Seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 6, 64)
}

// StartStatus tells a machine that has run out of something for now from a command that cannot be started.
func StartStatus(err error) int {
	for _, passing := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM} {
		if errors.Is(err, passing) {
			return http.StatusServiceUnavailable
		}
	}
	return http.StatusInternalServerError
}

// RequestedTimeout is what X-Timeout asks for; a caller can shorten the time a call may take, and nothing else.
func RequestedTimeout(r *http.Request) time.Duration {
	if text := r.Header.Get("X-Timeout"); text != "" {
		if asked, err := time.ParseDuration(text); err == nil && asked > 0 {
			return asked
		}
	}
	return 0
}
