package main

import (
	"runtime"
	"runtime/debug"
	"time"
)

// restAfter is how long nothing must happen before memory is given back.
const restAfter = 2 * time.Second

// rest gives memory back to the system some time after the last call: Go itself takes minutes over it, and many
// functions share a machine while few of them work.
type rest struct {
	timer *time.Timer
	busy  func() bool
}

func newRest(busy func() bool) *rest {
	r := &rest{busy: busy}
	r.timer = time.AfterFunc(restAfter, r.giveBack)
	return r
}

// postpone is called when a call has ended.
func (r *rest) postpone() { r.timer.Reset(restAfter) }

func (r *rest) giveBack() {
	if !r.busy() {
		// What pools keep goes with the second collection only.
		runtime.GC()
		debug.FreeOSMemory()
	}
}
