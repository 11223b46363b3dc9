package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
)

// ensureTrace gives a request that has no usable W3C traceparent a new one, not sampled: we record no spans.
func ensureTrace(r *http.Request) {
	if present := r.Header["Traceparent"]; len(present) == 1 && traceUsable(present[0]) {
		return
	}
	// An id of zeros is invalid; the lowest bit keeps both ids clear of it.
	value := fmt.Sprintf("00-%016x%016x-%016x-00", rand.Uint64(), rand.Uint64()|1, rand.Uint64()|1)
	r.Header["Traceparent"] = []string{value}
	// It belonged to the trace that was not usable.
	delete(r.Header, "Tracestate")
}

// traceUsable checks the shape version-trace-parent-flags in lower-case hex; later versions may add to it.
func traceUsable(text string) bool {
	const shape = "00-00000000000000000000000000000000-0000000000000000-00"
	if len(text) < len(shape) {
		return false
	}
	for i := range len(shape) {
		c := text[i]
		hex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
		if (shape[i] == '-') != (c == '-') || (shape[i] != '-' && !hex) {
			return false
		}
	}
	return true
}
