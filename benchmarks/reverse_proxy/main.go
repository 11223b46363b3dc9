// Command reverseproxy is for benchmarks/gateway.py: `proxy` is the standard library's reverse proxy,
// `upstream` the function behind every proxy.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
)

const (
	smallBody = 1 << 10
	largeBody = 1 << 20
)

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: reverseproxy upstream ADDRESS | proxy ADDRESS UPSTREAM")
	}
	listener, err := net.Listen("tcp", os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	if os.Args[1] == "proxy" {
		err = http.Serve(listener, proxy(os.Args[3]))
	} else {
		err = serveUpstream(listener)
	}
	log.Fatal(err)
}

// proxy is as plain as the standard library makes it, with enough kept connections that none is opened in vain.
func proxy(upstream string) http.Handler {
	target := &url.URL{Scheme: "http", Host: upstream}
	handler := httputil.NewSingleHostReverseProxy(target)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = 1024
	transport.MaxIdleConnsPerHost = 1024
	transport.DisableCompression = true
	handler.Transport = transport
	return handler
}

// serveUpstream answers with as little work as possible, so that the proxy is what is measured.
func serveUpstream(listener net.Listener) error {
	small := response(smallBody)
	large := response(largeBody)
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go answer(connection, small, large)
	}
}

func response(size int) []byte {
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", size)
	return append([]byte(head), bytes.Repeat([]byte("x"), size)...)
}

func answer(connection net.Conn, small, large []byte) {
	defer connection.Close()
	reader := bufio.NewReaderSize(connection, 64<<10)
	for {
		wantsLarge, length, err := readHead(reader)
		if err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, reader, length); err != nil {
			return
		}
		body := small
		if wantsLarge {
			body = large
		}
		if _, err := connection.Write(body); err != nil {
			return
		}
	}
}

func readHead(reader *bufio.Reader) (wantsLarge bool, length int64, err error) {
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return false, 0, err
	}
	wantsLarge = bytes.Contains(line, []byte("large"))
	for {
		line, err = reader.ReadSlice('\n')
		if err != nil {
			return false, 0, err
		}
		if len(line) <= 2 {
			return wantsLarge, length, nil
		}
		name, value, _ := strings.Cut(string(line), ":")
		if strings.EqualFold(name, "Content-Length") {
			length, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			if err != nil {
				return false, 0, err
			}
		}
	}
}
