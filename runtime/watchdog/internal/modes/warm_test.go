package modes

import (
	"io"
	"testing"
	"time"

	"fwatchdog/internal/config"
	"fwatchdog/internal/logging"
)

func newTestPool(t *testing.T, size int) *warmPool {
	t.Helper()
	c := &config.Config{Mode: config.ModeFork, Command: []string{"cat"}}
	h := NewFork(c, logging.New(io.Discard, io.Discard, logging.Options{}))
	pool := newWarmPool(size, func() (*worker, error) { return h.startWorker(nil, true) }, func(err error) { t.Error(err) })
	t.Cleanup(pool.close)
	return pool
}

// filled waits until the pool has its size, and returns the idle processes.
func (p *warmPool) filled(t *testing.T) []*worker {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		p.mutex.Lock()
		idle := append([]*worker(nil), p.idle...)
		p.mutex.Unlock()
		if len(idle) == p.size {
			return idle
		}
	}
	t.Fatal("the pool is never filled")
	return nil
}

func TestOldAndDeadProcessesAreReplaced(t *testing.T) {
	pool := newTestPool(t, 3)
	idle := pool.filled(t)
	idle[0].started = time.Now().Add(-2 * maxWarmAge)
	idle[1].Kill()
	for idle[1].Alive() {
		time.Sleep(time.Millisecond)
	}

	stale := pool.removeStale()

	if len(stale) != 2 || stale[0] != idle[0] || stale[1] != idle[1] {
		t.Fatalf("%d processes are stale", len(stale))
	}
	for _, w := range stale {
		w.discard()
	}
	pool.refill()
	if now := pool.filled(t); now[0] != idle[2] {
		t.Error("a good process was replaced")
	}
}

func TestOldestProcessIsTakenFirst(t *testing.T) {
	pool := newTestPool(t, 2)
	idle := pool.filled(t)

	first := pool.take()
	defer first.discard()

	if first != idle[0] {
		t.Error("a younger process was taken")
	}
}
