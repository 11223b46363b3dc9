//go:build !linux || !(amd64 || arm64)

package sandbox

import (
	"errors"
	"runtime"

	"fwatchdog/internal/sandbox/policy"
)

var errSystem = errors.New("not available on " + runtime.GOOS + "/" + runtime.GOARCH)

// Launch reports that only Linux on amd64 and arm64 has a launcher.
func Launch(int) int { return refuse("start", errSystem) }

// Inside reports that only Linux on amd64 and arm64 has a launcher.
func Inside() int { return refuse("start", errSystem) }

// Probe reports that nothing is offered.
func Probe() *Report {
	return probe(func(*policy.Policy) (string, string) { return "start", errSystem.Error() }, false, 0)
}

// Try reports that only Linux on amd64 and arm64 has a launcher.
func Try() int { return refuse("start", errSystem) }

// CloseMemory reports that only Linux on amd64 and arm64 has a launcher.
func CloseMemory() int { return refuse("start", errSystem) }
