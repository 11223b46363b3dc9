package modes

import (
	"time"

	"fwatchdog/internal/process"
)

// worker is a process that answers one call.
type worker struct {
	*process.Process
	started time.Time
}

// startWorker starts the command. Its standard error is logged unless it is part of the response.
func (h *Fork) startWorker(env []string, input bool) (*worker, error) {
	p, err := process.Start(h.config.Command, env, input, !h.config.CombinesOutput())
	if err != nil {
		return nil, err
	}
	if p.Errors != nil {
		go func() {
			defer p.Errors.Close()
			h.logger.CopyLines("stderr", p.Errors)
		}()
	}
	return &worker{Process: p, started: time.Now()}, nil
}

// discard kills a worker that has no call.
func (w *worker) discard() {
	w.Kill()
	w.CloseInput()
	w.Output.Close()
	_ = w.Wait()
}
