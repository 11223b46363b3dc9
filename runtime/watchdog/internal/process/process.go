// Package process starts, watches and ends the processes of the function.
//
// Everything that a process may or may not do is decided in Start: its environment, its process group and the attributes
// of the operating system. Confinement of processes belongs next to this package and is applied there.
package process

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
)

// Exit codes of the watchdog itself; any other is that of the function's process.
const (
	ExitFailed  = 1
	ExitMisused = 2
)

// Process is a child that leads a process group of its own, so that one signal reaches all it has started.
type Process struct {
	cmd    *exec.Cmd
	mutex  sync.Mutex
	reaped bool // its number may belong to somebody else by now
}

// Start starts a command. The files are the child's standard streams; nil is the null device.
func Start(command, env []string, stdin, stdout, stderr *os.File) (*Process, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = env
	cmd.SysProcAttr = attributes()
	// Typed nils would be taken for readers and writers.
	if stdin != nil {
		cmd.Stdin = stdin
	}
	if stdout != nil {
		cmd.Stdout = stdout
	}
	if stderr != nil {
		cmd.Stderr = stderr
	}
	p := &Process{cmd: cmd}
	children.starting.RLock()
	defer children.starting.RUnlock()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	children.pids.Store(cmd.Process.Pid, p)
	return p, nil
}

// Kill ends the child and everything in its group at once.
func (p *Process) Kill() { p.signal(syscall.SIGKILL) }

// signal sends a signal to the child and everything in its group. Once wait has returned it does nothing.
func (p *Process) signal(signal syscall.Signal) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if !p.reaped {
		// A process may have left the group it was born in; then the first reaches only what it left there.
		_ = syscall.Kill(-p.cmd.Process.Pid, signal)
		if signal == syscall.SIGKILL {
			_ = syscall.Kill(p.cmd.Process.Pid, signal)
		}
	}
}

// Alive reports that the child has not ended.
func (p *Process) Alive() bool { return !hasEnded(p.cmd.Process.Pid) }

// Wait returns nil for exit code 0, and an error in the words of the contract (`exit status 3`) otherwise.
func (p *Process) Wait() error {
	AwaitExit(p.cmd.Process.Pid)
	p.mutex.Lock()
	p.reaped = true
	p.mutex.Unlock()
	err := p.cmd.Wait()
	children.pids.CompareAndDelete(p.cmd.Process.Pid, p)
	return err
}

// exitCode is the code a finished child left with; a signal counts as 128 and its number, as in a shell.
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

// registry are the children somebody here waits for; whoever collects orphans must leave them alone.
type registry struct {
	starting sync.RWMutex // held while a child is between its start and its entry in pids
	pids     sync.Map     // pid → the *process, so that a reused number is told from the old one
}

var children registry

// reap runs a function on every given pid that is nobody's; none can become somebody's meanwhile.
func (o *registry) reap(pids []int, reap func(int)) {
	o.starting.Lock()
	defer o.starting.Unlock()
	for _, pid := range pids {
		if _, found := o.pids.Load(pid); !found {
			reap(pid)
		}
	}
}

// Variables of the service manager that concern us and not our children.
var managerVariables = []string{"LISTEN_FDS=", "LISTEN_PID=", "LISTEN_FDNAMES="}

// Environment is what every child gets: our own environment, less what is private to us.
func Environment() []string {
	var kept []string
next:
	for _, entry := range os.Environ() {
		for _, prefix := range managerVariables {
			if strings.HasPrefix(entry, prefix) {
				continue next
			}
		}
		kept = append(kept, entry)
	}
	return kept
}

// CloseFiles closes files; nil is skipped.
func CloseFiles(files ...*os.File) {
	for _, file := range files {
		if file != nil {
			file.Close()
		}
	}
}
