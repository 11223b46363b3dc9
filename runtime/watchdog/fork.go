package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// holdBack is how much output waits for the exit code, which decides the status. More is
// streamed: an answer of any size takes no more memory than this.
const holdBack = 64 * 1024

// forkHandler answers each request by running the command once: modes fork, streaming and serializing.
type forkHandler struct {
	config *config
	logger *logger
	env    []string
	warm   *warmPool // nil: every request starts its own process
}

func newForkHandler(c *config, l *logger, env []string) *forkHandler {
	h := &forkHandler{config: c, logger: l, env: env}
	if c.warm > 0 {
		start := func() (*worker, error) { return h.startWorker(env, true) }
		h.warm = newWarmPool(c.warm, start, func(err error) { l.printf("a process cannot be started in advance: %v", err) })
	}
	return h
}

// close ends the processes that wait for a request.
func (h *forkHandler) close() {
	if h.warm != nil {
		h.warm.close()
	}
}

// call is one request being answered by one process.
type call struct {
	handler *forkHandler
	writer  http.ResponseWriter
	request *http.Request
	begun   time.Time

	*worker
	bodyErr error         // why the request's body could not be read
	fed     chan struct{} // closed when the body needs no more attention

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

// killGrace is how long the output of a killed process may take to end.
const killGrace = 100 * time.Millisecond

var buffers = sync.Pool{New: func() any { buffer := make([]byte, 32*1024); return &buffer }}

func (h *forkHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.config.mode == modeFork && !classicMethod(r.Method) {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if h.warm != nil {
		defer h.warm.refill()
	}
	c := &call{handler: h, writer: w, request: r, begun: time.Now()}
	c.run()
}

func classicMethod(method string) bool {
	switch method {
	case "GET", "POST", "PUT", "PATCH", "DELETE":
		return true
	}
	return false
}

func (c *call) run() {
	if c.handler.config.writeDebug {
		c.handler.logger.printf("Query: %s Path: %s", c.request.URL.RawQuery, c.request.URL.Path)
	}
	document, err := c.document()
	if err != nil {
		c.unreadable(err)
		return
	}
	ensureTrace(c.request)
	if err := c.start(document != nil); err != nil {
		c.failed(startStatus(err), err.Error(), nil)
		return
	}
	if c.request.ContentLength != 0 && document == nil {
		// The answer may begin before the request has ended.
		_ = http.NewResponseController(c.writer).EnableFullDuplex()
	}
	c.feed(document)
	stop := c.watch()
	copyErr := c.collect()
	waitErr := c.process.wait()
	stop()
	killed := c.reason()
	c.stopFeeding()
	c.finish(waitErr, copyErr, killed)
}

// document is what the child reads instead of the raw body, or nil.
func (c *call) document() ([]byte, error) {
	if !c.handler.config.marshalRequest {
		return nil, nil
	}
	return marshalRequest(c.request)
}

// start gives the call a process: one that waits already, or a new one.
func (c *call) start(document bool) error {
	h := c.handler
	if h.warm != nil {
		if c.worker = h.warm.take(); c.worker != nil {
			return nil
		}
	}
	env := h.env
	if h.config.cgiHeaders {
		env = requestEnvironment(env, c.request)
	}
	var err error
	c.worker, err = h.startWorker(env, document || c.request.ContentLength != 0)
	return err
}

// startStatus tells a machine that has run out of something for now from a command that cannot be started.
func startStatus(err error) int {
	for _, passing := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM} {
		if errors.Is(err, passing) {
			return http.StatusServiceUnavailable
		}
	}
	return http.StatusInternalServerError
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
		buffer := buffers.Get().(*[]byte)
		defer buffers.Put(buffer)
		source := bodyReader{c.request.Body, &c.bodyErr}
		_, err := io.CopyBuffer(writerOnly{c.input}, source, *buffer)
		if err != nil && c.bodyErr == nil {
			_, err = io.CopyBuffer(writerOnly{io.Discard}, source, *buffer)
		}
		if err != nil {
			c.kill(reasonBody)
		}
	}()
}

