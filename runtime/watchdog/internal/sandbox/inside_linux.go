//go:build amd64 || arm64

package sandbox

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"fwatchdog/internal/sandbox/kernel"
	"fwatchdog/internal/sandbox/landlock"
	"fwatchdog/internal/sandbox/limits"
	"fwatchdog/internal/sandbox/network"
	"fwatchdog/internal/sandbox/policy"
	"fwatchdog/internal/sandbox/root"
	"fwatchdog/internal/sandbox/seccomp"
)

// Inside is the second stage: it waits for its policy, gives up every right the policy does not name, and becomes the
// watchdog. It returns an exit code only if a step fails.
func Inside() int {
	// All rights are those of one thread, which exec keeps while it ends the others.
	runtime.LockOSThread()
	control := os.NewFile(controlFD, "control")
	if control == nil {
		return refuse("start", fmt.Errorf("%s is for the launcher", InsideFlag))
	}
	syscall.CloseOnExec(controlFD)
	b, err := receive(control)
	if err != nil {
		return refuse("start", err)
	}
	p := b.Policy
	watchdog, err := os.Executable()
	if err != nil {
		return refuse("start", err)
	}
	// By a descriptor, because the function's user may not enter the folders above the file.
	file, err := syscall.Open(watchdog, kernel.OpenPath|syscall.O_CLOEXEC, 0)
	if err != nil {
		return refuse("start", err)
	}
	if what, err := confine(p, watchdog); err != nil {
		return refuse(what, err)
	}
	watchdog = "/proc/self/fd/" + strconv.Itoa(file)
	if p.Level == policy.Namespaces {
		watchdog = root.Watchdog
	}
	if p.Level != policy.None {
		if err := filter(p, control); err != nil {
			return refuse("seccomp", err)
		}
	}
	if launcherEnded() {
		return ExitFailed
	}
	BeforeExec()
	return refuse("exec", syscall.Exec(watchdog, b.Arguments, os.Environ()))
}

// CloseMemory closes the memory of the watchdog to the function. It returns 0, or an exit code if it fails.
func CloseMemory() int {
	if err := kernel.CloseMemory(); err != nil {
		return refuse("memory", err)
	}
	return 0
}

// receive reads the brief. The launcher has checked its policy.
func receive(control io.Reader) (*brief, error) {
	var length [4]byte
	if _, err := io.ReadFull(control, length[:]); err != nil {
		return nil, errors.New("the launcher has ended")
	}
	text := make([]byte, binary.LittleEndian.Uint32(length[:]))
	if _, err := io.ReadFull(control, text); err != nil {
		return nil, errors.New("the launcher has ended")
	}
	b := &brief{}
	return b, json.Unmarshal(text, b)
}

// confine gives up everything but the system calls. It returns the step that failed.
func confine(p *policy.Policy, watchdog string) (string, error) {
	if p.Level == policy.Namespaces {
		if err := enterNamespaces(p, watchdog); err != nil {
			var failed *root.Error
			if errors.As(err, &failed) {
				return failed.Step, failed.Err
			}
			return "namespaces", err
		}
	}
	if err := os.Chdir(p.Workdir); err != nil {
		return "working folder", err
	}
	if p.Level == policy.None {
		return "", nil
	}
	if err := limits.Set(p); err != nil {
		return "limits", err
	}
	if err := kernel.NoNewPrivileges(); err != nil {
		return "no new privileges", err
	}
	if abi := landlock.ABI(); abi > 0 && p.Level == policy.Namespaces || p.Level == policy.Landlock {
		if err := landlock.Restrict(landlock.Rules(p, watchdog, abi)); err != nil {
			return "landlock", err
		}
	}
	kernel.LimitCapabilities()
	if p.User != 0 {
		number := p.User
		if p.Level == policy.Namespaces {
			number = insideUser
		}
		if err := kernel.BecomeUser(number); err != nil {
			return "user number", err
		}
	}
	if err := kernel.DropCapabilities(); err != nil {
		return "capabilities", err
	}
	// The change of the number has made the kernel forget it.
	if err := kernel.DieWithParent(syscall.SIGKILL); err != nil {
		return "parent", err
	}
	return "", nil
}

func enterNamespaces(p *policy.Policy, watchdog string) error {
	if err := root.Enter(p, watchdog); err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte(p.Hostname)); err != nil {
		return fmt.Errorf("hostname: %w", err)
	}
	if p.Network == policy.Isolated {
		return network.LoopbackUp()
	}
	return nil
}

// filter installs the filter of system calls, and hands the guard's descriptor to the launcher. The launcher fetches it:
// the filter would stop a message that carries it.
func filter(p *policy.Policy, control io.ReadWriter) error {
	program, err := seccomp.Filter(runtime.GOARCH, p.Guard)
	if err != nil {
		return err
	}
	listener, err := seccomp.Install(program, p.Guard)
	if err != nil || !p.Guard {
		return err
	}
	var word [4]byte
	binary.LittleEndian.PutUint32(word[:], uint32(listener))
	if _, err := control.Write(word[:]); err != nil {
		return err
	}
	if _, err := io.ReadFull(control, word[:1]); err != nil {
		return errors.New("the launcher does not take over the guard")
	}
	return syscall.Close(listener)
}

// launcherEnded reports whether the launcher ended before this process asked to end with it.
func launcherEnded() bool {
	var byte [1]byte
	count, _, err := syscall.Recvfrom(controlFD, byte[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return err == nil && count == 0
}
