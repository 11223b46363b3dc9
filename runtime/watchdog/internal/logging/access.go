package logging

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Call is what the log tells of a request.
type Call struct{ Method, Target, Agent, CallID, Trace string }

func CallOf(r *http.Request) Call {
	return Call{
		Method: r.Method, Target: r.URL.RequestURI(), Agent: r.UserAgent(),
		CallID: r.Header.Get("X-Call-Id"), Trace: r.Header.Get("Traceparent"),
	}
}

// Access logs one answered call. Kubernetes sends a probe every few seconds; its probes are not logged.
func (l *Logger) Access(r Call, status int, size int64, took time.Duration) {
	if strings.HasPrefix(r.Agent, "kube-probe") {
		return
	}
	if l.options.JSON {
		l.writeJSON(l.out, map[string]any{
			"time": time.Now().UTC(), "method": r.Method, "target": r.Target, "status": status, "bytes": size,
			"seconds": took.Seconds(), "call_id": r.CallID, "traceparent": r.Trace,
		})
		return
	}
	suffix := ""
	if l.options.CallIDs {
		suffix = " [" + cmp.Or(r.CallID, "none") + "]"
	}
	text := http.StatusText(status)
	if text != "" {
		text = " " + text
	}
	l.Printf("%s %s - %d%s - ContentLength: %s (%.4fs)%s",
		r.Method, r.Target, status, text, humanSize(size), took.Seconds(), suffix)
}

// humanSize writes bytes with four digits and a decimal unit: 5B, 2.049kB, 104.9MB.
func humanSize(bytes int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	value, unit := float64(bytes), 0
	for value >= 1000 && unit < len(units)-1 {
		value /= 1000
		unit++
	}
	return strconv.FormatFloat(value, 'g', 4, 64) + units[unit]
}
