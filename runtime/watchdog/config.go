package main

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Modes of answering a request. modeFork is what an unset `mode` means: the classic contract.
const (
	modeFork        = "fork"
	modeStreaming   = "streaming"
	modeSerializing = "serializing"
	modeHTTP        = "http"
	modeStatic      = "static"
)

const defaultTimeout = 30 * time.Second

// config is everything the environment says, checked once at start.
type config struct {
	mode           string
	command        []string
	port           int
	metricsPort    int // 0: no metrics listener
	readTimeout    time.Duration
	writeTimeout   time.Duration // 0: no limit
	execTimeout    time.Duration // 0: no limit
	healthInterval time.Duration
	suppressLock   bool
	maxInflight    int
	contentType    string
	contentTypeSet bool
	cgiHeaders     bool
	marshalRequest bool
	combineOutput  bool
	writeDebug     bool
	debugHeaders   bool
	upstream       *url.URL
	bufferBody     bool
	staticPath     string
	readyPath      string
	prefixLogs     bool
	logBufferSize  int
	logCallID      bool
	logJSON        bool
	restart        bool
	stopOnEOF      bool
	lockFile       string
}

type lookup func(string) (string, bool)

func readConfig(env lookup) (*config, error) {
	get := func(name string) string { value, _ := env(name); return value }
	c := &config{mode: get("mode"), port: positive(get("port"), 8080), maxInflight: positive(get("max_inflight"), 0)}
	if c.mode == "" {
		c.mode = modeFork
	}
	if err := c.checkMode(); err != nil {
		return nil, err
	}
	if err := c.readTimeouts(env); err != nil {
		return nil, err
	}
	c.metricsPort = 8081
	if text := get("metrics_port"); text != "" {
		if text == "off" {
			c.metricsPort = 0
		} else {
			c.metricsPort = positive(text, 8081)
		}
	}
	c.contentType, c.contentTypeSet = env("content_type")
	c.suppressLock = truth(get("suppress_lock"))
	c.cgiHeaders = get("cgi_headers") == "" || truth(get("cgi_headers"))
	c.combineOutput = get("combine_output") == "" || truth(get("combine_output"))
	c.marshalRequest = truth(get("marshal_request"))
	c.writeDebug = truth(get("write_debug"))
	c.debugHeaders = truth(get("debug_headers"))
	c.bufferBody = truth(get("http_buffer_req_body")) || truth(get("buffer_http"))
	c.readyPath = get("ready_path")
	c.prefixLogs = get("prefix_logs") == "" || truth(get("prefix_logs"))
	c.logBufferSize = positive(get("log_buffer_size"), 65536)
	c.logCallID = truth(get("log_callid"))
	c.logJSON = get("log_format") == "json"
	c.restart = truth(get("restart"))
	c.stopOnEOF = truth(get("stop_on_eof"))
	c.lockFile = lockPath(get)
	return c, c.readTarget(env)
}

// checkMode refuses a mode nobody knows, and names those there are.
func (c *config) checkMode() error {
	switch c.mode {
	case modeFork, modeStreaming, modeSerializing, modeHTTP, modeStatic:
		return nil
	}
	return fmt.Errorf("mode=%s is not known; it can be %s, %s, %s, %s, or unset for a process per request",
		c.mode, modeStreaming, modeSerializing, modeHTTP, modeStatic)
}

func (c *config) readTimeouts(env lookup) error {
	execDefault := time.Duration(0)
	if c.mode != modeFork {
		execDefault = defaultTimeout
	}
	var err error
	read := func(name string, fallback time.Duration) time.Duration {
		text, set := env(name)
		if !set || text == "" {
			return fallback
		}
		value, problem := parseDuration(text)
		if problem != nil && err == nil {
			err = fmt.Errorf("%s=%s is not a duration; write seconds (10) or a unit (10s, 500ms, 1m30s)", name, text)
		}
		return value
	}
	c.readTimeout = read("read_timeout", defaultTimeout)
	c.writeTimeout = read("write_timeout", defaultTimeout)
	c.execTimeout = read("exec_timeout", execDefault)
	c.healthInterval = read("healthcheck_interval", c.writeTimeout)
	return err
}

