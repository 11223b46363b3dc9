package main

import (
	"runtime"
	"runtime/debug"
	"time"
)

// restAfter is how long nothing must happen before things are given back.
const restAfter = 2 * time.Second

// rest gives back what is not needed some time after the last call: connections, and memory, over which Go itself
// takes minutes. Many functions share a machine while few of them work.
type rest struct {
	timer    *time.Timer
	busy     func() bool
	upstream *upstream // nil but in mode http
}

func newRest(busy func() bool, up *upstream) *rest {
	r := &rest{busy: busy, upstream: up}
	r.timer = time.AfterFunc(restAfter, r.giveBack)
	return r
}

// postpone is called when a call has ended.
func (r *rest) postpone() { r.timer.Reset(restAfter) }

func (r *rest) giveBack() {
	if r.busy() {
		return
	}
	if r.upstream != nil {
		r.upstream.closeIdle()
	}
	// What pools keep goes with the second collection only.
	runtime.GC()
	debug.FreeOSMemory()
}
