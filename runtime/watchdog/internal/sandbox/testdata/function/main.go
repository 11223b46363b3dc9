// Function is what the tests of the sandbox start in place of the watchdog: it is launcher, stage inside and function, and as
// a function tries what its argument names.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/coverage"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fwatchdog/internal/sandbox"
	"fwatchdog/internal/sandbox/testdata/function/inside"
)

func main() {
	flag := ""
	if len(os.Args) > 1 {
		flag = os.Args[1]
	}
	switch flag {
	case "-isolate":
		fd, _ := strconv.Atoi(os.Args[2])
		os.Exit(sandbox.Launch(fd))
	case "-isolation-probe":
		text, _ := json.Marshal(sandbox.Probe())
		fmt.Println(string(text))
	case sandbox.InsideFlag:
		sandbox.BeforeExec = countLater()
		os.Exit(sandbox.Inside())
	case sandbox.TryFlag:
		os.Exit(sandbox.Try())
	default:
		inside.Programs[os.Getenv("SANDBOX_TEST")](strings.Fields(os.Getenv("SANDBOX_TEST_ARGUMENTS")))
		syscall.Exit(0) // os.Exit would write coverage counters
	}
}

// countLater opens a file for the coverage counters of this process while it can, and returns what writes them.
func countLater() func() {
	folder := os.Getenv("GOCOVERDIR")
	own, err := os.MkdirTemp("", "function-")
	if folder == "" || err != nil || coverage.WriteMetaDir(own) != nil {
		return func() {}
	}
	found, _ := filepath.Glob(own + "/covmeta.*")
	os.RemoveAll(own)
	name := strings.Replace(filepath.Base(found[0]), "covmeta", "covcounters", 1)
	file, err := os.Create(filepath.Join(folder, fmt.Sprintf("%s.%d.%d", name, os.Getpid(), time.Now().UnixNano())))
	if err != nil {
		return func() {}
	}
	// Now as well, because an empty file cannot be read: the stage may fail before it is complete.
	_ = coverage.WriteCounters(file)
	return func() {
		_, _ = file.Seek(0, io.SeekStart)
		_ = coverage.WriteCounters(file)
	}
}
