package main

import "sync"

// ownProcesses are the children somebody here waits for; whoever collects orphans must leave them alone.
type ownProcesses struct {
	starting sync.RWMutex // held while a child is between its start and its entry in pids
	pids     sync.Map     // pid → the *process, so that a reused number is told from the old one
}

var own ownProcesses

// collect runs a function on every given pid that is nobody's; none can become somebody's meanwhile.
func (o *ownProcesses) collect(pids []int, reap func(int)) {
	o.starting.Lock()
	defer o.starting.Unlock()
	for _, pid := range pids {
		if _, found := o.pids.Load(pid); !found {
			reap(pid)
		}
	}
}
