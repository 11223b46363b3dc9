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

// hasEnded reports, without waiting, whether a child has ended.
func hasEnded(pid int) bool { return waitID(pid, exited|noReap|noHang) != 0 }

// waitID returns si_signo of the child: SIGCHLD, or 0 when the child has not ended.
func waitID(pid, options int) int32 {
	// siginfo_t has 128 bytes and begins with si_signo.
	var info [32]int32
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, idPID, uintptr(pid),
			uintptr(unsafe.Pointer(&info)), uintptr(options), 0, 0)
		if errno != syscall.EINTR {
			return info[0]
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
	var found []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// The name, in parentheses, may contain anything; state and parent follow it.
		end := strings.LastIndexByte(string(content), ')')
		fields := strings.Fields(string(content[end+1:]))
		if len(fields) > 1 && fields[0] == "Z" && fields[1] == "1" {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				found = append(found, pid)
			}
		}
	}
	return found
}
