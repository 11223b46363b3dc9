package main

import (
	"context"
	"errors"
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
	proxy, err := proxyFor(target)
	if err != nil {
		return nil, err
	}
	up := newUpstream(&site)
	up.goThrough(proxy)
	conn, err := up.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(fetchLimit))
	request := &http.Request{Method: http.MethodGet, URL: target, Host: target.Host, Close: true, Header: http.Header{}}
	request.Header.Set("User-Agent", "openfaas-watchdog")
	write := request.Write
	if proxy != nil && !up.secure {
		write = request.WriteProxy
		if auth := up.proxyAuth(); auth != "" {
			request.Header.Set("Proxy-Authorization", auth)
		}
	}
	if err := errors.Join(write(conn.writer), conn.writer.Flush()); err != nil {
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