// readTarget reads what the mode needs: a command, an upstream, a folder.
func (c *config) readTarget(env lookup) error {
	process, set := env("function_process")
	if !set || process == "" {
		process, _ = env("fprocess")
	}
	if c.mode == modeStatic {
		c.staticPath = "/home/app/public"
		if text, set := env("static_path"); set {
			c.staticPath = text
		}
		if c.staticPath == "" {
			return fmt.Errorf("static_path is empty; name the folder to serve")
		}
		return nil
	}
	if process == "" {
		return fmt.Errorf("fprocess is not set; name the command that answers requests")
	}
	c.command = strings.Split(process, " ")
	if c.mode != modeHTTP {
		return nil
	}
	text, set := env("http_upstream_url")
	if !set || text == "" {
		text, _ = env("upstream_url")
	}
	target, err := url.Parse(text)
	if err != nil || !usableTarget(target) {
		return fmt.Errorf("upstream_url=%q is not an address; write it like http://127.0.0.1:8082 or unix:///tmp/function.sock", text)
	}
	c.upstream = target
	return nil
}

func usableTarget(target *url.URL) bool {
	if target.Scheme == "unix" {
		return target.Path != ""
	}
	return target.Host != "" && (target.Scheme == "http" || target.Scheme == "https")
}

// parseDuration reads whole seconds (10) or Go's notation (1m30s).
func parseDuration(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseUint(strings.TrimPrefix(text, "+"), 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, nil
	}
	return time.ParseDuration(text)
}

func positive(text string, fallback int) int {
	if value, err := strconv.Atoi(text); err == nil && value >= 0 {
		return value
	}
	return fallback
}

func truth(text string) bool {
	switch text {
	case "1", "t", "T", "TRUE", "true", "True":
		return true
	}
	return false
}

func lockPath(get func(string) string) string {
	folder := get("TMPDIR")
	if folder == "" {
		folder = "/tmp"
	}
	return filepath.Join(folder, ".lock")
}

// The variables in the order of the help text, with what holds when they are not set.
var variables = []struct{ name, fallback, meaning string }{
	{"fprocess", "", "command that answers a request (alias function_process)"},
	{"mode", "a process per request", "streaming, serializing, http or static"},
	{"port", "8080", "port to listen on"},
	{"metrics_port", "8081", "port of /metrics; 0 or off for none"},
	{"read_timeout", "30s", "longest time to receive a request"},
	{"write_timeout", "30s", "longest time until the answer is written"},
	{"exec_timeout", "none; 30s with a mode", "longest time the function may take"},
	{"healthcheck_interval", "write_timeout", "how long requests are still taken after SIGTERM"},
	{"suppress_lock", "false", "do not write the lock file"},
	{"max_inflight", "0", "most requests at a time; 0 for no limit"},
	{"content_type", "", "content type of every answer"},
	{"cgi_headers", "true", "put the request's headers into the process's environment"},
	{"marshal_request", "false", "give the process headers and body as one JSON document"},
	{"combine_output", "true", "answer with standard error as well"},
	{"write_debug", "false", "copy the function's output to our own"},
	{"debug_headers", "false", "print the headers of requests"},
	{"upstream_url", "", "where the process of mode http listens (alias http_upstream_url)"},
	{"http_buffer_req_body", "false", "read the whole request before it is passed on (alias buffer_http)"},
	{"restart", "false", "start the process of mode http again when it ends"},
	{"stop_on_eof", "false", "stop when our standard input ends: whoever started us has gone"},
	{"static_path", "/home/app/public", "folder to serve in mode static"},
	{"ready_path", "", "path of the function that /_/ready asks"},
	{"prefix_logs", "true", "begin the function's log lines with date and stream"},
	{"log_buffer_size", "65536", "longest log line in bytes; longer ones are cut in pieces"},
	{"log_callid", "false", "end access lines with the call's id"},
	{"log_format", "text", "text or json"},
	{"TMPDIR", "/tmp", "folder of the lock file"},
}

func printHelp(out io.Writer, get func(string) string) {
	fmt.Fprintf(out, "fwatchdog %s: answers HTTP requests by running a command\n\n", version)
	fmt.Fprint(out, "  -run-healthcheck   exit 0 if the watchdog here is healthy, else 1\n")
	fmt.Fprint(out, "  -version           print the version\n\nEnvironment:\n")
	for _, each := range variables {
		value := get(each.name)
		if value == "" {
			value = each.fallback
		}
		fmt.Fprintf(out, "  %-22s %s [%s]\n", each.name, each.meaning, value)
	}
}

func runHealthcheck(get func(string) string) int {
	path := lockPath(get)
	if _, err := os.Stat(path); err != nil {
		fmt.Fprintf(os.Stderr, "fwatchdog: not healthy: there is no lock file %s\n", path)
		return exitFailed
	}
	return 0
}
