package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"time"
)

// proxy passes calls to the long-lived process of mode http.
type proxy struct {
	config  *config
	logger  *logger
	child   *child
	forward *httputil.ReverseProxy
}

// bufferPool lends copy buffers to the reverse proxy.
type bufferPool struct{}

func (bufferPool) Get() []byte  { return *buffers.Get().(*[]byte) }
func (bufferPool) Put(b []byte) { buffers.Put(&b) }

func newProxy(c *config, l *logger, child *child) *proxy {
	p := &proxy{config: c, logger: l, child: child}
	transport := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		DisableCompression:    true,
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       4 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
	p.forward = &httputil.ReverseProxy{
		Rewrite:        p.rewrite,
		Transport:      transport,
		FlushInterval:  -1,
		BufferPool:     bufferPool{},
		ErrorHandler:   p.failed,
		ModifyResponse: stampDuration,
		ErrorLog:       log.New(io.Discard, "", 0),
	}
	return p
}

type begunKey struct{}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	ctx := context.WithValue(r.Context(), begunKey{}, begun)
	if limit := shortest(p.config.execTimeout, requestedTimeout(r)); limit > 0 && r.Header.Get("Upgrade") == "" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	r = r.WithContext(ctx)
	if err := p.child.waitUntilListening(ctx); err != nil {
		p.failed(w, r, err)
		return
	}
	if p.config.bufferBody {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			p.failed(w, r, err)
			return
		}
		r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	}
	recorder := &statusRecorder{ResponseWriter: w}
	p.forward.ServeHTTP(recorder, r)
	p.logAccess(r, recorder.code(), time.Since(begun))
}

// rewrite sends the call to the process and leaves everything else of it as it is: the gateway has
// said already whom it is for and from.
func (p *proxy) rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme = p.config.upstream.Scheme
	r.Out.URL.Host = p.config.upstream.Host
	if base := p.config.upstream.Path; base != "" && base != "/" {
		r.Out.URL = p.config.upstream.JoinPath()
		r.Out.URL.Path += r.In.URL.Path
		r.Out.URL.RawPath = ""
		r.Out.URL.RawQuery = r.In.URL.RawQuery
	}
	r.Out.Host = r.In.Host
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values, found := r.In.Header[name]; found {
			r.Out.Header[name] = values
		}
	}
}

func stampDuration(response *http.Response) error {
	if begun, ok := response.Request.Context().Value(begunKey{}).(time.Time); ok {
		response.Header.Set("X-Duration-Seconds", seconds(time.Since(begun)))
	}
	return nil
}

// failed answers for a process that could not: 504 when time was up, 500 otherwise.
func (p *proxy) failed(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusInternalServerError
	if errors.Is(err, context.DeadlineExceeded) {
		status = http.StatusGatewayTimeout
	}
	if !errors.Is(err, context.Canceled) {
		p.logger.printf("%s %s - %d: %v", r.Method, r.URL.Path, status, err)
	}
	header := w.Header()
	header.Set("X-Openfaas-Internal", "of-watchdog")
	if begun, ok := r.Context().Value(begunKey{}).(time.Time); ok {
		header.Set("X-Duration-Seconds", seconds(time.Since(begun)))
	}
	w.WriteHeader(status)
}

func (p *proxy) logAccess(r *http.Request, status int, took time.Duration) {
	suffix := ""
	if p.config.logCallID {
		id := r.Header.Get("X-Call-Id")
		if id == "" {
			id = "none"
		}
		suffix = " [" + id + "]"
	}
	p.logger.printf("%s %s - %d (%.4fs)%s", r.Method, r.URL.RequestURI(), status, took.Seconds(), suffix)
}
