package modes

import (
	"os"
	"sync"
	"time"

	"fwatchdog/internal/process"
)

// worker is a process that answers one request, with our ends of its pipes.
type worker struct {
	process *process.Process
	input   *os.File // its standard input; nil when that is the null device
	output  *os.File // its standard output, and standard error where they are combined
	since   time.Time
	closing sync.Once
}

// startWorker makes the pipes and starts the command. Standard error is logged from now on.
func (h *Fork) startWorker(env []string, withInput bool) (*worker, error) {
	var pipes []*os.File
	done := false
	defer func() {
		if !done {
			process.CloseFiles(pipes...)
		}
	}()
	pipe := func() (reader, writer *os.File, err error) {
		if reader, writer, err = os.Pipe(); err == nil {
			pipes = append(pipes, reader, writer)
		}
		return reader, writer, err
	}
	w := &worker{since: time.Now()}
	var stdin, stdout, stderr, ours *os.File
	var err error
	if withInput {
		if stdin, w.input, err = pipe(); err != nil {
			return nil, err
		}
	}
	if w.output, stdout, err = pipe(); err != nil {
		return nil, err
	}
	if stderr = stdout; !h.config.CombinesOutput() {
		if ours, stderr, err = pipe(); err != nil {
			return nil, err
		}
	}
	if w.process, err = process.Start(h.config.Command, env, stdin, stdout, stderr); err != nil {
		return nil, err
	}
	done = true
	process.CloseFiles(stdin, stdout)
	if ours != nil {
		stderr.Close()
		go func() {
			defer ours.Close()
			h.logger.CopyLines("stderr", ours)
		}()
	}
	return w, nil
}

// closeInput tells the process that nothing more comes.
func (w *worker) closeInput() {
	if w.input != nil {
		w.closing.Do(func() { w.input.Close() })
	}
}

// discard ends a worker that has not been given a request.
func (w *worker) discard() {
	w.process.Kill()
	w.closeInput()
	w.output.Close()
	_ = w.process.Wait()
}
