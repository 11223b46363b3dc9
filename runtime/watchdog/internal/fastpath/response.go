package fastpath

import (
	"bytes"
	"net/http"
)

// plainResponse is the parsed head of a response with a stated length.
type plainResponse struct {
	status           int
	length           int  // of the body
	last             bool // the process closes the connection after this call
	typed, encoded   bool
	dated, hasLength bool
}

// read parses the head of a response, and appends the head for the client, without its end, to out. It returns the length
// of the parsed head, or 0 when the response is not plain.
func (r *plainResponse) read(in, out []byte, method string) (head []byte, taken int) {
	line, rest, ok := cutLine(in)
	if !ok || len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) || (len(line) > 12 && line[12] != ' ') {
		return out, 0
	}
	status, ok := plainLength(line[9:12])
	if !ok || status < 200 || status > 599 {
		return out, 0
	}
	r.status = status
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
		passed, plain := r.parseField(name, value)
		if !ok || !plain {
			return out, 0
		}
		if passed {
			out = appendField(out, name, value)
		}
	}
	if withoutBody(method, status) {
		r.length = 0
	} else if !r.hasLength {
		return out, 0
	}
	return out, len(in) - len(rest)
}

// withoutBody reports whether a response has no body, whatever its head states.
func withoutBody(method string, status int) bool {
	return method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified
}

// parseField parses one field. It reports whether the client gets the field, and whether the response is plain.
func (r *plainResponse) parseField(name, value []byte) (passed, plain bool) {
	switch len(name) {
	case 2:
		return true, !is(name, "te")
	case 4:
		r.dated = r.dated || is(name, "date")
	case 7:
		return true, !is(name, "upgrade") && !is(name, "trailer")
	case 10:
		if is(name, "keep-alive") {
			return false, true
		}
		if is(name, "connection") {
			r.last = r.last || is(value, "close")
			return false, is(value, "close") || is(value, "keep-alive")
		}
	case 12:
		r.typed = r.typed || is(name, "content-type")
	case 14:
		if is(name, "content-length") {
			length, ok := plainLength(value)
			ok = ok && !r.hasLength
			r.length, r.hasLength = length, true
			// RFC 9110: no length with 204; many servers send `Content-Length: 0`.
			return r.status != http.StatusNoContent, ok
		}
	case 16:
		r.encoded = r.encoded || is(name, "content-encoding")
		return true, !is(name, "proxy-connection")
	case 17:
		return true, !is(name, "transfer-encoding")
	case 18:
		return !is(name, "x-duration-seconds"), true
	}
	return true, true
}
