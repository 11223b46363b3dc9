package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
)

var traceShape = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}`)

// ensureTrace gives a request that has no usable W3C traceparent a new one, not sampled: we record no spans.
func ensureTrace(r *http.Request) {
	if present := r.Header["Traceparent"]; len(present) == 1 && traceShape.MatchString(present[0]) {
		return
	}
	// A trace id of zeros is invalid; the lowest bit keeps both ids clear of it.
	value := fmt.Sprintf("00-%016x%016x-%016x-00", rand.Uint64(), rand.Uint64()|1, rand.Uint64()|1)
	r.Header["Traceparent"] = []string{value}
	// It belonged to the trace that was not usable.
	delete(r.Header, "Tracestate")
}
