package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// forwardProxy stands between us and an address that is not on this machine.
type forwardProxy struct {
	url    *url.URL
	target string // host:port that it is asked for
	auth   string // value of Proxy-Authorization, or empty
}

// proxyFor is the proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name for a target, or nil. This machine's own
// addresses have none.
func proxyFor(target *url.URL) (*url.URL, error) {
	if target.Scheme == "unix" {
		return nil, nil
	}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: target})
	if err != nil || proxy != nil && !(usableTarget(proxy) && proxy.Scheme != "unix") {
		// The value itself may hold a password.
		return nil, fmt.Errorf("`%s_PROXY` is not the address of an HTTP proxy; write it like http://proxy:3128",
			map[string]string{"http": "HTTP", "https": "HTTPS"}[target.Scheme])
	}
	return proxy, nil
}

// goThrough makes all connections go to a proxy, which passes on what it gets; nil changes nothing.
func (u *upstream) goThrough(proxy *url.URL) {
	if proxy == nil {
		return
	}
	u.proxy = &forwardProxy{url: proxy, target: u.address}
	if proxy.User != nil {
		password, _ := proxy.User.Password()
		u.proxy.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(proxy.User.Username()+":"+password))
	}
	u.address = net.JoinHostPort(proxy.Hostname(), portOf(proxy))
	if !u.secure {
		u.base = "http://" + u.host + u.base
	}
}

// proxyAuth is what each request tells the proxy; through a tunnel it gets none.
func (u *upstream) proxyAuth() string {
	if u.proxy == nil || u.secure {
		return ""
	}
	return u.proxy.auth
}

// secureThrough opens the way through a fresh connection to the proxy: for https the proxy only passes bytes on.
func (u *upstream) secureThrough(ctx context.Context, conn net.Conn) (net.Conn, error) {
	if u.proxy.url.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: u.proxy.url.Hostname()})
	}
	if !u.secure {
		return conn, nil
	}
	limit := time.Now().Add(dialLimit)
	if deadline, set := ctx.Deadline(); set && deadline.Before(limit) {
		limit = deadline
	}
	_ = conn.SetDeadline(limit)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := u.proxy.connect(conn); err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Time{})
}

func (p *forwardProxy) connect(conn net.Conn) error {
	head := "CONNECT " + p.target + " HTTP/1.1\r\nHost: " + p.target + "\r\n"
	if p.auth != "" {
		head += "Proxy-Authorization: " + p.auth + "\r\n"
	}
	if _, err := conn.Write([]byte(head + "\r\n")); err != nil {
		return err
	}
	// The other side waits for us to begin, so that nothing of the tunnel is read here.
	reader := bufio.NewReader(io.LimitReader(conn, maxHeadSize))
	response, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("the proxy `%s` answers %s", p.url.Redacted(), response.Status)
	}
	return err
}
