package proxy

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"fwatchdog/internal/upstream"
)

// answering starts a server that answers each request with the given bytes and closes the connection.
func answering(t testing.TB, answer []byte) *upstream.Pool {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				if _, err := http.ReadRequest(bufio.NewReader(connection)); err == nil {
					_, _ = connection.Write(answer)
				}
			}()
		}
	}()
	up, err := upstream.New(&url.URL{Scheme: "http", Host: listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	return up
}

// FuzzAnswers: after a response that is not valid HTTP the round trip neither blocks nor panics, and it passes only HTTP
// responses to the client.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx", "HTTP/1.0 200\r\n\r\n", "HTTP/1.1 101 S\r\n\r\n", "garbage", "",
		"HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		up := answering(t, answer)
		defer up.CloseIdle()
		recorder := httptest.NewRecorder()
		trip := &roundTrip{pool: up, writer: recorder, request: httptest.NewRequest("GET", "/", http.NoBody)}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		deadline, _ := ctx.Deadline()
		err := trip.run(ctx, deadline)
		if ctx.Err() != nil {
			t.Fatal("the call did not end")
		}
		if err == nil && trip.started && !bytes.HasPrefix(answer, []byte("HTTP/")) {
			t.Errorf("%q was parsed as a response", answer)
		}
	})
}

// A process that responds and closes before it has read the whole head: its response is passed on, not a 500.
func TestResponseBeforeTheEndOfTheHead(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			// The rest is unread, so closing resets the connection.
			_, _ = connection.Read(make([]byte, 1024))
			_, _ = connection.Write([]byte("HTTP/1.1 431 Too Large\r\nContent-Length: 3\r\n\r\nbig"))
			connection.Close()
		}
	}()
	up, err := upstream.New(&url.URL{Scheme: "http", Host: listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequest("POST", "/", http.NoBody)
		// More than the buffers of both sockets hold, so that writing fails.
		request.Header.Set("X-Big", strings.Repeat("x", 16<<20))
		trip := &roundTrip{pool: up, writer: recorder, request: request}
		if err := trip.run(context.Background(), time.Now().Add(10*time.Second)); err != nil {
			t.Fatal(err)
		}
		if recorder.Code != 431 || recorder.Body.String() != "big" {
			t.Fatalf("%d %q", recorder.Code, recorder.Body.String())
		}
	}
}

func TestHeadOfARequest(t *testing.T) {
	r := httptest.NewRequest("POST", "/a%2Fb?q", strings.NewReader("body"))
	r.Header = http.Header{"X-Multi": {"one", "two"}, "Connection": {"X-Mine, close"}, "X-Mine": {"1"}, "Keep-Alive": {"5"}, "Te": {"trailers"}}
	var out bytes.Buffer
	writer := bufio.NewWriter(&out)
	(&roundTrip{pool: &upstream.Pool{Base: "/base"}, request: r}).writeHead(writer)
	writer.Flush()
	want := "POST /base/a%2Fb?q HTTP/1.1\r\nHost: example.com\r\nX-Multi: one\r\nX-Multi: two\r\nTe: trailers\r\nContent-Length: 4\r\n\r\n"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}
