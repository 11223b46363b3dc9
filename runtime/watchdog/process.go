package main

import (
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// process is a child that leads a process group of its own, so that one signal reaches all it has started.
type process struct {
	cmd    *exec.Cmd
	mutex  sync.Mutex
	reaped bool // its number may belong to somebody else by now
}

// startProcess starts a command. The files are the child's standard streams; nil is the null device.
func startProcess(command, env []string, stdin, stdout, stderr *os.File) (*process, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = env
	cmd.SysProcAttr = childAttributes()
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
	p := &process{cmd: cmd}
	own.starting.RLock()
	defer own.starting.RUnlock()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	own.pids.Store(cmd.Process.Pid, p)
	return p, nil
}

// kill ends the child and everything in its group at once.
func (p *process) kill() { p.signal(syscall.SIGKILL) }

// signal sends a signal to the child and everything in its group. Once wait has returned it does nothing.
func (p *process) signal(signal syscall.Signal) {
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

// alive reports that the child has not ended.
func (p *process) alive() bool { return !hasEnded(p.cmd.Process.Pid) }

// wait returns nil for exit code 0, and an error in the words of the contract (`exit status 3`) otherwise.
func (p *process) wait() error {
	awaitExit(p.cmd.Process.Pid)
	p.mutex.Lock()
	p.reaped = true
	p.mutex.Unlock()
	err := p.cmd.Wait()
	own.pids.CompareAndDelete(p.cmd.Process.Pid, p)
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
	return exitFailed
}
