package main

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
)

const (
	traceShape  = "00-00000000000000000000000000000000-0000000000000000-00"
	traceLength = len(traceShape)
)

// ensureTrace gives a request that has no usable W3C traceparent a new one, not sampled: we record no spans.
func ensureTrace(r *http.Request) {
	if present := r.Header["Traceparent"]; len(present) == 1 && traceUsable(present[0]) {
		return
	}
	trace := newTrace()
	r.Header["Traceparent"] = []string{string(trace[:])}
	// It belonged to the trace that was not usable.
	delete(r.Header, "Tracestate")
}

// newTrace makes the context of a new trace, not sampled.
func newTrace() (trace [traceLength]byte) {
	var id [24]byte
	// An id of zeros is invalid; the lowest bit keeps both ids clear of it.
	for i, bit := range []uint64{0, 1, 1} {
		binary.BigEndian.PutUint64(id[8*i:], rand.Uint64()|bit)
	}
	copy(trace[:], traceShape)
	hex.Encode(trace[3:35], id[:16])
	hex.Encode(trace[36:52], id[16:])
	return trace
}

// traceUsable checks the shape version-trace-parent-flags in lower-case hex; later versions may add to it.
func traceUsable(text string) bool {
	if len(text) < traceLength {
		return false
	}
	for i := range traceLength {
		c := text[i]
		hex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
		if (traceShape[i] == '-') != (c == '-') || (traceShape[i] != '-' && !hex) {
			return false
		}
	}
	return true
}
