//go:build amd64 || arm64

package sandbox

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"fwatchdog/internal/sandbox/guard"
	"fwatchdog/internal/sandbox/kernel"
	"fwatchdog/internal/sandbox/limits"
	"fwatchdog/internal/sandbox/policy"
)

const (
	socketFD  = 3 // of the stage inside and the watchdog: the listening socket
	controlFD = 4 // of the stage inside: its end of the socket pair to the launcher

	// insideUser is the function's number in its user namespace, where it has one of its own on the machine.
	insideUser = 1000

	cgroupNamespace = 0x02000000 // CLONE_NEWCGROUP
)

// Launch runs a replica as its policy says, and returns its exit code. The policy is read from a descriptor; standard input
// is the listening socket. The launcher stays outside: it passes on SIGTERM, carries out connections, and ends what is left.
func Launch(policyFD int) int {
	runtime.LockOSThread() // the child is killed when the thread that started it ends
	file := os.NewFile(uintptr(policyFD), "policy")
	if file == nil {
		return refuse("policy", fmt.Errorf("%d is not a descriptor", policyFD))
	}
	p, err := policy.Read(file)
	file.Close()
	if err != nil {
		return refuse("policy", err)
	}
	if err := kernel.DieWithParent(syscall.SIGTERM); err != nil {
		return refuse("parent", err)
	}
	if p.ParentPID != 0 && os.Getppid() != p.ParentPID {
		return refuse("parent", errors.New("the gateway has ended"))
	}
	if err := kernel.CloseOnExec(3); err != nil {
		return refuse("descriptors", err)
	}
	if err := kernel.BecomeSubreaper(); err != nil {
		return refuse("subreaper", err)
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	// The launcher is in the groups too: what it does for the function counts as the function's.
	if err := limits.Join(p.Groups(), os.Getpid()); err != nil {
		return refuse("cgroup", err)
	}
	arguments := []string{"fwatchdog"}
	if p.Level == policy.Namespaces {
		arguments = append(arguments, PrivateFlag)
	}
	r, err := start(&brief{p, arguments}, os.Stdin, os.Stderr)
	if err != nil {
		return refuse("start", err)
	}
	go r.passOn(signals)
	if what, err := r.prepare(); err != nil {
		_ = syscall.Kill(r.pid, syscall.SIGKILL)
		r.wait()
		return refuse(what, err)
	}
	return r.wait()
}

// brief is what the launcher tells the stage inside.
type brief struct {
	Policy    *policy.Policy
	Arguments []string // of the watchdog
}

// replica is a running function and what its launcher knows of it.
type replica struct {
	*brief
	pid     int
	control *os.File
}

// start starts the stage inside, which waits for its brief. Both its outputs go to one file.
func start(b *brief, listener, output *os.File) (*replica, error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "control"), os.NewFile(uintptr(pair[1]), "control")
	defer theirs.Close()
	command := &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{"fwatchdog", InsideFlag},
		Stdout: output, Stderr: output,
		ExtraFiles: []*os.File{listener, theirs}, SysProcAttr: attributes(b.Policy),
	}
	if err := command.Start(); err != nil {
		ours.Close()
		return nil, err
	}
	return &replica{brief: b, pid: command.Process.Pid, control: ours}, nil
}

// attributes are the namespaces of a policy. Inside, the stage is number 0 until it has made the root.
func attributes(p *policy.Policy) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.Level != policy.Namespaces {
		return a
	}
	a.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID |
		syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS | cgroupNamespace
	if p.Network == policy.Isolated {
		a.Cloneflags |= syscall.CLONE_NEWNET
	}
	a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	if p.User != 0 {
		own := syscall.SysProcIDMap{ContainerID: insideUser, HostID: p.User, Size: 1}
		a.UidMappings, a.GidMappings = append(a.UidMappings, own), append(a.GidMappings, own)
		a.GidMappingsEnableSetgroups = true
	}
	return a
}

// prepare sends the brief and takes over the guard. It returns when the child is about to become the watchdog, or with the
// step that failed. A child that cannot go on has printed why: then the error is nil.
func (r *replica) prepare() (string, error) {
	text, err := json.Marshal(r.brief)
	if err != nil {
		return "start", err
	}
	length := binary.LittleEndian.AppendUint32(nil, uint32(len(text)))
	if _, err := r.control.Write(append(length, text...)); err != nil || !r.Policy.Guard {
		return "", nil
	}
	var number [4]byte
	if _, err := io.ReadFull(r.control, number[:]); err != nil {
		return "", nil
	}
	listener, err := r.fetch(int(binary.LittleEndian.Uint32(number[:])))
	if err != nil {
		return "guard", fmt.Errorf("descriptors cannot be handed over (pidfd_getfd): %w", err)
	}
	go guard.New(r.Policy, os.Getenv).Serve(listener)
	_, _ = r.control.Write(number[:1])
	return "", nil
}

// fetch duplicates a descriptor of the child.
func (r *replica) fetch(fd int) (int, error) {
	pidfd, err := kernel.PidfdOpen(r.pid)
	if err != nil {
		return -1, err
	}
	defer syscall.Close(pidfd)
	return kernel.PidfdGetfd(pidfd, fd)
}

func (r *replica) passOn(signals <-chan os.Signal) {
	for s := range signals {
		_ = syscall.Kill(r.pid, s.(syscall.Signal))
	}
}

// wait reaps orphans until the child has ended, ends what is left, and returns the child's exit code.
func (r *replica) wait() int {
	code := ExitFailed
	if r.Policy.MemoryWatch > 0 {
		go limits.WatchMemory(r.pid, r.Policy.MemoryWatch)
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			break
		}
		if pid == r.pid {
			if code = status.ExitStatus(); status.Signaled() {
				code = 128 + int(status.Signal())
			}
			break
		}
	}
	limits.EndAll(os.Getpid(), r.Policy.Groups())
	return code
}
