package root

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// inNamespaces runs the body of a test in user and mount namespaces of its own, in another process.
func inNamespaces(t *testing.T, body func(t *testing.T)) {
	t.Helper()
	if os.Getenv("IN_NAMESPACES") == t.Name() {
		body(t)
		return
	}
	command := exec.Command("/proc/self/exe", append(os.Args[1:len(os.Args):len(os.Args)], "-test.run=^"+t.Name()+"$", "-test.v")...)
	command.Env = append(os.Environ(), "IN_NAMESPACES="+t.Name())
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	output, err := command.CombinedOutput()
	var failed *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &failed):
		t.Skipf("this machine has no user namespaces: %v", err)
	case strings.Contains(string(output), "--- SKIP"):
		t.Skip(string(output))
	case err != nil || !strings.Contains(string(output), "--- PASS"):
		t.Errorf("%v:\n%s", err, output)
	}
}

// On kernels without mount_setattr each mount below a folder becomes read-only too, and keeps the flags it had.
func TestRemountAll(t *testing.T) {
	inNamespaces(t, func(t *testing.T) {
		folder := t.TempDir()
		if err := syscall.Mount("tmpfs", folder, "tmpfs", syscall.MS_NOEXEC, ""); err != nil {
			t.Skip(err)
		}
		below := folder + "/a b"
		if err := os.Mkdir(below, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("tmpfs", below, "tmpfs", syscall.MS_NOSUID, ""); err != nil {
			t.Fatal(err)
		}
		if err := remountAll(folder, readOnly); err != nil {
			t.Fatal(err)
		}
		for path, kept := range map[string]int64{folder: syscall.MS_NOEXEC, below: syscall.MS_NOSUID} {
			var status syscall.Statfs_t
			if err := syscall.Statfs(path, &status); err != nil || int64(status.Flags)&(kept|syscall.MS_RDONLY|syscall.MS_NODEV) != kept|syscall.MS_RDONLY|syscall.MS_NODEV {
				t.Errorf("%s has flags %#x: %v", path, status.Flags, err)
			}
			if err := os.WriteFile(path+"/x", nil, 0o644); !errors.Is(err, syscall.EROFS) {
				t.Errorf("%s can be written: %v", path, err)
			}
		}
		_ = syscall.Unmount(below, 0)
		_ = syscall.Unmount(folder, 0)
	})
}

func TestMountsBelow(t *testing.T) {
	info := "22 1 8:1 / / rw - ext4 /dev/sda rw\n23 22 0:5 / /a\\040b rw - tmpfs t rw\n24 23 0:6 / /a\\040b/c ro - tmpfs t rw\n" +
		"25 22 0:7 / /a\\040bc rw - tmpfs t rw\nshort\n"
	if got := mountsBelow(info, "/a b"); !slices.Equal(got, []string{"/a b", "/a b/c"}) {
		t.Errorf("found %q", got)
	}
	for text, desired := range map[string]string{`a\134b`: `a\b`, `\9`: `\9`, `\999x`: `\999x`, `x\04`: `x\04`} {
		if got := unescape(text); got != desired {
			t.Errorf("%s is %s", text, got)
		}
	}
}

func TestErrorNamesItsStep(t *testing.T) {
	err := step("proc", syscall.EPERM)
	if !errors.Is(err, syscall.EPERM) || err.Error() != "proc: operation not permitted" || step("proc", nil) != nil {
		t.Errorf("the error is %v", err)
	}
}
