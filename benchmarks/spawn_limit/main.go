// Spawn_limit starts a command again and again, with pipes, and does nothing else: the upper bound of a process per request.
//
// Arguments: number of times, command.
package main

import (
	"io"
	"os"
	"strconv"
	"syscall"
)

func main() {
	count, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	for range count {
		spawn(os.Args[2])
	}
}

func spawn(command string) {
	stdin, input, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	output, stdout, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	// Fd makes a file blocking; these ends are only handed on.
	files := []uintptr{stdin.Fd(), stdout.Fd(), stdout.Fd()}
	pid, err := syscall.ForkExec(command, []string{command}, &syscall.ProcAttr{Files: files, Env: os.Environ()})
	if err != nil {
		panic(err)
	}
	stdin.Close()
	stdout.Close()
	_, _ = input.WriteString("hello")
	input.Close()
	_, _ = io.Copy(io.Discard, output)
	output.Close()
	_, _ = syscall.Wait4(pid, nil, 0, nil)
}
