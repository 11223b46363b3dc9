package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const fetchLimit = 10 * time.Second

// fetch gets a small document. Go's own client would do, and make the binary a seventh larger.
func fetch(address string, maxSize int64) ([]byte, error) {
	target, err := url.Parse(address)
	if err != nil || !usableTarget(target) {
		return nil, fmt.Errorf("`%s` is not an address", address)
	}
	ctx, cancel := context.WithTimeout(context.Background(), fetchLimit)
	defer cancel()
	// The path belongs to this request, not to every one.
	site := *target
	site.Path, site.RawPath = "", ""
	conn, err := newUpstream(&site).dial(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(fetchLimit))
	request := &http.Request{Method: http.MethodGet, URL: target, Host: target.Host, Close: true, Header: http.Header{}}
	request.Header.Set("User-Agent", "openfaas-watchdog")
	if err := writeRequest(conn.writer, request); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(conn.reader, request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("`%s` answers %s", address, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, maxSize))
}

func writeRequest(w *bufio.Writer, request *http.Request) error {
	if err := request.Write(w); err != nil {
		return err
	}
	return w.Flush()
}