// stopFeeding returns when nobody reads the body any more. Only a good answer waits for the client's last byte.
func (c *call) stopFeeding() {
	if c.fed == nil {
		return
	}
	if c.reason() != "" || c.streamed {
		_ = http.NewResponseController(c.writer).SetReadDeadline(time.Unix(1, 0))
	}
	<-c.fed
}

// bodyReader keeps apart the two ways a copy can fail: this one is the client's.
type bodyReader struct {
	body io.Reader
	err  *error
}

func (r bodyReader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if err != nil && err != io.EOF {
		*r.err = err
	}
	return n, err
}

// writerOnly hides a file's ReadFrom, which would bring a buffer of its own.
type writerOnly struct{ io.Writer }

// collect reads the child's output to its end, holds back what the exit code may still decide about, and
// streams the rest. It returns the error of writing to the client, if any.
func (c *call) collect() error {
	defer c.output.Close()
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	for {
		n, err := c.output.Read(*buffer)
		if n > 0 {
			if failed := c.take((*buffer)[:n]); failed != nil {
				c.kill(reasonGone)
				_, _ = io.Copy(io.Discard, c.output)
				return failed
			}
		}
		if err != nil {
			return nil
		}
	}
}

func (c *call) take(data []byte) error {
	if c.handler.config.writeDebug {
		_, _ = os.Stdout.Write(data)
	}
	if !c.streamed {
		whole := c.handler.config.mode == modeSerializing
		if c.handler.config.mode != modeStreaming && (whole || c.held.Len()+len(data) <= holdBack) {
			c.held.Write(data)
			return nil
		}
		if err := c.beginStream(); err != nil {
			return err
		}
	}
	n, err := c.writer.Write(data)
	c.written += int64(n)
	if err == nil && c.handler.config.mode == modeStreaming {
		err = http.NewResponseController(c.writer).Flush()
	}
	return err
}

// beginStream sends the header of a good answer and what was held back.
func (c *call) beginStream() error {
	c.streamed = true
	c.goodHeader()
	c.writer.WriteHeader(http.StatusOK)
	n, err := c.writer.Write(c.held.Bytes())
	c.written += int64(n)
	c.held = bytes.Buffer{}
	return err
}

func (c *call) goodHeader() {
	header, config := c.writer.Header(), c.handler.config
	switch {
	case config.contentType != "" || config.mode != modeFork:
		header.Set("Content-Type", c.streamType())
	case c.request.Header.Get("Content-Type") != "":
		header.Set("Content-Type", c.request.Header.Get("Content-Type"))
	}
	c.stampDuration()
}

// streamType is the content type that does not depend on the request.
func (c *call) streamType() string {
	if configured := c.handler.config.contentType; configured != "" {
		return configured
	}
	return "application/octet-stream"
}

// stampDuration tells how long the call took. A stream begins before that is known.
func (c *call) stampDuration() {
	if c.handler.config.mode != modeStreaming {
		c.writer.Header().Set("X-Duration-Seconds", seconds(time.Since(c.begun)))
	}
}

func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 6, 64)
}

