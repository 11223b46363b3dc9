//go:build amd64 || arm64

package guard

import (
	"bytes"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"fwatchdog/internal/sandbox/kernel"
	"fwatchdog/internal/sandbox/policy"
)

// asFunction makes a call on files with the function's user number.
func (g *Guard) asFunction(domain int, make func() error) error {
	if domain != familyUnix || g.policy.User == 0 {
		return make()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	kernel.ActAs(g.policy.User)
	defer kernel.ActAs(os.Geteuid())
	return make()
}

// abstract returns an abstract address as a name of the replica alone: abstract names belong to a network, which functions
// share with the machine.
func (g *Guard) abstract(address []byte) []byte {
	return append(append(bytes.Clone(address[:3]), g.prefix...), address[3:]...)
}

// unixTarget finds the socket file that a function names, in the files that the function sees.
func (g *Guard) unixTarget(c *caller, address []byte) (*target, error) {
	switch {
	case family(address) != familyUnix || len(address) < 3:
		return nil, syscall.EINVAL
	case address[2] == 0:
		return &target{g.abstract(address), -1}, nil
	}
	name, _, _ := strings.Cut(string(address[2:]), "\x00")
	fd, err := g.open(c, name)
	if err != nil {
		return nil, err
	}
	var status syscall.Stat_t
	if err := syscall.Fstat(fd, &status); err != nil || status.Mode&syscall.S_IFMT != syscall.S_IFSOCK {
		syscall.Close(fd)
		return nil, syscall.ECONNREFUSED
	}
	named := append(bytes.Clone(address[:2]), "/proc/self/fd/"+strconv.Itoa(fd)+"\x00"...)
	return &target{named, fd}, nil
}

// open opens a path as the function sees it. Without a root of its own the function has the sockets of its own folder only:
// Landlock does not judge connections to socket files, and those of the machine lead out.
func (g *Guard) open(c *caller, name string) (int, error) {
	process := "/proc/" + strconv.Itoa(c.thread)
	if !path.IsAbs(name) {
		working, err := os.Readlink(process + "/cwd")
		if err != nil {
			return -1, err
		}
		name = working + "/" + name
	}
	base, resolve := process+"/root", uint64(kernel.InRoot|kernel.NoMagicLinks)
	if g.policy.Level != policy.Namespaces {
		rest, found := strings.CutPrefix(path.Clean(name), g.policy.Tmp+"/")
		if !found {
			return -1, syscall.EACCES
		}
		base, name, resolve = g.policy.Tmp, rest, kernel.Beneath|kernel.NoMagicLinks
	}
	folder, err := syscall.Open(base, kernel.OpenPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer syscall.Close(folder)
	return kernel.Openat2(folder, name, kernel.OpenPath, resolve)
}
