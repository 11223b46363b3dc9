// Package config reads the settings of the watchdog from environment variables.
package config

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"
)

// The modes of answering a request. ModeFork is the default: the contract of the classic watchdog.
const (
	ModeFork        = "fork"
	ModeStreaming   = "streaming"
	ModeSerializing = "serializing"
	ModeHTTP        = "http"
	ModeStatic      = "static"
)

const (
	defaultTimeout = 30 * time.Second
	reportTimeout  = 2 * time.Second // time to report that write_timeout has passed
	localAuthority = "http://127.0.0.1:8000"
	namespaceFile  = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
)

// Config holds the settings, checked once at start. A duration of 0 or below means no limit.
type Config struct {
	Mode                string
	Command             []string
	Port                int
	MetricsPort         int // 0: no metrics listener
	ReadTimeout         time.Duration
	WriteTimeout        time.Duration
	ExecTimeout         time.Duration
	HealthcheckInterval time.Duration
	SuppressLock        bool
	LockFile            string
	MaxInflight         int
	ContentType         string
	ContentTypeSet      bool // also when empty, which modes other than fork send
	CGIHeaders          bool
	MarshalRequest      bool
	combineOutput       bool
	WriteDebug          bool
	DebugHeaders        bool
	Upstream            *url.URL
	BufferBody          bool
	Restart             bool
	Warm                int // processes started in advance
	StaticPath          string
	ReadyPath           string
	PrefixLogs          bool
	LogBufferSize       int // below 0: no limit
	LogCallID           bool
	LogJSON             bool
	JWT                 bool
	JWTDebug            bool
	JWTAuthority        string // base URL of the token authority
	localAuthority      bool
	Identity            string // namespace:name of the function, as in permissions

	Warnings []string // one for each invalid value that is ignored
}

