package policy

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
)

// valid returns a policy that Read accepts, as a map to change.
func valid() map[string]any {
	return map[string]any{
		"level": "namespaces", "hostname": "api", "rootfs": "/state/rootfs/1", "root": "/state/replicas/a/root",
		"show": []string{"/usr", "/etc/ssl"}, "workdir": "/home/app", "network": "host", "guard": true,
		"refuse": []string{"self:9000-9100"}, "tmp": "/state/replicas/a/tmp",
	}
}

func read(document map[string]any) (*Policy, error) {
	text, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	return Read(strings.NewReader(string(text)))
}

func TestPolicyIsRead(t *testing.T) {
	document := valid()
	document["cgroup"] = map[string]any{"version": 1, "folders": map[string]string{"b": "/cg/b", "a": "/cg/a", "c": "/cg/a"}}
	p, err := read(document)
	if err != nil {
		t.Fatal(err)
	}
	if p.TmpBytes != DefaultTmpBytes || p.Level != Namespaces || len(p.Refuse) != 1 {
		t.Errorf("read %+v", p)
	}
	if groups := p.Groups(); len(groups) != 2 || groups[0] != "/cg/a" {
		t.Errorf("groups %v", groups)
	}
	again, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(strings.NewReader(string(again))); err != nil {
		t.Errorf("a policy that was written cannot be read: %v", err)
	}
}

// Each wrong field is refused, with its name.
func TestPolicyIsRefused(t *testing.T) {
	for _, c := range []struct {
		field string
		value any
		words string
	}{
		{"level", "jail", "level"}, {"network", "", "network"}, {"hostname", "", "hostname"},
		{"hostname", "a/b", "hostname"}, {"rootfs", "relative", "rootfs"}, {"rootfs", "/a/../b", "rootfs"},
		{"root", "", "root"}, {"workdir", "", "workdir"}, {"show", []string{"/"}, "show"},
		{"show", []string{"usr"}, "show"}, {"secrets", "x", "secrets"}, {"tmp", "x", "tmp"}, {"user", -1, "negative"},
		{"cgroup", map[string]any{"version": 3}, "cgroup"}, {"refuse", []string{"10.0.0.1"}, "no port"},
		{"cgroup", map[string]any{"version": 2, "folders": map[string]string{"": "x"}}, "cgroup"}, {"new_rule", true, "new_rule"},
	} {
		document := valid()
		document[c.field] = c.value
		if _, err := read(document); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s = %v: %v", c.field, c.value, err)
		}
	}
	for _, c := range []struct{ level, network, tmp, words string }{
		{"landlock", "none", "/t", "needs level namespaces"}, {"none", "host", "/t", "needs a level"},
		{"landlock", "host", "", "tmp is empty"},
	} {
		document := valid()
		document["level"], document["network"], document["tmp"] = c.level, c.network, c.tmp
		if _, err := read(document); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%v: %v", c, err)
		}
	}
	isolated := valid()
	isolated["network"] = "none"
	if _, err := read(isolated); err == nil || !strings.Contains(err.Error(), "no guard") {
		t.Errorf("none with guard: %v", err)
	}
	document := valid()
	document["network"], document["guard"] = "internet", false
	if _, err := read(document); err == nil || !strings.Contains(err.Error(), "guard") {
		t.Errorf("internet without guard: %v", err)
	}
	for _, text := range []string{"", "{}{}", "[]", strings.Repeat(" ", maxPolicyBytes+1)} {
		if _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%.10q is accepted", text)
		}
	}
}

func TestRules(t *testing.T) {
	self := func(ip netip.Addr) bool { return ip == netip.MustParseAddr("192.168.1.5") }
	for _, c := range []struct {
		rule, address string
		matches       bool
	}{
		{"127.0.0.1:80", "127.0.0.1:80", true}, {"127.0.0.1:80", "127.0.0.1:81", false},
		{"127.0.0.1:80", "[::ffff:127.0.0.1]:80", true}, {"10.0.0.0/8:*", "10.255.0.1:1", true},
		{"10.0.0.0/8:1000-1001", "10.0.0.1:1001", true}, {"10.0.0.0/8:1000-1001", "10.0.0.1:1002", false},
		{"[fe80::]/10:*", "[fe80::1%eth0]:5", true}, {"[::1]:9", "[::1]:9", true}, {"self:*", "192.168.1.5:9", true},
		{"self:*", "192.168.1.6:9", false}, {"*:25", "8.8.8.8:25", true}, {"*:25", "8.8.8.8:26", false},
	} {
		rule, err := ParseRule(c.rule)
		if err != nil {
			t.Fatal(err)
		}
		if rule.Matches(netip.MustParseAddrPort(c.address), self) != c.matches {
			t.Errorf("%s and %s: not %v", c.rule, c.address, c.matches)
		}
		text, _ := rule.MarshalText()
		if again, err := ParseRule(string(text)); err != nil || again != rule {
			t.Errorf("%s is written as %s: %v", c.rule, text, err)
		}
	}
	for _, text := range []string{"", "1.2.3.4", "x:80", "1.2.3.4:70000", "1.2.3.4:9-8", "1.2.3.4/33:1", "1.2.3.4/x:1", "[::1:80", "1.2.3.4:a-b"} {
		if _, err := ParseRule(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
