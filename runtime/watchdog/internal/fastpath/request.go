package fastpath

import (
	"bytes"
	"strings"
	"time"

	"fwatchdog/internal/calls"
	"fwatchdog/internal/proxy"
)

// plainRequest is a parsed plain request. Its texts are slices of the buffer that it was read from.
type plainRequest struct {
	method, target, agent, callID []byte
	trace                         [calls.TraceLength]byte
	timeout                       time.Duration // of the header X-Timeout, or 0
	length                        int           // of the body
	headEnd                       int           // where the body begins
	end                           int           // where the next request begins
	last                          bool          // the client closes the connection after this call
}

// read parses a request, and appends the head for the process to out. It returns false when the request is not plain, which
// includes every ambiguous one.
func (r *plainRequest) read(in []byte, base string, out []byte) ([]byte, bool) {
	*r = plainRequest{}
	line, rest, ok := cutLine(in)
	if !ok || !r.readLine(line) {
		return out, false
	}
	out = append(out, r.method...)
	out = append(append(append(append(out, ' '), base...), r.target...), " HTTP/1.1\r\n"...)
	var seen requestFields
	for {
		line, after, ok := cutLine(rest)
		if !ok {
			return out, false
		}
		rest = after
		if len(line) == 0 {
			break
		}
		name, value, ok := cutField(line)
		if !ok || !r.parseField(name, value, &seen) {
			return out, false
		}
		if !seen.drop {
			out = appendField(out, name, value)
		}
	}
	r.headEnd = len(in) - len(rest)
	if !seen.host || (seen.state && !seen.trace) {
		return out, false
	}
	if !seen.trace {
		r.trace = calls.NewTrace()
		out = append(append(append(out, "Traceparent: "...), r.trace[:]...), '\r', '\n')
	}
	return append(out, '\r', '\n'), true
}

// requestFields are the fields of a request that have been parsed.
type requestFields struct{ host, length, trace, state, drop bool }

// parseField parses one field. It returns false when the request is not plain.
func (r *plainRequest) parseField(name, value []byte, seen *requestFields) bool {
	seen.drop = false
	switch len(name) {
	case 2:
		return !is(name, "te")
	case 4:
		if is(name, "host") {
			ok := !seen.host && plainHost(value)
			seen.host = true
			return ok
		}
	case 6:
		return !is(name, "expect")
	case 7:
		return !is(name, "upgrade") && !is(name, "trailer")
	case 9:
		if is(name, "x-call-id") && r.callID == nil {
			r.callID = value
		}
		if is(name, "x-timeout") && r.timeout == 0 {
			r.timeout = calls.ParseTimeout(string(value))
		}
	case 10:
		switch {
		case is(name, "user-agent"):
			r.agent = value
		case is(name, "tracestate"):
			seen.state = true
		case is(name, "keep-alive"):
			seen.drop = true
		case is(name, "connection"):
			seen.drop = true
			r.last = r.last || is(value, "close")
			return is(value, "close") || is(value, "keep-alive")
		}
	case 11:
		if is(name, "traceparent") {
			ok := !seen.trace && len(value) == calls.TraceLength && calls.TraceUsable(string(value))
			seen.trace = true
			copy(r.trace[:], value)
			return ok
		}
	case 14:
		if is(name, "content-length") {
			var ok bool
			r.length, ok = plainLength(value)
			ok = ok && !seen.length && r.length <= proxy.MaxSmallBody
			seen.length = true
			return ok
		}
	case 16:
		return !is(name, "proxy-connection")
	case 17:
		return !is(name, "transfer-encoding")
	}
	return true
}

// readLine parses the request line. Paths of the watchdog itself and paths that net/http normalizes are not plain.
func (r *plainRequest) readLine(line []byte) bool {
	method, rest, found := bytes.Cut(line, []byte{' '})
	target, protocol, also := bytes.Cut(rest, []byte{' '})
	if !found || !also || string(protocol) != "HTTP/1.1" || len(target) == 0 || target[0] != '/' {
		return false
	}
	r.method, r.target = method, target
	path, query, _ := bytes.Cut(target, []byte{'?'})
	for i, c := range path {
		if !inPath[c] || (i > 0 && path[i-1] == '/' && (c == '/' || c == '.')) {
			return false
		}
	}
	for _, c := range query {
		if c <= ' ' || c >= 0x7f || c == '#' {
			return false
		}
	}
	switch string(method) {
	case "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS":
		return !bytes.HasPrefix(path, []byte("/_/"))
	}
	return false
}

// cutLine returns the first line of a head without CR LF; no other line end is accepted.
func cutLine(in []byte) (line, rest []byte, ok bool) {
	end := bytes.IndexByte(in, '\n')
	if end < 1 || in[end-1] != '\r' {
		return nil, nil, false
	}
	return in[:end-1], in[end+1:], true
}

// cutField splits a field into name and value, and rejects characters that are not allowed in them.
func cutField(line []byte) (name, value []byte, ok bool) {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 {
		return nil, nil, false
	}
	name, value = line[:colon], line[colon+1:]
	for _, c := range name {
		if !inName[c] {
			return nil, nil, false
		}
	}
	for _, c := range value {
		if (c < ' ' && c != '\t') || c == 0x7f {
			return nil, nil, false
		}
	}
	return name, bytes.Trim(value, " \t"), true
}

// appendField appends a field with the canonical name of net/http.
func appendField(out, name, value []byte) []byte {
	upper := true
	for _, c := range name {
		if upper && c >= 'a' && c <= 'z' || !upper && c >= 'A' && c <= 'Z' {
			c ^= 0x20
		}
		out = append(out, c)
		upper = c == '-'
	}
	return append(append(append(out, ": "...), value...), '\r', '\n')
}

// is compares a text, ignoring case, with one in lower case.
func is(text []byte, lower string) bool {
	if len(text) != len(lower) {
		return false
	}
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// plainLength parses a Content-Length.
func plainLength(text []byte) (int, bool) {
	if len(text) == 0 || len(text) > 15 {
		return 0, false
	}
	length := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		length = 10*length + int(c-'0')
	}
	return length, true
}

func plainHost(value []byte) bool {
	for _, c := range value {
		if !inHost[c] {
			return false
		}
	}
	return len(value) > 0
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

var (
	inName = charset(letters + "!#$%&'*+-.^_`|~")
	inPath = charset(letters + "/-._~!$&'()*+,;=:@")
	inHost = charset(letters + "-._:[]")
)

func charset(members string) (set [256]bool) {
	for c := range set {
		set[c] = strings.IndexByte(members, byte(c)) >= 0
	}
	return set
}
