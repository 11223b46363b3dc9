package landlock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"fwatchdog/internal/sandbox/kernel"
)

// The calls have one number on every architecture.
const (
	callCreate   = 444
	callAdd      = 445
	callRestrict = 446

	createVersion    = 1 // LANDLOCK_CREATE_RULESET_VERSION
	ruleBelow        = 1 // LANDLOCK_RULE_PATH_BENEATH
	ruleBelowBytes   = 12
	attributesABI1   = 8  // size of the attributes: rights to files
	attributesABI4   = 16 // and to the network, which are not used
	attributesScoped = 24 // ABI 6: and the scopes
)

// ErrMissing: the kernel has no Landlock, or it is turned off.
var ErrMissing = errors.New("the kernel has no Landlock")

// ABI returns the version of the kernel's interface, 0 without one.
func ABI() int {
	version, _, errno := syscall.RawSyscall(callCreate, 0, 0, createVersion)
	if errno != 0 {
		return 0
	}
	return int(version)
}

// Restrict keeps the calling thread, and what it executes, to the rules, for good. A path that does not exist gives no
// right. The thread must have no new privileges.
func Restrict(rules []Rule) error {
	abi := ABI()
	if abi == 0 {
		return ErrMissing
	}
	attributes := [3]uint64{Everything(abi), 0, Scopes(abi)}
	size := uintptr(attributesABI1)
	switch {
	case abi >= 6:
		size = attributesScoped
	case abi >= 4:
		size = attributesABI4
	}
	set, _, errno := syscall.RawSyscall(callCreate, uintptr(unsafe.Pointer(&attributes)), size, 0)
	if errno != 0 {
		return errno
	}
	defer syscall.Close(int(set))
	for _, rule := range rules {
		if err := add(int(set), rule, abi); err != nil {
			return fmt.Errorf("%s: %w", rule.Path, err)
		}
	}
	if _, _, errno := syscall.RawSyscall(callRestrict, set, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

func add(set int, rule Rule, abi int) error {
	fd, err := syscall.Open(rule.Path, kernel.OpenPath|syscall.O_CLOEXEC, 0)
	if errors.Is(err, syscall.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	var status syscall.Stat_t
	if err := syscall.Fstat(fd, &status); err != nil {
		return err
	}
	var packed [ruleBelowBytes]byte // struct landlock_path_beneath_attr
	folder := status.Mode&syscall.S_IFMT == syscall.S_IFDIR
	binary.NativeEndian.PutUint64(packed[0:], reduce(rule.Rights, folder, abi))
	binary.NativeEndian.PutUint32(packed[8:], uint32(fd))
	_, _, errno := syscall.RawSyscall6(callAdd, uintptr(set), ruleBelow, uintptr(unsafe.Pointer(&packed)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
