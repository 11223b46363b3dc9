// Package handler has the types of OpenFaaS's template golang-http, so that its functions build here unchanged.
package handler

import (
	"context"
	"net/http"
)

// Request is one call of a function.
type Request struct {
	Body        []byte
	Header      http.Header
	QueryString string
	Method      string
	Host        string

	ctx context.Context
}

// Context ends when the caller has left.
func (r *Request) Context() context.Context {
	if r.ctx == nil {
		return context.Background()
	}
	return r.ctx
}

// WithContext sets what Context returns.
func (r *Request) WithContext(ctx context.Context) {
	if ctx == nil {
		panic("WithContext: there is no context")
	}
	r.ctx = ctx
}

// Response is a function's answer; a StatusCode of 0 is 200.
type Response struct {
	Body       []byte
	StatusCode int
	Header     http.Header
}

// FunctionHandler is what can answer requests.
type FunctionHandler interface {
	Handle(req Request) (Response, error)
}
