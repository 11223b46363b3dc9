//go:build amd64 || arm64

package sandbox

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"fwatchdog/internal/sandbox/kernel"
	"fwatchdog/internal/sandbox/policy"
)

// holding returns the processes that have some words in a file of /proc.
func holding(file, words string) []int {
	var found []int
	paths, _ := filepath.Glob("/proc/[0-9]*/" + file)
	for _, path := range paths {
		text, _ := os.ReadFile(path)
		if strings.Contains(strings.ReplaceAll(string(text), "\x00", " "), words) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			found = append(found, pid)
		}
	}
	return found
}

// ended waits until the descendants of a launcher have ended.
func ended(t *testing.T, pids []int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var left []int
		for _, pid := range pids {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if err == nil && !strings.Contains(string(stat), ") Z ") {
				left = append(left, pid)
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("processes %v are left", left)
		}
	}
}

// A process that has left its session ends with the function: when the function ends, and when its launcher is killed.
func TestOrphansEnd(t *testing.T) {
	for _, level := range []policy.Level{policy.Namespaces, policy.Landlock, policy.None} {
		t.Run(string(level), func(t *testing.T) {
			needs(t, level)
			before := holding("cmdline", "sleep 61")
			output := prepare(t, level, nil).run(t, "orphan", "end")
			expect(t, output, []string{"started"}, nil)
			if after := holding("cmdline", "sleep 61"); len(after) > len(before) {
				t.Errorf("%d orphans are left", len(after)-len(before))
			}
		})
	}
	users(t, func(t *testing.T, user int) {
		needs(t, policy.Namespaces)
		s := prepare(t, policy.Namespaces, func(p *policy.Policy) { p.User = user })
		s.begin(t, "orphan", "stay")
		var tree []int
		for deadline := time.Now().Add(10 * time.Second); len(tree) < 2; time.Sleep(time.Millisecond) {
			if tree = kernel.Descendants(s.Process.Pid); time.Now().After(deadline) {
				t.Fatalf("the launcher has descendants %v", tree)
			}
		}
		_ = s.Process.Kill()
		ended(t, tree)
	})
}

// At whatever moment a launcher is killed, nothing of its replica is left: also while the stage inside gives up its rights,
// which makes the kernel forget that it is to be killed.
func TestLauncherIsKilledAtAnyMoment(t *testing.T) {
	users(t, func(t *testing.T, user int) {
		needs(t, policy.Namespaces)
		mark := fmt.Sprintf("SANDBOX_TEST_MARK=%d-%d", os.Getpid(), time.Now().UnixNano())
		for i := range 25 {
			s := prepare(t, policy.Namespaces, func(p *policy.Policy) { p.User = user })
			s.Env = append(s.Env, mark)
			s.Stdout, s.Stderr = nil, nil // a process that is left would hold a pipe open
			s.command("sleep", nil)
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(i) * time.Millisecond)
			_ = s.Process.Kill()
			_ = s.Wait()
		}
		ended(t, holding("environ", mark))
	})
}

// SIGTERM reaches the function; the launcher ends with its exit code.
func TestLauncherIsTerminated(t *testing.T) {
	needs(t, policy.Namespaces)
	s := prepare(t, policy.Namespaces, nil)
	s.begin(t, "sleep")
	_ = s.Process.Signal(syscall.SIGTERM)
	done := make(chan error, 1)
	go func() { _, _ = io.Copy(io.Discard, scannerRest{s.lines}); done <- s.Wait() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("the launcher goes on")
	}
}

// scannerRest reads the rest of a scanner's input.
type scannerRest struct{ lines *bufio.Scanner }

func (r scannerRest) Read([]byte) (int, error) {
	for r.lines.Scan() {
	}
	return 0, io.EOF
}

// The launcher ends with the exit code of the function; one that was killed has 128 and the signal's number.
func TestExitCodes(t *testing.T) {
	for _, level := range policy.Levels {
		needs(t, level)
		s := prepare(t, level, nil)
		if output := s.run(t, "exit", "7"); s.ProcessState.ExitCode() != 7 {
			t.Errorf("%s: exit code %d: %s", level, s.ProcessState.ExitCode(), output)
		}
	}
}

// A gateway that is killed takes its functions with it.
func TestGatewayIsKilled(t *testing.T) {
	needs(t, policy.Namespaces)
	s := prepare(t, policy.Namespaces, func(p *policy.Policy) { p.ParentPID = 0 })
	gateway := exec.Command("/bin/sh", "-c", `"$0" -isolate 3 & wait`, programPath(t))
	gateway.ExtraFiles, gateway.Env = s.ExtraFiles, s.Env
	s.Cmd = gateway
	s.begin(t, "sleep")
	tree := kernel.Descendants(s.Process.Pid)
	_ = s.Process.Kill()
	ended(t, tree)
}
