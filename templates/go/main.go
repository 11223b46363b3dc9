// Reads one request from standard input, calls the handler, writes its answer to standard output.
package main

import (
	"fmt"
	"io"
	"os"

	"handler/function"
)

// HandleOfOneOfTheseForms is what the compiler names when function.Handle is of none of them.
type HandleOfOneOfTheseForms interface {
	func([]byte) string | func([]byte) []byte | func([]byte) (string, error) | func([]byte) ([]byte, error) |
		func(string) string
}

func call[H HandleOfOneOfTheseForms](handle H, input []byte) (answer []byte, err error) {
	var text string
	switch handle := any(handle).(type) {
	case func([]byte) string:
		text = handle(input)
	case func([]byte) []byte:
		answer = handle(input)
	case func([]byte) (string, error):
		text, err = handle(input)
	case func([]byte) ([]byte, error):
		answer, err = handle(input)
	case func(string) string:
		text = handle(string(input))
	}
	return append(answer, text...), err
}

func main() {
	input, err := io.ReadAll(os.Stdin)
	exitOn(err, "cannot read the request")
	answer, err := call(function.Handle, input)
	exitOn(err, "the handler failed")
	_, err = os.Stdout.Write(answer)
	exitOn(err, "cannot write the answer")
}

func exitOn(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}
