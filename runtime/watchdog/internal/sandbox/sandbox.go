// Package sandbox starts a replica so that it sees and does only what its policy says.
//
// The launcher (Launch) is the watchdog's own binary, started by the gateway. It starts the same binary once more, in
// namespaces of its own, as the stage inside (Inside), which gives up its rights step by step and becomes the watchdog.
package sandbox

import (
	"fmt"
	"os"
)

// InsideFlag is the argument of the stage inside.
const InsideFlag = "-isolation-inside"

// PrivateFlag is the argument of a watchdog whose memory the function must not see. It is given where the launcher can read
// that memory all the same, which the guard does: the launcher has made the namespaces, and so has all rights in them.
const PrivateFlag = "-isolation-private"

// ExitFailed is the exit code when a replica cannot be isolated as its policy says. It is never started with less.
const ExitFailed = 125

// BeforeExec is called before the stage inside becomes the watchdog. Coverage builds write their counters in it.
var BeforeExec = func() {}

// refuse prints why a replica is not started, with a remedy if one is known, and returns the exit code.
func refuse(what string, err error) int {
	line := fmt.Sprintf("fwatchdog: isolation: %s: %v", what, err)
	if hint := remedyOf(what, err.Error()); hint != "" {
		line += "; " + hint
	}
	fmt.Fprintln(os.Stderr, line)
	return ExitFailed
}