// watch kills the child when its time is over or its client has gone; the function it returns ends the watch.
func (c *call) watch() func() {
	var expired <-chan time.Time
	var timer *time.Timer
	if limit := c.limit(); limit > 0 {
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
			c.process.kill()
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

// limit is how long the process may take: what the function allows, shortened by what the caller asks for
// and by the time in which an answer can still be written.
func (c *call) limit() time.Duration {
	config := c.handler.config
	return shortest(config.execTimeout, config.writeTimeout, requestedTimeout(c.request))
}

// requestedTimeout is what X-Timeout asks for; a caller can shorten the time a call may take, and nothing else.
func requestedTimeout(r *http.Request) time.Duration {
	if text := r.Header.Get("X-Timeout"); text != "" {
		if asked, err := time.ParseDuration(text); err == nil && asked > 0 {
			return asked
		}
	}
	return 0
}

// shortest is the least of those durations that are limits at all (above zero), or 0.
func shortest(limits ...time.Duration) time.Duration {
	least := time.Duration(0)
	for _, limit := range limits {
		if limit > 0 && (least == 0 || limit < least) {
			least = limit
		}
	}
	return least
}

func (c *call) kill(reason string) {
	c.mutex.Lock()
	if c.killed == "" {
		c.killed = reason
	}
	c.mutex.Unlock()
	c.process.kill()
	// A process that has left the group may hold the pipe open for as long as it likes.
	_ = c.output.SetReadDeadline(time.Now().Add(killGrace))
}

// reason is why the process was killed, or empty.
func (c *call) reason() string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.killed
}

// finish answers, now that the process has ended.
func (c *call) finish(waitErr, copyErr error, killed string) {
	switch {
	case c.streamed && (waitErr != nil || copyErr != nil || killed != ""):
		c.logEnd(waitErr, killed)
		// The status is out: only a broken connection can still say that the answer is not whole.
		panic(http.ErrAbortHandler)
	case killed == reasonTimeout:
		c.timedOut()
	case killed == reasonBody:
		c.unreadable(c.bodyErr)
	case killed == reasonGone:
		c.logEnd(waitErr, killed)
		panic(http.ErrAbortHandler)
	case waitErr != nil:
		c.failed(http.StatusInternalServerError, waitErr.Error(), c.held.Bytes())
	default:
		c.succeed()
	}
}

func (c *call) succeed() {
	if !c.streamed {
		c.goodHeader()
		n, _ := c.writer.Write(c.held.Bytes())
		c.written += int64(n)
	}
	config, logger, took := c.handler.config, c.handler.logger, time.Since(c.begun)
	switch {
	case config.mode != modeFork || config.logJSON:
		logAccess(config, logger, c.request, http.StatusOK, c.written, took)
	case config.writeDebug:
		logger.printf("Duration: %ss", seconds(took))
	default:
		logger.printf("Wrote %d Bytes - Duration: %ss", c.written, seconds(took))
	}
}

// failed answers for a process that ended badly before anything was sent.
func (c *call) failed(status int, reason string, output []byte) {
	if c.handler.config.mode == modeFork {
		c.fail(status, reason+"\n", output)
		return
	}
	c.stampDuration()
	c.writer.Header().Set("Content-Type", c.streamType())
	c.fail(status, reason, nil)
}

// timedOut answers in the words of each mode's contract.
func (c *call) timedOut() {
	switch {
	case c.handler.config.mode == modeFork:
		c.fail(http.StatusRequestTimeout, "Killed process.\n", nil)
	case c.handler.config.mode == modeStreaming:
		c.failed(http.StatusGatewayTimeout, "the function took too long", nil)
	default:
		c.failed(http.StatusInternalServerError, "signal: killed", nil)
	}
}

// unreadable answers a request whose body did not come.
func (c *call) unreadable(err error) {
	status := http.StatusBadRequest
	if c.handler.config.mode == modeSerializing {
		status = http.StatusInternalServerError
	}
	c.failed(status, err.Error(), nil)
}

// fail answers with an error of ours; the function's own output follows where the contract says so.
func (c *call) fail(status int, reason string, output []byte) {
	config, logger := c.handler.config, c.handler.logger
	logger.printf("%s %s - %d: %s", c.request.Method, c.request.URL.Path, status, bytes.TrimSpace([]byte(reason)))
	if config.writeDebug && len(output) > 0 {
		logger.printf("the function's output: %s", output)
	}
	if config.mode != modeFork {
		logAccess(config, logger, c.request, status, int64(len(reason)), time.Since(c.begun))
	}
	c.writer.WriteHeader(status)
	_, _ = io.WriteString(c.writer, reason)
	_, _ = c.writer.Write(output)
}

func (c *call) logEnd(waitErr error, killed string) {
	reason := killed
	if reason == "" && waitErr != nil {
		reason = waitErr.Error()
	}
	if reason == "" {
		reason = "the answer could not be written"
	}
	c.handler.logger.printf("%s %s - cut off after %d bytes: %s", c.request.Method, c.request.URL.Path, c.written, reason)
}
