// Package middleware holds handlers that wrap the handler of the function: the concurrency limit and the header dump.
package middleware

import (
	"fmt"
	"net/http"
)

// Limiter limits the calls that run at the same time. A nil limiter has no limit.
type Limiter struct{ slots chan struct{} }

// NewLimiter returns a limiter for a maximum number of calls, or nil for 0.
func NewLimiter(maximum int) *Limiter {
	if maximum <= 0 {
		return nil
	}
	return &Limiter{make(chan struct{}, maximum)}
}

// Acquire takes a slot for a call; it returns false when none is free. The caller releases the slot.
func (l *Limiter) Acquire() bool {
	if l == nil {
		return true
	}
	select {
	case l.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// Release frees the slot of a call that has ended.
func (l *Limiter) Release() {
	if l != nil {
		<-l.slots
	}
}

// Full reports whether every slot is taken.
func (l *Limiter) Full() bool { return l != nil && len(l.slots) == cap(l.slots) }

// Wrap passes a request to the next handler when a slot is free, and rejects it otherwise.
func (l *Limiter) Wrap(next http.Handler) http.Handler {
	if l == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !l.Acquire() {
			l.Reject(w)
			return
		}
		defer l.Release()
		next.ServeHTTP(w, r)
	})
}

// Reject answers 429 in the words of the contract.
func (l *Limiter) Reject(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Content-Type", "text/plain")
	header.Set("X-Openfaas-Internal", "faas-middleware")
	header.Set("Retry-After", "1")
	w.WriteHeader(http.StatusTooManyRequests)
	fmt.Fprintf(w, "Concurrent request limit exceeded. Max concurrent requests: %d\n", cap(l.slots))
}

// DumpHeaders prints the headers of every request and response to standard output.
func DumpHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		printHeaders("in", r.Header)
		defer func() { printHeaders("out", w.Header()) }()
		next.ServeHTTP(w, r)
	})
}

func printHeaders(direction string, header http.Header) {
	for name, values := range header {
		fmt.Printf("[%s] %s=%v\n", direction, name, values)
	}
}
