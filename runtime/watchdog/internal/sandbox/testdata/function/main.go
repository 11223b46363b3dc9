// Function is what the tests of the sandbox start in place of the watchdog: it is launcher, stage inside and function, and as
// a function tries what its argument names.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/coverage"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"fwatchdog/internal/sandbox"
	"fwatchdog/internal/sandbox/kernel"
	"fwatchdog/internal/sandbox/seccomp"
	"fwatchdog/internal/sandbox/testdata/function/inside"
)

func main() {
	flag := ""
	if len(os.Args) > 1 {
		flag = os.Args[1]
	}
	if fault := os.Getenv("SANDBOX_TEST_FAULT"); fault != "" && (flag == "-isolate" || flag == "-isolation-probe") {
		fail(fault)
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
		// The watchdog does so too; the launcher must reach it all the same.
		if flag == sandbox.PrivateFlag {
			if code := sandbox.CloseMemory(); code != 0 {
				syscall.Exit(code)
			}
		}
		inside.Programs[os.Getenv("SANDBOX_TEST")](strings.Fields(os.Getenv("SANDBOX_TEST_ARGUMENTS")))
		syscall.Exit(0) // os.Exit would write coverage counters
	}
}

// fail makes a system call fail in this process and all that it starts. The fault is its number and errno: `165:1`.
func fail(fault string) {
	number, errno, _ := strings.Cut(fault, ":")
	n, _ := strconv.ParseUint(number, 10, 32)
	e, _ := strconv.ParseUint(errno, 10, 16)
	program := []seccomp.Instruction{
		{Code: 0x20},                            // the call's number
		{Code: 0x15, JF: 1, K: uint32(n)},       // is it the one?
		{Code: 0x06, K: 0x00050000 | uint32(e)}, // SECCOMP_RET_ERRNO
		{Code: 0x06, K: 0x7fff0000},             // SECCOMP_RET_ALLOW
	}
	filter := struct {
		count   uint16
		program *seccomp.Instruction
	}{uint16(len(program)), &program[0]}
	if err := kernel.NoNewPrivileges(); err != nil {
		panic(err)
	}
	call := uintptr(317)
	if runtime.GOARCH == "arm64" {
		call = 277
	}
	const everyThread = 1 // SECCOMP_FILTER_FLAG_TSYNC
	if _, _, errno := syscall.RawSyscall(call, 1, everyThread, uintptr(unsafe.Pointer(&filter))); errno != 0 {
		panic(errno)
	}
}

// countLater opens a file for the coverage counters of this process while it can, and returns what writes them.
func countLater() func() {
	folder := os.Getenv("GOCOVERDIR")
	if folder == "" {
		return func() {}
	}
	own, err := os.MkdirTemp("", "function-")
	if err != nil {
		return func() {}
	}
	defer os.RemoveAll(own)
	if coverage.WriteMetaDir(own) != nil {
		return func() {}
	}
	found, _ := filepath.Glob(own + "/covmeta.*")
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
