package modes

import (
	"sync"
	"time"
)

const (
	warmAge   = 5 * time.Minute  // an idle process older than this is replaced by a fresh one
	warmCheck = 10 * time.Second // between two looks at the idle processes
)

// warmPool keeps processes that have started already and wait on their standard input, so that a
// request pays for its work and not for the start of an interpreter.
type warmPool struct {
	size  int
	start func() (*worker, error)
	fault func(error)

	mutex   sync.Mutex
	idle    []*worker // the oldest first
	opening int       // processes being started
	closed  bool
	stop    chan struct{}
}

func newWarmPool(size int, start func() (*worker, error), fault func(error)) *warmPool {
	p := &warmPool{size: size, start: start, fault: fault, stop: make(chan struct{})}
	p.refill()
	go p.look()
	return p
}

// take returns a waiting process, or nil when there is none. The caller refills the pool when its call is over:
// a process that starts meanwhile would take the processor from the one that answers.
func (p *warmPool) take() *worker {
	for {
		w := p.pop()
		if w == nil || w.process.Alive() {
			return w
		}
		w.discard()
	}
}

func (p *warmPool) pop() *worker {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	w := p.idle[0]
	p.idle = append(p.idle[:0], p.idle[1:]...)
	return w
}

// refill starts as many processes as are missing.
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
		// The next look tries again; a request meanwhile starts its own process and reports the reason.
		p.fault(err)
	case late:
		w.discard()
	}
}

// look replaces processes that have ended or grown old.
func (p *warmPool) look() {
	ticker := time.NewTicker(warmCheck)
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
	var stale, kept []*worker
	for _, w := range p.idle {
		if time.Since(w.since) > warmAge || !w.process.Alive() {
			stale = append(stale, w)
		} else {
			kept = append(kept, w)
		}
	}
	p.idle = kept
	return stale
}

// close ends the waiting processes.
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
