// Package metrics counts calls and writes them in the text format of Prometheus.
package metrics

import (
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var bucketBounds = [...]float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// series is the counter and the histogram of one status and method.
type series struct {
	count   uint64
	sum     float64
	buckets [len(bucketBounds)]uint64
}

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

// New returns metrics without calls.
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

// Begin counts a call as in flight, and returns its start time for End.
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
		found = &series{}
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

// ServeHTTP writes all metrics in the text format 0.0.4 of Prometheus.
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
		fmt.Fprintf(&out, "http_requests_total{%s} %d\n", key.labels(), m.series[key].count)
	}
	heading(&out, "http_request_duration_seconds", "histogram", "Duration of requests in seconds.")
	for _, key := range keys {
		m.series[key].writeHistogram(&out, key.labels())
	}
	m.mutex.Unlock()
	gauge(&out, "http_requests_in_flight", "Requests that are being answered.", m.InFlight())
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

// acceptsGzip reports whether Accept-Encoding contains gzip with a quality above 0.
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

func (k seriesKey) labels() string { return fmt.Sprintf("code=\"%d\",method=\"%s\"", k.code, k.method) }

func (s *series) writeHistogram(out *strings.Builder, labels string) {
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
	gauge(out, "go_goroutines", "Number of goroutines.", runtime.NumGoroutine())
	gauge(out, "go_memstats_alloc_bytes", "Bytes allocated and in use.", memory.Alloc)
	heading(out, "go_info", "gauge", "Version of Go.")
	fmt.Fprintf(out, "go_info{version=\"%s\"} 1\n", runtime.Version())
}

func heading(out *strings.Builder, name, kind, help string) {
	fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func gauge(out *strings.Builder, name, help string, value any) {
	heading(out, name, "gauge", help)
	fmt.Fprintf(out, "%s %v\n", name, value)
}

// statusRecorder records the status of a response.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	// Informational responses precede the final one.
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *statusRecorder) code() int { return cmp.Or(r.status, http.StatusOK) }

// Unwrap gives http.ResponseController access to the connection.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

var startedAt = time.Now()

// ticksPerSecond is the unit of times in /proc, which the interface of the kernel fixes at 100.
const ticksPerSecond = 100

// writeProcess writes the resources of this process. Without /proc only its start time is known.
func writeProcess(out *strings.Builder) {
	gauge(out, "process_start_time_seconds", "Start time of the process since 1970.", float64(startedAt.UnixMilli())/1000)
	if fields := statFields(); fields != nil {
		user, _ := strconv.ParseFloat(fields[11], 64)
		system, _ := strconv.ParseFloat(fields[12], 64)
		heading(out, "process_cpu_seconds_total", "counter", "CPU time used.")
		fmt.Fprintf(out, "process_cpu_seconds_total %v\n", (user+system)/ticksPerSecond)
		pages, _ := strconv.ParseInt(fields[21], 10, 64)
		gauge(out, "process_virtual_memory_bytes", "Size of the address space.", fields[20])
		gauge(out, "process_resident_memory_bytes", "Memory in use.", pages*int64(os.Getpagesize()))
	}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		gauge(out, "process_open_fds", "Number of open descriptors.", len(open))
	}
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		gauge(out, "process_max_fds", "Maximum number of open descriptors.", limit.Cur)
	}
}

// statFields returns the fields of /proc/self/stat after the name, which may contain spaces; nil without /proc.
func statFields() []string {
	content, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return nil
	}
	fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
	if len(fields) < 22 {
		return nil
	}
	return fields
}
