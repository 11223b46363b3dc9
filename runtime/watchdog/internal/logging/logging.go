// Package logging writes the log: the lines of the watchdog, access lines, and the lines of the function.
package logging

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// Logger writes our own lines and the function's, whole lines only, from any goroutine.
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

func New(out, stdout io.Writer, options Options) *Logger {
	return &Logger{options: options, out: out, stdout: stdout}
}

const timeLayout = "2006/01/02 15:04:05 "

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
	// Nothing useful can be done when the log itself cannot be written.
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
