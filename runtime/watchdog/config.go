package main

import (
	"fmt"
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

const (
	defaultTimeout     = 30 * time.Second
	defaultMetricsPort = 8081
	defaultLogBuffer   = 65536
	gatewayAuthority   = "http://gateway.openfaas:8080"
	localAuthority     = "http://127.0.0.1:8000"
	namespaceFile      = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
)

// config is everything the environment says, checked once at start.
type config struct {
	mode           string
	command        []string
	port           int
	metricsPort    int // 0: no metrics listener
	readTimeout    time.Duration
	writeTimeout   time.Duration // 0 and below: no limit, as for all of these
	execTimeout    time.Duration
	healthInterval time.Duration
	suppressLock   bool
	lockFile       string
	maxInflight    int
	contentType    string
	typeIsSet      bool // even to nothing, which modes other than fork send
	cgiHeaders     bool
	marshalRequest bool
	combineOutput  bool
	writeDebug     bool
	debugHeaders   bool
	upstream       *url.URL
	bufferBody     bool
	restart        bool
	warm           int // processes kept waiting for a request
	staticPath     string
	readyPath      string
	prefixLogs     bool
	logBufferSize  int // below 0: no limit
	logCallID      bool
	logJSON        bool
	jwt            bool
	jwtDebug       bool
	jwtAuthority   string // who describes the issuer of tokens
	identity       string // namespace:name of the function, as permissions name it

	doubts []string // values that could not be read and were not used
}

// readConfig reads the environment, or says what is missing from it. The arguments stand in for fprocess.
func readConfig(env lookup, arguments []string) (*config, error) {
	v := &values{env: env}
	c := &config{
		command:        arguments,
		mode:           v.text("mode", modeFork),
		port:           v.number("port", 8080),
		maxInflight:    v.number("max_inflight", 0),
		warm:           v.number("warm", 0),
		suppressLock:   v.truth("suppress_lock", false),
		lockFile:       lockPath(v),
		contentType:    v.text("content_type", ""),
		cgiHeaders:     v.truth("cgi_headers", true),
		marshalRequest: v.truth("marshal_request", false),
		combineOutput:  v.truth("combine_output", true),
		writeDebug:     v.truth("write_debug", false),
		debugHeaders:   v.truth("debug_headers", false),
		bufferBody:     v.truth("http_buffer_req_body", false) || v.truth("buffer_http", false),
		restart:        v.truth("restart", false),
		readyPath:      v.text("ready_path", ""),
		prefixLogs:     v.truthElse("prefix_logs", true, true),
		logBufferSize:  logBuffer(v),
		logCallID:      v.truth("log_callid", false),
		logJSON:        v.text("log_format", "text") == "json",
		jwt:            v.truth("jwt_auth", false),
		jwtDebug:       v.truth("jwt_auth_debug", false),
	}
	if v.text("metrics_port", "") != "off" {
		c.metricsPort = v.number("metrics_port", defaultMetricsPort)
	}
	_, c.typeIsSet = env("content_type")
	c.readTimeouts(v)
	c.doubts = v.doubts
	for _, check := range []func(*values) error{c.checkMode, c.readTarget, c.checkWarm, c.readIdentity} {
		if err := check(v); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// checkMode refuses a mode nobody knows, and names those there are.
func (c *config) checkMode(*values) error {
	switch c.mode {
	case modeFork, modeStreaming, modeSerializing, modeHTTP, modeStatic:
		return nil
	}
	return fmt.Errorf("`mode=%s` is not known; it can be %s, %s, %s, %s, or unset for a process per request",
		c.mode, modeStreaming, modeSerializing, modeHTTP, modeStatic)
}

func (c *config) readTimeouts(v *values) {
	execDefault := time.Duration(0)
	if c.mode != modeFork {
		execDefault = defaultTimeout
	}
	c.readTimeout = v.duration("read_timeout", defaultTimeout)
	c.writeTimeout = v.duration("write_timeout", defaultTimeout)
	c.execTimeout = v.duration("exec_timeout", execDefault)
	c.healthInterval = v.duration("healthcheck_interval", c.writeTimeout)
}

// readTarget reads what the mode needs: a command, an upstream, a folder.
func (c *config) readTarget(v *values) error {
	if c.mode == modeStatic {
		c.staticPath = "/home/app/public"
		if text, set := v.env("static_path"); set {
			c.staticPath = text
		}
		if c.staticPath == "" {
			return fmt.Errorf("`static_path` is empty; name the folder to serve")
		}
		return nil
	}
	process := v.text("function_process", v.text("fprocess", ""))
	if process != "" {
		// There is no quoting: it has always been the single space that separates.
		c.command = strings.Split(process, " ")
	}
	if len(c.command) == 0 {
		return fmt.Errorf("`fprocess` is not set; name the command that answers requests")
	}
	if c.mode != modeHTTP {
		return nil
	}
	text := v.text("http_upstream_url", v.text("upstream_url", ""))
	target, err := url.Parse(text)
	if err != nil || !usableTarget(target) {
		return fmt.Errorf("`upstream_url=%s` is not an address; write it like http://127.0.0.1:8082 or unix:///tmp/function.sock", text)
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

// checkWarm refuses processes in advance where their environment depends on the request.
func (c *config) checkWarm(*values) error {
	switch {
	case c.warm == 0:
		return nil
	case c.mode == modeHTTP || c.mode == modeStatic:
		return fmt.Errorf("`warm` has no meaning with `mode=%s`; it is for a process per request", c.mode)
	case c.cgiHeaders:
		return fmt.Errorf("`warm` needs `cgi_headers=false`: a process that has started cannot be given a request's environment")
	}
	if c.maxInflight > 0 {
		c.warm = min(c.warm, c.maxInflight)
	}
	return nil
}

// readIdentity reads who the function is, and who issues tokens for it.
func (c *config) readIdentity(v *values) error {
	if !c.jwt {
		return nil
	}
	authority := gatewayAuthority
	if v.truth("jwt_auth_local", false) {
		authority = localAuthority
	}
	c.jwtAuthority = v.text("jwt_auth_authority", authority)
	namespace, name := v.text("OPENFAAS_NAMESPACE", ""), v.text("OPENFAAS_NAME", "")
	if namespace == "" {
		content, _ := os.ReadFile(namespaceFile)
		namespace = strings.TrimSpace(string(content))
	}
	if namespace == "" {
		return fmt.Errorf("`OPENFAAS_NAMESPACE` is not set; `jwt_auth` needs the function's namespace")
	}
	if name == "" {
		return fmt.Errorf("`OPENFAAS_NAME` is not set; `jwt_auth` needs the function's name")
	}
	c.identity = namespace + ":" + name
	return nil
}

// logBuffer is the only number that can be negative, which means that a line may be of any length.
func logBuffer(v *values) int {
	if size, err := strconv.Atoi(v.text("log_buffer_size", "")); err == nil && size < 0 {
		return size
	}
	return v.number("log_buffer_size", defaultLogBuffer)
}

// combines reports that standard error goes into the answer.
func (c *config) combines() bool { return c.mode == modeFork && c.combineOutput }

func lockPath(v *values) string { return filepath.Join(v.text("TMPDIR", "/tmp"), ".lock") }
