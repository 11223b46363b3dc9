// Reads one request from standard input, calls the handler, writes its answer to standard output.
package main

import (
	"fmt"
	"io"
	"os"

	"handler/function"
)

func main() {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		fmt.Fprintf(os.Stderr, "cannot read the request: %v\n", err)
		os.Exit(1)
	}
	if _, err := io.WriteString(os.Stdout, function.Handle(input)); err != nil {
		fmt.Fprintf(os.Stderr, "cannot write the answer: %v\n", err)
		os.Exit(1)
	}
}
