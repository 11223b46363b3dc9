//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"fwatchdog/internal/sandbox/kernel"
	"fwatchdog/internal/sandbox/landlock"
	"fwatchdog/internal/sandbox/policy"
)

const trialTimeout = 10 * time.Second

// Probe tries what this machine offers: each part is used as a replica uses it, by a program that does nothing.
func Probe() *Report {
	runtime.LockOSThread()
	if err := kernel.CloseOnExec(3); err != nil {
		fmt.Fprintf(os.Stderr, "fwatchdog: isolation: descriptors: %v\n", err)
	}
	return probe(attempt, os.Geteuid() == 0, landlock.ABI())
}

// attempt starts the watchdog as a policy says, with folders that exist for the attempt only.
func attempt(p *policy.Policy) (step, reason string) {
	base, err := os.MkdirTemp("", "fwatchdog-probe-")
	if err != nil {
		return "start", err.Error()
	}
	defer os.RemoveAll(base)
	p.Hostname, p.Workdir, p.TmpBytes = "probe", "/", 1<<20
	for name, field := range map[string]*string{"image": &p.Rootfs, "root": &p.Root, "tmp": &p.Tmp} {
		*field = filepath.Join(base, name)
		if err := os.Mkdir(*field, 0o755); err != nil {
			return "start", err.Error()
		}
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return "start", err.Error()
	}
	defer null.Close()
	output, theirs, err := os.Pipe()
	if err != nil {
		return "start", err.Error()
	}
	defer output.Close()
	r, err := start(&brief{p, []string{"fwatchdog", TryFlag}}, null, theirs)
	theirs.Close()
	if err != nil {
		return "start", err.Error()
	}
	defer r.control.Close()
	_ = output.SetReadDeadline(time.Now().Add(trialTimeout))
	if what, err := r.prepare(); err != nil {
		_ = syscall.Kill(r.pid, syscall.SIGKILL)
		r.wait()
		return what, err.Error()
	}
	text, err := io.ReadAll(output)
	if err != nil {
		_ = syscall.Kill(r.pid, syscall.SIGKILL)
	}
	if code := r.wait(); code != 0 || err != nil {
		return failure(text, code)
	}
	return "", ""
}

// failure reads the line that a stage has printed.
func failure(output []byte, code int) (step, reason string) {
	line, _, _ := bytes.Cut(bytes.TrimPrefix(output, []byte("fwatchdog: isolation: ")), []byte("\n"))
	text, _, _ := strings.Cut(string(line), "; ")
	step, reason, found := strings.Cut(text, ": ")
	if !found {
		return "start", fmt.Sprintf("the program inside ended with code %d", code)
	}
	return step, reason
}

// Try is the program inside: it opens a port, which the guard carries out.
func Try() int {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return refuse("guard", err)
	}
	listener.Close()
	return 0
}
