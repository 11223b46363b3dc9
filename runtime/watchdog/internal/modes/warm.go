package modes

import (
	"slices"
	"sync"
	"time"
)

const (
	maxWarmAge   = 5 * time.Minute  // an older idle process is replaced
	warmInterval = 10 * time.Second // between checks of the idle processes
)

// warmPool keeps processes that wait on their standard input, so that a call does not wait for the start of an
// interpreter.
type warmPool struct {
	size   int
	start  func() (*worker, error)
	failed func(error) // reports that a process could not be started

	mutex   sync.Mutex
	idle    []*worker // oldest first
	opening int       // processes being started
	closed  bool
	stop    chan struct{}
}

func newWarmPool(size int, start func() (*worker, error), failed func(error)) *warmPool {
	p := &warmPool{size: size, start: start, failed: failed, stop: make(chan struct{})}
	p.refill()
	go p.maintain()
	return p
}

// take returns an idle process, or nil when there is none. The caller refills the pool after its call: a process that
// starts earlier competes with the call for the CPU.
func (p *warmPool) take() *worker {
	for {
		p.mutex.Lock()
		if len(p.idle) == 0 {
			p.mutex.Unlock()
			return nil
		}
		w := p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
		p.mutex.Unlock()
		if w.Alive() {
			return w
		}
		w.discard()
	}
}

// refill starts processes until the pool has its size.
func (p *warmPool) refill() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.closed {
		return
	}
	for ; len(p.idle)+p.opening < p.size; p.opening++ {
		go p.open()
	}
}

func (p *warmPool) open() {
	w, err := p.start()
	p.mutex.Lock()
	p.opening--
	late := p.closed
	if err == nil && !late {
		p.idle = append(p.idle, w)
	}
	p.mutex.Unlock()
	switch {
	case err != nil:
		// The next check retries; until then each call starts its own process and reports the error.
		p.failed(err)
	case late:
		w.discard()
	}
}

// maintain replaces idle processes that have ended or are too old.
func (p *warmPool) maintain() {
	ticker := time.NewTicker(warmInterval)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
			for _, w := range p.removeStale() {
				w.discard()
			}
			p.refill()
		}
	}
}

func (p *warmPool) removeStale() []*worker {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var stale []*worker
	p.idle = slices.DeleteFunc(p.idle, func(w *worker) bool {
		if time.Since(w.started) <= maxWarmAge && w.Alive() {
			return false
		}
		stale = append(stale, w)
		return true
	})
	return stale
}

// close ends the idle processes.
func (p *warmPool) close() {
	p.mutex.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mutex.Unlock()
	close(p.stop)
	for _, w := range idle {
		w.discard()
	}
}
