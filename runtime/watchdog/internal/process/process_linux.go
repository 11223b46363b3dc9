package process

import (
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// Arguments of waitid(2).
const (
	idPID  = 1          // P_PID: wait for one process
	noHang = 0x1        // WNOHANG
	exited = 0x4        // WEXITED
	noReap = 0x01000000 // WNOWAIT: leave it a zombie
)

// awaitExit returns when a child has ended. It does not reap the child, so that its pid is not reused.
func awaitExit(pid int) { waitID(pid, exited|noReap) }

// hasEnded reports, without waiting, whether a child has ended, and whether it failed: by its exit code or a signal.
func hasEnded(pid int) (ended, failed bool) {
	info := waitID(pid, exited|noReap|noHang)
	ended = info[0] != 0 // si_signo: SIGCHLD, or 0 when the child has not ended
	return ended, ended && (info[2] != byExit || info[6] != 0)
}

// byExit is the si_code of a child that has called exit (CLD_EXITED).
const byExit = 1

// waitID returns the siginfo_t of a child, of 128 bytes: si_signo is its first number, si_code its third and si_status its
// seventh.
func waitID(pid, options int) (info [32]int32) {
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, idPID, uintptr(pid),
			uintptr(unsafe.Pointer(&info)), uintptr(options), 0, 0)
		if errno != syscall.EINTR {
			return info
		}
	}
}

// attributes make a child the leader of its own group, and kill it when the watchdog is killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// reapDelay is the maximum time that an orphan stays a zombie.
const reapDelay = 100 * time.Millisecond

// ReapOrphans reaps processes whose parents have ended, which PID 1 inherits. With another PID it does nothing. The
// children of the watchdog are left to the code that waits for them.
func ReapOrphans() {
	if os.Getpid() != 1 {
		return
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	go func() {
		for range ended {
			// A child ends with every call, so orphans are reaped in batches.
			time.Sleep(reapDelay)
			children.orphans(zombies(), func(pid int) {
				_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
			})
		}
	}()
}

// zombies returns the pids of the ended children of PID 1 that have not been reaped.
func zombies() []int {
	return find(func(s stat) bool { return s.state == "Z" && s.parent == 1 })
}

// left returns the pids that live in a group. With orphans, those that PID 1 has inherited are among them.
func left(group int, orphans bool) []int {
	orphans = orphans && os.Getpid() == 1
	return find(func(s stat) bool {
		return s.state != "Z" && s.state != "X" && (s.group == group || orphans && s.parent == 1)
	})
}

// stat is what /proc says about a process.
type stat struct {
	state         string
	parent, group int
}

// find returns the pids of the processes that match.
func find(match func(stat) bool) []int {
	var found []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// The name, in parentheses, may contain anything; state, parent and group follow it.
		end := strings.LastIndexByte(string(content), ')')
		fields := strings.Fields(string(content[end+1:]))
		if len(fields) < 3 {
			continue
		}
		parent, _ := strconv.Atoi(fields[1])
		group, _ := strconv.Atoi(fields[2])
		if match(stat{fields[0], parent, group}) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				found = append(found, pid)
			}
		}
	}
	return found
}
