package modes

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"fwatchdog/internal/calls"
)

// call is one request being answered by one process.
type call struct {
	*Fork
	writer  http.ResponseWriter
	request *http.Request
	begun   time.Time

	*worker
	bodyErr  error         // why the request's body could not be read
	bodyEnd  atomic.Bool   // all of it has been read
	cutShort bool          // nothing more can be read from the client
	fed      chan struct{} // closed when the body needs no more attention

	mutex    sync.Mutex
	killed   string // why the child was killed: one of the reasons below
	held     bytes.Buffer
	streamed bool  // the header and the first bytes are on their way
	written  int64 // bytes of the answer
}

const (
	reasonTimeout = "timeout"
	reasonGone    = "client gone"
	reasonBody    = "body unreadable"
)

const (
	// killGrace is how long the output of a killed process may take to end.
	outputTimeoutAfterKill = 100 * time.Millisecond
	// lateBody is how long a client may go on sending when the process has ended without reading everything.
	bodyTimeout = 5 * time.Second
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
		c.failed(calls.StartStatus(err), err.Error(), nil)
		return
	}
	if c.request.ContentLength != 0 && document == nil {
		// The answer may begin before the request has ended.
		_ = http.NewResponseController(c.writer).EnableFullDuplex()
	}
	c.feed(document)
	stop := c.watch()
	copyErr := c.collect()
	waitErr := c.process.Wait()
	stop()
	killed := c.reason()
	c.stopFeeding()
	c.finish(waitErr, copyErr, killed)
}

// document is what the child reads instead of the raw body, or nil.
func (c *call) document() ([]byte, error) {
	if !c.config.MarshalRequest {
		return nil, nil
	}
	document, err := marshalRequest(c.request)
	c.bodyEnd.Store(err == nil)
	return document, err
}

// start gives the call a process: one that waits already, or a new one.
func (c *call) start(document bool) error {
	h := c.Fork
	if h.warm != nil {
		if c.worker = h.warm.take(); c.worker != nil {
			return nil
		}
	}
	env := h.env
	if h.config.CGIHeaders {
		env = requestEnvironment(env, c.request)
	}
	var err error
	c.worker, err = h.startWorker(env, document || c.request.ContentLength != 0)
	return err
}

// feed writes the body to the child while it is read. A child that does not care to read is no failure;
// the rest is thrown away then, as a client may look for an answer only when it has sent everything.
func (c *call) feed(document []byte) {
	if document == nil && c.request.ContentLength == 0 {
		c.closeInput()
		return
	}
	c.fed = make(chan struct{})
	go func() {
		defer close(c.fed)
		defer c.closeInput()
		if document != nil {
			_, _ = c.input.Write(document)
			return
		}
		buffer := calls.Buffers.Get().(*[]byte)
		defer calls.Buffers.Put(buffer)
		source := bodyReader{c}
		_, err := io.CopyBuffer(writerOnly{c.input}, source, *buffer)
		if err != nil && c.bodyErr == nil {
			_, err = io.CopyBuffer(writerOnly{io.Discard}, source, *buffer)
		}
		if err != nil {
			c.kill(reasonBody)
		}
	}()
}

// stopFeeding returns when nobody reads the body any more. A good answer waits for the client's last byte, if that
// does not take too long.
func (c *call) stopFeeding() {
	if c.fed == nil {
		return
	}
	// Somebody the process has left behind may hold the pipe, and not read.
	c.closeInput()
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

// wholeBody reports that the body has been read to its end. Otherwise what is left of it is still to come, and
// must not be taken for the connection's next request.
func (c *call) wholeBody() bool { return c.fed == nil || c.bodyEnd.Load() }

// closeAfter makes this answer the last one of its connection, when that is needed.
func (c *call) closeAfter() {
	if c.cutShort || !c.wholeBody() {
		c.writer.Header().Set("Connection", "close")
	}
}

// bodyReader keeps apart the two ways a copy can fail: this one is the client's.
type bodyReader struct{ call *call }

func (r bodyReader) Read(p []byte) (int, error) {
	n, err := r.call.request.Body.Read(p)
	switch {
	case err == io.EOF:
		// Known before the process sees the last bytes, and can answer.
		r.call.bodyEnd.Store(true)
	case err != nil:
		r.call.bodyErr = err
	}
	return n, err
}

// writerOnly hides a file's ReadFrom, which would bring a buffer of its own.
type writerOnly struct{ io.Writer }

// watch kills the child when its time is over or its client has gone; the function it returns ends the watch.
func (c *call) watch() func() {
	var expired <-chan time.Time
	var timer *time.Timer
	if limit := c.config.CallTimeout(calls.RequestedTimeout(c.request)); limit > 0 {
		timer = time.NewTimer(limit)
		expired = timer.C
	}
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Add(1)
	go func() {
		defer watching.Done()
		select {
		case <-expired:
			c.kill(reasonTimeout)
		case <-c.request.Context().Done():
			c.process.Kill()
			if c.fed != nil {
				// A body that breaks off ends the context too; then that is the reason.
				<-c.fed
			}
			c.kill(reasonGone)
		case <-done:
		}
	}()
	return func() {
		close(done)
		watching.Wait()
		if timer != nil {
			timer.Stop()
		}
	}
}

func (c *call) kill(reason string) {
	c.mutex.Lock()
	if c.killed == "" {
		c.killed = reason
	}
	c.mutex.Unlock()
	c.process.Kill()
	// A process that has left the group may hold the pipe open for as long as it likes.
	_ = c.output.SetReadDeadline(time.Now().Add(outputTimeoutAfterKill))
}

// reason is why the process was killed, or empty.
func (c *call) reason() string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.killed
}
