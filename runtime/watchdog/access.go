package main

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// accessed is what the log tells of a request.
type accessed struct{ method, target, agent, callID, trace string }

func accessedBy(r *http.Request) accessed {
	return accessed{
		method: r.Method, target: r.URL.RequestURI(), agent: r.UserAgent(),
		callID: r.Header.Get("X-Call-Id"), trace: r.Header.Get("Traceparent"),
	}
}

// logAccess writes the line of one answered call. Kubernetes asks every few seconds; its probes leave no line.
func logAccess(c *config, l *logger, r accessed, status int, size int64, took time.Duration) {
	if strings.HasPrefix(r.agent, "kube-probe") {
		return
	}
	if l.json {
		l.access(r, status, size, took)
		return
	}
	suffix := ""
	if c.logCallID {
		id := r.callID
		if id == "" {
			id = "none"
		}
		suffix = " [" + id + "]"
	}
	text := http.StatusText(status)
	if text != "" {
		text = " " + text
	}
	l.printf("%s %s - %d%s - ContentLength: %s (%.4fs)%s",
		r.method, r.target, status, text, humanSize(size), took.Seconds(), suffix)
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
