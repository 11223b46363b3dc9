package middleware

import (
	"fmt"
	"net/http"
)

// DumpHeaders prints the headers of every request and response to standard output.
func DumpHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		printHeaders("in", r.Header)
		defer func() { printHeaders("out", w.Header()) }()
		next.ServeHTTP(w, r)
	})
}

func printHeaders(direction string, header http.Header) {
	for name, values := range header {
		fmt.Printf("[%s] %s=%v\n", direction, name, values)
	}
}
