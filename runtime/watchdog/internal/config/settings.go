package config

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Lookup returns the value of an environment variable, like os.LookupEnv.
type Lookup func(string) (string, bool)

// setting is one environment variable.
type setting struct {
	name, fallback, help string
	parser
}

// parser stores the value of a variable. store returns false for an invalid text. Without store Read reads the variable.
type parser struct {
	expected string // what a valid text is
	invalid  string // value in place of an invalid text, by default the fallback
	store    func(text string) bool
}

// settings declares every variable, in the order of the help. A fallback that is no value leaves the default in place.
func (c *Config) settings() []setting {
	none := parser{}
	return []setting{
		{"fprocess", "", "command that answers requests (alias function_process)", none},
		{"mode", "a process per request", "streaming, serializing, http or static", none},
		{"port", "8080", "port to listen on", number(&c.Port, 0)},
		{"metrics_port", "8081", "port of /metrics; 0 or off turns it off", numberOrOff(&c.MetricsPort)},
		{"read_timeout", "30s", "maximum time to receive a request", duration(&c.ReadTimeout)},
		{"write_timeout", "30s", "maximum time until the response is written", duration(&c.WriteTimeout, &c.HealthcheckInterval)},
		{"exec_timeout", "none; 30s with a mode", "maximum time of a call of the function", duration(&c.ExecTimeout)},
		{"healthcheck_interval", "write_timeout", "how long requests are accepted after SIGTERM", duration(&c.HealthcheckInterval)},
		{"max_inflight", "0", "maximum number of concurrent requests; 0 for no limit", number(&c.MaxInflight, 0)},
		{"suppress_lock", "false", "do not write the lock file", boolean(&c.SuppressLock)},
		{"content_type", "", "content type of every response", text(&c.ContentType)},
		{"cgi_headers", "true", "describe the request in the environment of the process", boolean(&c.CGIHeaders)},
		{"marshal_request", "false", "pass headers and body to the process as one JSON document", boolean(&c.MarshalRequest)},
		{"combine_output", "true", "include standard error in the response", boolean(&c.combineOutput)},
		{"warm", "0", "number of processes started in advance; requires cgi_headers=false", number(&c.Warm, 0)},
		{"write_debug", "false", "copy the output of the function to standard output", boolean(&c.WriteDebug)},
		{"debug_headers", "false", "print the headers of requests and responses", boolean(&c.DebugHeaders)},
		{"upstream_url", "", "URL on which the process of mode http listens (alias http_upstream_url)", none},
		{"http_buffer_req_body", "false", "read the whole request before it is passed on (alias buffer_http)", boolean(&c.BufferBody)},
		{"restart", "false", "restart the process of mode http when it exits", boolean(&c.Restart)},
		{"static_path", "/home/app/public", "folder to serve in mode static", text(&c.StaticPath)},
		{"ready_path", "", "path of the function that decides /_/ready", text(&c.ReadyPath)},
		{"prefix_logs", "true", "begin log lines of the function with date and stream",
			parser{expected: "true or false", store: boolean(&c.PrefixLogs).store}},
		{"log_buffer_size", "65536", "maximum log line in bytes, longer lines are split; -1 for no limit", number(&c.LogBufferSize, math.MinInt)},
		{"log_callid", "false", "end access lines with the call id", boolean(&c.LogCallID)},
		{"log_format", "text", "text or json", parser{expected: "text or json", store: func(text string) bool {
			c.LogJSON = text == "json"
			return c.LogJSON || text == "text"
		}}},
		{"jwt_auth", "false", "require a token for every request", boolean(&c.JWT)},
		{"jwt_auth_local", "false", "use the token authority at " + localAuthority, boolean(&c.localAuthority)},
		{"jwt_auth_authority", "http://gateway.openfaas:8080", "URL of the token authority", text(&c.JWTAuthority)},
		{"jwt_auth_debug", "false", "log why a token is rejected", boolean(&c.JWTDebug)},
		{"OPENFAAS_NAME", "", "name of the function, for jwt_auth", none},
		{"OPENFAAS_NAMESPACE", "that of the pod", "namespace of the function, for jwt_auth", none},
		{"NO_PROXY", "", "hosts reached without the proxy of HTTP_PROXY or HTTPS_PROXY, which may hold passwords", none},
		{"TMPDIR", "/tmp", "folder of the lock file", parser{store: func(folder string) bool {
			c.LockFile = filepath.Join(folder, ".lock")
			return true
		}}},
	}
}

// apply reads one variable. An empty variable counts as not set; so does an invalid one, with a warning.
func (c *Config) apply(env Lookup, s setting) {
	if s.store == nil {
		return
	}
	value, _ := env(s.name)
	if value == "" {
		s.store(s.fallback)
	} else if !s.store(value) {
		used := cmp.Or(s.invalid, s.fallback)
		s.store(used)
		c.Warnings = append(c.Warnings, fmt.Sprintf("`%s=%s` is not %s; using %s", s.name, value, s.expected, used))
	}
}

func text(target *string) parser {
	return parser{store: func(text string) bool { *target = text; return true }}
}

func number(target *int, minimum int) parser {
	expected := "a number"
	if minimum == 0 {
		expected = "a number of at least 0"
	}
	return parser{expected: expected, store: func(text string) bool {
		value, err := strconv.Atoi(text)
		if err != nil || value < minimum {
			return false
		}
		*target = value
		return true
	}}
}

func numberOrOff(target *int) parser {
	p := number(target, 0)
	store := p.store
	p.store = func(text string) bool {
		if text == "off" {
			text = "0"
		}
		return store(text)
	}
	return p
}

// boolean treats an invalid text as false, also when the fallback is true.
func boolean(target *bool) parser {
	return parser{expected: "true or false", invalid: "false", store: func(text string) bool {
		value, err := strconv.ParseBool(text)
		if err == nil {
			*target = value
		}
		return err == nil
	}}
}

func duration(targets ...*time.Duration) parser {
	return parser{expected: "a duration like 10, 10s or 1m30s", store: func(text string) bool {
		value, err := parseDuration(text)
		for _, target := range targets {
			if err == nil {
				*target = value
			}
		}
		return err == nil
	}}
}

// parseDuration parses whole seconds (10) or the notation of Go (1m30s). The contract rejects a fraction or a negative
// number without a unit.
func parseDuration(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseUint(strings.TrimPrefix(text, "+"), 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, nil
	}
	return time.ParseDuration(text)
}

// PrintHelp prints the usage and every variable with its default and its current value.
func PrintHelp(out io.Writer, version string, env Lookup) {
	fmt.Fprintf(out, `fwatchdog %s: answers HTTP requests by running a command

  fwatchdog [COMMAND ARGUMENT...]   COMMAND is used when fprocess is not set

  -run-healthcheck   exit 0 if the watchdog in this container is healthy, else 1
  -version, -v       print the version

Environment (default; = current value):
`, version)
	for _, s := range new(Config).settings() {
		line := s.help
		if s.fallback != "" {
			line += " (" + s.fallback + ")"
		}
		if value, set := env(s.name); set {
			line += "; = " + value
		}
		fmt.Fprintf(out, "  %-21s %s\n", s.name, line)
	}
}
