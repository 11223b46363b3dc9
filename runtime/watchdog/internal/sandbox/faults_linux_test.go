//go:build amd64 || arm64

package sandbox

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"fwatchdog/internal/sandbox/policy"
)

// seccompCall is the number of seccomp(2).
func seccompCall() int {
	if runtime.GOARCH == "arm64" {
		return 277
	}
	return 317
}

// Whatever step the kernel refuses, the replica is not started, and one line names the step. Where an older kernel lacks a
// call that has a substitute, the replica is started all the same.
func TestFaults(t *testing.T) {
	needs(t, policy.Namespaces, partGuard, partLandlock)
	const started = "host api"
	own := func(p *policy.Policy) {
		if machineReport.Parts[partOwnUser] {
			p.User = firstUser
		}
	}
	guarded := func(p *policy.Policy) { own(p); p.Guard = true }
	isolated := func(p *policy.Policy) { p.Network = policy.Isolated }
	ofLandlock := func(p *policy.Policy) { p.Level = policy.Landlock; p.Workdir = p.Rootfs }
	for _, c := range []struct {
		name   string
		call   int
		errno  syscall.Errno
		change func(p *policy.Policy)
		words  string
	}{
		{"mount", syscall.SYS_MOUNT, syscall.EPERM, guarded, "private mounts: operation not permitted; allow mounts"},
		{"pivot_root", syscall.SYS_PIVOT_ROOT, syscall.EPERM, guarded, "pivot_root: operation not permitted; allow mounts"},
		{"umount2", syscall.SYS_UMOUNT2, syscall.EPERM, guarded, "pivot_root: "},
		{"chdir", syscall.SYS_CHDIR, syscall.EPERM, guarded, "pivot_root: "},
		{"unlinkat", syscall.SYS_UNLINKAT, syscall.EPERM, guarded, "pivot_root: "},
		{"mkdirat", syscall.SYS_MKDIRAT, syscall.EPERM, guarded, "bind: "},
		{"symlinkat", syscall.SYS_SYMLINKAT, syscall.EPERM, func(p *policy.Policy) { p.Show = nil }, "bind: "},
		{"old mount_setattr", 442, syscall.ENOSYS, guarded, started},
		{"mount_setattr", 442, syscall.EPERM, guarded, "bind: "},
		{"sethostname", syscall.SYS_SETHOSTNAME, syscall.EPERM, guarded, "hostname: "},
		{"socket", syscall.SYS_SOCKET, syscall.EPERM, isolated, "loopback: "},
		{"ioctl", syscall.SYS_IOCTL, syscall.EPERM, isolated, "loopback: "},
		{"prlimit", syscall.SYS_PRLIMIT64, syscall.EPERM, guarded, "limits: "},
		{"capset", syscall.SYS_CAPSET, syscall.EPERM, guarded, "capabilities: "},
		{"landlock_add_rule", 445, syscall.EPERM, guarded, "landlock: /: operation not permitted"},
		{"landlock_restrict_self", 446, syscall.EPERM, guarded, "landlock: "},
		{"no landlock", 444, syscall.ENOSYS, ofLandlock, "landlock: the kernel has no Landlock; use Linux 5.13"},
		{"no landlock, but namespaces", 444, syscall.ENOSYS, guarded, started},
		{"seccomp", seccompCall(), syscall.EPERM, guarded, "seccomp: "},
		{"seccomp without guard", seccompCall(), syscall.EPERM, own, "seccomp: "},
		{"pidfd_open", 434, syscall.EPERM, guarded, "guard: "},
		{"pidfd_open of old kernels", 434, syscall.EINVAL, guarded, "guard: "},
		{"pidfd_getfd", 438, syscall.EPERM, guarded, "guard: descriptors cannot be handed over (pidfd_getfd)"},
		{"prctl", syscall.SYS_PRCTL, syscall.EPERM, guarded, "parent: "},
		{"socketpair", syscall.SYS_SOCKETPAIR, syscall.EPERM, guarded, "start: "},
		{"execve", syscall.SYS_EXECVE, syscall.EPERM, guarded, "start: "},
		{"old close_range", 436, syscall.ENOSYS, guarded, started},
	} {
		t.Run(c.name, func(t *testing.T) { fault(t, c.call, c.errno, c.change, c.words, started) })
	}
	if machineReport.Parts[partOwnUser] {
		for _, call := range []int{syscall.SYS_SETGROUPS, syscall.SYS_SETRESGID, syscall.SYS_SETRESUID} {
			fault(t, call, syscall.EPERM, own, "user number: ", started)
		}
	}
}

func fault(t *testing.T, call int, errno syscall.Errno, change func(*policy.Policy), words, started string) {
	t.Helper()
	s := prepare(t, policy.Namespaces, change)
	s.Env = append(s.Env, fmt.Sprintf("SANDBOX_TEST_FAULT=%d:%d", call, errno))
	output := s.run(t, "look")
	if words == started {
		expect(t, output, []string{started}, []string{"isolation:"})
		return
	}
	expect(t, output, []string{"fwatchdog: isolation: ", words}, []string{started})
	if code := s.ProcessState.ExitCode(); code != ExitFailed || strings.Count(output, "\n") != 1 {
		t.Errorf("exit code %d and %d lines: %s", code, strings.Count(output, "\n"), output)
	}
}

// The probe finds the level by trying: a part that the kernel refuses is missing, with the reason.
func TestProbeFindsFaults(t *testing.T) {
	needs(t, policy.Namespaces, partGuard, partLandlock)
	for _, c := range []struct {
		call    int
		errno   syscall.Errno
		level   policy.Level
		missing string
	}{
		{syscall.SYS_PIVOT_ROOT, syscall.EPERM, policy.Landlock, "namespaces: pivot_root: operation not permitted"},
		{438, syscall.EPERM, policy.Namespaces, "guard: guard: descriptors"},
		{446, syscall.EPERM, policy.Seccomp, "landlock: landlock: "},
		{444, syscall.ENOSYS, policy.Namespaces, "landlock: landlock: the kernel has no Landlock"},
		{seccompCall(), syscall.EPERM, policy.None, "seccomp: seccomp: "},
		{syscall.SYS_BIND, syscall.EACCES, policy.None, "seccomp: guard: "},
		{syscall.SYS_SOCKETPAIR, syscall.EPERM, policy.None, "namespaces: start: "},
		{syscall.SYS_MKDIRAT, syscall.ENOSPC, policy.None, "namespaces: start: "},
		{syscall.SYS_EXECVE, syscall.EPERM, policy.None, "namespaces: start: "},
	} {
		command := exec.Command(programPath(t), "-isolation-probe")
		command.Env = []string{fmt.Sprintf("SANDBOX_TEST_FAULT=%d:%d", c.call, c.errno)}
		if folder := coverageFolder(); folder != "" {
			command.Env = append(command.Env, "GOCOVERDIR="+folder)
		}
		output, err := command.Output()
		report := &Report{}
		if err != nil || json.Unmarshal(output, report) != nil {
			t.Fatalf("%v: %s", err, output)
		}
		var lines []string
		for _, each := range report.Missing {
			lines = append(lines, each.Part+": "+each.Reason)
		}
		if report.Level != c.level || !strings.Contains(strings.Join(lines, "\n"), c.missing) {
			t.Errorf("without call %d: level %s, missing %q", c.call, report.Level, lines)
		}
	}
}
