package fastpath

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"fwatchdog/internal/calls"
)

const plainHead = "POST /a/b?q=1 HTTP/1.1\r\nHost: f:8080\r\nContent-Length: 2\r\nX-Mixed: One\r\nConnection: keep-alive\r\n\r\nok"

func TestPlainRequest(t *testing.T) {
	var r plainRequest
	out, plain := r.read([]byte(plainHead), "/base", nil)
	if !plain || r.length != 2 || r.headEnd != len(plainHead)-2 || string(r.target) != "/a/b?q=1" {
		t.Fatalf("got %+v, plain %v", r, plain)
	}
	want := "POST /base/a/b?q=1 HTTP/1.1\r\nHost: f:8080\r\nContent-Length: 2\r\nX-Mixed: One\r\nTraceparent: "
	if !strings.HasPrefix(string(out), want) || !calls.TraceUsable(string(r.trace[:])) {
		t.Errorf("got %q", out)
	}
}

// Invalid, ambiguous and special requests are left to net/http.
func TestRequestsThatAreNotPlain(t *testing.T) {
	for name, in := range map[string]string{
		"unfinished":        "GET / HTTP/1.1\r\nHost: f\r\n",
		"old":               "GET / HTTP/1.0\r\nHost: f\r\n\r\n",
		"no host":           "GET / HTTP/1.1\r\n\r\n",
		"two hosts":         "GET / HTTP/1.1\r\nHost: f\r\nHost: g\r\n\r\n",
		"chunked":           "POST / HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\n",
		"two lengths":       "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
		"signed length":     "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: +1\r\n\r\n",
		"large":             "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 16385\r\n\r\n",
		"expectation":       "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
		"upgrade":           "GET / HTTP/1.1\r\nHost: f\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"connection option": "GET / HTTP/1.1\r\nHost: f\r\nConnection: x-mine\r\nX-Mine: 1\r\n\r\n",
		"bare LF":           "GET / HTTP/1.1\nHost: f\n\n",
		"bare CR":           "GET / HTTP/1.1\r\nHost: f\r\nX: a\rb\r\n\r\n",
		"folded":            "GET / HTTP/1.1\r\nHost: f\r\nX: a\r\n b\r\n\r\n",
		"space at colon":    "GET / HTTP/1.1\r\nHost : f\r\n\r\n",
		"health":            "GET /_/health HTTP/1.1\r\nHost: f\r\n\r\n",
		"dot segment":       "GET /a/../_/health HTTP/1.1\r\nHost: f\r\n\r\n",
		"double slash":      "GET //a HTTP/1.1\r\nHost: f\r\n\r\n",
		"escaped":           "GET /%2e%2e/ HTTP/1.1\r\nHost: f\r\n\r\n",
		"absolute":          "GET http://f/ HTTP/1.1\r\nHost: f\r\n\r\n",
		"other method":      "BREW / HTTP/1.1\r\nHost: f\r\n\r\n",
		"state, no trace":   "GET / HTTP/1.1\r\nHost: f\r\nTracestate: a=b\r\n\r\n",
		"useless trace":     "GET / HTTP/1.1\r\nHost: f\r\nTraceparent: 00\r\n\r\n",
		"trailers":          "GET / HTTP/1.1\r\nHost: f\r\nTE: trailers\r\n\r\n",
	} {
		if _, plain := (&plainRequest{}).read([]byte(in), "", nil); plain {
			t.Errorf("%s: parsed as plain: %q", name, in)
		}
	}
}

func TestResponsesThatAreNotPlain(t *testing.T) {
	for _, in := range []string{
		"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 103 Hint\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 2000\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x-mine\r\n\r\n",
	} {
		if _, taken := (&plainResponse{}).read([]byte(in), nil, "GET"); taken > 0 {
			t.Errorf("parsed as plain: %q", in)
		}
	}
}

// FuzzPlainRequest: net/http parses a plain request, and the request to the process, with the same result.
func FuzzPlainRequest(f *testing.F) {
	f.Add([]byte(plainHead))
	f.Add([]byte("GET / HTTP/1.1\r\nhost: [::1]:80\r\nUser-Agent:  a \r\nx-timeout: 1s\r\nKEEP-ALIVE: 5\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var r plainRequest
		out, plain := r.read(in, "", nil)
		if !plain {
			return
		}
		meant, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(in)))
		if err != nil {
			t.Fatalf("%q is not a request: %v", in, err)
		}
		seen, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(out)))
		if err != nil {
			t.Fatalf("%q was made of %q: %v", out, in, err)
		}
		if meant.Method != seen.Method || meant.RequestURI != seen.RequestURI || meant.Host != seen.Host ||
			meant.ContentLength != seen.ContentLength || meant.ContentLength != int64(r.length) {
			t.Fatalf("%q became %q", in, out)
		}
		for _, dropped := range []string{"Connection", "Keep-Alive"} {
			meant.Header.Del(dropped)
		}
		seen.Header.Del("Traceparent")
		meant.Header.Del("Traceparent")
		if len(meant.Header) != len(seen.Header) {
			t.Fatalf("%q became %q", meant.Header, seen.Header)
		}
		for name, values := range meant.Header {
			if !slices.Equal(values, seen.Header[name]) {
				t.Fatalf("%s: %q became %q", name, values, seen.Header[name])
			}
		}
	})
}

// FuzzPlainResponse: net/http parses a plain response with the same result.
func FuzzPlainResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: now\r\nX: y\r\nConnection: close\r\n\r\nok"))
	f.Add([]byte("HTTP/1.1 204 None\r\nkeep-alive: 5\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var a plainResponse
		out, taken := a.read(in, nil, "GET")
		if taken == 0 {
			return
		}
		meant, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(in)), nil)
		if err != nil {
			t.Fatalf("%q is not a response: %v", in, err)
		}
		seen, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(out), strings.NewReader("\r\n"))), nil)
		if err != nil {
			t.Fatalf("%q was made of %q: %v", out, in, err)
		}
		if meant.StatusCode != a.status || seen.StatusCode != a.status || seen.ContentLength != meant.ContentLength || meant.Close != a.last {
			t.Fatalf("%q became %q", in, out)
		}
	})
}
