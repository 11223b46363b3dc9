package fastpath

import (
	"bytes"
	"net/http"
)

// plainResponse is what the front needs to know of an answer.
type plainResponse struct {
	status           int
	length           int  // -1: not said
	last             bool // the process wants no other call on this connection
	typed, encoded   bool
	dated, hasLength bool
}

// read understands the head of an answer whose body has a stated length, and appends the head for the client, without
// its end. It returns the length of the head as it came, or 0 for any other answer.
func (a *plainResponse) read(in, out []byte, method string) (head []byte, taken int) {
	line, rest, ok := cutLine(in)
	if !ok || len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) || (len(line) > 12 && line[12] != ' ') {
		return out, 0
	}
	status, ok := plainLength(line[9:12])
	if !ok || status < 200 || status > 599 {
		return out, 0
	}
	a.status = status
	out = appendStatus(out, status)
	for {
		line, after, ok := cutLine(rest)
		if !ok {
			return out, 0
		}
		rest = after
		if len(line) == 0 {
			break
		}
		name, value, ok := cutField(line)
		if !ok {
			return out, 0
		}
		passed, plain := a.take(name, value)
		if !plain {
			return out, 0
		}
		if passed {
			out = appendField(out, name, value)
		}
	}
	bodiless := withoutBody(method, status)
	if !a.hasLength && !bodiless {
		return out, 0
	}
	if bodiless {
		a.length = 0
	}
	return out, len(in) - len(rest)
}

// withoutBody reports an answer that never has a body, whatever its head says.
func withoutBody(method string, status int) bool {
	return method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified
}

// take looks at one field: is it passed on, and is the answer still a plain one?
func (a *plainResponse) take(name, value []byte) (passed, plain bool) {
	switch len(name) {
	case 2:
		return true, !is(name, "te")
	case 4:
		a.dated = a.dated || is(name, "date")
	case 7:
		return true, !is(name, "upgrade") && !is(name, "trailer")
	case 10:
		if is(name, "keep-alive") {
			return false, true
		}
		if is(name, "connection") {
			a.last = a.last || is(value, "close")
			return false, is(value, "close") || is(value, "keep-alive")
		}
	case 12:
		a.typed = a.typed || is(name, "content-type")
	case 14:
		if is(name, "content-length") {
			length, ok := plainLength(value)
			ok = ok && !a.hasLength
			a.length, a.hasLength = length, true
			return true, ok
		}
	case 16:
		a.encoded = a.encoded || is(name, "content-encoding")
		return true, !is(name, "proxy-connection")
	case 17:
		return true, !is(name, "transfer-encoding")
	case 18:
		return !is(name, "x-duration-seconds"), true
	}
	return true, true
}
