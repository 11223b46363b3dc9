// Package metrics counts calls and writes them in the text format of Prometheus.
package metrics

import (
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var bucketBounds = [...]float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// series is the counter and the histogram of one pair of status and method.
type series struct {
	code    int
	method  string
	count   uint64
	sum     float64
	buckets [len(bucketBounds)]uint64
}

// seriesKey tells one series from the others. To make a text of it would cost every request.
type seriesKey struct {
	code   int
	method string
}

// Metrics counts the calls of the function.
type Metrics struct {
	inFlight atomic.Int64
	OnIdle   func() // called when the last call in flight has ended; may be nil
	mutex    sync.Mutex
	series   map[seriesKey]*series
}

func New() *Metrics { return &Metrics{series: map[seriesKey]*series{}} }

// Wrap counts the calls that a handler answers.
func (m *Metrics) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := &statusRecorder{ResponseWriter: w}
		begun := m.Begin()
		defer func() { m.End(recorder.code(), r.Method, begun) }()
		next.ServeHTTP(recorder, r)
	})
}

// Begin counts a call as in flight and returns its start time for end.
func (m *Metrics) Begin() time.Time {
	m.inFlight.Add(1)
	return time.Now()
}

// End records a call that has ended.
func (m *Metrics) End(code int, method string, begun time.Time) {
	if m.inFlight.Add(-1) == 0 && m.OnIdle != nil {
		m.OnIdle()
	}
	m.observe(code, method, time.Since(begun))
}

// InFlight returns the number of calls that are being answered.
func (m *Metrics) InFlight() int64 { return m.inFlight.Load() }

func (m *Metrics) observe(code int, method string, took time.Duration) {
	method = methodLabel(method)
	value := took.Seconds()
	key := seriesKey{code, method}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	found := m.series[key]
	if found == nil {
		found = &series{code: code, method: method}
		m.series[key] = found
	}
	found.count++
	found.sum += value
	for i, bound := range bucketBounds {
		if value <= bound {
			found.buckets[i]++
		}
	}
}

func methodLabel(method string) string {
	label := strings.ToLower(method)
	switch label {
	case "get", "put", "head", "post", "delete", "connect", "options", "notify", "trace", "patch":
		return label
	}
	return "unknown"
}

// ServeHTTP writes everything in Prometheus's text format 0.0.4.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var out strings.Builder
	m.mutex.Lock()
	keys := make([]seriesKey, 0, len(m.series))
	for key := range m.series {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b seriesKey) int {
		return cmp.Or(cmp.Compare(a.code, b.code), strings.Compare(a.method, b.method))
	})
	heading(&out, "http_requests_total", "counter", "Requests by status and method.")
	for _, key := range keys {
		each := m.series[key]
		fmt.Fprintf(&out, "http_requests_total{code=\"%d\",method=\"%s\"} %d\n", each.code, each.method, each.count)
	}
	heading(&out, "http_request_duration_seconds", "histogram", "Duration of requests in seconds.")
	for _, key := range keys {
		m.series[key].writeHistogram(&out)
	}
	m.mutex.Unlock()
	heading(&out, "http_requests_in_flight", "gauge", "Requests being answered now.")
	fmt.Fprintf(&out, "http_requests_in_flight %d\n", m.inFlight.Load())
	writeRuntime(&out)
	writeProcess(&out)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	if !acceptsGzip(r.Header) {
		_, _ = io.WriteString(w, out.String())
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	packed := gzip.NewWriter(w)
	_, _ = io.WriteString(packed, out.String())
	_ = packed.Close()
}

// acceptsGzip reports that the asker names gzip among the encodings it can read, and does not rule it out with q=0.
func acceptsGzip(header http.Header) bool {
	for _, value := range header["Accept-Encoding"] {
		for _, option := range strings.Split(value, ",") {
			coding, parameter, _ := strings.Cut(option, ";")
			if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				continue
			}
			weight, given := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameter)), "q=")
			quality, err := strconv.ParseFloat(weight, 64)
			return !given || (err == nil && quality > 0)
		}
	}
	return false
}

func (s *series) writeHistogram(out *strings.Builder) {
	labels := fmt.Sprintf("code=\"%d\",method=\"%s\"", s.code, s.method)
	for i, bound := range bucketBounds {
		fmt.Fprintf(out, "http_request_duration_seconds_bucket{%s,le=\"%g\"} %d\n", labels, bound, s.buckets[i])
	}
	fmt.Fprintf(out, "http_request_duration_seconds_bucket{%s,le=\"+Inf\"} %d\n", labels, s.count)
	fmt.Fprintf(out, "http_request_duration_seconds_sum{%s} %g\n", labels, s.sum)
	fmt.Fprintf(out, "http_request_duration_seconds_count{%s} %d\n", labels, s.count)
}

func writeRuntime(out *strings.Builder) {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	heading(out, "go_goroutines", "gauge", "Goroutines that exist now.")
	fmt.Fprintf(out, "go_goroutines %d\n", runtime.NumGoroutine())
	heading(out, "go_memstats_alloc_bytes", "gauge", "Bytes allocated and in use.")
	fmt.Fprintf(out, "go_memstats_alloc_bytes %d\n", memory.Alloc)
	heading(out, "go_info", "gauge", "Version of Go.")
	fmt.Fprintf(out, "go_info{version=\"%s\"} 1\n", runtime.Version())
}

func heading(out *strings.Builder, name, kind, help string) {
	fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// statusRecorder remembers the status that went out.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	// Informational answers come before the real one.
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *statusRecorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

// Unwrap lets http.ResponseController reach the connection.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
