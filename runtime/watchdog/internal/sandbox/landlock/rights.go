// Package landlock keeps a process to the files that its policy names, with Landlock of the Linux kernel.
package landlock

import "fwatchdog/internal/sandbox/policy"

// Rights to files, by the version of the kernel's interface (ABI) that brought them.
const (
	Execute        = 1 << 0
	WriteFile      = 1 << 1
	ReadFile       = 1 << 2
	ReadFolder     = 1 << 3
	makeCharDevice = 1 << 6
	makeBlock      = 1 << 11
	all1           = 1<<13 - 1
	refer          = 1 << 13 // ABI 2: rename and link across folders
	truncate       = 1 << 14 // ABI 3
	ioctlDevice    = 1 << 15 // ABI 5

	ofFiles = Execute | WriteFile | ReadFile | truncate | ioctlDevice

	scopeSockets = 1 << 0 // ABI 6: abstract sockets of processes outside
	scopeSignals = 1 << 1
)

// Read allows to read and to execute.
const Read = Execute | ReadFile | ReadFolder

// Rule gives rights to a file, or to a folder and all below it.
type Rule struct {
	Path   string
	Rights uint64
}

// Everything returns all rights to files that an ABI knows: what a ruleset handles, so what it refuses outside its rules.
func Everything(abi int) uint64 {
	rights := uint64(all1)
	if abi >= 2 {
		rights |= refer
	}
	if abi >= 3 {
		rights |= truncate
	}
	if abi >= 5 {
		rights |= ioctlDevice
	}
	return rights
}

// Scopes returns what an ABI keeps inside: connections to abstract sockets, and signals.
func Scopes(abi int) uint64 {
	if abi >= 6 {
		return scopeSockets | scopeSignals
	}
	return 0
}

// Write returns all rights but making devices.
func Write(abi int) uint64 { return Everything(abi) &^ (makeCharDevice | makeBlock) }

// Rules returns what a function may do with files. With level namespaces these are paths inside its own root, else paths of
// the machine. The watchdog is the file of this program.
func Rules(p *policy.Policy, watchdog string, abi int) []Rule {
	if p.Level == policy.Namespaces {
		return []Rule{
			{"/", Read}, {"/tmp", Write(abi)}, {"/dev/shm", Write(abi)},
			{"/dev", Read | WriteFile}, {"/proc", Read | WriteFile},
		}
	}
	rules := []Rule{
		{p.Rootfs, Read}, {watchdog, Read}, {p.Tmp, Write(abi)}, {"/proc", Read},
		{"/dev/null", Read | WriteFile}, {"/dev/full", Read | WriteFile},
		{"/dev/zero", Read}, {"/dev/random", Read}, {"/dev/urandom", Read},
	}
	if p.Secrets != "" {
		rules = append(rules, Rule{p.Secrets, Read &^ Execute})
	}
	for _, path := range p.Show {
		rules = append(rules, Rule{path, Read})
	}
	return rules
}

// reduce returns the rights that an ABI has for a file or a folder.
func reduce(rights uint64, folder bool, abi int) uint64 {
	if !folder {
		rights &= ofFiles
	}
	return rights & Everything(abi)
}
