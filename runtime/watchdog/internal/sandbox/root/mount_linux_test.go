package root

import (
	"errors"
	"slices"
	"syscall"
	"testing"
)

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
