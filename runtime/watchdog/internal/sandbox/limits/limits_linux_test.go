package limits

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"fwatchdog/internal/sandbox/kernel"
)

func TestKilobytes(t *testing.T) {
	text := "Name:\tx\nRssAnon:\t     12 kB\nRssFile:\t 100 kB\nRssShmem:\t 3 kB\nPss: bad kB\n"
	if got := kilobytes(text, []string{"RssAnon:", "RssShmem:", "Pss:"}); got != 15 {
		t.Errorf("%d kB", got)
	}
}

func TestJoinWritesThePid(t *testing.T) {
	folder := t.TempDir()
	procs := filepath.Join(folder, "cgroup.procs")
	if err := os.WriteFile(procs, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Join([]string{folder}, 42); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(procs); string(text) != "42" {
		t.Errorf("cgroup.procs is %q", text)
	}
	if members := members(folder); len(members) != 1 || members[0] != 42 {
		t.Errorf("members %v", members)
	}
	if err := Join([]string{folder + "/missing"}, 42); err == nil {
		t.Error("a group that does not exist can be joined")
	}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// Every descendant ends, and is reaped, also one of a session of its own.
func TestEndAll(t *testing.T) {
	if err := kernel.BecomeSubreaper(); err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command("/bin/sh", "-c", "setsid sleep 60 >/dev/null 2>&1 & echo $!").Output()
	if err != nil {
		t.Fatal(err)
	}
	orphan, _ := strconv.Atoi(strings.TrimSpace(string(output)))
	if !alive(orphan) {
		t.Fatal("the orphan has ended by itself")
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		t.Fatal(err)
	}
	if !EndAll(os.Getpid(), []string{folder}) || alive(orphan) {
		t.Error("the orphan is left")
	}
}

// A process above its limit is killed, with its descendants.
func TestWatchMemory(t *testing.T) {
	command := exec.Command("/bin/sh", "-c", "sleep 60 & wait")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); len(kernel.Descendants(command.Process.Pid)) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the child has no child")
		}
	}
	children := kernel.Descendants(command.Process.Pid)
	go WatchMemory(command.Process.Pid, 1)
	if err := command.Wait(); err == nil {
		t.Error("the process has not been killed")
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(children[0]) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Error("the child has not been killed")
}
