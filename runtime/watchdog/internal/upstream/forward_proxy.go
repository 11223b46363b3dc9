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

// forwardProxy stands between us and an address that is not on this machine.
type forwardProxy struct {
	url    *url.URL
	target string // host:port that it is asked for
	auth   string // value of Proxy-Authorization, or empty
}

// useProxy makes all connections go to the proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name for a target, if any.
// The addresses of this machine have none.
func (u *Pool) useProxy(target *url.URL) error {
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: target})
	if err != nil || proxy != nil && !(config.UsableTarget(proxy) && proxy.Scheme != "unix") {
		// The value itself may hold a password.
		return fmt.Errorf("`%s_PROXY` is not the address of an HTTP proxy; write it like http://proxy:3128",
			map[string]string{"http": "HTTP", "https": "HTTPS"}[target.Scheme])
	}
	if proxy == nil {
		return nil
	}
	u.proxy = &forwardProxy{url: proxy, target: u.Address}
	if proxy.User != nil {
		password, _ := proxy.User.Password()
		u.proxy.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(proxy.User.Username()+":"+password))
	}
	u.Address = net.JoinHostPort(proxy.Hostname(), portOf(proxy))
	if !u.secure {
		u.Base = "http://" + u.Host + u.Base
	}
	return nil
}

// ProxyAuth is what each request tells the proxy; through a tunnel it gets none.
func (u *Pool) ProxyAuth() string {
	if u.proxy == nil || u.secure {
		return ""
	}
	return u.proxy.auth
}

// handshake opens the way through a fresh connection to the proxy: for https the proxy only passes bytes on.
func (u *Pool) handshake(ctx context.Context, conn net.Conn) (net.Conn, error) {
	if u.proxy.url.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: u.proxy.url.Hostname()})
	}
	if !u.secure {
		return conn, nil
	}
	limit := time.Now().Add(dialTimeout)
	if deadline, set := ctx.Deadline(); set && deadline.Before(limit) {
		limit = deadline
	}
	_ = conn.SetDeadline(limit)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(calls.Past) })
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
	reader := bufio.NewReader(io.LimitReader(conn, maxHeadBytes))
	response, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("the proxy `%s` answers %s", p.url.Redacted(), response.Status)
	}
	return err
}
