package landlock

import (
	"testing"

	"fwatchdog/internal/sandbox/policy"
)

// Each ABI handles the rights that it knows, and no others: an unknown bit makes the kernel refuse the ruleset.
func TestRightsByABI(t *testing.T) {
	for abi, desired := range map[int]uint64{1: 0x1fff, 2: 0x3fff, 3: 0x7fff, 4: 0x7fff, 5: 0xffff, 6: 0xffff, 7: 0xffff} {
		if got := Everything(abi); got != desired {
			t.Errorf("ABI %d handles %#x, not %#x", abi, got, desired)
		}
		if Write(abi)&(makeCharDevice|makeBlock) != 0 || Write(abi)&^Everything(abi) != 0 {
			t.Errorf("ABI %d: writing is %#x", abi, Write(abi))
		}
		if got := reduce(^uint64(0), false, abi); got&^(Everything(abi)&ofFiles) != 0 {
			t.Errorf("ABI %d gives a file %#x", abi, got)
		}
		if scoped := Scopes(abi) != 0; scoped != (abi >= 6) {
			t.Errorf("ABI %d keeps signals inside: %v", abi, scoped)
		}
	}
}

func rightsOf(rules []Rule, path string) uint64 {
	for _, rule := range rules {
		if rule.Path == path {
			return rule.Rights
		}
	}
	return 0
}

// Only folders of the function itself may be written.
func TestRules(t *testing.T) {
	p := &policy.Policy{Level: policy.Landlock, Rootfs: "/image", Tmp: "/t", Secrets: "/s", Show: []string{"/usr"}}
	rules := Rules(p, "/fwatchdog", 7)
	const writing = WriteFile | truncate | refer
	for path, desired := range map[string]bool{"/image": false, "/fwatchdog": false, "/usr": false, "/s": false, "/proc": false, "/t": true} {
		rights := rightsOf(rules, path)
		if rights == 0 || (rights&writing != 0) != desired {
			t.Errorf("%s has rights %#x", path, rights)
		}
	}
	if rightsOf(rules, "/s")&Execute != 0 {
		t.Error("secrets can be executed")
	}
	p.Level = policy.Namespaces
	inside := Rules(p, "/fwatchdog", 7)
	if rightsOf(inside, "/")&writing != 0 || rightsOf(inside, "/tmp")&WriteFile == 0 || rightsOf(inside, "/usr") != 0 {
		t.Errorf("rules inside: %v", inside)
	}
}
