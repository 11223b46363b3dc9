// Package process starts, watches and ends the processes of the function.
//
// Start decides everything that a process may do: its environment, its process group, the attributes of the operating
// system. A sandbox for processes belongs in a package of its own that Start applies.
package process

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Exit codes of the watchdog itself; any other is that of the long-lived process.
const (
	ExitFailed  = 1
	ExitMisused = 2
)

// Process is a child process. It leads a process group of its own, so that one signal reaches its descendants too.
type Process struct {
	Input  *os.File // its standard input; nil for the null device
	Output *os.File // its standard output
	Errors *os.File // its standard error; nil when that is part of Output

	cmd    *exec.Cmd
	mutex  sync.Mutex
	reaped bool // another process may have its pid
}

// Start starts a command with pipes for its standard streams. Without input it reads the null device; without errors its
// standard error is part of its output.
func Start(command, env []string, input, errors bool) (*Process, error) {
	p := &Process{cmd: exec.Command(command[0], command[1:]...)}
	p.cmd.Env, p.cmd.SysProcAttr = env, attributes()
	var childEnds, ownEnds []*os.File
	var err error
	pipe := func(input bool) (childEnd, ownEnd *os.File) {
		if err != nil {
			return nil, nil
		}
		if ownEnd, childEnd, err = os.Pipe(); input {
			ownEnd, childEnd = childEnd, ownEnd
		}
		childEnds, ownEnds = append(childEnds, childEnd), append(ownEnds, ownEnd)
		return childEnd, ownEnd
	}
	if input {
		p.cmd.Stdin, p.Input = pipe(true)
	}
	p.cmd.Stdout, p.Output = pipe(false)
	p.cmd.Stderr = p.cmd.Stdout
	if errors {
		p.cmd.Stderr, p.Errors = pipe(false)
	}
	if err == nil {
		err = children.start(p)
	}
	closeFiles(childEnds)
	if err != nil {
		closeFiles(ownEnds)
		return nil, err
	}
	return p, nil
}

// closeFiles closes files; nil is harmless.
func closeFiles(files []*os.File) {
	for _, file := range files {
		file.Close()
	}
}

// CloseInput ends the standard input of the process. It can be called more than once.
func (p *Process) CloseInput() { p.Input.Close() }

// Kill kills the process and its group.
func (p *Process) Kill() { p.signal(syscall.SIGKILL) }

// signal sends a signal to the process and its group. It does nothing after Wait has returned.
func (p *Process) signal(signal syscall.Signal) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if !p.reaped {
		_ = syscall.Kill(-p.cmd.Process.Pid, signal)
		if signal == syscall.SIGKILL {
			// The process may have left the group it started in.
			_ = syscall.Kill(p.cmd.Process.Pid, signal)
		}
	}
}

// Alive reports whether the process has not ended.
func (p *Process) Alive() bool {
	ended, _ := hasEnded(p.cmd.Process.Pid)
	return !ended
}

// EndAfterFailure ends the group of a process that has failed, and reports whether it has. A process that runs or has
// succeeded keeps its group: it may have started work for later.
func (p *Process) EndAfterFailure() bool {
	_, failed := p.state()
	if failed {
		p.endRest(false)
	}
	return failed
}

// state is hasEnded of a process that has not been reaped.
func (p *Process) state() (ended, failed bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.reaped {
		return true, false
	}
	return hasEnded(p.cmd.Process.Pid)
}

const (
	restTimeout  = 500 * time.Millisecond // from SIGTERM to SIGKILL, for what an ended process has left
	restInterval = 5 * time.Millisecond   // between two looks for it
)

// endRest ends what an ended process has left in its group: SIGTERM, then SIGKILL. With orphans, it also ends what has left
// the group, where this process inherits it. The process must not be reaped: it keeps the number of the group.
func (p *Process) endRest(orphans bool) {
	end := func(signal syscall.Signal) bool {
		for deadline, first := time.Now().Add(restTimeout), true; time.Now().Before(deadline); time.Sleep(restInterval) {
			pids := left(p.cmd.Process.Pid, orphans)
			if len(pids) == 0 {
				return true
			}
			// A process may be started while the others end: SIGKILL is repeated.
			if first || signal == syscall.SIGKILL {
				p.signal(signal)
				if orphans {
					for _, pid := range pids {
						_ = syscall.Kill(pid, signal)
					}
				}
			}
			first = false
		}
		return false
	}
	if !end(syscall.SIGTERM) {
		end(syscall.SIGKILL)
	}
}

// WaitAll is Wait for a process whose descendants end with it, however it ends.
func (p *Process) WaitAll() error {
	awaitExit(p.cmd.Process.Pid)
	p.endRest(true)
	return p.reap()
}

// Wait waits for the process to end, and ends its group if it failed. It returns nil for exit code 0, else an error in the
// words of the contract (`exit status 3`).
func (p *Process) Wait() error {
	awaitExit(p.cmd.Process.Pid)
	p.EndAfterFailure()
	return p.reap()
}

// reap reads the exit code of a process that has ended, which frees its number.
func (p *Process) reap() error {
	p.mutex.Lock()
	p.reaped = true
	p.mutex.Unlock()
	err := p.cmd.Wait()
	children.pids.CompareAndDelete(p.cmd.Process.Pid, p)
	return err
}

// exitCode returns the exit code of an error of Wait; a signal is 128 plus its number, as in a shell.
func exitCode(err error) int {
	var failed *exec.ExitError
	if err == nil {
		return 0
	}
	if errors.As(err, &failed) {
		if status, ok := failed.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return 128 + int(status.Signal())
		}
		return failed.ExitCode()
	}
	return ExitFailed
}

// registry holds the children that some code waits for. Only the other ones, orphans, may be reaped.
type registry struct {
	starting sync.RWMutex // held while a child has started and is not yet in pids
	pids     sync.Map     // pid to *Process, because pids are reused
}

var children registry

func (r *registry) start(p *Process) error {
	r.starting.RLock()
	defer r.starting.RUnlock()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	r.pids.Store(p.cmd.Process.Pid, p)
	return nil
}

// orphans calls reap for the pids that are not in the registry; no child starts meanwhile.
func (r *registry) orphans(pids []int, reap func(int)) {
	r.starting.Lock()
	defer r.starting.Unlock()
	for _, pid := range pids {
		if _, found := r.pids.Load(pid); !found {
			reap(pid)
		}
	}
}

// Environment returns the environment of the watchdog, without the variables of socket activation.
func Environment() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return name == "LISTEN_FDS" || name == "LISTEN_PID" || name == "LISTEN_FDNAMES"
	})
}
