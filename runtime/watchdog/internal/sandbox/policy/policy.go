// Package policy is the contract between the gateway and the sandbox launcher: what one replica may see and do.
//
// The gateway starts `fwatchdog -isolate N`. Descriptor N holds the policy, one JSON object that is read to its end.
// Standard input is the replica's listening socket; standard output and error are its log. The environment is that of the
// function, and is passed on as it is.
package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// Level is how much separates a function from the machine.
type Level string

// The levels, from the strongest to the weakest.
const (
	Namespaces Level = "namespaces" // own files, processes, names; Landlock where the kernel has it; seccomp
	Landlock   Level = "landlock"   // paths of the machine, judged by Landlock; seccomp
	Seccomp    Level = "seccomp"    // seccomp and resource limits only
	None       Level = "none"       // the launcher only closes descriptors and ends what is left
)

// Levels are all levels, from the strongest to the weakest.
var Levels = []Level{Namespaces, Landlock, Seccomp, None}

// Network is what a function reaches.
type Network string

// The networks.
const (
	Host     Network = "host"     // all but what `refuse` names and addresses of cloud metadata
	Internet Network = "internet" // public addresses and what `allow` names
	Isolated Network = "none"     // an own network with a loopback address; level namespaces only
)

// Cgroup names the control groups that the replica and its launcher join. They exist, with their limits, before the start.
type Cgroup struct {
	Version int               `json:"version"` // 1 or 2
	Folders map[string]string `json:"folders"` // controller to folder; version 2: one folder under any name
}

// Policy is what one replica may see and do. Unknown fields are errors: a launcher that knows fewer rules than the gateway
// must not start.
type Policy struct {
	Level    Level  `json:"level"`
	Hostname string `json:"hostname"` // namespaces: name of the machine inside
	Rootfs   string `json:"rootfs"`   // folder of the unpacked image
	// Root is an empty folder of the replica, over which the function's root is mounted (namespaces).
	Root string `json:"root"`
	// Show are paths of the machine, visible read-only at the same path. Missing ones are skipped. The image's own entry
	// wins below /etc and /var, and is hidden elsewhere. Must be empty for an image with a base of its own.
	Show     []string `json:"show"`
	Workdir  string   `json:"workdir"` // as the function sees it
	Secrets  string   `json:"secrets"` // folder of the machine; namespaces: visible at /var/openfaas/secrets. May be empty
	Tmp      string   `json:"tmp"`     // landlock: the folder the function may write
	TmpBytes int64    `json:"tmp_bytes"`

	// User is the function's user number on the machine, 0 for the gateway's own. Needs a gateway that is root.
	User int `json:"user"`

	Network Network `json:"network"`
	Guard   bool    `json:"guard"`  // judge connections and addresses; needs seccomp's notifications
	Refuse  []Rule  `json:"refuse"` // judged first
	Allow   []Rule  `json:"allow"`  // then these, then the rules of the network

	Cgroup      *Cgroup `json:"cgroup"`
	MemoryWatch int64   `json:"memory_watch"` // bytes above which the launcher kills the replica; 0: not watched
	Processes   int64   `json:"processes"`    // limit of processes (namespaces); 0: none
	ParentPID   int     `json:"parent_pid"`   // the gateway; the launcher ends with it. 0: any parent
}

// DefaultTmpBytes is the size of /tmp when the policy names none.
const DefaultTmpBytes = 64 << 20

// maxPolicyBytes limits the document.
const maxPolicyBytes = 1 << 20

// Read reads and checks the policy of a replica. Errors name the field.
func Read(from io.Reader) (*Policy, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxPolicyBytes+1))
	if err != nil {
		return nil, fmt.Errorf("the policy cannot be read: %w", err)
	}
	if len(text) > maxPolicyBytes {
		return nil, fmt.Errorf("the policy is larger than %d bytes", maxPolicyBytes)
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	p := &Policy{}
	if err := decoder.Decode(p); err != nil {
		return nil, fmt.Errorf("the policy is not valid: %w", err)
	}
	if decoder.More() {
		return nil, errors.New("the policy is not valid: text follows the object")
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("the policy is not valid: %w", err)
	}
	if p.TmpBytes == 0 {
		p.TmpBytes = DefaultTmpBytes
	}
	return p, nil
}

// check returns the first thing wrong with a policy.
func (p *Policy) check() error {
	switch {
	case !slices.Contains(Levels, p.Level):
		return fmt.Errorf("level is %q", p.Level)
	case !slices.Contains([]Network{Host, Internet, Isolated}, p.Network):
		return fmt.Errorf("network is %q", p.Network)
	case p.Network == Isolated && p.Level != Namespaces:
		return fmt.Errorf("network none needs level namespaces, not %s", p.Level)
	case p.Network == Internet && !p.Guard:
		return errors.New("network internet needs the guard")
	case p.Network == Isolated && p.Guard:
		return errors.New("network none has no guard: nothing outside can be reached")
	case p.Guard && p.Level == None:
		return errors.New("the guard needs a level other than none")
	case p.Level != Namespaces && p.Level != None && p.Tmp == "":
		return errors.New("tmp is empty")
	case p.TmpBytes < 0 || p.MemoryWatch < 0 || p.Processes < 0 || p.User < 0 || p.ParentPID < 0:
		return errors.New("a number is negative")
	case p.Cgroup != nil && p.Cgroup.Version != 1 && p.Cgroup.Version != 2:
		return fmt.Errorf("cgroup version is %d", p.Cgroup.Version)
	}
	if p.Level == Namespaces {
		if p.Hostname == "" || len(p.Hostname) > 64 || strings.ContainsAny(p.Hostname, "/\x00") {
			return fmt.Errorf("hostname is %q", p.Hostname)
		}
		if err := absolute("root", p.Root, false); err != nil {
			return err
		}
	}
	paths := map[string]string{"secrets": p.Secrets, "tmp": p.Tmp}
	for name, value := range paths {
		if err := absolute(name, value, true); err != nil {
			return err
		}
	}
	if err := absolute("rootfs", p.Rootfs, false); err != nil {
		return err
	}
	if err := absolute("workdir", p.Workdir, false); err != nil {
		return err
	}
	for _, shown := range p.Show {
		if err := absolute("show", shown, false); err != nil {
			return err
		}
		if shown == "/" {
			return errors.New("show is \"/\"")
		}
	}
	if p.Cgroup != nil {
		for _, folder := range p.Cgroup.Folders {
			if err := absolute("cgroup", folder, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// absolute refuses a path that is relative or has a part such as `..`.
func absolute(name, value string, optional bool) error {
	if optional && value == "" {
		return nil
	}
	if !path.IsAbs(value) || path.Clean(value) != value || strings.ContainsRune(value, 0) {
		return fmt.Errorf("%s is %q, not a clean absolute path", name, value)
	}
	return nil
}

// Groups returns the folders of the control groups, in a fixed order.
func (p *Policy) Groups() []string {
	if p.Cgroup == nil {
		return nil
	}
	var folders []string
	for _, folder := range p.Cgroup.Folders {
		folders = append(folders, folder)
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}
