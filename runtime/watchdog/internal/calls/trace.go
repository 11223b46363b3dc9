package calls

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
)

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
