package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// process is a child that leads a process group of its own, so that nothing it started outlives it.
type process struct {
	cmd *exec.Cmd
}

// startProcess starts a command. The files are the child's standard streams; nil is the null device.
func startProcess(command, env []string, stdin, stdout, stderr *os.File) (*process, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// Typed nils would be taken for writers.
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

// signal sends a signal to the child and everything in its group.
func (p *process) signal(signal syscall.Signal) {
	_ = syscall.Kill(-p.cmd.Process.Pid, signal)
}

// wait returns nil for exit code 0, and an error in the words of the contract (`exit status 3`) otherwise.
func (p *process) wait() error {
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
