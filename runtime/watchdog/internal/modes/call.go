package modes

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"fwatchdog/internal/calls"
)

// call is one request that one process answers.
type call struct {
	*Fork
	*worker
	writer  http.ResponseWriter
	request *http.Request
	begun   time.Time

	bodyErr  error         // why the body could not be read from the client
	bodyEnd  atomic.Bool   // the whole body has been read
	cutShort bool          // nothing more can be read from the client
	fed      chan struct{} // closed when nobody reads the body any more; nil without a body

	killed   atomic.Value // why the process was killed: one of the reasons below
	held     bytes.Buffer // output that waits for the exit code
	streamed bool         // the header has been sent
	written  int64        // bytes of the response body
}

// Reasons to kill the process of a call.
const (
	reasonTimeout      = "timeout"
	reasonDisconnected = "client disconnected"
	reasonBody         = "body unreadable"
)

const (
	failureInterval = 100 * time.Millisecond // between two looks whether the process of a call has failed
	outputTimeout   = 100 * time.Millisecond // for the output of a killed process to end
	bodyTimeout     = 5 * time.Second        // for the rest of a body that the process has not read
)

func (c *call) run() {
	if c.config.WriteDebug {
		c.logger.Printf("Query: %s Path: %s", c.request.URL.RawQuery, c.request.URL.Path)
	}
	document, err := c.document()
	if err != nil {
		c.unreadable(err)
		return
	}
	calls.EnsureTrace(c.request)
	if err := c.start(document != nil); err != nil {
		c.failed(calls.FailureStatus(err), err.Error(), nil)
		return
	}
	if c.request.ContentLength != 0 && document == nil {
		// The response may begin before the request has ended.
		_ = http.NewResponseController(c.writer).EnableFullDuplex()
	}
	c.feed(document)
	stop := c.watch()
	copyErr := c.collect()
	waitErr := c.Wait()
	stop()
	killed := c.reason()
	c.stopFeeding()
	c.finish(waitErr, copyErr, killed)
}

// document returns what the process reads instead of the body, or nil.
func (c *call) document() ([]byte, error) {
	if !c.config.MarshalRequest {
		return nil, nil
	}
	document, err := marshalRequest(c.request)
	c.bodyEnd.Store(err == nil)
	return document, err
}

// start assigns a process to the call: one from the warm pool, or a new one.
func (c *call) start(document bool) error {
	if c.warm != nil {
		if c.worker = c.warm.take(); c.worker != nil {
			return nil
		}
	}
	env := c.env
	if c.config.CGIHeaders {
		env = requestEnvironment(env, c.request)
	}
	var err error
	c.worker, err = c.startWorker(env, document || c.request.ContentLength != 0)
	if c.config.CGIHeaders && errors.Is(err, syscall.E2BIG) {
		return calls.ErrHeadersTooLarge
	}
	return err
}

// feed writes the body to the process while it is read. A process need not read its input. The rest of the body is
// discarded then, because a client may not read the response before it has sent everything.
func (c *call) feed(document []byte) {
	if document == nil && c.request.ContentLength == 0 {
		c.CloseInput()
		return
	}
	c.fed = make(chan struct{})
	go func() {
		defer close(c.fed)
		defer c.CloseInput()
		if document != nil {
			_, _ = c.Input.Write(document)
			return
		}
		buffer := calls.Buffers.Get().(*[]byte)
		defer calls.Buffers.Put(buffer)
		source := bodyReader{c}
		_, err := io.CopyBuffer(writerOnly{c.Input}, source, *buffer)
		if err != nil && c.bodyErr == nil {
			_, err = io.CopyBuffer(writerOnly{io.Discard}, source, *buffer)
		}
		if err != nil {
			c.kill(reasonBody)
		}
	}()
}

// stopFeeding returns when nobody reads the body any more. A successful call waits a limited time for the client to send
// the whole body.
func (c *call) stopFeeding() {
	if c.fed == nil {
		return
	}
	// A descendant of the process may hold the pipe and never read it.
	c.CloseInput()
	if c.reason() == "" && !c.streamed {
		select {
		case <-c.fed:
			return
		case <-time.After(bodyTimeout):
		}
	}
	if !c.wholeBody() {
		c.cutShort = true
		_ = http.NewResponseController(c.writer).SetReadDeadline(calls.Past)
	}
	<-c.fed
}

// wholeBody reports whether the body has been read to its end. If not, its rest must not be parsed as the next request of
// the connection.
func (c *call) wholeBody() bool { return c.fed == nil || c.bodyEnd.Load() }

// closeAfter closes the connection after the response if a part of the body is unread.
func (c *call) closeAfter() {
	if c.cutShort || !c.wholeBody() {
		c.writer.Header().Set("Connection", "close")
	}
}

// bodyReader reads the body and records a failure of the client, to tell it from a failure of the process.
type bodyReader struct{ call *call }

func (r bodyReader) Read(p []byte) (int, error) {
	n, err := r.call.request.Body.Read(p)
	switch {
	case err == io.EOF:
		// Recorded before the process reads the last bytes, and can respond.
		r.call.bodyEnd.Store(true)
	case err != nil:
		r.call.bodyErr = err
	}
	return n, err
}

// writerOnly hides the ReadFrom of a file, which allocates a buffer.
type writerOnly struct{ io.Writer }

// watch kills the process at its timeout or when the client disconnects, and ends what a failed process has left, which may
// hold its output open. The returned function ends the watch.
func (c *call) watch() func() {
	var expired <-chan time.Time
	var timer *time.Timer
	if limit := c.config.CallTimeout(calls.RequestedTimeout(c.request)); limit > 0 {
		timer = time.NewTimer(limit)
		expired = timer.C
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		failures := time.NewTicker(failureInterval)
		defer failures.Stop()
		for waiting := true; waiting; {
			select {
			case <-failures.C:
				if c.EndAfterFailure() {
					c.limitOutput()
					failures.Stop()
				}
				continue
			case <-expired:
				c.kill(reasonTimeout)
			case <-c.request.Context().Done():
				c.Kill()
				if c.fed != nil {
					// An incomplete body ends the context too, and is the reason then.
					<-c.fed
				}
				c.kill(reasonDisconnected)
			case <-done:
			}
			waiting = false
		}
	}()
	return func() {
		close(done)
		<-ended
		if timer != nil {
			timer.Stop()
		}
	}
}

// kill kills the process; the first reason counts.
func (c *call) kill(reason string) {
	c.killed.CompareAndSwap(nil, reason)
	c.Kill()
	c.limitOutput()
}

// limitOutput ends the output soon: a process that has left the group may hold the pipe open forever.
func (c *call) limitOutput() { _ = c.Output.SetReadDeadline(time.Now().Add(outputTimeout)) }

// reason returns why the process was killed, or an empty text.
func (c *call) reason() string {
	reason, _ := c.killed.Load().(string)
	return reason
}
