package function

import (
	"errors"
	"net/http"

	handler "github.com/openfaas/templates-sdk/go-http"
)

// Handle a function invocation
func Handle(req handler.Request) (handler.Response, error) {
	if len(req.Body) == 0 {
		return handler.Response{Body: []byte("the input was invalid")}, errors.New("no input")
	}
	if err := req.Context().Err(); err != nil {
		return handler.Response{}, err
	}
	return handler.Response{
		Body:       []byte(req.Method + " " + req.QueryString + " " + req.Header.Get("X-Mine") + " " + string(req.Body)),
		StatusCode: http.StatusAccepted,
		Header:     map[string][]string{"X-Made-By": {"a", "b"}},
	}, nil
}
