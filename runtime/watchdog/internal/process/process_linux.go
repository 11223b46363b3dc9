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

const (
	idPID  = 1          // P_PID: wait for one process
	noHang = 0x1        // WNOHANG
	exited = 0x4        // WEXITED
	noReap = 0x01000000 // WNOWAIT: leave it a zombie
)

// AwaitExit returns when a child has ended, and leaves it to be reaped: until then nobody else gets its number.
func AwaitExit(pid int) { waitID(pid, exited|noReap) }

// hasEnded reports, without waiting, that a child has ended.
func hasEnded(pid int) bool {
	signalled := waitID(pid, exited|noReap|noHang)
	return signalled != 0
}

// waitID returns the signal number of the child's message: SIGCHLD, or 0 when it has none to give.
func waitID(pid, options int) int32 {
	// siginfo_t is 128 bytes and begins with the signal's number.
	var info [32]int32
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, idPID, uintptr(pid),
			uintptr(unsafe.Pointer(&info)), uintptr(options), 0, 0)
		if errno != syscall.EINTR {
			return info[0]
		}
	}
}

// attributes make a child lead a group of its own, and end when we are killed outright.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// reapPause is how long an orphan that has ended may stay a zombie, at most.
const reapPause = 100 * time.Millisecond

// ReapOrphans collects processes whose parents died before them. Only PID 1 inherits such
// processes; children of our own are left to the code that waits for them.
func ReapOrphans() {
	if os.Getpid() != 1 {
		return
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	go func() {
		for range ended {
			// Our own children end with every request; orphans can wait for others to be collected with them.
			time.Sleep(reapPause)
			children.reap(zombies(), func(pid int) {
				_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
			})
		}
	}()
}

// zombies lists the ended children of this process that nobody has waited for.
func zombies() []int {
	var found []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// The name, in parentheses, may hold anything; the fields after it are state and parent.
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
