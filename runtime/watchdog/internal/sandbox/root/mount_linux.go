package root

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"fwatchdog/internal/sandbox/kernel"
	"fwatchdog/internal/sandbox/policy"
)

const (
	readOnly = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_RDONLY
	noFiles  = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC // of a folder without programs
	// rootSize is for folders and links only; all files are elsewhere.
	rootSize = "size=8m,mode=755"
	oldRoot  = ".old"
	ownHosts = "/run/hosts"
	lockable = syscall.MS_RDONLY | syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC | syscall.MS_NOATIME |
		syscall.MS_NODIRATIME | syscall.MS_RELATIME
)

// devices of the machine that a function sees.
var devices = []string{"null", "zero", "full", "random", "urandom"}

// Error is a step that failed. Its Step names what the step makes: `root`, `bind`, `proc`, `pivot_root` and so on.
type Error struct {
	Step string
	Err  error
}

func (e *Error) Error() string { return e.Step + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func step(name string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{name, err}
}

// Enter makes the root of a policy over the folder p.Root, and changes this process's root to it. The process has mount and
// pid namespaces of its own. The watchdog is the file of this program. Errors are of type *Error.
func Enter(p *policy.Policy, watchdog string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return step("private mounts", err)
	}
	entries, err := Plan(p)
	if err != nil {
		return step("root", err)
	}
	if err := syscall.Mount("tmpfs", p.Root, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, rootSize); err != nil {
		return step("tmpfs", err)
	}
	for _, entry := range append(entries, Entry{Kind: Bind, Target: Watchdog, Source: watchdog, File: true}) {
		if err := place(p.Root, entry); err != nil {
			return step("bind", fmt.Errorf("%s: %w", entry.Target, err))
		}
		// At once, because what is shown of the machine may be below it.
		if entry.Target == Tmp {
			if err := syscall.Mount("tmpfs", filepath.Join(p.Root, Tmp), "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, sized(p)); err != nil {
				return step("tmp", err)
			}
		}
	}
	if err := ownFolders(p); err != nil {
		return err
	}
	if err := step("hosts", bindHosts(p)); err != nil {
		return err
	}
	return step("pivot_root", pivot(p.Root))
}

// place makes one entry below a folder.
func place(base string, entry Entry) error {
	target := filepath.Join(base, entry.Target)
	switch {
	case entry.Kind == Link:
		return os.Symlink(entry.Source, target)
	case entry.Kind == Folder || !entry.File:
		if err := os.Mkdir(target, 0o755); err != nil {
			return err
		}
	default:
		if err := touch(target); err != nil {
			return err
		}
	}
	if entry.Kind == Folder {
		return nil
	}
	return bind(entry.Source, target, readOnly)
}

func touch(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return file.Close()
}

// bind shows a file or folder, and what is mounted below it, at another path with more flags.
func bind(source, target string, flags uintptr) error {
	if err := syscall.Mount(source, target, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return err
	}
	err := kernel.SetMountFlags(target, flags)
	if errors.Is(err, syscall.ENOSYS) {
		return remountAll(target, flags)
	}
	return err
}

// remountAll does what mount_setattr does, on kernels before 5.12.
func remountAll(target string, flags uintptr) error {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for _, mounted := range mountsBelow(string(info), target) {
		if err := remount(mounted, flags); err != nil {
			return err
		}
	}
	return nil
}

// mountsBelow returns the mount points at a path and below it. The text is that of /proc/self/mountinfo.
func mountsBelow(info, target string) []string {
	var found []string
	for _, line := range strings.Split(info, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		mounted := unescape(fields[4])
		if mounted == target || strings.HasPrefix(mounted, target+"/") {
			found = append(found, mounted)
		}
	}
	return found
}

// unescape decodes the octal escapes of mountinfo.
func unescape(text string) string {
	var decoded strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if code, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				decoded.WriteByte(byte(code))
				i += 3
				continue
			}
		}
		decoded.WriteByte(text[i])
	}
	return decoded.String()
}