// Read reads the settings. An error names the variable that is missing or invalid. The arguments are the command when
// fprocess is not set.
func Read(env Lookup, arguments []string) (*Config, error) {
	c := ReadHealthcheck(env)
	c.Command = arguments
	_, c.ContentTypeSet = env("content_type")
	for _, check := range []func(Lookup) error{c.checkMode, c.checkPorts, c.readTarget, c.checkWarm, c.readIdentity} {
		if err := check(env); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// ReadHealthcheck reads the settings that do not depend on others, which -run-healthcheck needs: Port, SuppressLock and
// LockFile are valid.
func ReadHealthcheck(env Lookup) *Config {
	c := &Config{Mode: ModeFork}
	if mode, _ := env("mode"); mode != "" && mode != ModeFork {
		c.Mode, c.ExecTimeout = mode, defaultTimeout
	}
	for _, s := range c.settings() {
		c.apply(env, s)
	}
	if !c.BufferBody {
		c.apply(env, setting{"buffer_http", "false", "", boolean(&c.BufferBody)})
	}
	return c
}

// first returns the first of some variables that is not empty, by default the last.
func first(env Lookup, names ...string) (name, value string) {
	for _, name = range names {
		if value, _ = env(name); value != "" {
			break
		}
	}
	return name, value
}

func (c *Config) checkMode(Lookup) error {
	switch c.Mode {
	case ModeFork, ModeStreaming, ModeSerializing, ModeHTTP, ModeStatic:
		return nil
	}
	return fmt.Errorf("`mode=%s` is not a mode; use %s, %s, %s, %s, or unset for a process per request",
		c.Mode, ModeStreaming, ModeSerializing, ModeHTTP, ModeStatic)
}

func (c *Config) checkPorts(Lookup) error {
	for name, port := range map[string]int{"port": c.Port, "metrics_port": c.MetricsPort} {
		if port > 65535 {
			return fmt.Errorf("`%s=%d` is not a port; the maximum is 65535", name, port)
		}
	}
	return nil
}

// readTarget reads what the mode requires: a command, an upstream or a folder.
func (c *Config) readTarget(env Lookup) error {
	if c.Mode == ModeStatic {
		if path, set := env("static_path"); set && path == "" {
			return fmt.Errorf("`static_path` is empty; set it to the folder to serve")
		}
		return nil
	}
	if _, command := first(env, "function_process", "fprocess"); command != "" {
		// The contract splits at single spaces and has no quoting.
		c.Command = strings.Split(command, " ")
	}
	if len(c.Command) == 0 {
		return fmt.Errorf("`fprocess` is not set; set it to the command that answers requests")
	}
	if c.Mode != ModeHTTP {
		return nil
	}
	name, text := first(env, "http_upstream_url", "upstream_url")
	var err error
	c.Upstream, err = parseURL(name, text, "http://127.0.0.1:8082 or unix:///tmp/function.sock")
	return err
}

func parseURL(name, text, example string) (*url.URL, error) {
	target, err := url.Parse(text)
	if err != nil || !UsableTarget(target) {
		return nil, fmt.Errorf("`%s=%s` is not a URL; use for example %s", name, text, example)
	}
	return target, nil
}

// UsableTarget reports whether a URL is that of an HTTP server: http, https, or unix with the path of a socket.
func UsableTarget(target *url.URL) bool {
	web := target.Scheme == "http" || target.Scheme == "https"
	return web && target.Host != "" || target.Scheme == "unix" && target.Path != ""
}

func (c *Config) checkWarm(Lookup) error {
	switch {
	case c.Warm == 0:
		return nil
	case c.Mode == ModeHTTP || c.Mode == ModeStatic:
		return fmt.Errorf("`warm=%d` cannot be used with `mode=%s`: it requires a process per request", c.Warm, c.Mode)
	case c.CGIHeaders:
		return fmt.Errorf("`warm=%d` requires `cgi_headers=false`: the environment of a started process cannot describe a request", c.Warm)
	}
	if c.MaxInflight > 0 {
		c.Warm = min(c.Warm, c.MaxInflight)
	}
	return nil
}

// readIdentity reads the name of the function and the address of the token authority.
func (c *Config) readIdentity(env Lookup) error {
	if !c.JWT {
		return nil
	}
	if _, authority := first(env, "jwt_auth_authority"); authority == "" && c.localAuthority {
		c.JWTAuthority = localAuthority
	}
	if _, err := parseURL("jwt_auth_authority", c.JWTAuthority, "http://gateway.openfaas:8080"); err != nil {
		return err
	}
	_, name := first(env, "OPENFAAS_NAME")
	_, namespace := first(env, "OPENFAAS_NAMESPACE")
	if namespace == "" {
		content, _ := os.ReadFile(namespaceFile)
		namespace = strings.TrimSpace(string(content))
	}
	if namespace == "" {
		return fmt.Errorf("`OPENFAAS_NAMESPACE` is not set; `jwt_auth` requires the namespace of the function")
	}
	if name == "" {
		return fmt.Errorf("`OPENFAAS_NAME` is not set; `jwt_auth` requires the name of the function")
	}
	c.Identity = namespace + ":" + name
	return nil
}

// CombinesOutput reports whether standard error is part of the response.
func (c *Config) CombinesOutput() bool { return c.Mode == ModeFork && c.combineOutput }

// CallTimeout limits one call; 0 means no limit. requested is the limit that the caller asks for, and can only shorten
// the call.
func (c *Config) CallTimeout(requested time.Duration) time.Duration {
	return shortest(c.ExecTimeout, c.WriteTimeout, requested)
}

// CallDeadline returns when a call that began at a time must have ended; the zero time means never.
func (c *Config) CallDeadline(begun time.Time, requested time.Duration) time.Time {
	if limit := c.CallTimeout(requested); limit > 0 {
		return begun.Add(limit)
	}
	return time.Time{}
}

// ConnectionTimeout limits the time from the start of a call until its response is written; 0 means no limit. It is
// longer than CallTimeout, so that the response can report the timeout.
func (c *Config) ConnectionTimeout() time.Duration {
	if c.WriteTimeout <= 0 {
		return 0
	}
	return c.WriteTimeout + reportTimeout
}

// DrainTimeout limits the calls in flight after the listener has been closed.
func (c *Config) DrainTimeout() time.Duration {
	if c.WriteTimeout <= 0 {
		return defaultTimeout
	}
	return c.WriteTimeout
}

// shortest returns the shortest of the durations above zero, or 0 when there is none.
func shortest(limits ...time.Duration) time.Duration {
	least := time.Duration(0)
	for _, limit := range limits {
		if limit > 0 && (least == 0 || limit < least) {
			least = limit
		}
	}
	return least
}
