// Serves the handler over HTTP on 127.0.0.1:$PORT (8082 unless set), behind the watchdog.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"handler/function"

	sdk "github.com/openfaas/templates-sdk/go-http"
)

// HandleOfOneOfTheseForms is what the compiler names when function.Handle is of none of them.
type HandleOfOneOfTheseForms interface {
	func(http.ResponseWriter, *http.Request) | http.HandlerFunc |
		func(sdk.Request) (sdk.Response, error) | func([]byte) string
}

func serving[H HandleOfOneOfTheseForms](handle H) http.HandlerFunc {
	switch handle := any(handle).(type) {
	case func(http.ResponseWriter, *http.Request):
		return handle
	case func(sdk.Request) (sdk.Response, error):
		return withBody(func(w http.ResponseWriter, r *http.Request, body []byte) { answer(w, r, body, handle) })
	case func([]byte) string:
		return withBody(func(w http.ResponseWriter, _ *http.Request, body []byte) { io.WriteString(w, handle(body)) })
	default:
		return handle.(http.HandlerFunc)
	}
}

func withBody(next func(http.ResponseWriter, *http.Request, []byte)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		next(w, r, body)
	}
}

// answer calls a handler of the SDK's form; an error is logged and makes the status 500, the body is sent all the same.
func answer(w http.ResponseWriter, r *http.Request, body []byte, handle func(sdk.Request) (sdk.Response, error)) {
	request := sdk.Request{Body: body, Header: r.Header, QueryString: r.URL.RawQuery, Method: r.Method, Host: r.Host}
	request.WithContext(r.Context())
	response, err := handle(request)
	for name, values := range response.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	status := response.StatusCode
	if status == 0 {
		status = http.StatusOK
	}
	if err != nil {
		log.Print(err)
		status = http.StatusInternalServerError
	}
	w.WriteHeader(status)
	_, _ = w.Write(response.Body)
}

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8082"
	}
	server := &http.Server{
		Addr:              "127.0.0.1:" + port,
		Handler:           serving(function.Handle),
		ReadHeaderTimeout: 10 * time.Second,
	}
	stopping, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		<-stopping.Done()
		// The watchdog has let every call finish before it sends the signal.
		grace, release := context.WithTimeout(context.Background(), 10*time.Second)
		defer release()
		_ = server.Shutdown(grace)
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	<-finished
}
