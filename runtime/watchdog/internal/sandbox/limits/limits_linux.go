// Package limits bounds what a replica takes: processes, descriptors, memory; and ends all it has started.
package limits

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fwatchdog/internal/sandbox/kernel"
	"fwatchdog/internal/sandbox/policy"
)

const (
	rlimitProcesses = 6
	maxDescriptors  = 4096

	watchInterval = 250 * time.Millisecond
	endPause      = 2 * time.Millisecond // between two looks for processes that are left
	endTimeout    = 5 * time.Second
)

// Set sets the resource limits of this process. Those of processes count per user namespace, so only with one of its own.
func Set(p *policy.Policy) error {
	desired := map[int]uint64{syscall.RLIMIT_CORE: 0, syscall.RLIMIT_NOFILE: maxDescriptors}
	if p.Level == policy.Namespaces && p.Processes > 0 {
		desired[rlimitProcesses] = uint64(p.Processes)
	}
	for resource, value := range desired {
		var now syscall.Rlimit
		if err := syscall.Getrlimit(resource, &now); err != nil {
			return err
		}
		value = min(value, now.Max)
		if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: value, Max: value}); err != nil {
			return err
		}
	}
	return nil
}

// Join puts a process into control groups.
func Join(groups []string, pid int) error {
	for _, folder := range groups {
		file, err := os.OpenFile(filepath.Join(folder, "cgroup.procs"), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = file.WriteString(strconv.Itoa(pid))
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// WatchMemory kills a process and its descendants when they take more than a number of bytes. It is no guarantee: between
// two looks they may take more.
func WatchMemory(pid int, limit int64) {
	for range time.Tick(watchInterval) {
		tree := append([]int{pid}, kernel.Descendants(pid)...)
		// Memory that processes share counts for each of them, so the sum only says that a closer look is needed.
		if sum(tree, "status", "RssAnon:", "RssShmem:") <= limit || sum(tree, "smaps_rollup", "Pss:") <= limit {
			continue
		}
		fmt.Fprintf(os.Stderr, "fwatchdog: isolation: memory: the function takes more than its limit of %d MiB and is killed\n", limit>>20)
		for _, each := range tree {
			_ = syscall.Kill(each, syscall.SIGKILL)
		}
		return
	}
}

// sum adds fields of a file of /proc, in bytes, over processes.
func sum(pids []int, name string, fields ...string) int64 {
	var total int64
	for _, pid := range pids {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/" + name)
		if err != nil {
			continue // it has ended
		}
		total += kilobytes(string(text), fields) << 10
	}
	return total
}

// kilobytes adds the values of lines such as `Pss: 12 kB`.
func kilobytes(text string, fields []string) int64 {
	var total int64
	for _, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) < 2 || !slices.Contains(fields, words[0]) {
			continue
		}
		if value, err := strconv.ParseInt(words[1], 10, 64); err == nil {
			total += value
		}
	}
	return total
}

// EndAll kills the descendants of a subreaper and the processes of control groups, until none is left. It reports whether
// that was so in time.
func EndAll(self int, groups []string) bool {
	for deadline := time.Now().Add(endTimeout); time.Now().Before(deadline); time.Sleep(endPause) {
		left := kernel.Descendants(self)
		for _, folder := range groups {
			left = append(left, members(folder)...)
		}
		left = slices.DeleteFunc(left, func(pid int) bool { return pid == self })
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != nil || pid <= 0 {
				break
			}
		}
		if len(left) == 0 {
			return true
		}
	}
	return false
}

// members returns the processes of a control group.
func members(folder string) []int {
	text, _ := os.ReadFile(filepath.Join(folder, "cgroup.procs"))
	var found []int
	for _, word := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(word); err == nil && pid > 0 {
			found = append(found, pid)
		}
	}
	return found
}
