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
	json   bool
	buffer bytes.Buffer
}

func newLogger(out io.Writer, asJSON bool) *logger {
	return &logger{out: out, json: asJSON}
}

const timeLayout = "2006/01/02 15:04:05 "

func (l *logger) printf(format string, values ...any) {
	l.write("", fmt.Appendf(nil, format, values...), true)
}

// line passes on one line that the function printed on a stream.
func (l *logger) line(stream string, text []byte, prefix bool) {
	l.write(stream, text, prefix)
}

func (l *logger) write(stream string, text []byte, prefix bool) {
	now := time.Now()
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.buffer.Reset()
	switch {
	case l.json:
		entry := struct {
			Time   time.Time `json:"time"`
			Stream string    `json:"stream,omitempty"`
			Text   string    `json:"text"`
		}{now.UTC(), stream, string(text)}
		line, _ := json.Marshal(entry)
		l.buffer.Write(line)
	default:
		if prefix {
			l.buffer.WriteString(now.Format(timeLayout))
			if stream != "" {
				l.buffer.WriteString(stream)
				l.buffer.WriteString(": ")
			}
		}
		l.buffer.Write(text)
	}
	l.buffer.WriteByte('\n')
	// Nothing useful can be done when the log itself cannot be written.
	_, _ = l.out.Write(l.buffer.Bytes())
}

// copyLines logs what comes out of a pipe, line by line, until it ends. A line longer than
// limit is logged in pieces: a reader that stops would block the function.
func (l *logger) copyLines(stream string, source io.Reader, limit int, prefix bool) {
	if limit < 1024 {
		limit = 1024
	}
	reader := bufio.NewReaderSize(source, limit)
	for {
		line, err := reader.ReadSlice('\n')
		if len(line) > 0 {
			l.line(stream, bytes.TrimRight(line, "\r\n"), prefix)
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}
