// Package logging writes the log: the lines of the watchdog, access lines, and the lines of the function.
package logging

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Logger writes whole lines. Any goroutine can use it.
type Logger struct {
	options Options
	out     io.Writer
	stdout  io.Writer // where the standard output of the long-lived process goes
	mutex   sync.Mutex
	buffer  bytes.Buffer
}

// Options is the format of the log.
type Options struct {
	JSON      bool // one JSON object per line
	CallIDs   bool // access lines end with the call id
	Prefix    bool // the function's lines begin with date and stream
	LineLimit int  // maximum length of the function's lines in bytes; below 0: no limit
}

// New returns a logger that writes to out, and the standard output of the long-lived process to stdout.
func New(out, stdout io.Writer, options Options) *Logger {
	return &Logger{options: options, out: out, stdout: stdout}
}

const timeLayout = "2006/01/02 15:04:05 "

// Printf logs a line of the watchdog.
func (l *Logger) Printf(format string, values ...any) {
	l.write("", fmt.Appendf(nil, format, values...), true)
}

func (l *Logger) write(stream string, text []byte, prefix bool) {
	now := time.Now()
	out := l.out
	if stream == "stdout" {
		out = l.stdout
	}
	if l.options.JSON {
		fields := map[string]any{"time": now.UTC(), "text": string(text)}
		if stream != "" {
			fields["stream"] = stream
		}
		l.writeJSON(out, fields)
		return
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.buffer.Reset()
	if prefix {
		l.buffer.WriteString(now.Format(timeLayout))
		if stream != "" {
			l.buffer.WriteString(stream)
			l.buffer.WriteString(": ")
		}
	}
	l.buffer.Write(text)
	l.buffer.WriteByte('\n')
	// An error of writing the log cannot be logged.
	_, _ = out.Write(l.buffer.Bytes())
}

func (l *Logger) writeJSON(out io.Writer, fields map[string]any) {
	line, _ := json.Marshal(fields)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	_, _ = out.Write(append(line, '\n'))
}

// CopyLines logs what the function writes to a stream, line by line, until the stream ends. A line above the limit is
// logged in parts: a reader that stops would block the function.
func (l *Logger) CopyLines(stream string, source io.Reader) {
	limit := l.options.LineLimit
	reader := bufio.NewReaderSize(source, max(limit, 1024))
	read := reader.ReadSlice
	if limit < 0 {
		read = reader.ReadBytes
	}
	for {
		line, err := read('\n')
		if len(line) > 0 {
			l.write(stream, bytes.TrimRight(line, "\r\n"), l.options.Prefix)
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}

// Call is the part of a request that an access line contains.
type Call struct{ Method, Target, Agent, CallID, Trace string }

// CallOf returns the Call of a request.
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

// humanSize formats bytes with four digits and a decimal unit: 5B, 2.049kB, 104.9MB.
func humanSize(bytes int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	value, unit := float64(bytes), 0
	for value >= 1000 && unit < len(units)-1 {
		value /= 1000
		unit++
	}
	return strconv.FormatFloat(value, 'g', 4, 64) + units[unit]
}
