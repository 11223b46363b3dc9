package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// logger writes our own lines and the function's, whole lines only, from any goroutine.
type logger struct {
	mutex  sync.Mutex
	out    io.Writer
	stdout io.Writer // where the standard output of the process of mode http goes
	json   bool
	buffer bytes.Buffer
}

func newLogger(out, stdout io.Writer, asJSON bool) *logger {
	return &logger{out: out, stdout: stdout, json: asJSON}
}

const timeLayout = "2006/01/02 15:04:05 "

func (l *logger) printf(format string, values ...any) {
	l.write("", fmt.Appendf(nil, format, values...), true)
}

// line passes on one line that the function printed on a stream.
func (l *logger) line(stream string, text []byte, prefix bool) {
	l.write(stream, text, prefix)
}

// access writes the line of one call as an object of its own fields.
func (l *logger) access(r accessed, status int, size int64, took time.Duration) {
	l.writeJSON(l.out, map[string]any{
		"time": time.Now().UTC(), "method": r.method, "target": r.target, "status": status, "bytes": size,
		"seconds": took.Seconds(), "call_id": r.callID, "traceparent": r.trace,
	})
}

func (l *logger) write(stream string, text []byte, prefix bool) {
	now := time.Now()
	out := l.out
	if stream == "stdout" {
		out = l.stdout
	}
	if l.json {
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
	// Nothing useful can be done when the log itself cannot be written.
	_, _ = out.Write(l.buffer.Bytes())
}

func (l *logger) writeJSON(out io.Writer, fields map[string]any) {
	line, _ := json.Marshal(fields)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	_, _ = out.Write(append(line, '\n'))
}

// copyLines logs what comes out of a pipe, line by line, until it ends. A line longer than
// limit is logged in pieces: a reader that stops would block the function. A limit below 0 is none.
func (l *logger) copyLines(stream string, source io.Reader, limit int, prefix bool) {
	reader := bufio.NewReaderSize(source, max(limit, 1024))
	read := reader.ReadSlice
	if limit < 0 {
		read = reader.ReadBytes
	}
	for {
		line, err := read('\n')
		if len(line) > 0 {
			l.line(stream, bytes.TrimRight(line, "\r\n"), prefix)
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}
