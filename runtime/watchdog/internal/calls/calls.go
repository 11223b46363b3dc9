// Package calls holds what the ways to answer a call share: time limits, trace context, failure status, copy buffers.
package calls

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Past is a deadline that makes reads and writes fail at once.
var Past = time.Unix(1, 0)

// Buffers holds buffers for copying bodies.
var Buffers = sync.Pool{New: func() any { buffer := make([]byte, 32*1024); return &buffer }}

// Seconds formats a duration for X-Duration-Seconds.
func Seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 6, 64) }

// ClientError is a failure to read the body of a request from the client.
type ClientError struct{ Err error }

// Error returns the text of the cause.
func (e ClientError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e ClientError) Unwrap() error { return e.Err }

// ErrHeadersTooLarge is the error of a request that the operating system cannot hand to a process as its environment.
var ErrHeadersTooLarge = errors.New("the headers of the request are too large: the function gets each as a variable of its " +
	"environment, which holds at most 128 KiB")

// Errors of a machine that has no descriptor, process or memory left for the moment.
var temporary = []error{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM}

// FailureStatus returns the status for a call that failed: 504 after a timeout, 400 for a ClientError, 431 for
// ErrHeadersTooLarge, 503 when the machine is out of resources, else 500.
func FailureStatus(err error) int {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusGatewayTimeout
	case errors.As(err, new(ClientError)):
		return http.StatusBadRequest
	case errors.Is(err, ErrHeadersTooLarge):
		return http.StatusRequestHeaderFieldsTooLarge
	case slices.ContainsFunc(temporary, func(each error) bool { return errors.Is(err, each) }):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// RequestedTimeout returns the timeout that the client asks for in X-Timeout, or 0.
func RequestedTimeout(r *http.Request) time.Duration { return ParseTimeout(r.Header.Get("X-Timeout")) }

// ParseTimeout parses the value of X-Timeout. It returns 0 for an invalid value and for one that is not above 0: a client
// can only shorten its call.
func ParseTimeout(text string) time.Duration {
	if text == "" {
		return 0
	}
	timeout, _ := time.ParseDuration(text)
	return max(timeout, 0)
}

const traceShape = "00-00000000000000000000000000000000-0000000000000000-00"

// TraceLength is the length of a W3C traceparent of version 00.
const TraceLength = len(traceShape)

// EnsureTrace sets a new traceparent on a request without a valid one.
func EnsureTrace(r *http.Request) {
	if present := r.Header["Traceparent"]; len(present) == 1 && TraceUsable(present[0]) {
		return
	}
	trace := NewTrace()
	r.Header["Traceparent"] = []string{string(trace[:])}
	// It belongs to the invalid trace.
	delete(r.Header, "Tracestate")
}

// NewTrace returns the traceparent of a new trace. It is not sampled, because the watchdog records no spans.
func NewTrace() (trace [TraceLength]byte) {
	var id [24]byte
	// An id of zeros is invalid; the lowest bits exclude it.
	for i, bit := range []uint64{0, 1, 1} {
		binary.BigEndian.PutUint64(id[8*i:], rand.Uint64()|bit)
	}
	copy(trace[:], traceShape)
	hex.Encode(trace[3:35], id[:16])
	hex.Encode(trace[36:52], id[16:])
	return trace
}

// TraceUsable reports whether a traceparent is valid: version-trace-parent-flags in lower-case hexadecimal digits. Later
// versions may append fields.
func TraceUsable(text string) bool {
	if len(text) < TraceLength {
		return false
	}
	for i := range TraceLength {
		c := text[i]
		hex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
		if (traceShape[i] == '-') != (c == '-') || (traceShape[i] != '-' && !hex) {
			return false
		}
	}
	return true
}