// remount adds flags to one mount. A user namespace locks the flags that it inherits, so they are repeated.
func remount(target string, flags uintptr) error {
	var status syscall.Statfs_t
	if err := syscall.Statfs(target, &status); err != nil {
		return err
	}
	kept := uintptr(status.Flags) & lockable
	return syscall.Mount("", target, "", syscall.MS_BIND|syscall.MS_REMOUNT|kept|flags, "")
}

// Empty files take memory of the kernel that is not part of the folder's size, so their number is limited with it: one file
// for each page, at least minFiles.
const (
	bytesPerFile = 4096
	minFiles     = 64
)

// sized are the options of a folder in memory that everybody may write.
func sized(p *policy.Policy) string {
	return fmt.Sprintf("size=%d,nr_inodes=%d,mode=1777", p.TmpBytes, max(p.TmpBytes/bytesPerFile, minFiles))
}

// ownFolders fills /dev, /proc and the secrets.
func ownFolders(p *policy.Policy) error {
	at := func(path string) string { return filepath.Join(p.Root, path) }
	if p.Secrets != "" {
		if err := bind(p.Secrets, at(Secrets), readOnly|syscall.MS_NOEXEC); err != nil {
			return step("secrets", err)
		}
	}
	for _, name := range devices {
		target := at("/dev/" + name)
		if err := touch(target); err != nil {
			return step("dev", err)
		}
		if err := bind("/dev/"+name, target, syscall.MS_NOSUID|syscall.MS_NOEXEC); err != nil {
			return step("dev", fmt.Errorf("%s: %w", name, err))
		}
	}
	for name, leads := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	} {
		if err := os.Symlink(leads, at("/dev/"+name)); err != nil {
			return step("dev", err)
		}
	}
	if err := os.Mkdir(at(Shm), 0o1777); err != nil {
		return step("dev", err)
	}
	if err := syscall.Mount("tmpfs", at(Shm), "tmpfs", noFiles, sized(p)); err != nil {
		return step("dev", err)
	}
	if err := syscall.Mount("proc", at("/proc"), "proc", noFiles, ""); err != nil {
		return step("proc", err)
	}
	for _, name := range []string{"sys", "sysrq-trigger", "irq", "bus"} {
		target := at("/proc/" + name)
		if _, err := os.Lstat(target); err != nil {
			continue
		}
		if err := bind(target, target, readOnly|syscall.MS_NOEXEC); err != nil {
			return step("proc", fmt.Errorf("%s: %w", name, err))
		}
	}
	return nil
}

const maxHostsBytes = 64 << 10

// bindHosts covers the hosts file, or adds one, so that the function finds its own name: hosts of the image or machine that it
// would have seen come after. An image whose /etc is a link gets none.
func bindHosts(p *policy.Policy) error {
	target := filepath.Join(p.Root, Hosts)
	if folder, err := os.Lstat(filepath.Dir(target)); err != nil || !folder.IsDir() {
		return nil
	}
	text := []byte("127.0.0.1\tlocalhost " + p.Hostname + "\n::1\tlocalhost ip6-localhost ip6-loopback " + p.Hostname + "\n")
	info, err := os.Lstat(target)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err := touch(target); err != nil {
			return err
		}
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return nil
	default:
		file, err := os.Open(target)
		if err != nil {
			return err
		}
		rest, err := io.ReadAll(io.LimitReader(file, maxHostsBytes))
		file.Close()
		if err != nil {
			return err
		}
		text = append(text, rest...)
	}
	made := filepath.Join(p.Root, ownHosts)
	if err := os.WriteFile(made, text, 0o644); err != nil {
		return err
	}
	return bind(made, target, readOnly|syscall.MS_NOEXEC)
}

// pivot makes a folder the root, detaches the old one and makes the new one read-only.
func pivot(base string) error {
	old := filepath.Join(base, oldRoot)
	if err := os.Mkdir(old, 0o700); err != nil {
		return err
	}
	if err := syscall.PivotRoot(base, old); err != nil {
		return err
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := syscall.Unmount("/"+oldRoot, syscall.MNT_DETACH); err != nil {
		return err
	}
	if err := os.Remove("/" + oldRoot); err != nil {
		return err
	}
	return remount("/", readOnly)
}
