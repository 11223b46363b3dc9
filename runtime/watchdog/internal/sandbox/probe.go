package sandbox

import "fwatchdog/internal/sandbox/policy"

// Report is what this machine offers, as found by trying.
type Report struct {
	Level       policy.Level    `json:"level"`        // the strongest that works
	LandlockABI int             `json:"landlock_abi"` // 0 without Landlock
	Parts       map[string]bool `json:"parts"`
	Missing     []Missing       `json:"missing"`
}

// Missing is a part that does not work here.
type Missing struct {
	Part   string `json:"part"`
	Reason string `json:"reason"`
	Remedy string `json:"remedy"` // empty if nothing is known
}

// The parts of a report.
const (
	partNamespaces       = "namespaces"
	partNetworkNamespace = "network_namespace"
	partLandlock         = "landlock"
	partSeccomp          = "seccomp"
	partGuard            = "guard"
	partOwnUser          = "own_user"
)

// TryFlag is the argument of the program that a probe starts inside.
const TryFlag = "-isolation-try"

// trial is one try: what fails is said by step and cause.
type trial func(p *policy.Policy) (step, reason string)

// probe finds what works with a trial. Root says whether functions can have user numbers of their own.
func probe(try trial, root bool, abi int) *Report {
	r := &Report{Level: policy.None, LandlockABI: abi, Parts: map[string]bool{}, Missing: []Missing{}}
	check := func(part string, p policy.Policy) bool {
		what, reason := try(&p)
		if r.Parts[part] = what == ""; !r.Parts[part] {
			r.miss(part, what, reason)
		}
		return r.Parts[part]
	}
	base := policy.Policy{Network: policy.Host}
	at := func(level policy.Level) policy.Policy { p := base; p.Level = level; return p }

	if check(partNamespaces, at(policy.Namespaces)) {
		r.Level = policy.Namespaces
	}
	if r.Parts[partLandlock] = abi > 0; abi == 0 {
		r.miss(partLandlock, partLandlock, "the kernel has no Landlock")
	} else if r.Level == policy.None && check(partLandlock, at(policy.Landlock)) {
		r.Level = policy.Landlock
	}
	if r.Parts[partSeccomp] = r.Level != policy.None; r.Level == policy.None && check(partSeccomp, at(policy.Seccomp)) {
		r.Level = policy.Seccomp
	}
	if r.Level == policy.None {
		return r
	}
	guarded := at(r.Level)
	guarded.Guard = true
	check(partGuard, guarded)
	if r.Level == policy.Namespaces {
		isolated := at(r.Level)
		isolated.Network = policy.Isolated
		check(partNetworkNamespace, isolated)
	}
	if root {
		own := at(r.Level)
		own.User = firstUser
		check(partOwnUser, own)
	} else {
		r.Parts[partOwnUser] = false
	}
	return r
}

// firstUser is the first number of the range that systemd gives to users which exist only while a service runs.
const firstUser = 61184

func (r *Report) miss(part, what, reason string) {
	r.Missing = append(r.Missing, Missing{Part: part, Reason: what + ": " + reason, Remedy: remedyOf(what, reason)})
}
