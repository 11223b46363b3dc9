package modes

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"os"
	"time"

	"fwatchdog/internal/calls"
	"fwatchdog/internal/config"
	"fwatchdog/internal/logging"
)

// maxHeldBytes is how much output waits for the exit code, which decides the status. A larger response is streamed, in
// constant memory.
const maxHeldBytes = 64 * 1024

// collect reads the output of the process to its end. It returns an error of writing to the client.
func (c *call) collect() error {
	defer c.Output.Close()
	buffer := calls.Buffers.Get().(*[]byte)
	defer calls.Buffers.Put(buffer)
	for {
		n, err := c.Output.Read(*buffer)
		if n > 0 {
			if failed := c.deliver((*buffer)[:n]); failed != nil {
				c.kill(reasonDisconnected)
				_, _ = io.Copy(io.Discard, c.Output)
				return failed
			}
		}
		if err != nil {
			return nil
		}
	}
}

// deliver holds output back while the exit code can decide about the status, and streams it afterwards.
func (c *call) deliver(data []byte) error {
	if c.config.WriteDebug {
		_, _ = os.Stdout.Write(data)
	}
	if !c.streamed {
		fits := c.config.Mode == config.ModeFork && c.held.Len()+len(data) <= maxHeldBytes
		if fits || c.config.Mode == config.ModeSerializing {
			c.held.Write(data)
			return nil
		}
		if err := c.sendHeld(); err != nil {
			return err
		}
	}
	n, err := c.writer.Write(data)
	c.written += int64(n)
	if err == nil && c.config.Mode == config.ModeStreaming {
		err = http.NewResponseController(c.writer).Flush()
	}
	return err
}

// sendHeld sends the header of a successful response and the held output.
func (c *call) sendHeld() error {
	c.streamed = true
	c.setHeader()
	c.writer.WriteHeader(http.StatusOK)
	n, err := c.writer.Write(c.held.Bytes())
	c.written += int64(n)
	c.held = bytes.Buffer{}
	return err
}

func (c *call) setHeader() {
	c.closeAfter()
	header := c.writer.Header()
	switch {
	case c.config.ContentType != "" || c.config.Mode != config.ModeFork:
		header.Set("Content-Type", c.streamType())
	case c.request.Header.Get("Content-Type") != "":
		header.Set("Content-Type", c.request.Header.Get("Content-Type"))
	}
	c.stampDuration()
}

// streamType returns the content type that does not depend on the request.
func (c *call) streamType() string {
	if c.config.ContentTypeSet {
		return c.config.ContentType
	}
	return "application/octet-stream"
}

// stampDuration sets X-Duration-Seconds, except for a stream, whose header is sent before its duration is known.
func (c *call) stampDuration() {
	if c.config.Mode != config.ModeStreaming {
		c.writer.Header().Set("X-Duration-Seconds", calls.Seconds(time.Since(c.begun)))
	}
}

// finish completes the response after the process has ended.
func (c *call) finish(waitErr, copyErr error, killed string) {
	switch {
	case c.streamed && (waitErr != nil || copyErr != nil || killed != ""):
		c.logEnd(waitErr, killed)
		// The status has been sent: only a closed connection can report that the response is incomplete.
		panic(http.ErrAbortHandler)
	case killed == reasonTimeout:
		c.timedOut()
	case killed == reasonBody:
		c.unreadable(c.bodyErr)
	case killed == reasonDisconnected:
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
		_ = c.sendHeld()
	}
	took := time.Since(c.begun)
	switch {
	case c.config.Mode != config.ModeFork || c.config.LogJSON:
		c.logger.Access(logging.CallOf(c.request), http.StatusOK, c.written, took)
	case c.config.WriteDebug:
		c.logger.Printf("Duration: %ss", calls.Seconds(took))
	default:
		c.logger.Printf("Wrote %d Bytes - Duration: %ss", c.written, calls.Seconds(took))
	}
}

// failed responds when the process failed before anything was sent.
func (c *call) failed(status int, reason string, output []byte) {
	if c.config.Mode == config.ModeFork {
		c.fail(status, reason+"\n", output)
		return
	}
	c.stampDuration()
	c.writer.Header().Set("Content-Type", c.streamType())
	c.fail(status, reason, nil)
}

// timedOut responds to a timeout as the contract of each mode states.
func (c *call) timedOut() {
	switch {
	case c.config.Mode == config.ModeFork:
		c.fail(http.StatusRequestTimeout, "Killed process.\n", nil)
	case c.config.Mode == config.ModeStreaming:
		c.failed(http.StatusGatewayTimeout, "the function took too long", nil)
	default:
		c.failed(http.StatusInternalServerError, "signal: killed", nil)
	}
}

// unreadable responds to a request whose body could not be read.
func (c *call) unreadable(err error) {
	status := http.StatusBadRequest
	if c.config.Mode == config.ModeSerializing {
		status = http.StatusInternalServerError
	}
	c.failed(status, err.Error(), nil)
}

// fail sends an error, followed by output of the function.
func (c *call) fail(status int, reason string, output []byte) {
	c.logger.Printf("%s %s - %d: %s", c.request.Method, c.request.URL.Path, status, bytes.TrimSpace([]byte(reason)))
	if c.config.WriteDebug && len(output) > 0 {
		c.logger.Printf("the function's output: %s", output)
	}
	if c.config.Mode != config.ModeFork {
		c.logger.Access(logging.CallOf(c.request), status, int64(len(reason)), time.Since(c.begun))
	}
	c.closeAfter()
	c.writer.WriteHeader(status)
	_, _ = io.WriteString(c.writer, reason)
	_, _ = c.writer.Write(output)
}

func (c *call) logEnd(waitErr error, killed string) {
	reason := killed
	if reason == "" && waitErr != nil {
		reason = waitErr.Error()
	}
	reason = cmp.Or(reason, "the response could not be written")
	c.logger.Printf("%s %s - cut off after %d bytes: %s", c.request.Method, c.request.URL.Path, c.written, reason)
}
