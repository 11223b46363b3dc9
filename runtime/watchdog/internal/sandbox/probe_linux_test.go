//go:build amd64 || arm64

package sandbox

import "testing"

// The line of a stage that failed is split into step and reason; a stage without one has ended for no reason it knows.
func TestFailure(t *testing.T) {
	for line, desired := range map[string][2]string{
		"fwatchdog: isolation: proc: operation not permitted; a remedy\nmore": {"proc", "operation not permitted"},
		"": {"start", "the program inside ended with code 3"},
	} {
		if step, reason := failure([]byte(line), 3); step != desired[0] || reason != desired[1] {
			t.Errorf("%q: %s, %s", line, step, reason)
		}
	}
}
