package function

import "fmt"

// Handle answers one request.
func Handle(req []byte) string {
	return fmt.Sprintf("Hello, Go. You said: %s", string(req))
}
