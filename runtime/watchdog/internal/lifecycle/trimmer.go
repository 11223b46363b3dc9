package lifecycle

import (
	"runtime"
	"runtime/debug"
	"time"

	"fwatchdog/internal/upstream"
)

// trimDelay is how long no call may have ended before memory and connections are released.
const trimDelay = 2 * time.Second

// Trimmer releases connections and memory some time after the last call. Go itself keeps unused memory for minutes, and
// many functions share a machine while few of them work.
type Trimmer struct {
	timer    *time.Timer
	inFlight func() int64
	upstream *upstream.Pool // nil except in mode http
}

// NewTrimmer starts a trimmer. It does nothing while inFlight returns calls.
func NewTrimmer(inFlight func() int64, pool *upstream.Pool) *Trimmer {
	t := &Trimmer{inFlight: inFlight, upstream: pool}
	t.timer = time.AfterFunc(trimDelay, t.trim)
	return t
}

// Postpone restarts the delay; it is called when a call has ended.
func (t *Trimmer) Postpone() { t.timer.Reset(trimDelay) }

func (t *Trimmer) trim() {
	if t.inFlight() > 0 {
		return
	}
	if t.upstream != nil {
		t.upstream.CloseIdle()
	}
	// The first collection only marks the contents of pools; the second frees them.
	runtime.GC()
	debug.FreeOSMemory()
}
