package sandbox

import (
	"slices"
	"strings"
	"testing"

	"fwatchdog/internal/sandbox/policy"
)

// machine returns a trial for a machine on which some things fail.
func machine(fails func(p *policy.Policy) string) trial {
	return func(p *policy.Policy) (string, string) {
		if what := fails(p); what != "" {
			return what, "operation not permitted"
		}
		return "", ""
	}
}

func missing(r *Report) []string {
	var parts []string
	for _, each := range r.Missing {
		parts = append(parts, each.Part)
	}
	return parts
}

// The level is the strongest that works, and what is missing has a reason and a remedy.
func TestProbe(t *testing.T) {
	for _, c := range []struct {
		name    string
		fails   func(p *policy.Policy) string
		root    bool
		abi     int
		level   policy.Level
		missing []string
	}{
		{"all", func(*policy.Policy) string { return "" }, true, 7, policy.Namespaces, nil},
		{"container", func(p *policy.Policy) string {
			if p.Level == policy.Namespaces {
				return "start"
			}
			if p.Guard {
				return "guard"
			}
			return ""
		}, true, 7, policy.Landlock, []string{"namespaces", "guard"}},
		{"no Landlock", func(*policy.Policy) string { return "" }, false, 0, policy.Namespaces, []string{"landlock"}},
		{"old kernel", func(p *policy.Policy) string {
			if p.Level == policy.Namespaces {
				return "proc"
			}
			return ""
		}, false, 0, policy.Seccomp, []string{"namespaces", "landlock"}},
		{"nothing", func(*policy.Policy) string { return "seccomp" }, true, 0, policy.None, []string{"namespaces", "landlock", "seccomp"}},
	} {
		r := probe(machine(c.fails), c.root, c.abi)
		if r.Level != c.level || !slices.Equal(missing(r), c.missing) {
			t.Errorf("%s: level %s, missing %v", c.name, r.Level, r.Missing)
		}
		if r.Parts[partOwnUser] != (c.root && c.level != policy.None) {
			t.Errorf("%s: own user numbers: %v", c.name, r.Parts[partOwnUser])
		}
		for _, each := range r.Missing {
			if each.Reason == "" || each.Remedy == "" {
				t.Errorf("%s: %+v", c.name, each)
			}
		}
	}
}

// Every step that machines are known to refuse has a remedy.
func TestRemedies(t *testing.T) {
	const refused = "operation not permitted"
	for _, c := range []struct{ step, reason, words string }{
		{"start", refused, "user namespaces"}, {"start", "no space left on device", "max_user_namespaces"},
		{"start", "invalid argument", "CONFIG_USER_NS"}, {"tmpfs", "permission denied", "AppArmor"}, {"proc", refused, "systempaths"},
		{"landlock", "x", "5.13"}, {"guard", refused, "pidfd_getfd"}, {"guard", "function not implemented", "5.9"},
		{"seccomp", "x", "CONFIG_SECCOMP"}, {"working folder", "x", "working folder"}, {"start", "x", ""}, {"policy", "x", ""},
	} {
		if got := remedyOf(c.step, c.reason); !strings.Contains(got, c.words) || (c.words == "") != (got == "") {
			t.Errorf("%s: %s: %q", c.step, c.reason, got)
		}
	}
}
