package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"fwatchdog/internal/config"
)

const fetchTimeout = 10 * time.Second

// Fetch returns the body of a GET request, cut after maxSize bytes. http.Client would make the binary a seventh larger.
func Fetch(address string, maxSize int64) ([]byte, error) {
	target, err := url.Parse(address)
	if err != nil || !config.UsableTarget(target) {
		return nil, fmt.Errorf("`%s` is not a URL", address)
	}
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	// The path of a pool is prepended to every request.
	site := *target
	site.Path, site.RawPath = "", ""
	pool, err := New(&site)
	if err != nil {
		return nil, err
	}
	conn, err := pool.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(fetchTimeout))
	request := &http.Request{Method: http.MethodGet, URL: target, Host: target.Host, Close: true, Header: http.Header{}}
	request.Header.Set("User-Agent", "openfaas-watchdog")
	write := request.Write
	if pool.proxy != nil && !pool.secure {
		write = request.WriteProxy
		if auth := pool.ProxyAuth(); auth != "" {
			request.Header.Set("Proxy-Authorization", auth)
		}
	}
	if err := errors.Join(write(conn.Writer), conn.Writer.Flush()); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(conn.Reader, request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("`%s` answers %s", address, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, maxSize))
}
