package calls

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
)

const (
	traceShape  = "00-00000000000000000000000000000000-0000000000000000-00"
	TraceLength = len(traceShape)
)

// EnsureTrace gives a request that has no usable W3C traceparent a new one, not sampled: we record no spans.
func EnsureTrace(r *http.Request) {
	if present := r.Header["Traceparent"]; len(present) == 1 && TraceUsable(present[0]) {
		return
	}
	trace := NewTrace()
	r.Header["Traceparent"] = []string{string(trace[:])}
	// It belonged to the trace that was not usable.
	delete(r.Header, "Tracestate")
}

// NewTrace makes the context of a new trace, not sampled.
func NewTrace() (trace [TraceLength]byte) {
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

// TraceUsable checks the shape version-trace-parent-flags in lower-case hex; later versions may add to it.
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
