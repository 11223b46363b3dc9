package upstream

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

	"fwatchdog/internal/calls"
	"fwatchdog/internal/config"
)

// forwardProxy is an HTTP proxy between the watchdog and another machine.
type forwardProxy struct {
	url    *url.URL
	target string // host:port to connect to
	auth   string // value of Proxy-Authorization, or empty
}

// useProxy makes all connections use the proxy of HTTP_PROXY, HTTPS_PROXY and NO_PROXY for a target, if any. Loopback
// addresses have no proxy.
func (p *Pool) useProxy(target *url.URL) error {
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: target})
	if err != nil || proxy != nil && !(config.UsableTarget(proxy) && proxy.Scheme != "unix") {
		// The value is not printed: it may contain a password.
		return fmt.Errorf("`%s_PROXY` is not the address of an HTTP proxy; use for example http://proxy:3128",
			map[string]string{"http": "HTTP", "https": "HTTPS"}[target.Scheme])
	}
	if proxy == nil {
		return nil
	}
	p.proxy = &forwardProxy{url: proxy, target: p.Address}
	if proxy.User != nil {
		password, _ := proxy.User.Password()
		p.proxy.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(proxy.User.Username()+":"+password))
	}
	p.Address = net.JoinHostPort(proxy.Hostname(), portOf(proxy))
	if !p.secure {
		p.Base = "http://" + p.Host + p.Base
	}
	return nil
}

// ProxyAuth returns the Proxy-Authorization of each request, or an empty text; requests through a tunnel have none.
func (p *Pool) ProxyAuth() string {
	if p.proxy == nil || p.secure {
		return ""
	}
	return p.proxy.auth
}

// handshake prepares a new connection to the proxy. For https it opens a tunnel.
func (p *Pool) handshake(ctx context.Context, conn net.Conn) (net.Conn, error) {
	if p.proxy.url.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: p.proxy.url.Hostname()})
	}
	if !p.secure {
		return conn, nil
	}
	limit := time.Now().Add(dialTimeout)
	if deadline, set := ctx.Deadline(); set && deadline.Before(limit) {
		limit = deadline
	}
	_ = conn.SetDeadline(limit)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(calls.Past) })
	defer stop()
	if err := p.proxy.connect(conn); err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Time{})
}

func (f *forwardProxy) connect(conn net.Conn) error {
	head := "CONNECT " + f.target + " HTTP/1.1\r\nHost: " + f.target + "\r\n"
	if f.auth != "" {
		head += "Proxy-Authorization: " + f.auth + "\r\n"
	}
	if _, err := conn.Write([]byte(head + "\r\n")); err != nil {
		return err
	}
	// A TLS server sends nothing first, so the reader cannot take bytes of the tunnel.
	reader := bufio.NewReader(io.LimitReader(conn, maxHeadBytes))
	response, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("the proxy `%s` answers %s", f.url.Redacted(), response.Status)
	}
	return err
}
