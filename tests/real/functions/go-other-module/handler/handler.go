package hello

import "example.com/hello/pkg/quote"

// Handle answers with its input in brackets.
func Handle(req []byte) ([]byte, error) {
	return quote.In(req), nil
}
